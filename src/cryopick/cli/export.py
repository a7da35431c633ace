"""``cryopick export SET -o FILE``: write a set of a project to a file of one's choice."""

from __future__ import annotations

from pathlib import Path

from cryopick.cli.commands import OWN
from cryopick.cli.common_options import JSON
from cryopick.cli.options import Option, parse
from cryopick.cli.output import print_json
from cryopick.cli.project_options import PROJECT, chosen_project
from cryopick.errors import InputError
from cryopick.model.sets import summary_in_words
from cryopick.project.exporting import export_set
from cryopick.project.store import open_project

WHICH = ("active", "deleted", "all")
OPTIONS = [
    Option(name="set", flags=("SET",), help="Name of the set. [required]"),
    Option(name="out", flags=("--out", "-o"), help="The file. [required]", group="Common"),
    Option(
        name="to",
        flags=("--to",),
        help="Dialect for picks, as in cryopick convert. [default: relion, relion5 in 3D]",
    ),
    Option(
        name="which",
        flags=("--which",),
        help="Picks that stand, discarded ones, or all. "
        "[one of: active, deleted, all; default: active]",
    ),
    Option(name="image", flags=("--image",), help="Picks of this image only."),
    Option(
        name="overwrite",
        flags=("--overwrite",),
        help="Replace the file.",
        kind="switch",
        group="Common",
        negatable=False,
    ),
    PROJECT,
    JSON,
]


def command(argv: list[str]) -> int:
    """Write the set."""
    given = parse(
        "export", OWN["export"][1], OPTIONS, argv, example="cryopick export picks -o picks.star"
    )
    if given is None:
        return 0
    for name, flag in (("set", "SET"), ("out", "--out")):
        if not given.get(name):
            raise InputError(f"{flag}: is missing; see: cryopick export --help")
    out = Path(given["out"])
    if out.exists() and not given.get("overwrite"):
        raise InputError(f"{out}: exists already; give another name, or --overwrite")
    which = given.get("which", "active")
    if which not in WHICH:
        raise InputError(f"--which: {which!r}: use one of {', '.join(WHICH)}")
    with open_project(chosen_project(given), read_only=True) as project:
        assumed = export_set(
            project,
            given["set"],
            out,
            dialect=given.get("to"),
            which=which,
            image=given.get("image"),
        )
        sentence = summary_in_words(project.get(given["set"]))
    if given.get("json"):
        print_json({"file": str(out), "sentence": sentence, "assumed": list(assumed)})
        return 0
    print(f"{out}: {sentence}")
    for line in assumed:
        print(f"  {line}")
    return 0
