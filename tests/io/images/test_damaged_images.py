"""Mutated and cut images: refused in one line that names the file, or read; nothing else."""

import random

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from cryopick.errors import CryopickError
from cryopick.io.images import describe_image, open_image, write_image

_WORDS = (b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\0\0\0\0", b"\0\0\xc0\x7f")
_MOST_READ = 1 << 28


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """One small sound file of each format, as bytes by suffix."""
    folder = tmp_path_factory.mktemp("sound")
    pixels = np.random.default_rng(12).integers(0, 200, (5, 12, 17))
    for suffix, dtype, stack in (
        (".mrc", "float16", False), (".mrcs", "int8", True), (".tif", "uint16", False),
        (".png", "uint8", False), (".hdf", "float32", True), (".spi", "float32", False),
        (".stk", "float32", True), (".em", "int16", False),
    ):  # fmt: skip
        data = pixels[0] if suffix == ".png" else pixels
        data = data // 2 if dtype == "int8" else data
        write_image(folder / f"a{suffix}", data, 1.5, dtype=dtype, stack=stack)
    Picture.fromarray(pixels[0].astype(np.uint8)).save(folder / "a.jpg")
    tifffile.imwrite(folder / "a.tiff", pixels.astype(np.uint8), compression="zlib")
    return {p.suffix: p.read_bytes() for p in folder.iterdir()}


def _mutated(data, rnd):
    data = bytearray(data)
    choice = rnd.random()
    if choice < 0.3:
        return bytes(data[: rnd.randrange(len(data))])
    if choice < 0.7:
        for _ in range(rnd.choice([1, 3, 20])):
            place = rnd.randrange(min(len(data), rnd.choice([64, 1100, 10**9])))
            data[place] = rnd.randrange(256)
        return bytes(data)
    place = rnd.randrange(min(len(data), 1024) // 4) * 4
    data[place : place + 4] = rnd.choice(_WORDS)
    return bytes(data)


@pytest.mark.parametrize("suffix", [".mrc", ".mrcs", ".tif", ".tiff", ".png", ".jpg", ".hdf",
                                    ".spi", ".stk", ".em"])  # fmt: skip
def test_mutations(sound, tmp_path, suffix):
    rnd = random.Random(suffix)
    refused = 0
    for i in range(60):
        path = tmp_path / f"m{i}{suffix}"
        path.write_bytes(_mutated(sound[suffix], rnd))
        try:
            describe_image(path)
            image = open_image(path)
            shape, width = image.data.shape, image.data.dtype.itemsize
            if np.prod([float(n) for n in shape]) * width < _MOST_READ:
                assert np.asarray(image.data[...]).shape == tuple(shape)
        except CryopickError as error:
            refused += 1
            assert path.name in str(error)
            assert "\n" not in str(error)
    assert refused > 5
