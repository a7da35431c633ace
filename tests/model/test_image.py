"""`Image` and `ImageStack`: pixels with their place."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.model import Grid, Image, ImageStack, PixelSource

CUBE = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
GRID = Grid(shape=CUBE.shape, pixel_size_angstrom=2.0)


def test_pixels_are_read_as_float32():
    image = Image(data=CUBE, grid=GRID, name="a")
    assert image.read().dtype == np.float32
    assert np.array_equal(image.read(), CUBE)
    assert image.ndim == 3


@pytest.mark.parametrize(("axis", "place"), [("z", 2), ("y", 0), ("x", 4)])
def test_planes_are_perpendicular_to_their_axis(axis, place):
    plane = Image(data=CUBE, grid=GRID, name="a").plane(axis, place)
    assert plane.dtype == np.float32
    assert np.array_equal(plane, np.take(CUBE, place, axis="zyx".index(axis)))


def test_a_plane_is_sliced_from_the_source_not_from_a_copy():
    asked = []

    class Source:
        shape, dtype = CUBE.shape, CUBE.dtype

        def __getitem__(self, index):
            asked.append(index)
            return CUBE[index]

    source = Source()
    assert isinstance(source, PixelSource)
    Image(data=source, grid=GRID, name="a").plane("y", 1)
    assert asked == [(slice(None), 1, slice(None))]


@pytest.mark.parametrize(
    ("axis", "place", "text"),
    [
        ("w", 0, "expected axis x, y or z"),
        ("z", 3, "expected z from 0 to 2, got 3"),
        ("x", -1, "expected x from 0 to 4, got -1"),
    ],
)
def test_planes_that_are_not_there(axis, place, text):
    with pytest.raises(InputError, match=f"Image a: {text}"):
        Image(data=CUBE, grid=GRID, name="a").plane(axis, place)


def test_an_image_of_two_dimensions_has_no_planes():
    grid = Grid(shape=(4, 5), pixel_size_angstrom=2.0)
    with pytest.raises(InputError, match="of a volume"):
        Image(data=CUBE[0], grid=grid, name="a").plane("z", 0)


def test_the_grid_must_fit_the_pixels():
    with pytest.raises(InputError, match=r"Image a: expected data of shape \(3, 4, 5\)"):
        Image(data=CUBE[:2], grid=GRID, name="a")


def test_images_are_told_apart_by_identity():
    first, second = (Image(data=CUBE, grid=GRID, name="a") for _ in range(2))
    assert first != second
    assert first.facts == {}
    assert first.warnings == ()


def test_a_stack_counts_its_images():
    stack = ImageStack(data=CUBE, pixel_size_angstrom=2.0, name="p")
    assert len(stack) == 3
    assert np.array_equal(stack.data[1], CUBE[1])
