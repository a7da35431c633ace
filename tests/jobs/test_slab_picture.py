"""The picture of a slab shows the tomogram from the side, with both planes."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from cryopick.geometry.planes import Plane
from cryopick.jobs.slab_picture import _side, slab_svg
from cryopick.model import Grid, Image
from cryopick.ops.slab_mask import Slab


def _image(shape=(24, 60, 80)):
    pixels = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return Image(data=pixels, grid=Grid(shape=shape, pixel_size_angstrom=10.0), name="t")


def _lines(svg):
    """Ends of the planes in both pictures, ``(picture, plane, end, xy)``."""
    root = ET.fromstring(svg)
    found = [re.findall(r"[\d.]+", e.get("d")) for e in root.iter() if e.get("stroke")]
    return np.array(found, dtype=float).reshape(2, 2, 2, 2)


def test_planes_are_drawn_where_they_are():
    slab = Slab(bottom=Plane(a=0, b=0, c=3), top=Plane(a=0, b=0, c=20))
    lines = _lines(slab_svg(_image(), slab))
    # z grows upwards: of 24 sections, 20 is row 3 and 3 is row 20; 80 px are 880 wide, 60 too.
    for picture, n in enumerate((80, 60)):
        scale = 880 / n
        assert lines[picture, 0, :, 1] == pytest.approx([3.5 * scale] * 2, abs=0.06)
        assert lines[picture, 1, :, 1] == pytest.approx([20.5 * scale] * 2, abs=0.06)
        assert lines[picture, 0, :, 0] == pytest.approx([scale / 2, 880 - scale / 2], abs=0.06)


def test_a_plane_that_leans_along_x_leans_in_xz_alone():
    plane = Plane(a=0.1, b=0, c=8)
    lines = _lines(slab_svg(_image(), Slab(bottom=plane, top=plane)))
    (xz, _), (yz, _) = lines
    assert xz[0, 1] - xz[1, 1] == pytest.approx(7.9 * 11, abs=0.2)  # up by 7.9 px of 11 each
    assert yz[0, 1] == yz[1, 1]


def test_both_sections_are_named():
    slab = Slab(bottom=Plane(a=0, b=0, c=3), top=Plane(a=0, b=0, c=6))
    root = ET.fromstring(slab_svg(_image(), slab))
    assert [t.text for t in root.iter() if t.tag.endswith("text")] == [
        "xz, y = 30 px",
        "yz, x = 40 px",
    ]


@pytest.mark.parametrize(("axis", "shape"), [(1, (24, 80)), (2, (24, 60))])
def test_sections_in_the_middle_are_averaged(axis, shape):
    image = _image()
    side = _side(image, axis)
    assert side.shape == shape
    middle = (slice(26, 35), slice(None)) if axis == 1 else (slice(None), slice(36, 45))
    assert np.allclose(side, image.read()[:, *middle].mean(axis=axis), atol=1e-6)
