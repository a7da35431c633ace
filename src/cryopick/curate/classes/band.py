"""The Fourier pixels that a classification works with, in an order that a band is the beginning of.

Of each pair ``k, -k`` one is kept, and zero frequency is not: the mean of an image says nothing
about its class. Values are those of an orthonormal transform with the phase origin at pixel
``b // 2``, so that white noise of standard deviation 1 has power 1 in every Fourier pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Band:
    """Fourier pixels of a square image up to a shell, nearest to zero frequency first.

    Attributes
    ----------
    box_px
        Edge ``b`` of the images.
    radius_px
        Last shell.
    frequency
        ``(D, 2)`` int64 ``kx, ky`` in cycles per box.
    shell
        ``(D,)`` distance from zero frequency, rounded.
    """

    box_px: int
    radius_px: int
    frequency: NDArray[np.int64]
    shell: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.shell)

    @property
    def per_shell(self) -> NDArray[np.int64]:
        """``(radius + 1,)`` Fourier pixels of each shell; shell 0 has none."""
        return np.bincount(self.shell, minlength=self.radius_px + 1)

    def up_to(self, radius_px: int) -> Band:
        """The first shells alone: a prefix of this band."""
        radius = max(1, min(radius_px, self.radius_px))
        count = int(np.searchsorted(self.shell, radius, side="right"))
        return Band(
            box_px=self.box_px,
            radius_px=radius,
            frequency=self.frequency[:count],
            shell=self.shell[:count],
        )

    def shell_sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sum real values ``(..., D)`` over each shell: ``(..., radius + 1)``."""
        edges = np.searchsorted(self.shell, np.arange(1, self.radius_px + 2))
        total = np.zeros((*values.shape[:-1], len(self) + 1))
        np.cumsum(values, axis=-1, dtype=np.float64, out=total[..., 1:])
        sums = np.zeros((*values.shape[:-1], self.radius_px + 1))
        sums[..., 1:] = np.diff(total[..., edges], axis=-1)
        return sums

    def of_images(self, images: NDArray[np.float32]) -> NDArray[np.complex64]:
        """Coefficients ``(n, D)`` of images ``(n, b, b)``."""
        import scipy.fft

        b = self.box_px
        kx, ky = self.frequency.T
        half = scipy.fft.rfft2(np.asarray(images, np.float32), norm="ortho")
        flat = half.reshape(len(images), -1)
        picked = flat[:, (ky % b) * half.shape[2] + kx]
        return (picked * self._centre_phase()).astype(np.complex64, copy=False)

    def to_images(
        self, coefficients: NDArray[np.complex64], *, box_px: int | None = None
    ) -> NDArray[np.float32]:
        """Images ``(n, b, b)`` of coefficients ``(n, D)``; of another box over the same field too."""
        import scipy.fft

        b = self.box_px if box_px is None else box_px
        if b < 2 * self.radius_px + 1:
            raise InputError(f"band of radius {self.radius_px} px: does not fit a box of {b} px")
        kx, ky = self.frequency.T
        half = np.zeros((len(coefficients), b, b // 2 + 1), np.complex64)
        values = coefficients * np.exp(-2j * np.pi * (kx + ky) * (b // 2) / b)
        half[:, ky % b, kx] = values
        edge = kx == 0
        half[:, -ky[edge] % b, 0] = values[:, edge].conj()
        images = scipy.fft.irfft2(half, s=(b, b), norm="ortho")
        return (images * (b / self.box_px)).astype(np.float32)

    def shift_phases(self, shift_px: NDArray[np.float64]) -> NDArray[np.complex64]:
        """Factors ``(n, D)`` that move images by ``(n, 2)`` ``x, y`` pixels."""
        turns = np.asarray(shift_px, np.float64) @ self.frequency.T / self.box_px
        return np.exp(-2j * np.pi * turns).astype(np.complex64)

    def quarter_turn(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Where a quarter turn from x towards y takes each value from, and whether conjugated.

        ``turned[i] = value[index[i]]``, conjugated where told.
        """
        kx, ky = self.frequency.T
        side = 2 * self.radius_px + 1
        place = np.full(side * side, -1, np.int64)
        place[(ky + self.radius_px) * side + kx + self.radius_px] = np.arange(len(self))
        # The transform of an image turned by R is the old one at R^-1 k: k = (kx, ky) -> (ky, -kx).
        index = place[(-kx + self.radius_px) * side + ky + self.radius_px]
        other = place[(kx + self.radius_px) * side - ky + self.radius_px]
        return np.where(index >= 0, index, other), index < 0

    def _centre_phase(self) -> NDArray[np.complex64]:
        b = self.box_px
        total = self.frequency.sum(1) * (b // 2)
        return np.exp(2j * np.pi * (total % b) / b).astype(np.complex64)


def make_band(box_px: int, radius_px: int | None = None) -> Band:
    """Make the band of a box, up to a shell or to just below Nyquist.

    Examples
    --------
    >>> band = make_band(8, 1)
    >>> band.frequency.tolist(), band.shell.tolist()
    ([[0, 1], [1, 0], [1, -1], [1, 1]], [1, 1, 1, 1])
    """
    top = (box_px - 1) // 2
    if top < 1:
        raise InputError(f"classify: expected images of 3 px or more, got {box_px}")
    radius = top if radius_px is None else max(1, min(radius_px, top))
    line = np.arange(-radius, radius + 1)
    ky, kx = (grid.ravel() for grid in np.meshgrid(line, line[line >= 0], indexing="ij"))
    distance = np.hypot(kx, ky)
    shell = np.rint(distance).astype(np.int64)
    keep = ((kx > 0) | (ky > 0)) & (shell <= radius)
    kx, ky, distance, shell = kx[keep], ky[keep], distance[keep], shell[keep]
    order = np.lexsort((ky, kx, distance))
    return Band(
        box_px=box_px,
        radius_px=radius,
        frequency=np.stack([kx[order], ky[order]], axis=1).astype(np.int64),
        shell=shell[order],
    )
