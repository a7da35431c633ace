"""Align particles to references by trying every in-plane angle and shift: slow, plain, for truth sets."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from cryopick.curate.expected_images import finer_references, through_transfer, turned_references

ANGLES = 36


def align(
    images: NDArray[np.float32],
    references: NDArray[np.float32],
    transfer: NDArray[np.float32],
    *,
    reach_px: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Best reference ``(n,)``, angle (rad, from x towards y) and shift ``(n, 2)`` in pixels.

    ``transfer`` is that of each image ``(n, b, b // 2 + 1)``; the shift is what to add to what an
    image shows to centre it.
    """
    box = images.shape[-1]
    angles = torch.arange(ANGLES) * (2 * np.pi / ANGLES)
    k = len(references)
    bank = turned_references(
        finer_references(torch.from_numpy(references)),
        torch.arange(k).repeat_interleave(ANGLES),
        angles.repeat(k),
    )
    which = np.zeros(len(images), dtype=np.int64)
    angle, shift = np.zeros(len(images)), np.zeros((len(images), 2))
    for row, (image, seen) in enumerate(zip(images, transfer, strict=True)):
        expected = through_transfer(bank, torch.from_numpy(seen)[None])
        norm = expected.flatten(1).norm(dim=1)
        product = torch.fft.rfft2(torch.from_numpy(image))[None] * torch.fft.rfft2(expected).conj()
        score = torch.fft.fftshift(torch.fft.irfft2(product, s=(box, box)), dim=(-2, -1))
        middle = slice(box // 2 - reach_px, box // 2 + reach_px + 1)
        near = score[:, middle, middle] / norm[:, None, None]
        side = 2 * reach_px + 1
        place, best = divmod(int(near.flatten().argmax()), side * side)
        which[row], angle[row] = place // ANGLES, float(angles[place % ANGLES])
        y, x = divmod(best, side)
        shift[row] = reach_px - x, reach_px - y
    return which, angle, shift
