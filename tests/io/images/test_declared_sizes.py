"""A header may declare anything: sizes that the file cannot hold are refused before any memory."""

import bz2
import gzip
import json
import struct
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest

from cryopick.errors import CryopickError, FormatError
from cryopick.io.images import describe_image, open_image, write_image, write_mrc
from cryopick.io.images.raw import array_in_file, compression, read_head, size_limit

HUGE = 60_000


def _mrc(size, mode=2):
    head = bytearray(1024)
    struct.pack_into("<4i", head, 0, *size, mode)
    struct.pack_into("<3i", head, 28, *size)
    struct.pack_into("<3f", head, 40, *(2.0 * n for n in size))
    struct.pack_into("<i", head, 88, 1)
    head[208:216] = b"MAP \x44\x44\0\0"
    return bytes(head) + bytes(64)


def _em(size):
    head = bytearray(512)
    head[0], head[3] = 6, 5
    struct.pack_into("<3i", head, 4, *size)
    return bytes(head) + bytes(64)


def _spider(size, *, images=0):
    nx, ny, nz = size
    words = np.zeros(nx, dtype="<f4")
    words[[0, 1, 11]] = nz, ny, nx
    words[4] = 3 if nz > 1 else 1
    words[[12, 21, 22]] = 1, 4 * nx, 4 * nx
    if images:
        words[[23, 25]] = 2, images
    return words.tobytes() + bytes(64)


def _png(width, height):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(100))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def _tiff(width, height):
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1),
            (273, 4, 200), (277, 3, 1), (278, 4, height), (279, 4, 64)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(200)


LIARS = {
    "a.mrc": _mrc((HUGE, HUGE, HUGE)),
    "b.mrc": _mrc((4, 4, 2**24)),
    "c.mrc": _mrc((HUGE, HUGE, 100), mode=101),
    "d.mrc": _mrc((HUGE, HUGE, 100), mode=4),
    "a.em": _em((HUGE, HUGE, HUGE)),
    "b.em": _em((2**24, 2**24, 2**24)),
    "a.spi": _spider((HUGE, HUGE, HUGE)),
    "a.stk": _spider((300, 300, 1), images=10_000_000),
    "a.png": _png(HUGE, HUGE),
    "b.png": _png(13_000, 13_000),
    "a.tif": _tiff(HUGE, HUGE),
    "b.tif": _tiff(2**31, 2**31),
}


def peak_of(path):
    """Refused or not, the most memory that opening and describing took."""
    tracemalloc.start()
    line = ""
    try:
        for ask in (describe_image, open_image):
            try:
                ask(path)
            except CryopickError as error:
                line = str(error)
        return line, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", LIARS)
@pytest.mark.parametrize("packed", [None, "gz", "bz2"])
def test_sizes_that_no_file_holds_are_refused_at_once(tmp_path, name, packed):
    if packed and not name.endswith((".mrc", ".em", ".spi", ".stk")):
        pytest.skip("this format is not read compressed")
    path = tmp_path / name
    path.write_bytes(LIARS[name])
    if packed:
        pack = gzip.compress if packed == "gz" else bz2.compress
        path = tmp_path / f"{name}.{packed}"
        path.write_bytes(pack(LIARS[name]))
    line, peak = peak_of(path)
    if not (packed == "bz2" and name in ("b.mrc", "a.stk")):  # bzip2 could hold that many zeros
        assert line.startswith(f"{path}: ")
    assert peak < 32 << 20


@pytest.mark.parametrize("packed", ["gz", "bz2"])
def test_a_bomb_is_described_without_inflating_it(tmp_path, packed):
    """A header that is true: 1 GiB of zeros in a small file. Nothing is inflated until sliced."""
    n = (1 << 30) // (4 * 1024 * 1024)
    head = _mrc((1024, 1024, n))[:1024]
    if packed == "gz":
        engine = zlib.compressobj(9, zlib.DEFLATED, 31)
        parts = [engine.compress(head)] + [engine.compress(bytes(1 << 22)) for _ in range(16)]
        data = b"".join([*parts, engine.flush()])
    else:
        data = bz2.compress(head + bytes(1 << 22))
    path = tmp_path / f"a.mrc.{packed}"
    path.write_bytes(data)
    _, peak = peak_of(path)
    assert peak < 32 << 20


def test_a_cut_of_any_length_is_refused_or_read(tmp_path):
    write_mrc(tmp_path / "a.mrc", np.ones((2, 3, 5)), 2.0)
    whole = (tmp_path / "a.mrc").read_bytes()
    for n in (0, 1, 207, 1023, 1024, 1025, len(whole) - 1):
        path = tmp_path / f"cut{n}.mrc"
        path.write_bytes(whole[:n])
        with pytest.raises(FormatError, match=rf"cut{n}\.mrc: "):
            open_image(path)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_compressed_file_cut_anywhere(tmp_path, pack):
    rng = np.random.default_rng(4)
    write_mrc(tmp_path / "a.mrc", rng.normal(size=(2, 30, 50)), 2.0)
    whole = pack((tmp_path / "a.mrc").read_bytes())
    path = tmp_path / "b.mrc.gz"
    for n in (len(whole) // 4, len(whole) // 2, len(whole) - 20):
        path.write_bytes(whole[:n])
        with pytest.raises(FormatError, match=r"b\.mrc\.gz: "):
            open_image(path).read()


def test_a_compressed_file_with_a_flipped_byte(tmp_path):
    rng = np.random.default_rng(4)
    write_mrc(tmp_path / "a.mrc", rng.normal(size=(2, 30, 50)), 2.0)
    whole = bytearray(gzip.compress((tmp_path / "a.mrc").read_bytes()))
    whole[len(whole) // 2] ^= 0xFF
    (tmp_path / "b.mrc.gz").write_bytes(whole)
    with pytest.raises(FormatError, match="damaged or cut"):
        np.asarray(open_image(tmp_path / "b.mrc.gz").data[...]).sum()


def test_hdf_that_declares_more_than_it_stores(tmp_path):
    for i, options in enumerate([{"chunks": (1, 64, 64)}, {"chunks": True, "compression": "gzip"}]):
        path = tmp_path / f"{i}.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("a", shape=(HUGE, HUGE, HUGE), dtype="f4", **options)
        with pytest.raises(FormatError, match="pixels declared, 0 bytes stored"):
            open_image(path)


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ([2**40] * 3, [64] * 3),
        ([64] * 3, [2**20] * 3),
        ([2**31] * 3, [1, 1, 1]),
        ([0, 4, 4], [1] * 3),
    ],
)
def test_zarr_that_declares_more_than_can_be(tmp_path, shape, chunks):
    path = tmp_path / "a.zarr"
    path.mkdir()
    meta = {"zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": "<f4", "order": "C",
            "compressor": None, "fill_value": 0, "filters": None}  # fmt: skip
    (path / ".zarray").write_text(json.dumps(meta))
    with pytest.raises(FormatError, match=r"a\.zarr"):
        open_image(path)


def test_bounds_follow_the_compression(tmp_path):
    data = bytes(range(256)) * 40
    for name, pack, kind in (
        ("a", bytes, ""),
        ("b", gzip.compress, "gz"),
        ("c", bz2.compress, "bz2"),
    ):
        path = tmp_path / name
        path.write_bytes(pack(data))
        assert compression(path) == kind
        assert size_limit(path) >= len(data)
        assert read_head(path, 16) == data[:16]
        assert read_head(path, 16, offset=len(data) - 4) == data[-4:]
        assert read_head(path, 16, offset=len(data) + 9) == b""
        array = array_in_file(path, offset=256, shape=(39, 256), dtype=np.dtype("u1"))
        assert np.array_equal(np.asarray(array[5]), np.arange(256))
        with pytest.raises(FormatError, match="header declares"):
            array_in_file(path, offset=0, shape=(10**7, 10**7), dtype=np.dtype("f4"))


@pytest.mark.parametrize("suffix", [".mrc", ".em", ".spi", ".tif", ".png", ".hdf"])
@pytest.mark.parametrize("content", [b"", b"\0", b"\xff" * 3000, b"not an image\n" * 200])
def test_what_is_no_image_is_named_with_its_suffix(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        open_image(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("origin", [(0.0, 0.0, 0.0), (1.5, -2.5, 1e6), (1e-9, 0.1, 1 / 3)])
@pytest.mark.parametrize("suffix", [".mrc", ".hdf", ".zarr"])
def test_the_place_of_a_grid_survives(tmp_path, origin, suffix):
    write_image(tmp_path / f"a{suffix}", np.ones((2, 3, 5)), 1.35, origin_angstrom=origin)
    grid = open_image(tmp_path / f"a{suffix}").grid
    assert grid.origin_angstrom == pytest.approx(origin, rel=1e-9, abs=1e-12)
    # Another pixel size on the command line moves no origin: it is a place in the specimen.
    given = open_image(tmp_path / f"a{suffix}", pixel_size_angstrom=2.7).grid
    assert given.origin_angstrom == grid.origin_angstrom


@pytest.mark.parametrize(
    "label",
    [b"cryopick grid origin", b"cryopick grid origin 1 2", b"cryopick grid origin nan 0 0 A",
     b"cryopick grid origin a b c A", b"cryopick grid origin 1e999 0 0 A", b"\xff\xfe\x00"],
)  # fmt: skip
def test_a_damaged_place_is_no_place(tmp_path, label):
    path = tmp_path / "a.mrc"
    write_mrc(path, np.ones((2, 3, 5)), 1.35, origin_angstrom=(1.0, 2.0, 3.0))
    data = bytearray(path.read_bytes())
    data[224:304] = label.ljust(80)
    path.write_bytes(data)
    assert open_image(path).grid.origin_angstrom == (0.0, 0.0, 0.0)
