"""The report: self-contained, escaped, complete."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cryopick.errors import JobError, MissingFileError
from cryopick.run import InlineExecutor, run_job
from cryopick.run.executor import Done
from cryopick.run.report import format_value, write_report
from cryopick.run.summary import OWN_KEYS, joined_warnings
from toy_jobs import JOB, ToyParams

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Collects text and addresses; checks that elements are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("job") / "out"
    names = ["a<b>&", "warn1", "bad<1>", "c"]
    with pytest.raises(JobError):
        run_job(
            JOB,
            ToyParams(names=names, pixel_size_angstrom=1.25),
            folder,
            executor=InlineExecutor(),
        )
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Reader:
    reader = Reader()
    reader.feed((folder / "report.html").read_text("utf-8"))
    reader.close()
    assert reader.open == []
    return reader


def test_no_outside_address(folder: Path, page: Reader) -> None:
    text = (folder / "report.html").read_text("utf-8")
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text.replace("<!DOCTYPE html>", ""))
    assert "script" not in page.tags
    for address in page.addresses:
        assert address.startswith("data:image/") or (folder / address).is_file()


def test_it_opens_with_what_matters(page: Reader) -> None:
    text = " ".join(" ".join(page.words).split())
    assert "9 numbers from 3 items" in text
    assert "3 of 4 items done, 1 failed" in text
    assert "bad<1>: value of pixels is NaN" in text
    assert "header says 1 Å; give --pixel-size (warn1)" in text
    assert "cryopick toy again" in text
    assert "cryopick rerun job.json -o NEW_FOLDER" in text


def test_parameters_with_units_and_what_was_changed(folder: Path, page: Reader) -> None:
    text = (folder / "report.html").read_text("utf-8")
    assert "<td><strong>1.25</strong></td><td>Å</td><td>Sampling.</td>" in text
    assert "<td>300</td><td>kV</td><td>Voltage.</td>" in text  # a default: not bold
    for name in ToyParams.model_fields:
        assert f"<code>{name}</code>" in text


def test_nothing_of_the_input_becomes_markup(folder: Path, page: Reader) -> None:
    assert "b" not in page.tags
    assert "<b>&" in " ".join(page.words)


def test_light_and_dark(folder: Path) -> None:
    assert "prefers-color-scheme:dark" in (folder / "report.html").read_text("utf-8")


def test_figures_are_in_the_page(folder: Path, page: Reader) -> None:
    assert any(address.startswith("data:image/svg+xml;base64,") for address in page.addresses)
    assert "A <circle>." in " ".join(page.words)


def test_made_again_it_is_the_same(folder: Path) -> None:
    before = (folder / "report.html").read_text("utf-8")
    assert write_report(folder) == folder / "report.html"
    assert (folder / "report.html").read_text("utf-8") == before


def test_a_job_without_result(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "job.json").write_bytes((folder / "job.json").read_bytes())
    with pytest.raises(MissingFileError, match=r"summary\.json.*the job has not ended"):
        write_report(tmp_path)


def test_summary_holds_results_beside_its_own_keys(folder: Path) -> None:
    found = json.loads((folder / "summary.json").read_text())
    assert set(found) == {*OWN_KEYS, "numbers", "total"}
    assert found["state"] == "failed"
    assert found["items"] == {"total": 4, "done": 3, "failed": 1}
    assert found["seconds_per_item"] >= 0
    assert (folder / found["plots"][0]["file"]).is_file()


def test_warnings_of_items_are_joined() -> None:
    done = {f"i{n}": Done(f"i{n}", 1.0, ("same",)) for n in range(5)}
    done["i0"] = Done("i0", 1.0, ("same", "other"))
    assert joined_warnings(done) == ["same (i0, i1, i2 and 2 more)", "other (i0)"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "yes"),
        (None, "none"),
        (1204, "1,204"),
        (0.1 + 0.2, "0.3"),
        ("", "(empty)"),
        ("<i>", "&lt;i&gt;"),
        ([1, "a", 2.5], "1, a, 2.5"),
        (list(range(22)), ", ".join(map(str, range(20))) + " and 2 more"),
        ({}, "none"),
        ({"below <threshold>": 1517, "edge": 3}, "below &lt;threshold&gt;: 1,517, edge: 3"),
        ([{"x": 1}], "<code>[{&quot;x&quot;: 1}]</code>"),
    ],
)
def test_values_in_words(value: object, shown: str) -> None:
    assert format_value(value) == shown


def test_many_values_unfold() -> None:
    shown = format_value({f"i{index}": index for index in range(600)})
    assert "<summary>600 values (the first 500)</summary>" in shown
    assert "<td>i499</td><td>499</td>" in shown
    assert "i500" not in shown
    nested = format_value({"a": {"b": 1}})
    assert "<td>a</td><td>b: 1</td>" in nested
