"""One driver per folder; a marker stops only the run it was meant for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cryopick.errors import InputError
from cryopick.run.lock import ask_to_cancel, hold, holder, is_cancelled


def test_one_at_a_time(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with hold(tmp_path) as me:
        assert holder(tmp_path) == me
        with pytest.raises(InputError, match=f"a job is running here .process {me['pid']} on"):  # noqa: SIM117
            with hold(tmp_path):
                pass
        assert holder(tmp_path) == me
    assert holder(tmp_path) is None
    with hold(tmp_path):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from cryopick.run.lock import hold\n"
        f"with hold(Path({str(tmp_path)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        who = holder(tmp_path)
        assert who is not None
        assert who["pid"] == other.pid
        other.kill()
    assert holder(tmp_path) is None
    with hold(tmp_path) as me:
        assert me["pid"] != other.pid


def test_cancel_names_its_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no job is running here"):
        ask_to_cancel(tmp_path)
    with hold(tmp_path) as me:
        assert not is_cancelled(tmp_path, me)
        assert ask_to_cancel(tmp_path) == me
        assert is_cancelled(tmp_path, me)
        assert not is_cancelled(tmp_path, me | {"pid": -1})
    with hold(tmp_path) as next_one:
        assert not is_cancelled(tmp_path, next_one)


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "\x00"])
def test_rubbish_in_the_files(tmp_path: Path, text: str) -> None:
    (tmp_path / "lock").write_text(text)
    (tmp_path / "cancel.json").write_text(text)
    assert holder(tmp_path) is None
    assert not is_cancelled(tmp_path, {"pid": 1})
    with hold(tmp_path) as me:
        assert json.loads((tmp_path / "lock").read_text()) == me
