"""Progress: lines now and then where stderr is no terminal, a bar where it is."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cryopick.cli import progress_bar
from cryopick.cli.output import format_bytes
from cryopick.cli.progress_bar import ProgressBar, in_flight_words, left_words, progress_line
from cryopick.run.progress import Progress
from toy_program import PROGRAM, TESTS, run

HALF = Progress(done=4, failed=1, total=10, items_per_second=2.0, seconds_left=2.5)
SLOW = Progress(done=1, failed=0, total=10, items_per_second=0.1, seconds_left=90.0)
START = Progress(done=0, failed=0, total=10)
LONG = Progress(
    done=0,
    failed=0,
    total=1,
    items_per_second=0.01,
    seconds_left=75.0,
    in_flight={"ts_01": 0.254},
)


def test_words() -> None:
    assert left_words(START) == ""
    assert left_words(HALF) == "2.0 items/s, 2.5 s left"
    assert left_words(SLOW) == "10.0 s per item, 1 min 30 s left"
    assert progress_line("toy", START) == "toy: 0 of 10 items"
    assert progress_line("toy", HALF) == ("toy: 5 of 10 items (1 failed), 2.0 items/s, 2.5 s left")


def test_words_for_items_in_flight() -> None:
    assert in_flight_words(HALF) == ""
    assert in_flight_words(LONG) == "ts_01 25%"
    assert progress_line("match", LONG) == (
        "match: 0 of 1 items, ts_01 25%, 100.0 s per item, 1 min 15 s left"
    )
    many = replace(HALF, in_flight={"a": 0.5, "b": 0.25, "c": 0.25})
    assert in_flight_words(many) == "60% in all"


def test_lines_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: clock[0])
    with ProgressBar("toy", silent=False) as show:
        for second in range(0, 100, 10):
            clock[0] = float(second)
            show(SLOW)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == 3 * [progress_line("toy", SLOW)]


def test_silence_but_for_failures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_bar, "LINE_SECONDS", 0.0)
    with ProgressBar("toy", silent=True) as show:
        show(SLOW)
        show(Progress(done=0, failed=1, total=2, note="bad: why"))
    assert capsys.readouterr().err == "cryopick: bad: why\n"


def on_terminal(*words: object, until: str = "", then: Callable[[], object] | None = None) -> str:
    """Run the program with stderr on a terminal; give what was shown there.

    Once ``until`` has been shown, ``then`` is called.
    """
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=os.environ | {"PYTHONPATH": str(TESTS), "TERM": "xterm", "COLUMNS": "100"},
    ) as program:
        os.close(theirs)
        shown = b""
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not data:
                break
            shown += data
            if then is not None and until.encode() in shown:
                then()
                then = None
        program.wait()
    os.close(ours)
    return shown.decode()


def test_a_bar_on_a_terminal(tmp_path: Path) -> None:
    names = [f"i{index}" for index in range(8)]
    shown = on_terminal("toy", *names, "bad[1]", "--sleep", 0.1, "-o", tmp_path / "out")
    assert "items/s" in shown or "s per item" in shown
    assert "left" in shown
    assert "bad[1]: value of pixels is NaN" in shown  # brackets are no markup


def test_no_bar_with_json(tmp_path: Path) -> None:
    shown = on_terminal("toy", "a", "b", "--sleep", 0.1, "--json", "-o", tmp_path / "out")
    assert "left" not in shown
    shown = on_terminal("toy", "a", "b", "--sleep", 0.3, "--json", "-v", "-o", tmp_path / "two")
    assert "2/2" in shown or "left" in shown


def test_short_jobs_say_nothing_of_progress(tmp_path: Path) -> None:
    assert run("toy", "a", "-o", tmp_path / "out").stderr == (
        "cryopick: warning: numbers are random\n"
    )


def test_words_for_bytes() -> None:
    assert format_bytes(1023) == "1023 B"
    assert format_bytes(1024) == "1.0 KiB"
    assert format_bytes(3 << 40) == "3.0 TiB"


def test_a_bar_of_one_long_item_moves(tmp_path: Path) -> None:
    words = ("--hold-at", 3, "--marks", f"@{tmp_path}", "-o", tmp_path / "out")
    (tmp_path / "hold").touch()
    shown = on_terminal("steps", "a", *words, until="a 50%", then=(tmp_path / "hold").unlink)
    assert "0/1" in shown
    assert "a 50%" in shown
    assert "left" in shown
