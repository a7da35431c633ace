"""Text of numbers: what is read, what is refused, and how it says so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.metadata.number_list import (
    read_defocus_um,
    read_doses,
    read_number_list,
    read_number_rows,
    read_number_table,
    write_number_list,
)
from shared_data import shared


def test_genuine_dose_list():
    dose = read_doses(shared("formats/pytom_match_pick/test_dose.txt"))
    assert len(dose) == 35
    assert dose[:3].tolist() == [60.165, 58.255, 56.345]


def test_genuine_defocus_list_is_in_nm_and_says_so():
    with pytest.raises(FormatError, match=r"test_defocus.txt: defocus: .* µm .*divide nm by 1000"):
        read_defocus_um(shared("formats/pytom_match_pick/test_defocus.txt"))


def test_genuine_corrected_dose_agrees_with_the_mdoc():
    dose = read_doses(shared("formats/cryocat_ts017/017_corrected_dose.txt"))
    assert len(dose) == 60
    assert dose[0] - dose[1] == pytest.approx(2.24, abs=0.01)  # one exposure of 2.238 e/Å²


def test_comments_blank_lines_marks_and_line_ends(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf# dose\r\n1.5\r\n\r\n  # more\r\n2e1\r\n")
    assert read_doses(path).tolist() == [1.5, 20.0]


def test_old_mac_line_ends(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"1\r2\r3")
    assert read_number_list(path, what="dose").tolist() == [1, 2, 3]


def test_missing_file(tmp_path):
    with pytest.raises(MissingFileError, match=r"none.txt: no such file"):
        read_doses(tmp_path / "none.txt")


def test_folder_is_no_file(tmp_path):
    with pytest.raises(FormatError, match="is a folder"):
        read_doses(tmp_path)


def test_the_micro_sign_of_another_code_page_in_a_comment(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"# \xb5m\n1\n")
    assert read_defocus_um(path).tolist() == [1.0]


def test_more_numbers_than_fit_the_memory_are_refused(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes((b"1 " * 500_000 + b"\n") * 33)
    with pytest.raises(FormatError, match="has more than 16000000 values"):
        read_number_table(path)


def test_error_names_the_line(tmp_path):
    path = tmp_path / "dose.txt"
    path.write_text("1\n# x\n2\noops\n")
    with pytest.raises(FormatError, match=r"dose.txt: line 4: 'oops' is not a number; correct"):
        read_doses(path)


def test_empty_file(tmp_path):
    path = tmp_path / "dose.txt"
    path.write_text("# nothing\n")
    with pytest.raises(FormatError, match=r"dose.txt: holds no numbers"):
        read_doses(path)


def test_rows_may_differ_but_tables_may_not(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("1 2\n3\n")
    assert read_number_rows(path) == [[1.0, 2.0], [3.0]]
    with pytest.raises(FormatError, match=r"row 2: expected 2 numbers, got 1"):
        read_number_table(path)


def test_separator(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1, 2\n3 ,4\n")
    assert read_number_table(path, separator=",").tolist() == [[1, 2], [3, 4]]


def test_several_columns_must_be_chosen(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("1 10\n2 20\n")
    with pytest.raises(FormatError, match=r"one number of dose per line, got 2 columns; name"):
        read_doses(path)
    assert read_doses(path, column=1).tolist() == [10, 20]
    for column in (2, -1):
        with pytest.raises(InputError, match=rf"column {column} asked for, the file has 2"):
            read_doses(path, column=column)


def test_negative_dose(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("1\n-3\n")
    with pytest.raises(FormatError, match=r"dose: -3 e/Å² is below 0"):
        read_doses(path)


def test_overfocus_is_allowed(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("-0.5\n3\n")
    assert read_defocus_um(path).tolist() == [-0.5, 3.0]


def test_write_refuses_what_cannot_be_read_back(tmp_path):
    for values in ([np.nan], [[1.0, 2.0]]):
        with pytest.raises(InputError, match="expected a list of finite numbers"):
            write_number_list(tmp_path / "a.txt", values, decimals=2)
    assert not (tmp_path / "a.txt").exists()


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(0, 1e4), min_size=1, max_size=50))
def test_round_trip_to_the_written_decimals(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("list") / "a.txt"
    write_number_list(path, values, decimals=4)
    np.testing.assert_allclose(read_doses(path), values, atol=0.5001e-4)
