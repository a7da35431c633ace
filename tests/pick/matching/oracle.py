"""Template matching written out in plain numpy and float64: slow, and nothing in it is shared.

What the fast engines find is compared with this.
"""

import numpy as np
from scipy.ndimage import map_coordinates

from cryopick.geometry.rotation import to_matrix


def oversampled(cube):
    """Values at whole and half voxels by trigonometric interpolation, written as a matrix."""
    n = cube.shape[0]
    place = (np.arange(2 * n) - 2 * (n // 2)) / 2 + n // 2
    distance = 2 * np.pi * (place[:, None] - np.arange(n)) / n
    matrix = np.ones_like(distance)
    for k in range(1, (n + 1) // 2):
        matrix += 2 * np.cos(k * distance)
    if n % 2 == 0:
        matrix += np.cos(n / 2 * distance)
    matrix /= n
    return np.einsum("ai,bj,ck,ijk->abc", matrix, matrix, matrix, cube.astype(float), optimize=True)


def sampled(source, rotation, *, n, fold):
    """``source``, ``fold`` times as fine as the box, turned about voxel ``n // 2``."""
    axis = np.arange(n) - n // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    inverse = to_matrix(rotation).T
    turned = inverse @ np.stack([x.ravel(), y.ravel(), z.ravel()])
    places = turned[::-1] * fold + (n // 2) * fold
    return map_coordinates(source, places, order=1, mode="grid-constant").reshape(n, n, n)


def full_weight(half, n):
    """The weight on the whole Fourier space, from its half: what makes the result real."""
    full = np.empty((n, n, n))
    minus = (-np.arange(n)) % n
    full[:, :, : n // 2 + 1] = half
    mirrored = half[np.ix_(minus, minus)]
    for x in range(n // 2 + 1, n):
        full[:, :, x] = mirrored[:, :, n - x]
    return (full + full[np.ix_(minus, minus, minus)]) / 2


def template_and_mask(template, weight, rotation):
    """``t`` and the mask that goes with it, as the contract of the search defines them."""
    n = template.box_px
    turned = sampled(oversampled(template.density), rotation, n=n, fold=2)
    if weight is not None:
        turned = np.fft.ifftn(np.fft.fftn(turned) * full_weight(weight, n)).real
    mask = template.mask.astype(float)
    if not template.spherical_mask:
        mask = sampled(mask, rotation, n=n, fold=1)
    mean = (turned * mask).sum() / mask.sum()
    deviation = np.sqrt((turned**2 * mask).sum() / mask.sum() - mean**2)
    return (turned - mean) / deviation * mask, mask


def scores_at(volume, template, weight, rotations, voxels):
    """Scores ``(rotations, voxels)`` at voxels ``(k, 3)`` z, y, x, by direct sums."""
    n = template.box_px
    centred = volume.astype(float) - volume.mean(dtype=np.float64)
    padded = np.pad(centred, [(n // 2, n - 1 - n // 2)] * 3)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (n, n, n))
    patches = windows[tuple(np.asarray(voxels).T)]
    out = np.empty((len(rotations), len(voxels)))
    for place, rotation in enumerate(rotations):
        kernel, mask = template_and_mask(template, weight, rotation)
        total = mask.sum()
        mean = np.einsum("kzyx,zyx->k", patches, mask) / total
        square = np.einsum("kzyx,zyx->k", patches**2, mask) / total
        variance = square - mean**2
        variance[variance <= 1e-5 * centred.var()] = centred.var()
        out[place] = np.einsum("kzyx,zyx->k", patches, kernel) / (np.sqrt(variance) * total)
    return out


def some_voxels(shape, count, *, seed=0):
    """Voxels to compare at: the corners, and others at random."""
    rng = np.random.default_rng(seed)
    corners = [[a, b, c] for a in (0, -1) for b in (0, -1) for c in (0, -1)]
    inside = np.stack([rng.integers(0, n, count) for n in shape], axis=1)
    return np.concatenate([np.asarray(corners) % np.asarray(shape), inside])
