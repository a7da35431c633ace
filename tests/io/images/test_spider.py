"""SPIDER files: images, volumes and stacks in both byte orders."""

import gzip

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.io.images import open_image, write_image
from cryopick.model import Image, ImageStack
from shared_data import shared

RNG = np.random.default_rng(6)


def _words(nz, ny, nx, order, **fields):
    """A header after the description of the format: words are counted from 1 there."""
    labrec = -(-1024 // (4 * nx))
    words = np.zeros(labrec * nx, dtype=order + "f4")
    words[1 - 1], words[2 - 1], words[12 - 1] = nz, ny, nx
    words[5 - 1] = 3 if nz > 1 else 1
    words[13 - 1], words[22 - 1], words[23 - 1] = labrec, labrec * nx * 4, nx * 4
    for word, value in fields.items():
        words[int(word[1:]) - 1] = value
    return words


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nx", [5, 64, 300])
@pytest.mark.parametrize("nz", [1, 3])
def test_single_images_and_volumes(tmp_path, order, nx, nz):
    pixels = RNG.normal(size=(nz, 4, nx)).astype(order + "f4")
    path = tmp_path / "a.spi"
    path.write_bytes(_words(nz, 4, nx, order, w38=2.5).tobytes() + pixels.tobytes())
    image = open_image(path)
    assert isinstance(image, Image)
    assert image.ndim == (2 if nz == 1 else 3)
    assert np.array_equal(image.read(), pixels.squeeze(0) if nz == 1 else pixels)
    assert image.grid.pixel_size_angstrom == 2.5


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nz", [1, 2])
def test_stacks(tmp_path, order, nz):
    pixels = RNG.normal(size=(3, nz, 4, 5)).astype(order + "f4")
    whole = _words(nz, 4, 5, order, w24=2, w26=3).tobytes()
    for image in pixels:
        whole += _words(nz, 4, 5, order, w1=nz).tobytes() + image.tobytes()
    path = tmp_path / "a.stk"
    path.write_bytes(whole)
    stack = open_image(path)
    assert isinstance(stack, ImageStack)
    assert len(stack) == 3
    assert np.array_equal(stack.data[...], pixels[:, 0] if nz == 1 else pixels)
    assert np.array_equal(stack.data[2], pixels[2, 0] if nz == 1 else pixels[2])


@pytest.mark.parametrize("shape", [(4, 6), (5, 7), (3, 4, 6), (3, 5, 7)])
def test_round_trip(tmp_path, shape):
    pixels = RNG.normal(size=shape).astype(np.float32)
    write_image(tmp_path / "a.spi", pixels, 1.77)
    image = open_image(tmp_path / "a.spi")
    assert np.array_equal(image.read(), pixels)
    assert image.grid.pixel_size_angstrom == 1.77
    assert image.facts["max"] == pytest.approx(pixels.max())


@pytest.mark.parametrize("shape", [(3, 4, 6), (3, 2, 5, 7), (1, 4, 4)])
def test_round_trip_of_stacks(tmp_path, shape):
    pixels = RNG.normal(size=shape).astype(np.float32)
    write_image(tmp_path / "a.stk", pixels, 1.77, stack=True)
    stack = open_image(tmp_path / "a.stk")
    assert np.array_equal(stack.data[...], pixels)
    assert stack.pixel_size_angstrom == 1.77


def test_a_compressed_stack(tmp_path):
    pixels = RNG.normal(size=(3, 4, 6)).astype(np.float32)
    write_image(tmp_path / "a.stk", pixels, 1.77, stack=True)
    (tmp_path / "b.stk.gz").write_bytes(gzip.compress((tmp_path / "a.stk").read_bytes()))
    assert np.array_equal(open_image(tmp_path / "b.stk.gz").data[1:], pixels[1:])


def test_a_stack_with_more_images_than_it_says(tmp_path):
    write_image(tmp_path / "a.stk", np.zeros((3, 4, 6)), 1.77, stack=True)
    data = (tmp_path / "a.stk").read_bytes()
    (tmp_path / "a.stk").write_bytes(data + bytes(100))
    assert "100 bytes longer" in open_image(tmp_path / "a.stk").warnings[0]
    (tmp_path / "a.stk").write_bytes(data[:-4])
    with pytest.raises(FormatError, match=r"declares 3 images .* shorter"):
        open_image(tmp_path / "a.stk")


@pytest.mark.parametrize(
    "fields",
    [{"w12": np.nan}, {"w2": -4}, {"w2": 3.5}, {"w5": 7}, {"w23": 999}, {"w12": 1e30}, {"w13": 0}],
)
def test_headers_that_contradict_themselves_are_refused(tmp_path, fields):
    path = tmp_path / "a.spi"
    path.write_bytes(_words(1, 4, 64, "<", **fields).tobytes() + bytes(4 * 4 * 64))
    with pytest.raises(FormatError, match="not a SPIDER header"):
        open_image(path)


def test_what_spider_cannot_hold_is_named(tmp_path):
    with pytest.raises(InputError, match="SPIDER holds float32"):
        write_image(tmp_path / "a.spi", np.zeros((2, 2)), 1.0, dtype="int8")
    with pytest.raises(InputError, match="cannot write an array of shape"):
        write_image(tmp_path / "a.spi", np.zeros((2, 2)), 1.0, stack=True)


def test_genuine_images_of_both_byte_orders_are_equal():
    little = open_image(shared("formats/xmipp/singleImage.spi"))
    big = open_image(shared("formats/xmipp/singleImage_swap.spi"))
    assert (little.facts["byte_order"], big.facts["byte_order"]) == ("little", "big")
    assert little.grid.shape == (3, 3)
    assert np.array_equal(little.read(), big.read())


def test_a_genuine_stack_holds_the_same_images_as_its_mrc_twin():
    spider = open_image(shared("formats/xmipp/smallStack.stk"))
    mrc = open_image(shared("formats/xmipp/smallStack.mrcs"))
    assert spider.data.shape == (4, 64, 64)
    assert np.allclose(spider.data[...], mrc.data[...])
    assert open_image(shared("formats/xmipp/smallVolume.vol")).grid.shape == (4, 64, 64)
