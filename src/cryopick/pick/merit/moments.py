"""What a reference alone contributes to the figure of merit: three numbers per reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Defocus, Optics
from cryopick.pick.merit.masked_references import MaskedReferences
from cryopick.pick.merit.settings import MeritSettings
from cryopick.pick.merit.transfer import transfer

# An expected ratio must exceed 1, or the merit would change its sign.
_LEAST_EXCESS = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Means over the circle of each reference as it would appear in the micrograph.

    Attributes
    ----------
    mean, square
        ``(K,)``: of its values and of their squares.
    expected
        ``(K,)``: RELION's expected ratio, ``exp(mean(A² + 2 A g) / 2)`` with one normal number
        ``g`` per pixel: what ``exp(m)`` would be where the micrograph shows the reference in unit
        noise. Its mean over all draws is ``exp(mean(A²) (1 + 1 / n) / 2)`` for ``n`` pixels.
    """

    mean: NDArray[np.float64]
    square: NDArray[np.float64]
    expected: NDArray[np.float64]


def reference_moments(
    references: MaskedReferences,
    settings: MeritSettings,
    *,
    optics: Optics | None,
    defocus: Defocus | None,
    shape: tuple[int, int] | None = None,
    device: str = "cpu",
) -> Moments:
    """Filter the unturned references as the micrograph's imaging does, and average.

    Parameters
    ----------
    shape
        ``(y, x)`` of the image that they are filtered in, in micrograph pixels; None: twice their
        box, which holds what the CTF spreads.
    """
    import torch

    n = references.box_px
    size = shape or (2 * n, 2 * n)
    factor = transfer(
        size,
        references.pixel_size_angstrom,
        settings,
        optics=optics,
        defocus=defocus,
        device=device,
    )
    inside = references.inside
    count = int(inside.sum())
    noise = np.random.default_rng(settings.seed).standard_normal(count)
    found: list[tuple[float, float, float]] = []
    for image in references.images:
        spectrum = torch.fft.rfft2(torch.from_numpy(image).to(device), s=size)
        seen = torch.fft.irfft2(spectrum * factor, s=size)[:n, :n].cpu().numpy()
        values = seen[inside].astype(np.float64)
        square = float(np.mean(values**2))
        if settings.expected_ratio == "drawn":
            power = square + float(np.mean(2 * values * noise))
        else:
            power = square * (1 + 1 / count)
        found.append((float(values.mean()), square, power))
    mean, square, power = np.array(found).T
    return Moments(
        mean=mean, square=square, expected=np.exp(np.maximum(power, 2 * _LEAST_EXCESS) / 2)
    )
