"""kill -9 of an editing client at random moments: no edit it was told of may be lost."""

import random
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cryopick.project.edit_log import edits_since
from cryopick.project.edits import applied
from cryopick.project.lock import owner_of
from cryopick.project.pick_table import rows_of_image
from cryopick.project.store import JournalChoice, open_project
from project_maker import JOURNALS, project_with_picks

CLIENT = Path(__file__).with_name("editing_client.py")
KILLS = {"local": 14, "network": 6}


def run_and_kill(folder: Path, journal: str, session: str, seconds: float) -> list[str]:
    """Let the client edit for a while after it is ready, kill it, return what it acknowledged."""
    client = subprocess.Popen(
        [sys.executable, str(CLIENT), str(folder), journal, session],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert client.stdout is not None
    assert client.stdout.readline() == "ready\n"
    # Wait on something that never comes, so that the pipe is not emptied while the client edits.
    select.select([], [], [], seconds)
    client.send_signal(signal.SIGKILL)
    words, _ = client.communicate()
    assert client.returncode == -signal.SIGKILL
    lines = words.splitlines(keepends=True)
    return [line.strip() for line in lines if line.endswith("\n")]


@pytest.mark.parametrize("journal", JOURNALS)
def test_no_acknowledged_edit_is_lost(tmp_path: Path, journal: JournalChoice):
    folder = tmp_path / "p"
    project_with_picks(folder, journal=journal).close()
    chance = random.Random(7)
    acknowledged: list[str] = []
    for number in range(KILLS[journal]):
        seconds = chance.uniform(0.0, 0.15)
        acknowledged += run_and_kill(folder, journal, f"s{number}", seconds)
    assert len(acknowledged) > KILLS[journal]

    with open_project(folder, journal=journal) as project:
        project.check()
        log = {entry.seq: entry for entry in edits_since(project, 0)}
        for line in acknowledged:
            seq, kind, pick = line.split()
            assert (log[int(seq)].kind, log[int(seq)].changes[0].id) == (kind, pick)
        # One edit per kill may be on the disk without having been acknowledged; none is half.
        assert len(log) - len(acknowledged) <= KILLS[journal]
        rebuilt = {}
        for entry in log.values():
            rebuilt = applied(rebuilt, entry.changes)
        found = {r.id: r for r in rows_of_image(project, "picks", "007") if r.rev > 0}
        assert found == rebuilt


def test_the_lock_of_a_killed_client_is_taken_over(tmp_path: Path):
    folder = tmp_path / "p"
    project_with_picks(folder).close()
    run_and_kill(folder, "local", "s", 0.02)
    assert (folder / "project.lock").read_text() != ""
    assert owner_of(folder / "project.lock") is None
    with open_project(folder) as project:
        assert not project.read_only
