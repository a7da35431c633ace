"""Arguments shared by the commands that take the folder of a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryopick.cli.commands import OWN
from cryopick.cli.options import Option, parse
from cryopick.errors import InputError

FOLDER = Option(name="folder", flags=("DIR",), help="Folder of a job. [required]")


def parse_folder(
    words: str, options: Sequence[Option], argv: list[str], *, example: str
) -> dict[str, Any] | None:
    """Parse the arguments of a command whose first is required; None after ``--help``."""
    given = parse(words, OWN[words][1], options, argv, example=example)
    first = options[0]
    if given is not None and not given.get(first.name):
        raise InputError(f"{first.flags[0]}: is missing; see: cryopick {words} --help")
    return given
