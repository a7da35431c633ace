"""Bring a template to another voxel size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cryopick.ops.rotate_volume import rotate_volume
from cryopick.pick.matching.template import Template

# Trilinear sampling of what was low-passed to the new Nyquist and oversampled this often.
_OVERSAMPLING = 3


def scaled_template(template: Template, pixel_size_angstrom: float) -> Template:
    """Sample template and mask at another voxel size, about the same centre ``N // 2``.

    The box keeps its width in Å, rounded up to an even number of voxels.

    Examples
    --------
    >>> ball = np.hypot.reduce(np.indices((16, 16, 16)) - 8.0, axis=0) < 5
    >>> template = Template(
    ...     density=ball.astype(np.float32), mask=np.ones((16,) * 3, np.float32),
    ...     pixel_size_angstrom=10.0, name="ball", diameter_angstrom=100.0,
    ... )
    >>> scaled_template(template, 20.0).density.shape
    (8, 8, 8)
    """
    ratio = pixel_size_angstrom / template.pixel_size_angstrom
    if abs(ratio - 1) < 1e-6:
        return template
    box = 2 * math.ceil(template.box_px / ratio / 2)
    return Template(
        density=_sampled(template.density, ratio, box),
        mask=_sampled_mask(template.mask, ratio, box),
        pixel_size_angstrom=pixel_size_angstrom,
        name=template.name,
        diameter_angstrom=template.diameter_angstrom,
        symmetry=template.symmetry,
        spherical_mask=template.spherical_mask,
    )


def _sampled(volume: NDArray[np.float32], ratio: float, box_px: int) -> NDArray[np.float32]:
    from scipy import fft

    n = volume.shape[0]
    fine = n * _OVERSAMPLING
    spectrum = fft.fftn(volume.astype(np.float64))
    k = fft.fftfreq(n)
    radius = np.sqrt(k[:, None, None] ** 2 + k[None, :, None] ** 2 + k[None, None, :] ** 2)
    spectrum[radius > min(0.5, 0.5 / ratio)] = 0
    low = n // 2
    wide = np.zeros((fine,) * 3, dtype=np.complex128)
    window = slice(fine // 2 - low, fine // 2 - low + n)
    wide[window, window, window] = fft.fftshift(spectrum)
    values = fft.ifftn(fft.ifftshift(wide)).real * _OVERSAMPLING**3
    # The old centre n // 2 stands at 3 (n // 2); `rotate_volume` turns about index fine // 2.
    values = np.roll(values, fine // 2 - _OVERSAMPLING * low, axis=(0, 1, 2))
    identity = np.array([[1.0, 0.0, 0.0, 0.0]])
    return rotate_volume(
        values.astype(np.float32), identity, box_px=box_px, oversampling=ratio * _OVERSAMPLING
    )[0]


def _sampled_mask(mask: NDArray[np.float32], ratio: float, box_px: int) -> NDArray[np.float32]:
    """Mean under a triangle two new voxels wide; outside its box a mask is 0.

    A sharp cut-off in Fourier space would ring, and a ring around a mask widens every patch.
    """
    n, width = len(mask), max(ratio, 1.0)
    place = (np.arange(box_px) - box_px // 2) * ratio + n // 2
    first, end = math.floor(place[0] - width), math.ceil(place[-1] + width) + 1
    voxel = np.arange(min(first, 0), max(end, n))
    share = np.clip(1 - np.abs(voxel - place[:, None]) / width, 0, None)
    share /= share.sum(axis=1, keepdims=True)
    inside = share[:, (voxel >= 0) & (voxel < n)]
    values = np.einsum("ai,bj,ck,ijk->abc", inside, inside, inside, mask, optimize=True)
    return np.clip(values, 0, 1).astype(np.float32)
