import numpy as np
import pytest

from cryopick.io.star import parse_star
from cryopick.io.star_column import TextColumn, as_text

MIXED = TextColumn([np.array([b"1", b"22.50"]), [b"-3e-2"], np.array([b"4"])])


def test_chunks_read_as_one_sequence():
    assert len(MIXED) == 4
    assert list(MIXED) == ["1", "22.50", "-3e-2", "4"]
    assert [MIXED[i] for i in range(4)] == list(MIXED)
    assert [MIXED[i] for i in range(-4, 0)] == list(MIXED)
    assert MIXED[1:3] == ["22.50", "-3e-2"]
    assert MIXED[::-1] == ["4", "-3e-2", "22.50", "1"]


@pytest.mark.parametrize("index", [4, -5])
def test_places_outside(index):
    with pytest.raises(IndexError):
        MIXED[index]


def test_numbers_and_texts_of_all_chunks():
    assert MIXED.numbers().tolist() == [1.0, 22.5, -0.03, 4.0]
    assert MIXED.numbers().dtype == np.float64
    assert MIXED.texts().tolist() == list(MIXED)


def test_widths_tell_what_an_array_would_take():
    assert MIXED.widths() == (5, 10 + 5 + 1)
    assert TextColumn([]).widths() == (0, 0)


def test_empty_columns():
    empty = TextColumn([])
    assert (len(empty), list(empty)) == (0, [])
    assert empty.numbers().shape == (0,)
    assert empty.texts().dtype.kind == "U"
    assert TextColumn([[]]).numbers().shape == (0,)


@pytest.mark.parametrize("chunk", [np.array([b"1", b"1_0"]), [b"1_0"], np.array([b"x"]), [b""]])
def test_what_is_no_number_is_refused(chunk):
    with pytest.raises(ValueError, match=r".*"):
        TextColumn([chunk]).numbers()


def test_special_numbers_are_numbers():
    column = TextColumn([np.array([b"nan", b"inf", b"-Infinity", b"1E5", b"+.5"])])
    np.testing.assert_array_equal(column.numbers(), [np.nan, np.inf, -np.inf, 1e5, 0.5])


def test_bytes_that_are_not_utf8_are_latin1():
    assert as_text("Å".encode()) == "Å"
    assert as_text("Å".encode("latin-1")) == "Å"
    column = TextColumn([np.array(["Å".encode(), "é".encode("latin-1"), b"a"])])
    assert column.texts().tolist() == ["Å", "é", "a"]
    assert column[1] == "é"


def test_a_piece_without_rows_has_no_width():
    assert TextColumn([[], np.array([b"12"])]).widths()[0] == 2
    # A control character that separates values in text, but not in bytes, leaves such a piece.
    block = parse_star("data_a\nloop_\n_x\n_y\n\x1c\n").blocks[0]
    assert (len(block), block.text("x").tolist()) == (0, [])
