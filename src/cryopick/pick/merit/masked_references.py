"""References as they are laid on a micrograph: its pixel size, a circle cut out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.pick.merit.background import disc
from cryopick.pick.merit.reference_set import References
from cryopick.pick.merit.settings import MeritSettings

# A pixel of a reference belongs to the particle if it differs by more than this from the corner.
_EMPTY = 1e-6
# Of what the row spans.
_NEARLY_EMPTY = 0.01
_LEAST_RADIUS_PX = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskedReferences:
    """References in micrograph pixels, 0 outside the circle of the particle.

    Attributes
    ----------
    images
        ``(K, n, n)`` float32, ``n`` even, centre at ``n // 2``.
    radius_px
        Of the circle: pixels nearer than this to the centre count.
    pixel_size_angstrom
        Of the micrograph.
    particle_diameter_angstrom
        As given or detected.
    round
        See `References`.
    """

    images: NDArray[np.float32]
    radius_px: int
    pixel_size_angstrom: float
    particle_diameter_angstrom: float
    round: bool

    @property
    def box_px(self) -> int:
        """Edge of the images."""
        return self.images.shape[1]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """``(n, n)``: pixels of the circle."""
        return disc(self.box_px, self.radius_px)


def mask_references(
    references: References, settings: MeritSettings, *, pixel_size_angstrom: float
) -> MaskedReferences:
    """Rescale references to the micrograph's pixels and cut out the circle.

    RELION's radius: half the diameter rounded to pixels, less ``mask_shrink_px``.
    """
    diameter = (
        settings.particle_diameter_angstrom
        or references.particle_diameter_angstrom
        or detected_diameter_angstrom(references)
    )
    if diameter > references.box_angstrom:
        raise InputError(
            f"particle diameter {diameter:g} Å: larger than the box of the references "
            f"({references.box_angstrom:g} Å); check the pixel size of the references"
        )
    radius = round(diameter / 2 / pixel_size_angstrom) - settings.mask_shrink_px
    if radius < _LEAST_RADIUS_PX:
        raise InputError(
            f"particle diameter {diameter:g} Å: leaves a circle of {radius} px radius in a "
            f"micrograph of {pixel_size_angstrom:g} Å/px; check diameter and pixel sizes"
        )
    images = rescaled(references, pixel_size_angstrom)
    cut = np.where(disc(images.shape[1], radius), images, np.float32(0))
    empty = np.flatnonzero(~cut.any(axis=(1, 2)))
    if len(empty):
        raise InputError(
            f"reference {empty[0] + 1}: is 0 everywhere within the particle's circle of "
            f"{diameter:g} Å; leave it out or give a larger diameter"
        )
    return MaskedReferences(
        images=cut,
        radius_px=radius,
        pixel_size_angstrom=pixel_size_angstrom,
        particle_diameter_angstrom=diameter,
        round=references.round,
    )


def detected_diameter_angstrom(references: References) -> float:
    """Width of the widest reference along its central row, told from its corner's grey value.

    Works for references whose surroundings are flat, as class averages behind a mask and
    projections are; or nearly flat, where a filter came after the mask.

    Examples
    --------
    >>> image = np.zeros((20, 20), np.float32)
    >>> image[8:13, 6:15] = 1
    >>> detected_diameter_angstrom(References(images=image[None], pixel_size_angstrom=3.0))
    27.0
    """
    rows = references.images[:, references.box_px // 2]
    corner = references.images[:, :1, 0]
    away = np.abs(rows - corner)
    for least in (_EMPTY, _NEARLY_EMPTY * np.ptp(rows, axis=1, keepdims=True)):
        found = [np.flatnonzero(row) for row in away > least]
        widths = [int(places[-1] - places[0]) + 1 for places in found if len(places)]
        if widths and max(widths) < references.box_px - 1:
            return max(widths) * references.pixel_size_angstrom
    raise InputError(
        "references: the particle's diameter cannot be told from them, as their surroundings "
        "are not flat; give --particle-diameter"
    )


def rescaled(references: References, pixel_size_angstrom: float) -> NDArray[np.float32]:
    """References in pixels of another size, in an even box; ``n // 2`` stays on ``n // 2``.

    Enlarged ones lose grey value with their pixel size, as RELION has it: the particles behind
    them were normalised after they had been reduced.
    """
    ratio = references.pixel_size_angstrom / pixel_size_angstrom
    old = references.box_px
    new = 2 * max(1, round(old * ratio / 2))
    if ratio == 1 and new == old:
        return references.images
    position = (np.arange(new) - new // 2) / ratio + old // 2
    waves = np.arange(-((old - 1) // 2), (old - 1) // 2 + 1)
    # Waves of the old box that the new pixels can hold.
    waves = waves[np.abs(waves) <= old * ratio / 2]
    turn = 2j * np.pi / old
    kernel: NDArray[np.complex128] = np.exp(turn * np.outer(position, waves)) @ np.exp(
        -turn * np.outer(waves, np.arange(old))
    )
    lines = (np.real(kernel) / old).astype(np.float32)
    images = np.einsum("ai,kij,bj->kab", lines, references.images, lines, optimize=True)
    if ratio > 1:
        images /= ratio
    return np.ascontiguousarray(images, dtype=np.float32)
