"""Templates and volumes that the tests of the search share."""

import numpy as np
from scipy.ndimage import gaussian_filter

from cryopick.pick.matching.template import Template, TurnedTemplates


def soft_sphere(n, radius, *, stretch=(1.0, 1.0, 1.0), soft=1.0):
    axis = np.arange(n) - n // 2
    z, y, x = np.meshgrid(*(axis / s for s in stretch), indexing="ij")
    return np.clip((radius - np.sqrt(z**2 + y**2 + x**2)) / soft + 0.5, 0, 1).astype(np.float32)


def lumpy_template(n=12, *, seed=0, spherical=True, smooth=1.2, radius=None):
    """A particle without symmetry, smooth enough to be interpolated."""
    rng = np.random.default_rng(seed)
    radius = n / 2 - 1.5 if radius is None else radius
    density = gaussian_filter(rng.normal(size=(n, n, n)), smooth)
    density *= soft_sphere(n, radius * 0.8)
    density /= density.std()
    mask = soft_sphere(n, radius, stretch=(1, 1, 1) if spherical else (1, 0.6, 0.8))
    return Template(
        density=density.astype(np.float32), mask=mask, pixel_size_angstrom=10.0, name="lump",
        diameter_angstrom=20 * radius, spherical_mask=spherical,
    )  # fmt: skip


def noise(shape, *, seed=0, smooth=0.0):
    values = np.random.default_rng(seed).normal(size=shape)
    return gaussian_filter(values, smooth).astype(np.float32) if smooth else values.astype("f4")


def placed(template, rotation, voxel, shape, *, weight=None, background=0.0, seed=0):
    """A volume with one particle, turned and weighted as the search does, centred on a voxel."""
    n = template.box_px
    particle = TurnedTemplates(template, weight).weighted(np.atleast_2d(rotation))[0].numpy()
    volume = background * noise(shape, seed=seed)
    corner = [int(v) - n // 2 for v in voxel]
    volume[tuple(slice(c, c + n) for c in corner)] += particle
    return volume.astype(np.float32)
