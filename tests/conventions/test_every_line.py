"""The page of conventions says that every line of it has a test: so it is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "conventions.md").read_text("utf-8")
LINES = [int(n) for n in re.findall(r"^(\d+)\. ", PAGE, re.MULTILINE)]
TESTS = "\n".join(p.read_text("utf-8") for p in sorted(Path(__file__).parent.glob("test_*.py")))


def test_lines_are_numbered_through():
    assert list(range(1, len(LINES) + 1)) == LINES
    assert len(LINES) >= 20


@pytest.mark.parametrize("number", LINES)
def test_every_numbered_line_has_a_test(number):
    names = re.findall(r"^def (test_\w+)", TESTS, re.MULTILINE)
    pattern = re.compile(rf"^test_(?:\w+_and_)?(?:line_)?{number}(?:_|$)")
    assert [name for name in names if pattern.match(name)]


def test_the_table_of_centres_has_the_rows_that_are_tested():
    """In `test_one_voxel`; a new row needs new tests."""
    rows = re.findall(r"^\| ([^|]+?) \|", PAGE, re.MULTILINE)
    assert rows == [
        "who",
        "RELION 5 (particle sets)",
        "pytom-match-pick with RELION 5 metadata",
        "pytom-match-pick without metadata",
    ]


def test_the_test_of_centres_is_there():
    for words in (
        "land_on_the_same_voxel",
        "mean_by_the_same_number",
        "does_not_move_the_specimen",
    ):
        assert re.search(rf"^def test_\w*{words}", TESTS, re.MULTILINE), words
