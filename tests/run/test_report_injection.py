"""Names come from file names, and file names can be anything: none becomes markup or an address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import CryopickError, FormatError
from cryopick.run import InlineExecutor, run_job
from cryopick.run.folder import JobFolder
from cryopick.run.record import Meaning, Record, read_record
from cryopick.run.report import figure_html, format_value, render_report, section_html, write_report
from toy_jobs import JOB, SVG, ToyParams

EVIL = """</title></style></code></td><script>alert('1')</script><img src=x onerror="a()">&lt;&"'"""
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "p", "h1", "h2", "span",
    "code", "section", "ul", "li", "pre", "div", "table", "thead", "tbody", "tr", "th", "td", "a",
    "figure", "img", "figcaption", "details", "summary", "strong",
}  # fmt: skip
ATTRIBUTES = {"class", "lang", "charset", "name", "content", "href", "src", "alt"}


class Checker(HTMLParser):
    """Collects elements, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.tags <= ALLOWED
    assert checker.attributes <= ATTRIBUTES
    assert not any(link.lower().startswith(("javascript:", "http")) for link in checker.links)
    return checker


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("job") / "out"
    run_job(JOB, ToyParams(names=["a", "b"]), folder, executor=InlineExecutor())
    return folder


@pytest.fixture
def record(folder: Path) -> Record:
    return read_record(folder)


def plain(**changes: Any) -> dict[str, Any]:
    return {"sentence": "x", "items": {"total": 1, "done": 1, "failed": 0}} | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"sentence": EVIL},
        {"failed": {EVIL: EVIL}, "items": {"total": 1, "done": 0, "failed": 1}},
        {"warnings": [EVIL]},
        {"next_command": EVIL},
        {"files": {EVIL: EVIL}},
        {EVIL: EVIL},
        {"numbers": {EVIL: 1}},
        {"numbers": {EVIL: {EVIL: [EVIL]}}},
        {"numbers": [EVIL, 1]},
        {"numbers": [{EVIL: EVIL}, None]},
    ],
)
def test_nothing_of_a_summary_becomes_markup(
    folder: Path, record: Record, changes: dict[str, Any]
) -> None:
    text = "".join(checked(render_report(folder, record, plain(**changes))).text)
    assert "alert('1')" in text  # shown, as text


def test_nothing_of_a_record_becomes_markup(folder: Path, record: Record) -> None:
    evil = record.model_copy(
        update={
            "job": EVIL,
            "params": {EVIL: EVIL, "list": [EVIL], "deep": {EVIL: {EVIL: 1}}},
            "meanings": {EVIL: Meaning(description=EVIL, unit=EVIL)},
            "devices": [EVIL],
            "timings": {EVIL: 1.0, "b": 2.0},
            "inputs": {EVIL: next(iter(_hashes(folder)))},
            "versions": {EVIL: EVIL},
            "host": {EVIL: EVIL},
        }
    )
    text = "".join(checked(render_report(folder, evil, plain())).text)
    assert text.count(EVIL) >= 10


def _hashes(folder: Path) -> Iterator[Any]:
    from cryopick.run.hash_inputs import hash_path

    yield hash_path(folder / "job.json")


def test_a_folder_with_markup_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "<script>alert(1)<" / "&amp;"
    run_job(JOB, ToyParams(names=["<b>x<b>", "a&amp;b", "\"'"]), folder, executor=InlineExecutor())
    text = "".join(checked((folder / "report.html").read_text("utf-8")).text)
    assert str(folder) in text
    assert "a&amp;b" in text  # as it is called, not as HTML would read it


@pytest.mark.parametrize(
    "name",
    ["javascript:alert(1)", "a#b.star", "a?b.star", "50%41.star", "a b.star", "µ.star", '".star'],
)
def test_links_lead_to_the_file_whatever_its_name(folder: Path, record: Record, name: str) -> None:
    page = checked(render_report(folder, record, plain(files={"picks": name})))
    [link] = [link for link in page.links if not link.startswith("data:")]
    assert unquote(link) == name
    assert not set(link) & set(":#? \"'<>")
    assert name in "".join(page.text)


def test_addresses_are_no_files(folder: Path, record: Record) -> None:
    page = checked(render_report(folder, record, plain(files={"picks": "https://x.org/a"})))
    assert page.links == []


def test_figures_are_escaped_and_from_the_folder(folder: Path, tmp_path: Path) -> None:
    plot = {"title": EVIL, "caption": EVIL, "file": "plots/01.svg"}
    page = checked(figure_html(folder, plot))
    assert page.links[0].startswith("data:image/svg+xml;base64,")
    secret = tmp_path / "secret.svg"
    secret.write_text(SVG)
    for name in (str(secret), f"../../{tmp_path.name}/secret.svg", "plots/gone.svg"):
        assert figure_html(folder, plot | {"file": name}) == ""


def test_scripts_in_a_figure_cannot_run(folder: Path) -> None:
    evil = SVG.replace("<circle", "<script>alert(1)</script><circle")
    (folder / "plots/evil.svg").write_text(evil)
    page = checked(figure_html(folder, {"title": "x", "caption": "", "file": "plots/evil.svg"}))
    assert page.tags == {"section", "h2", "figure", "img"}  # an image: browsers run none of it


@given(st.text(max_size=30))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    for html in (section_html(text, ""), f"<p>{format_value(text)}</p>"):
        shown = "".join(checked(html).text)
        expected = text or ("" if html.startswith("<section") else "(empty)")
        assert shown.replace("\r\n", "\n") == expected.replace("\r\n", "\n")


@pytest.mark.parametrize(
    "change",
    [
        {"failed": ["a"]},
        {"failed": {"a": 3}},
        {"warnings": 3},
        {"warnings": [3]},
        {"plots": [{}]},
        {"plots": [{"file": 3, "title": "x", "caption": ""}]},
        {"plots": {"a": 1}},
        {"items": [1]},
        {"files": ["a"]},
        {"seconds_per_item": "long"},
    ],
)
def test_a_damaged_summary_is_named(folder: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "job.json").write_bytes((folder / "job.json").read_bytes())
    summary = JobFolder(folder).summary() | change
    (copy / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(FormatError, match=r"summary\.json: is not the summary of a job"):
        write_report(copy)
    assert not (copy / "report.html").exists()


@settings(max_examples=60, deadline=None)
@given(
    place=st.integers(0, 10_000),
    value=st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
        max_leaves=4,
    ),
)
def test_any_value_under_any_key_gives_a_page_or_a_line(
    folder: Path, place: int, value: object
) -> None:
    summary = JobFolder(folder).summary()
    summary[list(summary)[place % len(summary)]] = value
    copy = folder.parent / "mutated"
    copy.mkdir(exist_ok=True)
    (copy / "job.json").write_bytes((folder / "job.json").read_bytes())
    (copy / "summary.json").write_text(json.dumps(summary))
    try:
        checked(write_report(copy).read_text("utf-8"))
    except CryopickError as error:
        assert "summary.json: " in str(error)


def test_plots_in_job_folders_are_found_after_a_move(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    outcome = run_job(replace(JOB), ToyParams(names=["a"]), moved, executor=InlineExecutor())
    renamed = moved.rename(tmp_path / "renamed")
    page = checked(write_report(renamed).read_text("utf-8"))
    assert outcome.sentence in "".join(page.text)
    assert sum(link.startswith("data:image/svg") for link in page.links) == 1
