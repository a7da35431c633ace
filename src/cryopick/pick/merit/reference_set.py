"""`References`: the images that particles are compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class References:
    """``K`` images of one box: class averages, projections, a Gaussian.

    Their grey values count: RELION's figure of merit expects them in standard deviations of the
    noise of one micrograph pixel, as class averages of normalised particles are.

    Attributes
    ----------
    images
        ``(K, n, n)`` float32, centre at ``n // 2``.
    pixel_size_angstrom
        Of the references.
    particle_diameter_angstrom
        Where it is known; None: it is detected, see `detected_diameter_angstrom`.
    round
        The references look the same from every side, so that no angle but 0 is tried.
    """

    images: NDArray[np.float32]
    pixel_size_angstrom: float
    particle_diameter_angstrom: float | None = None
    round: bool = False

    def __post_init__(self) -> None:
        images = np.ascontiguousarray(self.images, dtype=np.float32)
        if images.ndim != 3 or images.shape[1] != images.shape[2] or len(images) == 0:
            raise InputError(
                f"references: expected square images (K, n, n), got {np.shape(self.images)}"
            )
        if not (np.isfinite(self.pixel_size_angstrom) and self.pixel_size_angstrom > 0):
            raise InputError(
                f"references: expected a pixel size above 0 Å, got {self.pixel_size_angstrom}; "
                "give --pixel-size-references"
            )
        bad = [n + 1 for n, image in enumerate(images) if not np.isfinite(image).all()]
        if bad:
            raise InputError(f"reference {bad[0]}: has pixels that are not finite")
        empty = [n + 1 for n, image in enumerate(images) if not np.ptp(image) > 0]
        if empty:
            raise InputError(
                f"reference {empty[0]}: is flat, so nothing can be found with it; leave it out"
            )
        object.__setattr__(self, "images", images)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def box_px(self) -> int:
        """Edge of the images."""
        return self.images.shape[1]

    @property
    def box_angstrom(self) -> float:
        """Edge of the images in Å."""
        return self.box_px * self.pixel_size_angstrom


def gaussian_reference(
    particle_diameter_angstrom: float, pixel_size_angstrom: float, *, peak: float = 0.1
) -> References:
    """A Gaussian blob, for want of anything better.

    Its standard deviation is that of the projected density of a ball of this diameter along one
    axis, ``diameter / √20``; its box is 1.5 times as wide as the ball.

    Parameters
    ----------
    peak
        Highest value, in standard deviations of the noise.

    Examples
    --------
    >>> blob = gaussian_reference(100.0, 5.0)
    >>> blob.images.shape, float(blob.images[0, 15, 15])
    ((1, 30, 30), 0.10000000149011612)
    """
    if not particle_diameter_angstrom > 0:
        raise InputError(
            f"Gaussian reference: expected a diameter above 0 Å, got {particle_diameter_angstrom:g}"
        )
    if not peak > 0:
        raise InputError(f"Gaussian reference: expected a peak above 0, got {peak:g}")
    box = 2 * max(1, round(0.75 * particle_diameter_angstrom / pixel_size_angstrom))
    line = (np.arange(box) - box // 2) * pixel_size_angstrom
    variance = particle_diameter_angstrom**2 / 20
    squared = line[:, None] ** 2 + line[None] ** 2
    blob = peak * np.exp(-squared / (2 * variance))
    return References(
        images=blob[None].astype(np.float32),
        pixel_size_angstrom=pixel_size_angstrom,
        particle_diameter_angstrom=particle_diameter_angstrom,
        round=True,
    )
