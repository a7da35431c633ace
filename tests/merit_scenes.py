"""Small micrographs with known particles, for the tests of the figure of merit."""

import numpy as np

from cryopick.model import Grid, Image
from cryopick.pick.merit.reference_set import References

BOX = 48


def blob(y, x, *, at, width):
    return np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * width**2))


def shape_of(kind, box=BOX):
    """Two shapes without symmetry, about 30 px wide, bright."""
    y, x = np.indices((box, box)) - box // 2
    if kind == 0:
        parts = [((-4, 0), 4.0, 1.0), ((6, 3), 3.0, 0.8), ((1, -8), 2.0, 0.6)]
    else:
        parts = [((0, 0), 2.5, 1.2), ((8, 0), 2.5, 1.0), ((-6, 6), 3.0, 0.7)]
    return sum(height * blob(y, x, at=at, width=width) for at, width, height in parts)


def two_references(pixel, box=BOX):
    images = np.stack([shape_of(kind, box) for kind in (0, 1)])
    return References(images=images.astype(np.float32), pixel_size_angstrom=pixel)


def turned(image, degrees):
    """Turned from x towards y about ``n // 2``, by cubic splines."""
    from scipy.ndimage import affine_transform

    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    # Output (y, x) -> input (y, x): the inverse of x' = cos x - sin y, y' = sin x + cos y.
    back = np.array([[cos, -sin], [sin, cos]])
    centre = np.full(2, len(image) // 2)
    return affine_transform(image, back, offset=centre - back @ centre, order=3)


def plant(pixels, image, *, at, sign=-1.0):
    """Add an image with its centre on pixel ``at`` (x, y)."""
    n = len(image)
    x, y = (c - n // 2 for c in at)
    pixels[y : y + n, x : x + n] += sign * image


def micrograph(shape, references, pixel, *, seed, spots=12, noise=1.0, name="mic"):
    """Dark particles of both references at random angles in white noise, on a slope."""
    rng = np.random.default_rng(seed)
    pixels = noise * rng.standard_normal(shape) + np.linspace(0, 0.5, shape[1])
    n = references.box_px
    for _ in range(spots):
        at = [int(rng.integers(n // 2, m - n // 2)) for m in shape[::-1]]
        image = references.images[rng.integers(len(references))]
        plant(pixels, turned(image, rng.uniform(0, 360)), at=at)
    grid = Grid(shape=shape, pixel_size_angstrom=pixel)
    return Image(data=pixels.astype(np.float32), grid=grid, name=name)
