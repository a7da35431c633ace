"""Write the pages that the program itself knows best: its commands and its Python API.

They are made anew at every build from the declarations of the jobs, the options of the other
commands and the modules of the package, so they cannot say anything else than the program does.
"""

# ruff: noqa: INP001 - Sphinx imports this from the folder of the documentation, no package

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from sphinx.application import Sphinx

from cryopick.cli import job_arguments
from cryopick.cli.commands import Command, all_commands
from cryopick.cli.common_options import JOB_OPTIONS
from cryopick.cli.job_command import job_options
from cryopick.cli.options import Option
from cryopick.jobs.registry import load_job

NOTES = Path(__file__).parent / "reference" / "_notes"
COMMANDS = "reference/commands"
API = "reference/api"

PACKAGES = {
    "errors": "Every error raised on purpose",
    "model": "Data types",
    "geometry": "Rotations, symmetries, grids, matching",
    "ops": "Functions on arrays",
    "io": "Files: STAR, atomic writing, describing",
    "io.images": "Image formats",
    "io.metadata": "Tilts, CTF, sessions of other programs",
    "io.meshes": "Surfaces: STL, OBJ, PLY",
    "io.particles": "Particles on disk",
    "io.picks": "Dialects of picks",
    "io.tomogram_sources": "Tomograms and tilts of a project",
    "pick": "Pickers",
    "pick.matching": "Template matching in tomograms",
    "pick.merit": "Picking by references in micrographs",
    "combine": "Tilt pairs",
    "extract": "Cutting out particles",
    "curate": "Sorting and choosing particles",
    "curate.classes": "2D classes",
    "evaluate": "Comparison with a truth",
    "simulate": "Images with known truth",
    "run": "Jobs and where they run",
    "project": "Projects and the edit log",
}
"""Packages of the API reference, lowest floor first, with their titles."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Let Sphinx call `write_pages` before it looks for documents."""
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir)))
    app.connect("autodoc-process-docstring", _show_tables_as_typed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _show_tables_as_typed(
    _app: Sphinx, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """Quote tables of docstrings: they are drawn for a terminal, wider cells and all."""
    borders = [i for i, line in enumerate(lines) if re.fullmatch(r"\s*=+(\s+=+)+\s*", line)]
    # A table has three borders: above its head, below it, and at its end.
    for first, last in reversed(list(zip(borders[::3], borders[2::3], strict=False))):
        quoted = ["    " + line.replace("``", "") for line in lines[first : last + 1]]
        lines[first : last + 1] = [".. code-block:: text", "", *quoted, ""]


def write_pages(folder: Path) -> None:
    """Write what has changed, delete what is no longer there."""
    pages = command_pages() | api_pages()
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for part in (COMMANDS, API):
        for path in (folder / part).glob("*.md"):
            if f"{part}/{path.name}" not in pages:
                path.unlink()


def command_pages() -> dict[str, str]:
    """Make one page per command, an overview, and a page of the common options."""
    commands = list(all_commands().values())
    pages = {f"{COMMANDS}/index.md": _overview(commands), f"{COMMANDS}/common.md": _common_page()}
    for command in commands:
        page = _job_page(command) if command.is_job else _own_page(command)
        pages[f"{COMMANDS}/{slug(command.words)}.md"] = page
    return pages


def slug(words: str) -> str:
    """Give the name of a command's page: ``pick log`` has ``pick-log``."""
    return words.replace(" ", "-")


def _overview(commands: Sequence[Command]) -> str:
    lines = ["# Commands", ""]
    for title, jobs in (("Jobs", True), ("Other commands", False)):
        lines += [f"## {title}", "", "| command | what it does |", "|---|---|"]
        lines += [
            f"| [`cryopick {c.words}`]({slug(c.words)}.md) | {c.title} |"
            for c in commands
            if c.is_job == jobs
        ]
        lines.append("")
    names = ["common", *(slug(command.words) for command in commands)]
    return "\n".join([*lines, "```{toctree}", ":hidden:", "", *names, "```", ""])


def _common_page() -> str:
    words = (
        "Every job takes these. `device`, `on`, `workers`, `memory` and `seed` may also stand in the "
        "file of `--config`."
    )
    return f"# Options of every job\n\n{words}\n\n{_table(JOB_OPTIONS)}\n"


def _job_page(command: Command) -> str:
    job = load_job(command.words)
    options = job_options(job)
    common = {option.name for option in JOB_OPTIONS} - set(job.params.model_fields)
    own = [option for option in options if option.name not in common]
    return _page(
        command.words,
        job.title,
        own,
        example=job.example,
        fields=True,
        after="The [options of every job](common.md) come on top.",
    )


def _own_page(command: Command) -> str:
    if command.words == "import":
        return _import_page(command)
    _, title, options, example = _asked(importlib.import_module(command.module), ["--help"])
    return _page(command.words, title, options, example=example)


def _import_page(command: Command) -> str:
    module = importlib.import_module(command.module)
    parts = [f"# cryopick import\n\n{_sentence(command.title)}\n"]
    parts.append(_note("import"))
    for kind in module.KINDS:
        words, title, options, example = _asked(module, [kind, "--help"])
        page = _page(words, title, options, example=example)
        parts.append(page.replace("# cryopick", "## cryopick", 1).replace("\n## ", "\n### "))
    # The first heading of each kind was deepened twice.
    return "\n".join(parts).replace("\n### cryopick import", "\n## cryopick import")


def _asked(module: ModuleType, argv: list[str]) -> tuple[str, str, Sequence[Option], str]:
    """Ask a command for its help, and catch the options from which it would be made."""
    caught: list[tuple[str, str, Sequence[Option], str]] = []

    def parse(
        words: str,
        title: str,
        options: Sequence[Option],
        _argv: Sequence[str],
        *,
        example: str = "",
        groups: Sequence[str] = (),  # noqa: ARG001 - the order of panels in a terminal
    ) -> None:
        caught.append((words, title, options, example))

    names = [place for place in (module, job_arguments) if hasattr(place, "parse")]
    with patch.object(names[0], "parse", parse), patch.object(job_arguments, "parse", parse):
        module.command(argv)
    return caught[0]


def _page(
    words: str,
    title: str,
    options: Sequence[Option],
    *,
    example: str,
    fields: bool = False,
    after: str = "",
) -> str:
    arguments = " ".join(
        option.flags[0] + ("..." if option.kind == "list" and not option.count else "")
        for option in options
        if option.positional
    )
    usage = f"cryopick {words} {arguments} [OPTIONS]".replace("  ", " ")
    parts = [f"# cryopick {words}\n\n{_sentence(title)}\n\n```text\n{usage}\n```\n"]
    parts.append(_note(slug(words)))
    for group in dict.fromkeys(_group(option) for option in options):
        chosen = [option for option in options if _group(option) == group]
        parts.append(f"## {group}\n\n{_table(chosen, fields=fields)}\n")
    if after:
        parts.append(f"{after}\n")
    if example:
        parts.append(f"## Example\n\n```sh\n{example}\n```\n")
    return "\n".join(filter(None, parts))


def _group(option: Option) -> str:
    return "Arguments" if option.positional else option.group


def _note(name: str) -> str:
    path = NOTES / f"{name}.md"
    return path.read_text("utf-8") if path.is_file() else ""


def _sentence(title: str) -> str:
    return title.rstrip(".") + "."


def _table(options: Iterable[Option], *, fields: bool = False) -> str:
    heads = ["option", "meaning", "value"] + ["field"] * fields
    rows = [heads, ["---"] * len(heads)]
    for option in options:
        meaning, value = _meaning_and_value(option.help)
        words = list(option.flags)
        if option.kind == "switch" and option.negatable:
            words.append("--no-" + words[0].removeprefix("--"))
        flags = ", ".join(f"`{word}`" for word in words)
        rows.append([flags, meaning, value] + [f"`{option.name}`"] * fields)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _meaning_and_value(text: str) -> tuple[str, str]:
    """Take the facts in brackets at the end of an option's help apart from its meaning."""
    found = re.fullmatch(r"(.*?)\s*\[([^\[]*)\]", text, flags=re.DOTALL)
    meaning, value = found.groups() if found else (text, "")
    return _plain(meaning), _plain(value)


def _plain(text: str) -> str:
    """Keep Markdown from reading signs of the text as its own."""
    return re.sub(r"([\\|*_<>`\[\]{}])", r"\\\1", " ".join(text.split()))


def api_pages() -> dict[str, str]:
    """Make one page per package of the library."""
    rows = [f"| [`cryopick.{p}`]({p}.md) | {title} |" for p, title in PACKAGES.items()]
    toctree = "\n".join(["```{toctree}", ":hidden:", "", *PACKAGES, "```", ""])
    head = "# Python\n\nEvery module that is safe to import; lowest floor first.\n\n"
    table = "\n".join(["| package | what is in it |", "|---|---|", *rows])
    pages = {f"{API}/index.md": f"{head}{table}\n\n{toctree}"}
    for package, title in PACKAGES.items():
        pages[f"{API}/{package}.md"] = _package_page(f"cryopick.{package}", title)
    return pages


def _package_page(package: str, title: str) -> str:
    parts = [f"# cryopick.{package.removeprefix('cryopick.')}\n\n{title}.\n"]
    exported = getattr(importlib.import_module(package), "__all__", ())
    if exported:
        names = ", ".join(f"`{name}`" for name in exported)
        parts.append(f"`from {package} import ...` gives: {names}.\n")
    parts += [
        f"## {module}\n\n```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n```\n"
        for module in modules_of(package)
    ]
    return "\n".join(parts)


def modules_of(package: str) -> list[str]:
    """List the modules of a package, without those of packages in it; a module is its own."""
    found = importlib.import_module(package)
    if not hasattr(found, "__path__"):
        return [package]
    inner = sorted(info.name for info in pkgutil.iter_modules(found.__path__) if not info.ispkg)
    return [f"{package}.{name}" for name in inner]
