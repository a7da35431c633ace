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
    mask = np.clip(_sampled(template.mask, ratio, box), 0, 1)
    # Interpolation rings at the rim of a mask; what is left of it there would widen the mask.
    mask[mask < 1e-3] = 0
    return Template(
        density=_sampled(template.density, ratio, box),
        mask=mask,
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
