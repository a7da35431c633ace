"""TIFF files: tifffile writes, we read; we write, tifffile reads."""

import numpy as np
import pytest
import tifffile

from cryopick.errors import FormatError, InputError
from cryopick.io.images import describe_image, open_image, write_image
from cryopick.model import Image
from shared_data import shared

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float16"])
@pytest.mark.parametrize("shape", [(4, 6), (5, 7), (3, 4, 6), (3, 5, 7)])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_what_tifffile_writes_we_read(tmp_path, dtype, shape, compression, byteorder):
    pixels = RNG.integers(0, 100, shape).astype(dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, pixels, compression=compression, byteorder=byteorder, photometric="minisblack"
    )
    image = open_image(path, pixel_size_angstrom=2.0)
    assert isinstance(image, Image)
    assert image.grid.shape == shape
    assert np.array_equal(image.read(), pixels.astype(np.float32))
    assert image.warnings == ()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
@pytest.mark.parametrize("shape", [(4, 6), (5, 7), (3, 4, 6)])
def test_tifffile_reads_what_we_write(tmp_path, dtype, shape):
    pixels = RNG.integers(0, 100, shape).astype(dtype)
    write_image(tmp_path / "a.tif", pixels, 2.0, dtype=dtype)
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), pixels)
    image = open_image(tmp_path / "a.tif")
    assert np.array_equal(image.data[...], pixels)
    assert image.data.dtype == dtype


def test_uncompressed_pixels_are_mapped(tmp_path):
    write_image(tmp_path / "a.tif", np.zeros((3, 4, 6)), 2.0)
    assert isinstance(open_image(tmp_path / "a.tif").data, np.memmap)


def test_the_pixel_size_is_never_taken_from_the_resolution(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 6), "u1"), resolution=(2.0, 2.0))
    image = open_image(tmp_path / "a.tif")
    assert image.facts["resolution"] == [2.0, 2.0]
    assert image.facts["pixel_size_known"] is False
    assert image.grid.pixel_size_angstrom == 1.0
    assert "no usable pixel size" in image.warnings[0]


def test_stacks_of_imagej_are_volumes(tmp_path):
    pixels = RNG.integers(0, 100, (3, 4, 6)).astype(np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels,
        imagej=True,
        metadata={"axes": "ZYX", "spacing": 1.5, "unit": "nm"},
    )
    image = open_image(tmp_path / "a.tif")
    assert image.facts["kind"] == "volume"
    assert (image.facts["imagej_spacing"], image.facts["imagej_unit"]) == (1.5, "nm")
    assert np.array_equal(image.plane("z", 2), pixels[2])


def test_colours_become_luminance(tmp_path):
    colours = np.zeros((2, 3, 3), dtype=np.uint8)
    colours[0, 0] = (255, 0, 0)
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb")
    image = open_image(tmp_path / "a.tif")
    assert image.grid.shape == (2, 3)
    assert image.read()[0, 0] == pytest.approx(76.245)
    assert "luminance" in image.warnings[0]


def test_axes_of_length_1_are_dropped(tmp_path):
    pixels = RNG.integers(0, 100, (1, 3, 1, 4, 6)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True)
    assert open_image(tmp_path / "a.tif").grid.shape == (3, 4, 6)


def test_four_real_axes_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 3, 4, 6), "u1"), photometric="minisblack")
    with pytest.raises(FormatError, match="expected an image or a volume"):
        open_image(tmp_path / "a.tif")


def test_several_series_show_the_first(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(np.full((4, 6), 1, "u1"))
        file.write(np.full((8, 9), 2, "u1"))
    image = open_image(tmp_path / "a.tif")
    assert image.grid.shape == (4, 6)
    assert "2 series of pages" in image.warnings[0]


@pytest.mark.parametrize("content", [b"II*\0", b"MM\0*" + b"\xff" * 40, b"II*\0" + bytes(2000)])
def test_damaged_files_are_format_errors(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.tif: "):
        open_image(tmp_path / "a.tif")


def test_damaged_pixels_are_format_errors(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RNG.integers(0, 255, (64, 64)).astype("u1"), compression="zlib")
    with tifffile.TiffFile(path) as file:
        offset = file.pages[0].dataoffsets[0]
    data = bytearray(path.read_bytes())
    data[offset : offset + 50] = b"\xff" * 50
    path.write_bytes(data)
    with pytest.raises(FormatError, match="cannot be decoded"):
        open_image(path).read()


def test_a_directory_that_declares_too_much_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((64, 64), "u1"), compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags["ImageWidth"].overwrite(60000)
        file.pages[0].tags["ImageLength"].overwrite(60000)
    with pytest.raises(FormatError, match="header declares 3600000000 bytes"):
        open_image(path)


def test_what_tiff_does_not_hold_is_named(tmp_path):
    with pytest.raises(InputError, match="dtype complex64: TIFF holds"):
        write_image(tmp_path / "a.tif", np.zeros((2, 2)), 1.0, dtype="complex64")
    with pytest.raises(InputError, match="cannot write an array of shape"):
        write_image(tmp_path / "a.tif", np.zeros((2, 2, 2, 2)), 1.0)


def test_genuine_files():
    klh = describe_image(shared("images/klh/KLH.tif"))
    assert (klh["kind"], klh["size_px"], klh["dtype"]) == ("image", [760, 844], "uint8")
    tube = describe_image(shared("images/microtubule_tomo/13pf_MT.tif"))
    assert (tube["kind"], tube["size_px"]) == ("volume", [94, 206, 36])
    assert tube["imagej_spacing"] == 1.052
