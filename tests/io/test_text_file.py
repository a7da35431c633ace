"""Text read whole: what is text, what is refused, and how it says so."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import FormatError, MissingFileError
from cryopick.io.text_file import read_bounded, read_text


def test_gzip_is_unpacked_and_a_byte_order_mark_dropped(tmp_path: Path):
    plain, packed = tmp_path / "a.txt", tmp_path / "a.txt.gz"
    plain.write_bytes(b"\xef\xbb\xbf1 2\n")
    packed.write_bytes(gzip.compress(b"1 2\n"))
    assert read_text(plain) == read_text(packed) == "1 2\n"


def test_line_ends_of_three_systems_are_one(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"1\r\n2\r3\n")
    assert read_text(path) == "1\n2\n3\n"


def test_what_is_not_utf_8_is_latin_1(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"caf\xe9 \xb5m")
    assert read_text(path) == "café µm"
    path.write_text("café µm Å", "utf-8")
    assert read_text(path) == "café µm Å"


@pytest.mark.parametrize("byte", [0, 1, 7, 0x0B, 0x1B, 0x1F])
def test_control_bytes_are_not_text(tmp_path: Path, byte: int):
    path = tmp_path / "a.txt"
    path.write_bytes(b"1\n" + bytes([byte]))
    message = rf"a\.txt: holds the byte 0x{byte:02x}: binary content where text is expected; check"
    with pytest.raises(FormatError, match=message):
        read_text(path)


@pytest.mark.parametrize("byte", [b"\t", b"\n", b"\x0c", b" ", b"\x7f"])
def test_white_space_is_text(tmp_path: Path, byte: bytes):
    path = tmp_path / "a.txt"
    path.write_bytes(b"1" + byte + b"2")
    assert read_text(path) == f"1{byte.decode()}2"


def test_a_damaged_gzip_file_says_so(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_bytes(gzip.compress(b"1 2" * 1000)[:-9])
    with pytest.raises(FormatError, match="damaged gzip"):
        read_text(path)


def test_large_files_and_gzip_bombs_are_refused(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"1 " * 1000)
    with pytest.raises(FormatError, match="larger than 0 MiB"):
        read_text(path, max_bytes=1000)
    assert len(read_bounded(path, max_bytes=2000)) == 2000
    path.write_bytes(gzip.compress(b"1 " * 1_000_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(FormatError, match="unpacks to more"):
        read_text(path, max_bytes=10_000)
    with path.open("wb") as file:
        file.truncate(200 * 1024 * 1024)  # sparse: refused before it is read
    with pytest.raises(FormatError, match=r"a\.txt: is larger than 128 MiB; check the name"):
        read_text(path)


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_too_many_lines_are_refused(tmp_path: Path, end: bytes):
    path = tmp_path / "a.txt"
    path.write_bytes(end * 4_000_001)
    with pytest.raises(FormatError, match="more than 4000000 lines"):
        read_text(path)


def test_a_folder_and_nothing_at_all(tmp_path: Path):
    with pytest.raises(FormatError, match="is a folder; name a file in it"):
        read_text(tmp_path)
    with pytest.raises(MissingFileError, match=r"none\.txt: no such file"):
        read_text(tmp_path / "none.txt")


@given(content=st.binary(max_size=64))
def test_any_bytes_are_text_or_a_format_error(tmp_path_factory: pytest.TempPathFactory, content):
    path = tmp_path_factory.mktemp("bytes") / "a.txt"
    path.write_bytes(content)
    try:
        text = read_text(path)
    except FormatError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert "\r" not in text
        assert "\x00" not in text
