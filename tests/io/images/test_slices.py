"""Pixels are read when sliced: any slice of any format is that slice of the whole array."""

import gzip
import struct

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import FormatError, InputError
from cryopick.io.images import open_image, write_image, write_mrc
from cryopick.model import Image, ImageStack

SHAPE = (3, 5, 8)
PIXELS = np.random.default_rng(31).integers(0, 16, SHAPE)


def _foreign_mrc(path, *, mode, axes=(1, 2, 3)):
    """MRC files that only others write: 4 bits a pixel, complex, permuted axes."""
    stored = PIXELS.transpose([3 - a for a in axes[::-1]])
    nz, ny, nx = stored.shape
    head = bytearray(1024)
    struct.pack_into("<10i", head, 0, nx, ny, nz, mode, 0, 0, 0, nx, ny, nz)
    struct.pack_into("<3f", head, 40, 2.0 * nx, 2.0 * ny, 2.0 * nz)
    struct.pack_into("<3i", head, 64, *axes)
    struct.pack_into("<i", head, 88, 1)
    head[208:216] = b"MAP \x44\x44\0\0"
    if mode == 101:
        body = (stored[..., 0::2] | stored[..., 1::2] << 4).astype("u1")
    elif mode == 4:
        body = stored.astype("<c8") * 1j
    elif mode == 3:
        body = np.stack([np.zeros_like(stored), stored], axis=-1).astype("<i2")
    else:
        body = stored.astype("<f4")
    path.write_bytes(bytes(head) + body.tobytes())


MAKERS = {
    "mrc": lambda p: write_mrc(p / "a.mrc", PIXELS, 2.0),
    "mrc.gz": lambda p: (
        write_mrc(p / "b.mrc", PIXELS, 2.0),
        (p / "a.mrc.gz").write_bytes(gzip.compress((p / "b.mrc").read_bytes())),
    ),
    "mrc-4bit": lambda p: _foreign_mrc(p / "a.mrc", mode=101),
    "mrc-complex": lambda p: _foreign_mrc(p / "a.mrc", mode=4),
    "mrc-complex16": lambda p: _foreign_mrc(p / "a.mrc", mode=3),
    "mrc-zxy": lambda p: _foreign_mrc(p / "a.mrc", mode=2, axes=(3, 1, 2)),
    "mrc-yxz": lambda p: _foreign_mrc(p / "a.mrc", mode=2, axes=(2, 1, 3)),
    "mrcs": lambda p: write_mrc(p / "a.mrcs", PIXELS, 2.0, stack=True),
    "tif": lambda p: write_image(p / "a.tif", PIXELS, 2.0),
    "tif-packed": lambda p: tifffile.imwrite(
        p / "a.tif", PIXELS.astype("u1"), compression="zlib", photometric="minisblack"
    ),
    "em": lambda p: write_image(p / "a.em", PIXELS, 2.0),
    "spi": lambda p: write_image(p / "a.spi", PIXELS, 2.0),
    "stk": lambda p: write_image(p / "a.stk", PIXELS, 2.0, stack=True),
    "hdf": lambda p: write_image(p / "a.hdf", PIXELS, 2.0),
    "hdf-stack": lambda p: write_image(p / "a.hdf", PIXELS, 2.0, stack=True),
    "zarr": lambda p: write_image(p / "a.zarr", PIXELS, 2.0),
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Every way in which pixels lie in files, opened."""
    found = {}
    for name, make in MAKERS.items():
        folder = tmp_path_factory.mktemp(name)
        make(folder)
        [path] = [p for p in folder.iterdir() if p.name.startswith("a.")]
        found[name] = open_image(path, pixel_size_angstrom=2.0)
    return found


def entries(length):
    places = st.integers(-length, length - 1)
    slices = st.builds(
        slice,
        st.none() | st.integers(-length, length),
        st.none() | st.integers(-length, length),
        st.none() | st.integers(1, 3),
    )
    return places | slices


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_slice_is_that_of_the_whole(opened, name, data):
    depth = data.draw(st.integers(1, 3))
    index = tuple(data.draw(entries(SHAPE[axis])) for axis in range(depth))
    if data.draw(st.booleans()):
        # Right of an Ellipsis, an index counts axes from the last.
        index = tuple(data.draw(entries(n)) for n in SHAPE[3 - depth :])
        place = data.draw(st.integers(0, depth))
        left = tuple(data.draw(entries(n)) for n in SHAPE[:place])
        index = (*left, ..., *index[place:])
    found = np.asarray(opened[name].data[index])
    expected = PIXELS[index]
    assert found.shape == expected.shape
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("name", MAKERS)
def test_whole_planes_and_shape_agree(opened, name):
    image = opened[name]
    assert tuple(image.data.shape) == SHAPE
    assert np.array_equal(np.asarray(image.data[...]), PIXELS)
    for i in range(SHAPE[0]):
        assert np.array_equal(np.asarray(image.data[i]), PIXELS[i])
    if isinstance(image, Image):
        assert image.read().dtype == np.float32
        for axis, n in zip("zyx", SHAPE, strict=True):
            for place in (0, n - 1):
                expected = np.take(PIXELS, place, axis="zyx".index(axis))
                assert np.array_equal(image.plane(axis, place), expected)


@pytest.mark.parametrize("name", MAKERS)
def test_kind_overrides_what_the_file_says(opened, name):
    path = opened[name].path
    volume = open_image(path, kind="volume", pixel_size_angstrom=2.0)
    stack = open_image(path, kind="stack", pixel_size_angstrom=2.0)
    assert isinstance(volume, Image)
    assert isinstance(stack, ImageStack)
    assert (volume.facts["kind"], stack.facts["kind"]) == ("volume", "stack")
    assert volume.grid.shape == SHAPE
    assert len(stack) == SHAPE[0]
    assert np.array_equal(np.asarray(stack.data[1]), PIXELS[1])
    assert np.array_equal(volume.read(), PIXELS)


@pytest.mark.parametrize("suffix", [".mrc", ".em", ".spi", ".hdf", ".tif", ".zarr", ".png"])
def test_one_image_as_stack_or_volume_of_one(tmp_path, suffix):
    dtype = "uint8" if suffix == ".png" else "float32"
    path = tmp_path / f"a{suffix}"
    write_image(path, PIXELS[0], 2.0, dtype=dtype)
    for kind in ("stack", "volume"):
        found = open_image(path, kind=kind, pixel_size_angstrom=2.0)
        assert tuple(found.data.shape) == (1, *SHAPE[1:])
        assert np.array_equal(np.asarray(found.data[0]), PIXELS[0])
        assert np.array_equal(np.asarray(found.data[...])[0], PIXELS[0])
        assert np.array_equal(np.asarray(found.data[0, 1:3, ::2]), PIXELS[0, 1:3, ::2])


def test_other_kinds_are_refused(tmp_path):
    write_mrc(tmp_path / "a.mrc", PIXELS, 2.0)
    with pytest.raises(InputError, match=r"a\.mrc: kind movie: expected volume or stack"):
        open_image(tmp_path / "a.mrc", kind="movie")
    write_mrc(tmp_path / "b.mrcs", np.zeros((2, 3, 4, 5)), 2.0, stack=True)
    with pytest.raises(InputError, match="a stack of volumes cannot be read as one volume"):
        open_image(tmp_path / "b.mrcs", kind="volume")


@pytest.mark.parametrize("name", ["mrc", "mrc-4bit", "mrc-zxy", "mrc-complex", "hdf", "stk"])
def test_places_outside_are_an_error_not_other_pixels(opened, name):
    for index in ((3,), (-4,), (0, 5), (0, 0, 8)):
        with pytest.raises((IndexError, FormatError)):
            opened[name].data[index]
