"""MRC files as others write them, read by us; mrcfile is the oracle where it knows the mode."""

import gzip
import struct
import tracemalloc
import warnings

import mrcfile
import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.images import describe_image, open_image, write_mrc
from cryopick.model import Image, ImageStack
from shared_data import shared

RNG = np.random.default_rng(3)


def _mrc(path, pixels, *, mode, order="<", extended=b"", **fields):
    """Write an MRC file byte by byte, apart from our own writer."""
    nz, ny, nx = fields.pop("shape", pixels.shape)
    head = bytearray(1024)
    struct.pack_into(
        order + "10i", head, 0, nx, ny, nz, mode, 0, 0, 0, nx, ny, fields.pop("mz", nz)
    )
    voxel = fields.pop("voxel", 2.0)
    struct.pack_into(order + "3f", head, 40, nx * voxel, ny * voxel, nz * voxel)
    struct.pack_into(order + "3i", head, 64, *fields.pop("axes", (1, 2, 3)))
    struct.pack_into(order + "2i", head, 88, fields.pop("ispg", 1), len(extended))
    head[104:108] = fields.pop("exttyp", b"\0\0\0\0")
    if (flags := fields.pop("imod_flags", None)) is not None:
        struct.pack_into(order + "2i", head, 152, 1146047817, flags)
    head[208:212] = b"MAP "
    head[212:214] = b"\x44\x44" if order == "<" else b"\x11\x11"
    assert not fields
    path.write_bytes(bytes(head) + extended + pixels.tobytes())
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("mode", "kind"), [(0, "i1"), (1, "i2"), (2, "f4"), (6, "u2"), (12, "f2")])
def test_modes_in_both_byte_orders(tmp_path, order, mode, kind):
    pixels = RNG.integers(0, 100, (3, 4, 5)).astype(order + kind)
    image = open_image(_mrc(tmp_path / "a.mrc", pixels, mode=mode, order=order))
    assert isinstance(image, Image)
    assert isinstance(image.data, np.memmap)
    assert np.array_equal(image.read(), pixels.astype(np.float32))
    assert image.facts["mode"] == mode
    assert image.grid.pixel_size_angstrom == 2.0
    assert image.warnings == ()


def test_bytes_of_imod_are_unsigned_without_its_flag(tmp_path):
    pixels = np.array([[[0, 127, 128, 255]]], dtype=np.uint8)
    plain = open_image(_mrc(tmp_path / "a.mrc", pixels, mode=0))
    assert plain.read().tolist() == [[0, 127, -128, -1]]
    unsigned = open_image(_mrc(tmp_path / "b.mrc", pixels, mode=0, imod_flags=0))
    assert unsigned.read().tolist() == [[0, 127, 128, 255]]
    assert unsigned.facts["stored_as"] == "uint8"
    signed = open_image(_mrc(tmp_path / "c.mrc", pixels, mode=0, imod_flags=1))
    assert signed.read().tolist() == [[0, 127, -128, -1]]


@pytest.mark.parametrize("width", [4, 5])
def test_mode_101_holds_two_pixels_a_byte(tmp_path, width):
    rows = RNG.integers(0, 256, (2, 3, (width + 1) // 2)).astype(np.uint8)
    path = _mrc(tmp_path / "a.mrc", rows, mode=101, shape=(2, 3, width))
    image = open_image(path)
    expected = np.stack([rows & 15, rows >> 4], axis=-1).reshape(2, 3, -1)[..., :width]
    assert np.array_equal(image.read(), expected)
    for axis, place in (("z", 1), ("y", 2), ("x", width - 1)):
        assert np.array_equal(
            image.plane(axis, place), np.take(expected, place, axis="zyx".index(axis))
        )


@pytest.mark.parametrize("order", ["<", ">"])
def test_complex_modes_show_their_amplitude(tmp_path, order):
    pairs = np.array([[[3, 4, -6, 8]]], dtype=order + "i2")
    image = open_image(_mrc(tmp_path / "a.mrc", pairs, mode=3, order=order, shape=(1, 1, 2)))
    assert image.read().tolist() == [[5.0, 10.0]]
    assert "amplitude" in image.warnings[0]
    values = np.array([[[3 + 4j, 1j]]], dtype=order + "c8")
    image = open_image(_mrc(tmp_path / "b.mrc", values, mode=4, order=order))
    assert image.read().tolist() == [[5.0, 1.0]]


@pytest.mark.parametrize("axes", [(1, 2, 3), (3, 1, 2), (2, 1, 3), (3, 2, 1), (2, 3, 1), (1, 3, 2)])
def test_axis_orders_are_turned_into_zyx(tmp_path, axes):
    wanted = RNG.normal(size=(3, 4, 5)).astype(np.float32)  # z, y, x
    # Columns run along axes[0] (1 = x), so the last stored array axis is that one of ours.
    stored = wanted.transpose([3 - a for a in axes[::-1]])
    image = open_image(_mrc(tmp_path / "a.map", stored, mode=2, axes=axes))
    assert image.grid.shape == (3, 4, 5)
    assert np.array_equal(image.read(), wanted)
    assert np.array_equal(image.plane("y", 2), wanted[:, 2])
    assert image.warnings == ()


def test_an_order_that_is_none_is_warned_of(tmp_path):
    pixels = RNG.normal(size=(3, 4, 5)).astype(np.float32)
    image = open_image(_mrc(tmp_path / "a.mrc", pixels, mode=2, axes=(1, 1, 7)))
    assert np.array_equal(image.read(), pixels)
    assert "mapc mapr maps are (1, 1, 7)" in image.warnings[0]
    assert open_image(_mrc(tmp_path / "b.mrc", pixels, mode=2, axes=(0, 0, 0))).warnings == ()


def test_extended_headers_are_skipped_and_named(tmp_path):
    pixels = RNG.normal(size=(3, 4, 5)).astype(np.float32)
    path = _mrc(tmp_path / "a.mrc", pixels, mode=2, extended=b"\1" * 768, exttyp=b"FEI1")
    image = open_image(path)
    assert np.array_equal(image.read(), pixels)
    assert image.facts["extended_header_bytes"] == 768
    assert image.facts["extended_header_type"] == "FEI1"


def test_an_extended_header_of_negative_length_is_refused(tmp_path):
    path = _mrc(tmp_path / "a.mrc", np.zeros((1, 2, 2), "f4"), mode=2)
    data = bytearray(path.read_bytes())
    struct.pack_into("<i", data, 92, -4)
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"nsymbt \(extended header\) is -4"):
        open_image(path)


@pytest.mark.parametrize(
    ("suffix", "ispg", "nz", "mz", "kind"),
    [
        (".mrc", 0, 1, 1, "image"),
        (".mrc", 1, 1, 1, "image"),
        (".mrc", 1, 4, 4, "volume"),
        (".rec", 1, 4, 4, "volume"),
        (".map", 19, 4, 4, "volume"),
        (".mrc", 0, 4, 1, "stack"),
        (".mrc", 0, 4, 4, "volume"),
        (".rec", 0, 4, 4, "volume"),
        (".st", 0, 4, 4, "stack"),
        (".mrcs", 1, 4, 4, "stack"),
        (".mrcs", 0, 1, 1, "stack"),
        (".mrc", 401, 4, 2, "stack"),
        (".mrc", 401, 4, 4, "volume"),
        (".mrc", 401, 4, 3, "volume"),
    ],
)
def test_what_is_a_stack_and_what_a_volume(tmp_path, suffix, ispg, nz, mz, kind):
    pixels = RNG.normal(size=(nz, 3, 5)).astype(np.float32)
    path = _mrc(tmp_path / f"a{suffix}", pixels, mode=2, ispg=ispg, mz=mz)
    image = open_image(path)
    assert image.facts["kind"] == kind
    assert isinstance(image, ImageStack) == (kind == "stack")
    whole = np.asarray(image.data[...])
    assert np.array_equal(whole.reshape(-1), pixels.reshape(-1))
    if ispg == 401 and kind == "stack":
        assert whole.shape == (2, 2, 3, 5)
        assert np.array_equal(image.data[1, 0], pixels[2])


def test_a_map_with_the_space_group_of_stacks_is_a_volume_with_a_warning(tmp_path):
    pixels = RNG.normal(size=(4, 3, 5)).astype(np.float32)
    path = _mrc(tmp_path / "a.mrc", pixels, mode=2, ispg=0)
    volume = open_image(path)
    assert "read as a volume" in volume.warnings[0]
    assert isinstance(volume, Image)
    assert volume.grid.shape == (4, 3, 5)
    assert isinstance(open_image(path, kind="stack"), ImageStack)


def test_a_voxel_size_of_1_is_trusted_in_our_own_files(tmp_path):
    write_mrc(tmp_path / "a.mrc", np.zeros((4, 4), "f4"), 1.0)
    image = open_image(tmp_path / "a.mrc")
    assert image.facts["pixel_size_known"] is True
    assert image.warnings == ()


@pytest.mark.parametrize(
    ("voxel", "text"), [(0.0, "no usable pixel size"), (1.0, "often a default")]
)
def test_voxel_sizes_of_0_and_1_are_warned_of(tmp_path, voxel, text):
    path = _mrc(tmp_path / "a.mrc", np.zeros((1, 4, 4), "f4"), mode=2, voxel=voxel)
    image = open_image(path)
    assert text in image.warnings[0]
    assert image.grid.pixel_size_angstrom == 1.0
    assert image.facts["pixel_size_known"] is False
    given = open_image(path, pixel_size_angstrom=3.3)
    assert given.warnings == ()
    assert (given.grid.pixel_size_angstrom, given.facts["pixel_size_known"]) == (3.3, True)


def test_a_voxel_that_is_no_cube_is_warned_of(tmp_path):
    path = _mrc(tmp_path / "a.mrc", np.zeros((2, 4, 4), "f4"), mode=2)
    data = bytearray(path.read_bytes())
    struct.pack_into("<f", data, 48, 2 * 5.0)
    path.write_bytes(data)
    assert "voxel is not cubic (2 x 2 x 5 Å)" in open_image(path).warnings[0]


def test_a_short_file_is_refused_and_a_long_one_warned_of(tmp_path):
    path = _mrc(tmp_path / "a.mrc", np.zeros((2, 4, 4), "f4"), mode=2)
    path.write_bytes(path.read_bytes() + b"xyz")
    assert open_image(path).warnings == (
        "file is 3 bytes longer than its header declares; ignored",
    )
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(FormatError, match=r"a\.mrc: header declares 4x4x2 .* copy or write"):
        open_image(path)


def test_a_gzipped_map_is_described_without_inflating_it(tmp_path):
    path = _mrc(tmp_path / "a.mrc", np.zeros((2, 4, 4), "f4"), mode=2)
    cut = tmp_path / "cut.mrc.gz"
    cut.write_bytes(gzip.compress(path.read_bytes()[:1030]))
    assert describe_image(cut)["size_px"] == [4, 4, 2]
    with pytest.raises(FormatError, match="damaged or cut"):
        open_image(cut).read()


def test_a_gigabyte_costs_no_memory(tmp_path):
    path = tmp_path / "big.mrc"
    head = _mrc(path, np.zeros(0, "f4"), mode=2, shape=(256, 1024, 1024)).read_bytes()
    with path.open("r+b") as file:  # sparse: the pixels are never written
        file.truncate(len(head) + 4 * 256 * 1024 * 1024)
    tracemalloc.start()
    try:
        image = open_image(path)
        plane = image.plane("y", 1000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert plane.shape == (256, 1024)
    assert peak < 8 << 20


@pytest.mark.parametrize(
    "dtype", [np.int8, np.int16, np.float32, np.uint16, np.float16, np.complex64]
)
@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5), (2, 3, 4, 5)])
def test_what_mrcfile_writes_we_read(tmp_path, dtype, shape):
    pixels = RNG.integers(0, 50, shape).astype(dtype)
    path = tmp_path / "a.mrc"
    with mrcfile.new(path) as file:
        file.set_data(pixels)
        file.voxel_size = 3.5
    image = open_image(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(np.asarray(image.data[...], np.float32), pixels.real.astype("f4"))
    size = image.grid.pixel_size_angstrom if isinstance(image, Image) else image.pixel_size_angstrom
    assert size == 3.5


def test_genuine_maps_agree_with_mrcfile():
    for name in ("EMD-3197.map", "EMD-3001.map"):
        path = shared(f"images/mrc_corner_cases/{name}")
        image = open_image(path)
        with mrcfile.open(path, permissive=True) as file:
            order = [int(file.header[f]) for f in ("mapc", "mapr", "maps")]
            expected = np.moveaxis(file.data, (0, 1, 2), [3 - a for a in order[::-1]])
        assert np.array_equal(image.read(), expected)


def test_genuine_compressed_maps_hold_the_same_pixels():
    plain = open_image(shared("images/mrc_corner_cases/EMD-3197.map"))
    for name in ("EMD-3197.map.bz2", "emd_3197.map.gz"):
        assert np.array_equal(
            open_image(shared(f"images/mrc_corner_cases/{name}")).read(), plain.read()
        )
