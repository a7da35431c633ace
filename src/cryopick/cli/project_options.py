"""Options shared by the commands that work on a project."""

from __future__ import annotations

import math
from typing import Any

from cryopick.cli.options import Option
from cryopick.errors import InputError
from cryopick.project.status import find_project

PROJECT = Option(
    name="project",
    flags=("--project", "-p"),
    help="Project folder. [default: the one around the current folder]",
    group="Common",
)
NAME = Option(name="name", flags=("--name",), help="Name of the new set. [default: what it holds]")
PIXEL_SIZE = Option(
    name="pixel_size",
    flags=("--pixel-size",),
    help="Pixel size; overrides the files' own. [Å]",
    kind="number",
)


def chosen_project(values: dict[str, Any]) -> str:
    """The project folder that is meant."""
    given = values.get("project")
    if given is not None:
        return str(given)
    found = find_project()
    if found is None:
        raise InputError("--project: no project here; name one, or make one with: cryopick new DIR")
    return str(found)


def number(values: dict[str, Any], name: str) -> float | None:
    """A number among the values, None where it was not given."""
    text = values.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"--{name.replace('_', '-')}: {text!r} is not a number")
    return value


def positive(values: dict[str, Any], name: str) -> float | None:
    """A number above 0 among the values, None where it was not given."""
    value = number(values, name)
    if value is not None and value <= 0:
        raise InputError(f"--{name.replace('_', '-')}: {value:g} is not above 0")
    return value


def texts(values: dict[str, Any], name: str) -> list[str]:
    """A list among the values; empty where it was not given."""
    return [str(value) for value in values.get(name) or []]
