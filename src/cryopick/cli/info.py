"""``cryopick info FILE...``: what files are."""

from __future__ import annotations

import sys
from typing import Any, cast

from cryopick.cli.commands import OWN
from cryopick.cli.common_options import JSON
from cryopick.cli.options import Option, parse
from cryopick.cli.output import print_json
from cryopick.errors import CryopickError, InputError

FILES = Option(
    name="files", flags=("FILE",), help="Files or folders. [required]", kind="list",
    group="Arguments",
)  # fmt: skip


def command(argv: list[str]) -> int:
    """Describe each file; exit 2 if any could not be read, after the others."""
    given = parse("info", OWN["info"][1], [FILES, JSON], argv, example="cryopick info *.star")
    if given is None:
        return 0
    files: list[str] = given.get("files") or []
    if not files:
        raise InputError("FILE: is missing; see: cryopick info --help")
    from cryopick.io.describe import describe_file

    described: list[dict[str, Any]] = []
    failed = 0
    for file in files:
        try:
            facts = describe_file(file)
        except CryopickError as error:
            failed += 1
            print(f"cryopick: {error}", file=sys.stderr)
            described.append({"file": file, "error": str(error)})
            continue
        described.append({"file": file, **facts})
        if not given.get("json"):
            print("\n".join(lines_of(file, facts)))
    if given.get("json"):
        print_json({"files": described})
    return 2 if failed else 0


def lines_of(file: str, facts: dict[str, Any]) -> list[str]:
    """Facts in words: one headline, then one line per fact."""
    facts = dict(facts)
    warnings = facts.pop("warnings", [])
    lines = [f"{file}: {_headline(facts)}"]
    for name, value in facts.items():
        if name == "blocks":
            lines += [_block_line(block) for block in value]
        elif value not in (None, "", [], ()) and name not in _IN_HEADLINE:
            lines.append(f"  {name.replace('_', ' ')}: {_words(value)}")
    lines += [f"  warning: {warning}" for warning in warnings]
    return lines


_IN_HEADLINE = {"kind", "format", "size_px", "pixel_size_angstrom", "summary", "name"}


def _headline(facts: dict[str, Any]) -> str:
    parts = [str(facts["kind"])]
    if facts.get("format"):
        parts.append(str(facts["format"]))
    if facts.get("size_px"):
        parts.append(" x ".join(str(n) for n in facts["size_px"]))
    if facts.get("pixel_size_angstrom"):
        parts.append(f"{facts['pixel_size_angstrom']:.6g} Å")
    return ", ".join(parts)


def _block_line(block: dict[str, Any]) -> str:
    size = f"{block['rows']:,} rows" if block["loop"] else "values"
    columns = " ".join(block["columns"])
    return f"  data_{block['name']}: {size}, {len(block['columns'])} columns: {columns}"


def _words(value: Any) -> str:
    if isinstance(value, list):
        values = cast("list[Any]", value)
        return ", ".join(_words(v) for v in values[:12]) + (", ..." if len(values) > 12 else "")
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
