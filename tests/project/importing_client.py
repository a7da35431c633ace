"""Imports many picks again and again; the test kills it in the middle."""
# ruff: noqa: T201 - stdout is where a set is acknowledged

import sys

import numpy as np

from cryopick.model import Picks
from cryopick.model.sets import Dataset, Member, SetKind
from cryopick.project.pick_table import insert_picks
from cryopick.project.store import open_project

N = 4000


def main() -> None:
    folder, journal = sys.argv[1:]
    picks = Picks.of(np.ones((N, 2)), image="007")
    with open_project(folder, journal=journal) as project:
        print("ready", flush=True)
        while True:
            dataset = Dataset(
                name=project.fresh_name("bulk"),
                kind=SetKind.PICKS,
                members=(Member(name="007", count=0),),
            )
            insert_picks(project, dataset, picks)
            print(dataset.name, flush=True)


if __name__ == "__main__":
    main()
