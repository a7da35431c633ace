from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import FormatError
from cryopick.io.text_rows import (
    as_number,
    looks_numeric,
    number,
    number_table,
    split_rows,
    to_integer,
    to_number,
)


def test_split_rows_numbers_lines_as_an_editor_does():
    text = "# head\n\n 1 2\n3\t4 # not a comment mark at the start\n"
    assert split_rows(text)[0] == (3, ["1", "2"])
    assert split_rows(text)[1][0] == 4
    assert split_rows("a\t\tb\n", "\t") == [(1, ["a", "", "b"])]


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1_0", "", "abc", "1,5", "0x10"])
def test_as_number_accepts_finite_decimal_numbers_only(text: str):
    assert as_number(text) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_as_number_reads_back_what_python_writes(value: float):
    assert as_number(repr(value)) == value


def test_number_names_file_line_column_and_value():
    with pytest.raises(
        FormatError, match=r"m\.box: line 3, column x: 'sixty' is not a number; correct the row"
    ):
        number(Path("m.box"), "sixty", line=3, column="x")


def test_number_table_takes_the_first_columns():
    rows = [(1, ["1", "2", "x"]), (2, ["3", "4"])]
    np.testing.assert_array_equal(number_table(Path("a"), rows, ("x", "y")), [[1, 2], [3, 4]])
    with pytest.raises(FormatError, match=r"line 2: 2 columns, expected at least 3 \(x y z\)"):
        number_table(Path("a"), [(2, ["3", "4"])], ("x", "y", "z"))
    assert number_table(Path("a"), [], ("x", "y")).shape == (0, 2)


def test_looks_numeric_does_not_judge_a_line_that_was_cut_off():
    assert looks_numeric(b"1 2 3\n4 5 6\n7 8", at_least=3, at_most=3)
    assert not looks_numeric(b"1 2 3\n4 5\n", at_least=3, at_most=3)
    assert not looks_numeric(b"1 2 three\n", at_least=3, at_most=3)
    assert not looks_numeric(b"", at_least=1, at_most=3)
    assert not looks_numeric(b"1 2 3\n\x00", at_least=3, at_most=3)


def test_a_line_that_would_fill_the_memory_is_refused():
    with pytest.raises(FormatError, match=r"a\.txt: line 2: 2000000 characters"):
        split_rows("1 2\n" + "1 " * 1_000_000, path=Path("a.txt"))


def test_looks_numeric_knows_the_line_ends_of_other_systems():
    assert looks_numeric(b"1 2\r\n3 4\r\n", at_least=2, at_most=2)
    assert looks_numeric(b"1 2\r3 4\r", at_least=2, at_most=2)
    assert not looks_numeric(b"1 2\rthree 4\r", at_least=2, at_most=2)


@pytest.mark.parametrize("word", ["abc", "1_0", "nan", "inf", "-inf", "1e999", "", "0x10", "1,5"])
def test_words_that_are_no_numbers(word: str):
    with pytest.raises(FormatError, match=r"a.txt: line 3: .* is not a number"):
        to_number(word, "a.txt", "line 3")


@pytest.mark.parametrize(("word", "value"), [("3", 3), ("3.0", 3), ("-2", -2), ("1e3", 1000)])
def test_integers(word: str, value: int):
    assert to_integer(word, "a.txt", "line 1") == value


@pytest.mark.parametrize("word", ["3.5", "1e300", "x"])
def test_not_integers(word: str):
    with pytest.raises(FormatError, match=r"a.txt: line 1"):
        to_integer(word, "a.txt", "line 1")
