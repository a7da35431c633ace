"""Who owns a project, and who has only left a file behind."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from cryopick.errors import StoreError
from cryopick.project.lock import Owner, acquire, is_alive, owner_of, release, this_process


def written(path: Path, owner: Owner) -> Path:
    path.write_text(json.dumps(asdict(owner)))
    return path


def test_taken_once_and_given_back(tmp_path: Path):
    path = tmp_path / "project.lock"
    owner = acquire(path, url="http://x")
    assert owner_of(path) == owner
    assert owner.pid == os.getpid()
    with pytest.raises(StoreError, match="at http://x; close it there, or open it read-only"):
        acquire(path)
    release(path, owner)
    assert owner_of(path) is None
    assert acquire(path).url == ""


def test_a_dead_process_owns_nothing(tmp_path: Path):
    done = subprocess.run([sys.executable, "-c", ""], check=True)
    assert done.returncode == 0
    dead = replace(this_process(), pid=2**22 + 1)
    assert not is_alive(dead)
    path = written(tmp_path / "project.lock", dead)
    assert acquire(path).pid == os.getpid()


def test_a_process_that_only_has_the_number_is_not_the_owner(tmp_path: Path):
    other = replace(this_process(), started="12")
    assert not is_alive(other)
    path = written(tmp_path / "project.lock", other)
    assert acquire(path).started == this_process().started


def test_a_zombie_is_dead():
    child = subprocess.Popen([sys.executable, "-c", ""])
    owner = replace(this_process(), pid=child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, not yet reaped
    assert not is_alive(owner)
    child.wait()


def test_another_host_is_believed_and_the_way_out_is_told(tmp_path: Path):
    path = written(tmp_path / "project.lock", replace(this_process(), host="elsewhere"))
    with pytest.raises(StoreError, match=r"on host elsewhere.*if that host is down, delete .*lock"):
        acquire(path)
    path.unlink()
    assert acquire(path).host != "elsewhere"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"null", b'{"pid": "x"}', b"\xff\x00\xfe" * 100]
)
def test_words_that_name_no_owner_are_no_lock(tmp_path: Path, content: bytes):
    path = tmp_path / "project.lock"
    path.write_bytes(content)
    assert owner_of(path) is None
    assert acquire(path).pid == os.getpid()


def test_only_the_owner_gives_it_back(tmp_path: Path):
    path = tmp_path / "project.lock"
    owner = acquire(path)
    release(path, replace(owner, pid=1))
    assert owner_of(path) == owner


def test_of_many_that_try_at_once_one_gets_it(tmp_path: Path):
    path = tmp_path / "project.lock"
    code = (
        "import sys, time; from pathlib import Path\n"
        "from cryopick.project.lock import acquire\n"
        "from cryopick.errors import StoreError\n"
        "try:\n acquire(Path(sys.argv[1])); print('mine', flush=True)\n"
        "except StoreError:\n print('theirs', flush=True)\n"
        "sys.stdin.read()\n"
    )
    tries = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    words = [one.stdout.readline().strip() for one in tries if one.stdout is not None]
    for one in tries:
        one.communicate("")
    assert sorted(words) == ["mine", "theirs", "theirs", "theirs"]
