import io
import struct
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.picks.npy_table import read_structured

KINDS = [("uid", "<u8"), ("x", "<f4"), ("shape", "<u4", (2,)), ("path", "S5")]


def saved(rows: int) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(rows, dtype=KINDS))
    return buffer.getvalue()


def with_header(text: str, data: bytes = b"") -> bytes:
    header = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def test_reads_what_numpy_wrote(tmp_path: Path):
    path = tmp_path / "a.cs"
    table = np.zeros(3, dtype=KINDS)
    table["uid"] = [1, 2, 2**64 - 1]
    table["path"] = [b"a", b"bb", b"ccccc"]
    with path.open("wb") as file:
        np.save(file, table)
    back = read_structured(path)
    assert back.dtype == table.dtype
    np.testing.assert_array_equal(back, table)


@pytest.mark.parametrize("rows", [0, 5])
def test_any_number_of_rows(tmp_path: Path, rows: int):
    path = tmp_path / "a.cs"
    path.write_bytes(saved(rows))
    assert len(read_structured(path)) == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not begin as a numpy file"),
        (b"\x94CSDAT and so on", "compressed CSDAT form; export it"),
        (saved(5)[:-1], "5 rows need 125 bytes, 124 are there"),
        (b"\x93NUMPY\x09\x00", "version"),
        (b"\x93NUMPY\x01", "damaged numpy header"),
        (
            with_header("{'descr': [('a', 'O')], 'fortran_order': False, 'shape': (1,), }"),
            "not a table",
        ),
        (with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"), "not a table"),
        (
            with_header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (10**99,), }"),
            "damaged numpy header",
        ),
        (
            with_header(
                "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (" + "9" * 30 + ",), }"
            ),
            "are there",
        ),
        (
            with_header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (-1,), }"),
            "are there",
        ),
        (
            with_header("{'descr': [('a', 'nonsense')], 'fortran_order': False, 'shape': (1,), }"),
            "damaged",
        ),
        (with_header("((((((((((((((((((((((((((("), "damaged numpy header"),
        (with_header("{'descr': [('a', '<f8')]"), "damaged numpy header"),
    ],
)
def test_what_is_no_table_is_refused_before_it_is_read(
    tmp_path: Path, content: bytes, message: str
):
    path = tmp_path / "a.cs"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message):
        read_structured(path)


def test_headers_of_python_2_are_read(tmp_path: Path):
    path = tmp_path / "a.cs"
    header = "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1L,), }"
    path.write_bytes(with_header(header, struct.pack("<d", 2.5)))
    assert read_structured(path)["a"].tolist() == [2.5]


def test_a_pickle_is_not_loaded(tmp_path: Path):
    path = tmp_path / "a.cs"
    with path.open("wb") as file:
        np.save(file, np.array([(1, {})], dtype=[("a", "<i4"), ("b", "O")]), allow_pickle=True)
    with pytest.raises(FormatError, match="not a table"):
        read_structured(path)
