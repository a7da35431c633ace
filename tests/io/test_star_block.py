import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.star_block import StarBlock, StarFile, is_number, star_block

BLOCK = star_block("p", {"name": ["007", "1e5"], "x": [1.5, 2.5], "n": np.array([3, 4])})


def test_columns_are_typed_when_asked():
    assert BLOCK.text("name").tolist() == ["007", "1e5"]
    assert BLOCK.number("name").tolist() == [7, 1e5]
    assert BLOCK.number("n").dtype == np.float64
    assert BLOCK.text("n").tolist() == ["3", "4"]
    assert BLOCK.value("name") == "007"


def test_questions_about_columns():
    assert len(BLOCK) == 2
    assert "x" in BLOCK
    assert "y" not in BLOCK
    assert BLOCK.has("x", "n")
    assert not BLOCK.has("x", "y")
    assert BLOCK.first("y", "n", "x") == "n"
    assert BLOCK.first("y") is None
    assert len(StarBlock(name="", columns={})) == 0


def test_a_single_value_need_not_be_in_a_list():
    single = star_block("g", {"a": 1, "b": "x"}, loop=False)
    assert (single.value("a"), single.value("b"), single.loop) == ("1", "x", False)
    assert single.comments == ("version 50001",)


def test_errors_name_block_column_row_and_value():
    with pytest.raises(FormatError, match=r"block 'p': no column y; it has name, x, n"):
        BLOCK.text("y")
    with pytest.raises(FormatError, match="no column y; it is empty"):
        StarBlock(name="", columns={}).number("y")
    with pytest.raises(FormatError, match=r"column a, row 2: 'b' is not a number; correct the row"):
        star_block("p", {"a": ["1", "b"]}).number("a")
    with pytest.raises(FormatError, match="column a is empty"):
        star_block("p", {"a": np.zeros(0)}).value("a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", True), ("-1e-9", True), ("nan", True), ("1_000", False), ("", False), ("0x1", False)],
)
def test_is_number(text, expected):
    assert is_number(text) is expected


def test_blocks_are_found_by_name_and_by_columns():
    other = star_block("optics", {"x": [0.0], "v": [300]})
    twin = star_block("p", {"z": [1]})
    star = StarFile(blocks=(other, BLOCK, twin))
    assert star.get("nope", "p") is BLOCK
    assert star.get("nope") is None
    assert star.block("p") is BLOCK
    assert star.table_with("x") is BLOCK  # the last: optics come first
    assert star.table_with("v") is other
    with pytest.raises(FormatError, match="no block data_a or data_b; it has data_optics, data_p"):
        star.block("a", "b")
