"""``cryopick new DIR``: make a project."""

from __future__ import annotations

from cryopick.cli.commands import OWN
from cryopick.cli.common_options import JSON
from cryopick.cli.options import Option, parse
from cryopick.cli.output import print_json
from cryopick.errors import InputError
from cryopick.project.store import create_project

FOLDER = Option(name="folder", flags=("DIR",), help="A new or empty folder. [required]")


def command(argv: list[str]) -> int:
    """Make the project and say how to go on."""
    given = parse("new", OWN["new"][1], [FOLDER, JSON], argv, example="cryopick new ribosomes")
    if given is None:
        return 0
    if not given.get("folder"):
        raise InputError("DIR: is missing; see: cryopick new --help")
    with create_project(given["folder"]) as project:
        folder = str(project.folder)
    if given.get("json"):
        print_json({"project": folder})
    else:
        print(f"made project {folder}")
        print(f"next: cryopick import micrographs 'FILES*.mrc' --project {given['folder']}")
    return 0
