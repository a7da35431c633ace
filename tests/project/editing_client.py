"""Edits a project for ever and says on stdout what is done; the test kills it."""
# ruff: noqa: T201 - stdout is where an edit is acknowledged

import sys

from cryopick.project.edit_log import edit, undo
from cryopick.project.edits import Add, Delete, Move, PickRow
from cryopick.project.pick_table import new_ids
from cryopick.project.store import open_project


def main() -> None:
    folder, journal, session = sys.argv[1:]
    with open_project(folder, journal=journal) as project:
        print("ready", flush=True)
        number = 0
        while True:
            number += 1
            pick = PickRow(
                id=new_ids(1)[0], image="007", position_angstrom=(number, 0.0), label=session
            )
            made = edit(project, "picks", [Add(pick=pick)], session=session)
            print(made.seq, "add", pick.id, flush=True)
            move = Move(id=pick.id, position_angstrom=(number, 1.0))
            made = edit(project, "picks", [move], session=session)
            print(made.seq, "move", pick.id, flush=True)
            made = edit(project, "picks", [Delete(id=pick.id)], session=session)
            print(made.seq, "delete", pick.id, flush=True)
            if number % 2:
                made = undo(project, session=session)
                print(made.seq, "undo", pick.id, flush=True)


if __name__ == "__main__":
    main()
