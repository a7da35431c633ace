"""Values of the project commands, from text to numbers."""

from pathlib import Path

import pytest

from cryopick.cli.project_options import chosen_project, number, positive, texts
from cryopick.errors import InputError
from cryopick.project import create_project


@pytest.mark.parametrize(("text", "value"), [("1.5", 1.5), ("-3", -3.0), ("1e3", 1000.0)])
def test_numbers(text: str, value: float):
    assert number({"tilt_min": text}, "tilt_min") == value


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "1,5", "0x10"])
def test_words_that_are_no_numbers(text: str):
    with pytest.raises(InputError, match=r"--tilt-min: .* is not a number"):
        number({"tilt_min": text}, "tilt_min")


@pytest.mark.parametrize("text", ["0", "-1", "-0.0"])
def test_lengths_are_above_zero(text: str):
    with pytest.raises(InputError, match=r"--pixel-size: -?\d is not above 0"):
        positive({"pixel_size": text}, "pixel_size")


def test_what_was_not_given():
    assert number({}, "box") is None
    assert positive({"box": None}, "box") is None
    assert texts({}, "files") == []
    assert texts({"files": ["007", "1e5"]}, "files") == ["007", "1e5"]


def test_the_project_named_wins_over_the_one_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    create_project(tmp_path / "p").close()
    monkeypatch.chdir(tmp_path / "p" / "sets")
    assert chosen_project({}) == str(tmp_path / "p")
    assert chosen_project({"project": "elsewhere"}) == "elsewhere"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no project here; name one, or make one"):
        chosen_project({})
