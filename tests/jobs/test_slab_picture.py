"""The picture of a slab shows the tomogram from the side, with both planes."""

import io

import numpy as np
import pytest
from PIL import Image as Picture

from cryopick.geometry.planes import Plane
from cryopick.jobs.slab_picture import _side, slab_picture
from cryopick.model import Grid, Image
from cryopick.ops.slab_mask import Slab


def _image(shape=(24, 60, 80)):
    pixels = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return Image(data=pixels, grid=Grid(shape=shape, pixel_size_angstrom=10.0), name="t")


def _orange(png):
    """Pixels of the colour of the planes, ``(row, column)``."""
    pixels = np.asarray(Picture.open(io.BytesIO(png)).convert("RGB"), dtype=int)
    red, green, blue = np.moveaxis(pixels, -1, 0)
    return np.argwhere((red > 220) & (abs(green - 127) < 40) & (blue < 80))


def test_planes_are_drawn_where_they_are():
    low = Slab(bottom=Plane(a=0, b=0, c=3), top=Plane(a=0, b=0, c=6))
    high = Slab(bottom=Plane(a=0, b=0, c=17), top=Plane(a=0, b=0, c=20))
    places = [_orange(slab_picture(_image(), slab))[:, 0].mean() for slab in (low, high)]
    assert places[1] < places[0]  # z grows upwards, rows downwards


def test_a_thicker_slab_has_its_lines_further_apart():
    def gap(thickness):
        slab = Slab(
            bottom=Plane(a=0, b=0, c=12 - thickness / 2), top=Plane(a=0, b=0, c=12 + thickness / 2)
        )
        rows = np.unique(_orange(slab_picture(_image(), slab))[:, 0])
        return np.ptp(rows[rows < rows.mean()])

    assert gap(16) > 1.5 * gap(8)


@pytest.mark.parametrize(("axis", "shape"), [(1, (24, 80)), (2, (24, 60))])
def test_sections_in_the_middle_are_averaged(axis, shape):
    image = _image()
    side = _side(image, axis)
    assert side.shape == shape
    middle = (slice(26, 35), slice(None)) if axis == 1 else (slice(None), slice(36, 45))
    assert np.allclose(side, image.read()[:, *middle].mean(axis=axis), atol=1e-6)
