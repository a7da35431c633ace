"""Commands whose first argument is the folder of a job."""

from __future__ import annotations

import pytest

from cryopick.cli.common_options import JSON, OUT
from cryopick.cli.job_arguments import FOLDER, parse_folder
from cryopick.errors import InputError


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["out"], {"folder": "out"}),
        (["out", "--json"], {"folder": "out", "json": True}),
        (["--json", "out"], {"folder": "out", "json": True}),
        (["--", "-odd"], {"folder": "-odd"}),
    ],
)
def test_the_folder_stands_anywhere(argv: list[str], expected: dict[str, object]) -> None:
    assert parse_folder("status", [FOLDER, JSON], argv, example="x") == expected


@pytest.mark.parametrize("argv", [[], ["--json"], [""]])
def test_a_missing_folder_is_named(argv: list[str]) -> None:
    with pytest.raises(InputError, match=r"^DIR: is missing; see: cryopick status --help$"):
        parse_folder("status", [FOLDER, JSON], argv, example="x")


def test_the_first_argument_is_the_one_that_is_needed() -> None:
    """Whatever it is called: ``rerun`` takes a record."""
    from cryopick.cli.options import Option

    record = Option(name="record", flags=("RECORD",), help="A job.json. [required]")
    with pytest.raises(InputError, match=r"^RECORD: is missing; see: cryopick rerun --help$"):
        parse_folder("rerun", [record, OUT], ["-o", "x"], example="x")


def test_help_comes_before_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_folder("cancel", [FOLDER], ["--help"], example="cryopick cancel picks") is None
    out = capsys.readouterr().out
    assert "Usage: cryopick cancel DIR" in out
    assert "Example: cryopick cancel picks" in out
    assert "Folder of a job. [required]" in out


def test_more_than_was_asked_for() -> None:
    with pytest.raises(InputError, match=r"see: cryopick status --help"):
        parse_folder("status", [FOLDER, JSON], ["a", "b"], example="x")
    with pytest.raises(InputError, match=r"--out.*see: cryopick status --help"):
        parse_folder("status", [FOLDER, JSON], ["a", "--out", "b"], example="x")
