"""Volumes with particles at known poses, for the tests of the refinement."""

import numpy as np
from scipy import ndimage

from cryopick.geometry.rotation import from_axis_angle, multiply, random_rotations
from cryopick.pick.matching.template import Template, TurnedTemplates


def particle(n, *, seed=5, spherical=True, mirrored=False):
    """A chiral template of a few dozen Gaussians."""
    rng = np.random.default_rng(seed)
    axis = np.arange(n) - n // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    density = np.zeros((n, n, n))
    for _ in range(40):
        place = rng.normal(size=3)
        place *= 0.3 * n * rng.random() ** (1 / 3) / np.linalg.norm(place)
        px, py, pz = place * ([-1, 1, 1] if mirrored else [1, 1, 1])
        square = (x - px) ** 2 + (y - py) ** 2 + (z - pz) ** 2
        density += rng.uniform(0.5, 1.5) * np.exp(-square / 2 / 1.2**2)
    radius = np.sqrt(x**2 + y**2 + (z if spherical else 1.4 * z) ** 2)
    mask = np.clip((0.42 * n - radius) / 1.5 + 0.5, 0, 1)
    return Template(
        density=density.astype(np.float32),
        mask=mask.astype(np.float32),
        pixel_size_angstrom=10.0,
        name="particle",
        diameter_angstrom=6.6 * n,
        spherical_mask=spherical,
    )


def wedge(n, *, tilt_deg=60.0):
    """A missing wedge with soft edges and a band, on the half space of ``rfftn``."""
    kz, ky, kx = np.fft.fftfreq(n)[:, None, None], np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)
    angle = np.degrees(np.arctan2(np.abs(kz), np.abs(kx) + 1e-9))
    k = np.sqrt(kx**2 + ky**2 + kz**2)
    band = np.exp(-(k**2) / 2 / 0.2**2) * (1 - np.exp(-(k**2) / 2 / 0.02**2))
    return (np.clip((tilt_deg - angle) / 4 + 0.5, 0, 1) * band).astype(np.float32)


def noise(shape, *, seed=0):
    """White noise of variance 1, smoothed."""
    values = np.random.default_rng(seed).normal(size=shape)
    values = ndimage.gaussian_filter(values, 1.0, mode="wrap")
    return (values / values.std()).astype(np.float32)


def filled(template, weight, count, *, noise_ratio=0.0, seed=0):
    """A volume of ``count`` particles: volume, positions x, y, z (between the voxels), rotations.

    Each box is a template as the score has it, moved by up to half a voxel.
    """
    rng = np.random.default_rng(seed)
    n, edge = template.box_px, int(np.ceil(count ** (1 / 3)))
    rotations = random_rotations(count, rng=rng)
    shift = rng.uniform(-0.45, 0.45, (count, 3))
    boxes = TurnedTemplates(template, weight).weighted(rotations, shift_px=shift).numpy()
    volume = np.zeros((edge * n,) * 3, np.float32)
    corner = np.stack(np.unravel_index(np.arange(count), (edge,) * 3), axis=-1) * n
    for (z, y, x), box in zip(corner, boxes, strict=True):
        volume[z : z + n, y : y + n, x : x + n] = box
    volume += noise_ratio * float(boxes.std()) * noise(volume.shape, seed=seed + 1)
    return volume, corner[:, ::-1] + n // 2 + shift, rotations


def turned_away(rotations, angle_deg, *, seeds=1, seed=3):
    """Starting orientations ``(n, seeds, 4)``, each ``angle_deg`` off the truth."""
    axis = np.random.default_rng(seed).normal(size=(len(rotations), seeds, 3))
    return multiply(rotations[:, None], from_axis_angle(axis, np.full(axis.shape[:2], angle_deg)))


def moved_away(position_px, distance_px, *, seed=4):
    way = np.random.default_rng(seed).normal(size=position_px.shape)
    return position_px + distance_px * way / np.linalg.norm(way, axis=1, keepdims=True)
