"""What the documentation says is so: its code runs, its commands exist, its links lead somewhere."""

import ast
import importlib
import importlib.util
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from cryopick import __version__
from cryopick.cli.commands import all_commands, find_command
from cryopick.cli.import_ import KINDS
from cryopick.cli.main import main
from cryopick.jobs.registry import JOBS, load_job

pytest.importorskip("sphinx")

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
GENERATED = ("reference/commands", "reference/api")

# Pages whose commands are run one after the other in one folder, as a reader would.
WALK = [
    "tutorials/simulate-pick-compare.md",
    "tutorials/other-programs.md",
    "how-to/projects.md",
    "how-to/jobs.md",
    "how-to/binnings.md",
]
NOT_RUN = {
    "cryopick cancel picks": "that job is done by then",
    "pip install '.[all]'": "this is the environment that it makes",
    "cryopick demo --out demo": "has a test of its own",
}

FORMATS = "docs/reference/formats.md"
IMAGE_SUFFIXES = (".mrc", ".tif", ".png", ".em", ".spi", ".hdf", ".zarr")
NO_COMMANDS = {"cryopick grid origin x y z A": "a label in the header of an MRC file"}


def load_generated_pages():
    spec = importlib.util.spec_from_file_location("generated_pages", DOCS / "generated_pages.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generated_pages = load_generated_pages()
COMMAND_PAGES = generated_pages.command_pages()
API_PAGES = generated_pages.api_pages()


def written_pages():
    """All Markdown that people write, by its name from the root."""
    files = [p for p in DOCS.rglob("*.md") if "_build" not in p.parts]
    files = [p for p in files if not p.relative_to(DOCS).as_posix().startswith(GENERATED)]
    files += [README, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in sorted(files)}


WRITTEN = written_pages()


def blocks(text, *languages):
    """The code blocks of a page, as (language, text), in order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [(language, body) for language, body in found if language in languages]


def commands_of(body):
    """The command lines of a shell block; a line that ends in a backslash goes on."""
    return [line.strip() for line in body.replace("\\\n", " ").splitlines() if line.strip()]


def named_commands(text):
    """Every ``cryopick ...`` in the shell blocks and in the running text of a page."""
    for _, body in blocks(text, "sh"):
        yield from (line for line in commands_of(body) if line.startswith("cryopick "))
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`(cryopick [a-z][^`]*)`", prose)


def masked(text):
    """A line with its numbers and white space made alike."""
    return " ".join(re.sub(r"\d+(\.\d+)?", "#", text).split())


# Code


@pytest.mark.parametrize("name", [n for n, text in WRITTEN.items() if blocks(text, "python")])
def test_python_blocks_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for _, body in blocks(WRITTEN[name], "python"):
        exec(compile(body, name, "exec"), namespace)


def test_printed_values_are_those_in_the_comments(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checked = 0
    for name, text in WRITTEN.items():
        for _, body in blocks(text, "python"):
            promised = re.findall(r"^print\(.*\)  # (\[\[.*?\]\])", body, flags=re.MULTILINE)
            if promised:
                exec(compile(body, name, "exec"), {})
                printed = capsys.readouterr().out
                assert [p for p in promised if p not in printed] == [], name
                checked += len(promised)
    assert checked >= 3


def test_the_example_of_the_readme_is_short_and_finds_everything(capsys):
    ((_, body),) = blocks(WRITTEN["README.md"], "python")
    assert len([line for line in body.splitlines() if line.strip()]) <= 12
    exec(compile(body, "README.md", "exec"), {})
    assert float(capsys.readouterr().out) > 0.95


def run_page(text, capsys):
    """Run the shell blocks of a page; check what it shows of the output."""
    ran, last = 0, ""
    for language, body in blocks(text, "sh", "text", "toml"):
        if language == "toml":
            Path(re.match(r"# (\S+)", body)[1]).write_text(body, "utf-8")
            continue
        if language == "text":
            for line in body.splitlines():
                shown = masked(line.removesuffix("..."))
                assert shown in masked(last), f"{line!r} is not in what was printed: {last!r}"
            continue
        last = ""
        for line in commands_of(body):
            if line in NOT_RUN:
                continue
            words = shlex.split(line)
            assert words[0] == "cryopick", line
            assert main(words[1:]) == 0, f"{line}: {capsys.readouterr().err}"
            # Pages show names as from the folder of the reader.
            last += capsys.readouterr().out.replace(f"{Path.cwd()}/", "")
            ran += 1
    return ran


def test_commands_of_tutorials_and_guides_work_as_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    counts = {name: run_page(WRITTEN[f"docs/{name}"], capsys) for name in WALK}
    assert min(counts.values()) >= 4, counts
    # The guides promise these.
    assert len((tmp_path / "full_size.csv").read_text("utf-8").splitlines()) > 300
    assert json.loads((tmp_path / "moved" / "summary.json").read_text("utf-8"))["f1"] == 1.0
    same = [tmp_path / name / "picks.star" for name in ("picks", "picks_again")]
    assert same[0].read_bytes() == same[1].read_bytes()


def test_the_tutorial_of_template_matching_works_as_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_page(WRITTEN["docs/tutorials/template_matching.md"], capsys) >= 8
    # All picks are ribosomes; the other half of the truth is of another species.
    scores = json.loads((tmp_path / "matched_scores" / "summary.json").read_text("utf-8"))
    assert scores["precision"] > 0.9
    assert 0.45 <= scores["recall"] <= 0.5
    for name in ("imod/tomo_01.mod", "chimerax/tomo_01.cxc", "import_list.star"):
        assert (tmp_path / "matched" / name).is_file()


def test_the_command_line_example_of_the_readme_works(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    section = WRITTEN["README.md"].split("## From the command line")[1].split("\n## ")[0]
    assert run_page(section, capsys) == 4
    assert len(list((tmp_path / "boxes").glob("*.box"))) == 4


# Commands


def test_every_command_named_exists():
    known = all_commands()
    named = [(n, line) for n, text in WRITTEN.items() for line in named_commands(text)]
    assert len(named) > 60
    wrong = []
    for name, line in named:
        words = shlex.split(line)[1:]
        if line in NO_COMMANDS:
            continue
        # `cryopick info` is one; so is the group `cryopick simulate`.
        if find_command(words, known) is None and not any(c.startswith(words[0]) for c in known):
            wrong.append((name, line))
    assert wrong == []


def test_every_option_of_a_shown_command_exists():
    known = all_commands()
    common = COMMAND_PAGES["reference/commands/common.md"]
    wrong, checked = [], 0
    for name, text in WRITTEN.items():
        for line in named_commands(text):
            found = find_command(shlex.split(line)[1:], known)
            if found is None:
                continue
            page = COMMAND_PAGES[f"reference/commands/{found[0].words.replace(' ', '-')}.md"]
            page += common if found[0].is_job else ""
            for word in found[1]:
                if re.match(r"--?[a-z]", word):
                    checked += 1
                    if f"`{word.partition('=')[0]}`" not in page:
                        wrong.append((name, line, word))
    assert wrong == []
    assert checked > 60


@pytest.mark.parametrize("words", list(all_commands()))
def test_every_command_has_a_page_with_its_title(words):
    page = COMMAND_PAGES[f"reference/commands/{words.replace(' ', '-')}.md"]
    assert page.startswith(f"# cryopick {words}\n")
    assert all_commands()[words].title in page
    index = COMMAND_PAGES["reference/commands/index.md"]
    assert f"[`cryopick {words}`]({words.replace(' ', '-')}.md)" in index


@pytest.mark.parametrize("words", list(JOBS))
def test_the_page_of_a_job_has_every_parameter(words):
    page = COMMAND_PAGES[f"reference/commands/{words.replace(' ', '-')}.md"]
    for name, field in load_job(words).params.model_fields.items():
        (row,) = [line for line in page.splitlines() if line.endswith(f"| `{name}` |")]
        first = (field.description or "").split()[0]
        assert first.strip(":;,") in row.replace("\\_", "_")


def test_every_kind_of_import_has_a_section_and_stands_in_the_guide():
    page = COMMAND_PAGES["reference/commands/import.md"]
    for kind in KINDS:
        assert page.count(f"\n## cryopick import {kind}\n") == 1
        assert f"`cryopick import {kind}`" in WRITTEN["docs/how-to/projects.md"]


def test_every_note_belongs_to_a_command():
    notes = {path.stem for path in generated_pages.NOTES.glob("*.md")}
    assert notes
    assert notes <= {words.replace(" ", "-") for words in all_commands()}


def test_help_is_split_into_meaning_and_value():
    split = generated_pages._meaning_and_value
    assert split("Pixel size. [Å; > 0; default: none]") == (
        "Pixel size.",
        r"Å; \> 0; default: none",
    )
    assert split("Say more.") == ("Say more.", "")
    assert split("Patterns (also {TS}). [a|b]") == (r"Patterns (also \{TS\}).", r"a\|b")


def test_tables_of_docstrings_are_quoted_as_typed():
    lines = [
        "Before.",
        "",
        "=====  ====",
        "name   size",
        "=====  ====",
        "wider than it",
        "=====  ====",
    ]
    generated_pages._show_tables_as_typed(None, "", "", None, None, lines)
    assert lines[:4] == ["Before.", "", ".. code-block:: text", ""]
    assert lines[4:9] == [
        "    =====  ====", "    name   size", "    =====  ====", "    wider than it",
        "    =====  ====",
    ]  # fmt: skip


def test_pages_are_written_once_and_old_ones_go(tmp_path):
    generated_pages.write_pages(tmp_path)
    page = tmp_path / "reference/commands/pick-log.md"
    before = page.stat().st_mtime_ns
    gone = page.with_name("pick-nothing.md")
    gone.write_text("# cryopick pick nothing\n", "utf-8")
    generated_pages.write_pages(tmp_path)
    assert page.stat().st_mtime_ns == before  # Sphinx reads again only what has changed
    assert not gone.exists()


# The Python reference


def test_every_public_module_is_in_the_reference():
    shown = set(re.findall(r"automodule:: (\S+)", "\n".join(API_PAGES.values())))
    source = ROOT / "src" / "cryopick"
    there = set()
    for path in source.rglob("*.py"):
        parts = path.relative_to(source).with_suffix("").parts
        if parts[0] not in ("cli", "jobs") and parts[-1] != "__init__":
            there.add(".".join(("cryopick", *parts)))
    assert shown == there


def test_every_name_that_is_linked_to_can_be_imported():
    roles = r"\{py:\w+\}`~?(cryopick[\w.]*)`"
    linked = {name for text in WRITTEN.values() for name in re.findall(roles, text)}
    assert len(linked) >= 5
    for name in linked:
        module, _, last = name.rpartition(".")
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            assert hasattr(importlib.import_module(module), last), name


# Links


def slugs(text):
    """The anchors of a page, as Markdown on the web makes them of headings."""
    bare = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ (.+)$", bare, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def links_of(text):
    bare = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", bare)


def test_internal_links_resolve():
    pages = dict(WRITTEN)
    pages |= {f"docs/{name}": text for name, text in (COMMAND_PAGES | API_PAGES).items()}
    broken, checked = [], 0
    for name, text in pages.items():
        if "/_notes/" in name:  # they are read as a part of a page, which is here too
            continue
        for link in links_of(text):
            if re.match(r"[a-z]+://", link):
                continue
            target, _, anchor = link.partition("#")
            place = (ROOT / name).parent / target if target else ROOT / name
            key = Path(*place.parts).resolve().relative_to(ROOT).as_posix()
            checked += 1
            lost = key not in pages and not (ROOT / key).is_file()
            if lost or (anchor and anchor not in slugs(pages.get(key, ""))):
                broken.append((name, link))
    assert broken == []
    assert checked > 60


def test_every_page_is_in_a_table_of_contents():
    listed = set()
    for name, text in WRITTEN.items():
        for body in re.findall(r"^```\{toctree\}\n(.*?)^```", text, flags=re.M | re.S):
            folder = (ROOT / name).parent
            for entry in (line for line in body.splitlines() if line and not line.startswith(":")):
                listed |= {p.relative_to(ROOT).as_posix() for p in folder.glob(f"{entry}.md")}
    pages = {name for name in WRITTEN if name.startswith("docs/") and "/_notes/" not in name}
    assert pages - listed == {"docs/index.md"}


def test_conventions_come_first():
    first = re.search(r"^```\{toctree\}\n(?::.*\n)*\n(\S+)", WRITTEN["docs/index.md"], flags=re.M)
    assert first[1] == "conventions"


def test_pictures_are_ours_and_small():
    outside = r"!\[[^\]]*\]\(\w+://|<img[^>]*src=.\w+://|\{(?:image|figure)\}\s*\w+://"
    assert [name for name, text in WRITTEN.items() if re.search(outside, text)] == []
    pictures = list((DOCS / "images").iterdir())
    assert pictures
    for picture in pictures:
        assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert picture.stat().st_size < 300_000
        assert any(picture.name in text for text in WRITTEN.values())


# Facts


def test_decisions_are_numbered_without_gaps():
    pages = sorted((DOCS / "adr").glob("0*.md"))
    assert [int(p.name[:4]) for p in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        assert page.read_text("utf-8").startswith(f"# {int(page.name[:4])}. ")


def test_versions_agree():
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(rf"^## \[Unreleased\] {__version__}$", WRITTEN["CHANGELOG.md"], flags=re.M)


def test_the_readme_has_one_place_for_benchmarks_and_every_section():
    text = WRITTEN["README.md"]
    assert text.count("<!-- benchmarks -->") == text.count("<!-- /benchmarks -->") == 1
    assert text.index("<!-- benchmarks -->") < text.index("<!-- /benchmarks -->")
    heads = re.findall(r"^## (.+)$", text, flags=re.M)
    assert {"Benchmarks", "What it does not do", "Cite", "Licence"} <= set(heads)


def test_the_formats_page_has_every_image_format():
    from cryopick.io.images.registry import image_formats
    from cryopick.io.picks.registry import dialects

    page = WRITTEN[FORMATS]
    for found in image_formats().values():
        for suffix in found.suffixes:
            assert re.search(rf"[` ]{re.escape(suffix)}[` ]", page), suffix
    chimerax = page.split("## To look at picks in ChimeraX")[1]
    named = set(re.findall(r"`([a-z][a-z0-9-]+)`", chimerax))
    assert len(named) >= 6
    assert named <= set(dialects())


def test_the_formats_page_tells_which_formats_keep_the_pixel_size(tmp_path):
    import numpy as np

    from cryopick.io.images import describe_image, write_image

    row = r"^\| .*?\| (?:folder )?`(\.\w+).*\| ([^|]+) \|$"
    rows = re.findall(row, WRITTEN[FORMATS], flags=re.M)
    images = {suffix: kept for suffix, kept in rows if suffix in IMAGE_SUFFIXES}
    assert set(images) == set(IMAGE_SUFFIXES)
    for suffix, kept in images.items():
        path = tmp_path / f"a{suffix}"
        pixels = np.arange(64, dtype=np.float32).reshape(8, 8)
        dtype = "uint8" if suffix == ".png" else "float32"
        write_image(path, pixels, 2.5, origin_angstrom=(3.0, 4.0), dtype=dtype)
        facts = describe_image(path)
        assert (facts["pixel_size_angstrom"] == pytest.approx(2.5)) == kept.startswith("yes"), (
            suffix
        )
        assert (facts["origin_angstrom"][:2] == [3.0, 4.0]) == ("origin" in kept), suffix


def test_every_error_is_in_the_reference():
    tree = ast.parse((ROOT / "src/cryopick/errors.py").read_text("utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    page = WRITTEN["docs/reference/errors.md"]
    assert [name for name in names if f"~cryopick.errors.{name}`" not in page] == []


def test_no_page_names_a_place_on_a_machine():
    bad = r"/(?:work|tmp|home|root|mnt)/"
    assert [name for name, text in WRITTEN.items() if re.search(bad, text)] == []
