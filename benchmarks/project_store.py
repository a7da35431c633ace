"""Picks in a project: a million imported, one image read, edits and backups, in both journals.

    python benchmarks/project_store.py [--picks 1000000]

Prints a line for each journal mode, and writes results/project_store.json.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from cryopick.model import Picks
from cryopick.model.sets import Dataset, Member, SetKind
from cryopick.project import create_project
from cryopick.project.edit_log import edit, undo
from cryopick.project.edits import Move
from cryopick.project.pick_table import insert_picks, read_picks_of, rows_of_image
from cryopick.project.store import JournalChoice
from measuring.result_file import write_result

IMAGES = 1000
EDITS = 200
FULL_PICKS = 1_000_000
JOURNALS: tuple[JournalChoice, ...] = ("local", "network")


def seconds(work: Callable[[], object]) -> float:
    """How long some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(folder: Path, journal: JournalChoice, n: int) -> dict[str, float]:
    """Import, read, edit and copy a project of ``n`` picks."""
    names = [f"mic{i:04d}" for i in range(IMAGES)]
    rng = np.random.default_rng(0)
    picks = Picks(
        position_angstrom=rng.uniform(0, 4000, (n, 2)),
        image=np.array(names)[np.arange(n) * IMAGES // n],
        score=rng.random(n),
    )
    dataset = Dataset(
        name="picks", kind=SetKind.PICKS, members=tuple(Member(name=name) for name in names)
    )
    with create_project(folder / journal, journal=journal) as project:
        found = {"import_s": seconds(lambda: insert_picks(project, dataset, picks))}
        rows = rows_of_image(project, "picks", names[500])
        found["read_image_ms"] = 1e3 * median(
            seconds(lambda: read_picks_of(project, "picks", names[500])) for _ in range(11)
        )
        moves = [Move(id=row.id, position_angstrom=(1.0, 2.0)) for row in rows[:EDITS]]
        found["edit_ms"] = 1e3 * median(
            seconds(lambda m=move: edit(project, "picks", [m], session="s")) for move in moves
        )
        found["edits_per_s"] = 1e3 / found["edit_ms"]
        found["undo_ms"] = 1e3 * median(seconds(lambda: undo(project, session="s")) for _ in moves)
        found["read_all_s"] = seconds(lambda: read_picks_of(project, "picks"))
        found["backup_s"] = seconds(project.back_up)
        found["megabytes"] = project.database.stat().st_size / 1e6
    return {name: round(value, 3) for name, value in found.items()}


def main() -> None:
    """Measure both journals and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picks", type=int, default=FULL_PICKS)
    n = parser.parse_args().picks
    with tempfile.TemporaryDirectory() as folder:
        result = {journal: measure(Path(folder), journal, n) for journal in JOURNALS}
    for journal, figures in result.items():
        print(f"{journal:<8} " + "  ".join(f"{k} {v:g}" for k, v in figures.items()))
    write_result(
        "project_store",
        {"picks": n, "images": IMAGES, "edits": EDITS, "journals": result},
        smaller=n < FULL_PICKS,
    )


if __name__ == "__main__":
    main()
