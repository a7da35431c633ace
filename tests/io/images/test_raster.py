"""PNG and JPEG: grey of 8 and 16 bits, colours as luminance, bombs refused."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Picture

from cryopick.errors import FormatError, InputError
from cryopick.io.images import open_image, write_image
from shared_data import shared

RNG = np.random.default_rng(8)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(4, 6), (5, 7)])
def test_png_round_trip(tmp_path, dtype, shape):
    pixels = RNG.integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    write_image(tmp_path / "a.png", pixels, 2.0, dtype=dtype)
    assert np.array_equal(np.asarray(Picture.open(tmp_path / "a.png")), pixels)
    image = open_image(tmp_path / "a.png", pixel_size_angstrom=1.5)
    assert image.data.dtype == dtype
    assert np.array_equal(image.data[...], pixels)
    assert image.grid.pixel_size_angstrom == 1.5
    assert image.warnings == ()


def test_rows_run_downwards(tmp_path):
    pixels = np.zeros((3, 4), np.uint8)
    pixels[0, 1] = 200  # first row of the file: the top, index 0
    Picture.fromarray(pixels).save(tmp_path / "a.png")
    assert open_image(tmp_path / "a.png").read()[0, 1] == 200


def test_jpeg_is_read_and_never_written(tmp_path):
    pixels = np.full((16, 24), 77, np.uint8)
    Picture.fromarray(pixels).save(tmp_path / "a.jpg", quality=95)
    image = open_image(tmp_path / "a.jpg")
    assert image.grid.shape == (16, 24)
    assert np.abs(image.read() - 77).max() <= 1
    with pytest.raises(InputError, match=r"use \.png"):
        write_image(tmp_path / "b.jpg", pixels, 1.0, dtype="uint8")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK"])
def test_colours_become_luminance_with_a_warning(tmp_path, mode):
    grey = Picture.fromarray(np.full((4, 4), 90, np.uint8))
    suffix = ".jpg" if mode == "CMYK" else ".png"
    grey.convert("RGB").convert(mode).save(tmp_path / f"a{suffix}")
    image = open_image(tmp_path / f"a{suffix}")
    assert f"({mode})" in image.warnings[0]
    tolerance = 10 if mode == "P" else 1.5  # a palette holds 90 only roughly
    assert image.read().mean() == pytest.approx(90, abs=tolerance)


def test_bilevel_and_32_bit_images(tmp_path):
    Picture.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    assert open_image(tmp_path / "a.png").read().tolist() == [[1, 0]]


def test_the_pixel_size_is_not_known(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((4, 4)), 3.0, dtype="uint8")
    image = open_image(tmp_path / "a.png")
    assert image.facts["pixel_size_known"] is False
    assert "give --pixel-size" in image.warnings[0]


def _png(width, height, data):
    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(40000, 40000), (60000, 2900), (13000, 13000)])
def test_bombs_are_refused_before_they_are_decoded(tmp_path, size):
    (tmp_path / "a.png").write_bytes(_png(*size, zlib.compress(bytes(1000))))
    with pytest.raises(FormatError, match=r"a\.png: "):
        open_image(tmp_path / "a.png")


def test_damaged_pictures_are_format_errors(tmp_path):
    (tmp_path / "a.png").write_bytes(_png(10, 10, b"not deflate"))
    with pytest.raises(FormatError, match="cannot be decoded"):
        open_image(tmp_path / "a.png").read()
    write_image(tmp_path / "b.png", RNG.integers(0, 255, (50, 50)), 1.0, dtype="uint8")
    data = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(FormatError, match=r"b\.png: "):
        open_image(tmp_path / "b.png").read()
    (tmp_path / "c.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(30))
    with pytest.raises(FormatError, match="not a PNG or JPEG that can be read"):
        open_image(tmp_path / "c.jpg")


@pytest.mark.parametrize(
    ("data", "dtype", "text"),
    [
        (np.zeros((2, 2)), "float32", "PNG holds uint8, uint16"),
        (np.full((2, 2), 300), "uint8", "do not fit uint8"),
        (np.full((2, 2), -1.0), "uint16", "do not fit uint16"),
        (np.zeros((2, 2, 2)), "uint8", "holds one image"),
    ],
)
def test_what_png_cannot_hold_is_named(tmp_path, data, dtype, text):
    with pytest.raises(InputError, match=text):
        write_image(tmp_path / "a.png", data, 1.0, dtype=dtype)
    assert list(tmp_path.iterdir()) == []


def test_genuine_pictures():
    png = shared("images/apoferritin_empiar10146/May08_03.05.02.bin_avg.png")
    image = open_image(png, pixel_size_angstrom=1.5)
    assert (image.name, image.grid.shape) == ("May08_03.05.02.bin_avg", (1200, 1240))
    assert image.data.dtype == np.uint16
    assert np.array_equal(image.read(), np.asarray(Picture.open(png)).astype(np.float32))
    jpeg = open_image(shared("images/bgal_empiar10017/Falcon_2012_06_12-14_33_35_0.jpg"))
    assert jpeg.grid.shape == (4096, 4096)
    painted = open_image(shared("images/apoferritin_empiar10146/GT_painted_May08_03.05.02.png"))
    assert "luminance" in painted.warnings[0]
