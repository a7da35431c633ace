"""Arrays in files: mapped where plain, inflated within bounds where compressed."""

import bz2
import gzip

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.images import raw
from cryopick.io.images.raw import array_in_file, compression, read_head, size_limit

PIXELS = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
OPENERS = {"": open, "gz": gzip.open, "bz2": bz2.open}


def _write(path, kind, *, head=b"HEAD"):
    with OPENERS[kind](path, "wb") as file:
        file.write(head + PIXELS.tobytes())
    return path


@pytest.mark.parametrize("kind", ["", "gz", "bz2"])
def test_an_array_behind_a_header(tmp_path, kind):
    path = _write(tmp_path / "a", kind)
    assert compression(path) == kind
    assert read_head(path, 4) == b"HEAD"
    assert read_head(path, 4, offset=4) == PIXELS.tobytes()[:4]
    array = array_in_file(path, offset=4, shape=PIXELS.shape, dtype=PIXELS.dtype)
    assert (array.shape, array.dtype) == (PIXELS.shape, PIXELS.dtype)
    assert np.array_equal(array[...], PIXELS)
    assert np.array_equal(array[1, :, 2], PIXELS[1, :, 2])


def test_a_plain_array_is_a_memory_map(tmp_path):
    path = _write(tmp_path / "a", "")
    array = array_in_file(path, offset=4, shape=PIXELS.shape, dtype=PIXELS.dtype)
    assert isinstance(array, np.memmap)
    assert array.mode == "r"


def test_a_short_plain_file_is_refused_before_pixels_are_asked_for(tmp_path):
    path = _write(tmp_path / "a", "")
    with pytest.raises(FormatError, match=r"declares 5x4x4 pixels of int16 .* is shorter"):
        array_in_file(path, offset=4, shape=(4, 4, 5), dtype=PIXELS.dtype)


@pytest.mark.parametrize("kind", ["gz", "bz2"])
def test_a_short_compressed_file_is_refused_when_pixels_are_asked_for(tmp_path, kind):
    path = _write(tmp_path / "a", kind)
    array = array_in_file(path, offset=4, shape=(4, 4, 5), dtype=PIXELS.dtype)
    with pytest.raises(FormatError, match="compressed data are damaged or cut"):
        array[0]


@pytest.mark.parametrize("kind", ["gz", "bz2"])
def test_a_damaged_stream_is_a_format_error(tmp_path, kind):
    path = _write(tmp_path / "a", kind)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    array = array_in_file(path, offset=4, shape=PIXELS.shape, dtype=PIXELS.dtype)
    with pytest.raises(FormatError, match=str(path)):
        array[...]
    assert len(read_head(path, 10**6)) < 4 + PIXELS.nbytes


def test_a_size_that_no_compression_reaches_is_refused_at_once(tmp_path):
    path = _write(tmp_path / "a", "gz")
    with pytest.raises(FormatError, match="shorter"):
        array_in_file(path, offset=0, shape=(1 << 20, 1 << 10, 1 << 10), dtype=PIXELS.dtype)
    assert size_limit(path) < 1 << 20


def test_a_bomb_is_inflated_no_further_than_declared(tmp_path):
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
    array = array_in_file(path, offset=0, shape=(10, 10), dtype=np.dtype(np.uint8))
    assert array[...].nbytes == 100


def test_many_inflated_pixels_go_to_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(raw, "_IN_MEMORY", 16)
    path = _write(tmp_path / "a", "bz2")
    array = array_in_file(path, offset=4, shape=PIXELS.shape, dtype=PIXELS.dtype)
    assert isinstance(array[...], np.memmap)
    assert np.array_equal(array[...], PIXELS)


def test_compression_is_known_by_content_not_by_suffix(tmp_path):
    assert compression(_write(tmp_path / "a.gz", "")) == ""
    assert compression(_write(tmp_path / "a.mrc", "gz")) == "gz"
    # A stack that is 35615 pixels wide begins with the two bytes of gzip.
    wide = tmp_path / "wide.mrc"
    wide.write_bytes(np.array([35615, 1, 1, 0], dtype="<i4").tobytes())
    assert compression(wide) == ""
