"""Turn masked images in the plane exactly: their Fourier transform at turned frequencies.

An image that is 0 outside a disc has a smooth transform, and its value at any frequency is a plain
sum over the pixels of the disc. That sum for all classes is one matrix product per angle; turns by
90 degrees only permute Fourier pixels, so a quarter of the angles is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.band import Band
from cryopick.ops.threads import in_threads

if TYPE_CHECKING:
    import torch


class Turner:
    """Turns images on a grid of angles, and turns coefficients back.

    Images are held on a coarser grid of ``work_px`` pixels over the same field: as few as hold the
    band.

    Parameters
    ----------
    band
        Fourier pixels.
    angles_deg
        ``(P,)`` angles from x towards y; the second, third and last quarter repeat the first, 90,
        180 and 270 degrees further (see `cryopick.curate.classes.pose_grid`).
    device, cores
        Where to compute.
    """

    def __init__(
        self, band: Band, angles_deg: NDArray[np.float64], *, device: str = "cpu", cores: int = 1
    ) -> None:
        import torch

        self.band, self.device, self.cores = band, device, cores
        self.count = len(angles_deg)
        self._first = np.deg2rad(angles_deg[: self.count // 4])
        self.work_px = working_box(band)
        index, flip = band.quarter_turn()
        self._index = torch.from_numpy(index).to(device)
        self._sign = torch.from_numpy(np.where(flip, -1.0, 1.0).astype(np.float32)).to(device)
        back = np.empty_like(index)
        back[index] = np.arange(len(index))
        self._back = torch.from_numpy(back).to(device)
        self._back_sign = self._sign[self._back]
        line = np.arange(self.work_px) - self.work_px // 2
        y, x = np.meshgrid(line, line, indexing="ij")
        # The corners leave the field when turned.
        self._inside = np.flatnonzero((np.hypot(x, y) <= self.work_px / 2).ravel())

    def bank(self, images: NDArray[np.float32], put: Callable[[int, torch.Tensor], None]) -> None:
        """Turn images ``(K, work, work)`` by every angle.

        ``put`` receives the place of each angle and ``(K, D, 2)`` float32, from several threads.
        """
        import torch

        flat = images.reshape(len(images), -1)
        seen = np.any(flat[:, self._inside] != 0, axis=0)
        # Averages may be empty; one pixel keeps the products in shape.
        used = self._inside[seen] if seen.any() else self._inside[:1]
        values = torch.from_numpy(np.ascontiguousarray(flat[:, used])).to(self.device)
        values = values * (self.band.box_px / self.work_px**2)

        def one(place: int) -> None:
            waves = self._waves(float(self._first[place]), used)
            turned = (values @ waves).view(len(images), -1, 2)
            for quarter in range(4):
                put(place + quarter * len(self._first), turned)
                turned = turned[:, self._index]
                turned[..., 1] *= self._sign

        in_threads(one, range(len(self._first)), cores=self.cores)

    def back(self, sums: torch.Tensor) -> NDArray[np.complex64]:
        """Turn sums ``(K, P, D, 2)`` of each angle back and add them up: ``(K, D)`` complex."""
        import torch

        quarter = len(self._first)

        def one(place: int) -> torch.Tensor:
            # From the last quarter down, each turned back by 90 degrees and added to the one below.
            total = sums[:, place + 3 * quarter].clone()
            for below in (2, 1, 0):
                total = total[:, self._back]
                total[..., 1] *= self._back_sign
                total += sums[:, place + below * quarter]
            # All pixels: a constant over them, which is lost with zero frequency, stays one.
            waves = self._waves(float(self._first[place]), np.arange(self.work_px**2))
            return total.reshape(len(sums), -1) @ waves.T

        images = torch.zeros((len(sums), self.work_px**2), device=self.device)
        # A few at a time, added in their order: the same for any number of cores.
        for first in range(0, quarter, 4):
            for image in in_threads(one, range(first, min(quarter, first + 4)), cores=self.cores):
                images += image
        images *= 2 / self.band.box_px
        square = images.view(-1, self.work_px, self.work_px).cpu().numpy()
        return to_band(self.band, square)

    def _waves(self, angle: float, pixels: NDArray[np.int64]) -> torch.Tensor:
        """``(pixels, 2 D)`` real and imaginary parts of the waves at the turned frequencies."""
        import torch

        cos, sin = np.cos(angle), np.sin(angle)
        kx, ky = self.band.frequency.T
        line = np.arange(self.work_px) - self.work_px // 2
        across, along = (
            torch.from_numpy(np.exp(-2j * np.pi / self.work_px * np.outer(line, k)).astype("c8"))
            for k in (cos * kx + sin * ky, cos * ky - sin * kx)
        )
        y, x = (torch.from_numpy(one) for one in divmod(pixels, self.work_px))
        waves = across.to(self.device)[x.to(self.device)]
        waves *= along.to(self.device)[y.to(self.device)]
        return torch.view_as_real(waves).view(len(pixels), -1)


def working_box(band: Band) -> int:
    """Edge of the smallest even box that holds a band, no larger than the images."""
    return min(band.box_px, 2 * (band.radius_px + 1))


def to_band(band: Band, images: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Coefficients ``(n, D)`` of images ``(n, w, w)`` on a coarser grid over the same field."""
    from dataclasses import replace

    box = images.shape[-1]
    return replace(band, box_px=box).of_images(images) * np.float32(band.box_px / box)
