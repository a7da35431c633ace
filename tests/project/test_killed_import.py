"""kill -9 in the middle of bulk imports: a set is there with all its picks, or not at all."""

import random
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cryopick.project.store import JournalChoice, create_project, open_project
from project_maker import JOURNALS

CLIENT = Path(__file__).with_name("importing_client.py")
N = 4000  # as the client has it


@pytest.mark.parametrize("journal", JOURNALS)
def test_sets_are_whole_or_absent(tmp_path: Path, journal: JournalChoice):
    folder = tmp_path / "p"
    create_project(folder, journal=journal).close()
    chance = random.Random(11)
    acknowledged: list[str] = []
    for _ in range(5):
        client = subprocess.Popen(
            [sys.executable, str(CLIENT), str(folder), journal],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
        select.select([], [], [], chance.uniform(0.02, 0.2))
        client.send_signal(signal.SIGKILL)
        words, _ = client.communicate()
        acknowledged += [w.strip() for w in words.splitlines(keepends=True) if w.endswith("\n")]
    with open_project(folder, journal=journal) as project:
        project.check()
        names = project.names()
        assert set(acknowledged) <= set(names)
        assert len(names) - len(acknowledged) <= 5
        for name in names:
            assert len(project.get(name)) == N
            (found,) = project.rows("SELECT COUNT(*) FROM picks WHERE set_name = ?", (name,))
            assert found == (N,)
        (every,) = project.rows("SELECT COUNT(*) FROM picks")
        assert every == (N * len(names),)
