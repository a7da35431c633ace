"""Search a micrograph for the best angles, strip by strip where it is large."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cryopick.pick.merit.engine import Engine, Layers
from cryopick.pick.merit.formula import MeritFormula
from cryopick.pick.merit.moments import Moments

if TYPE_CHECKING:
    import torch

# Memory of one strip of a large working image.
_STRIP_BYTES = 2**29
_STRIP_ROWS_MULTIPLE = 32


def search_layers(
    engine: Engine,
    spectrum: torch.Tensor,
    moments: Moments,
    *,
    mean: torch.Tensor,
    sd: torch.Tensor,
    reach_px: int,
    per_reference: bool,
    cores: int,
) -> Layers:
    """Search a filtered micrograph for the best angles.

    Parameters
    ----------
    engine
        What correlates.
    spectrum
        See `Engine.search`.
    moments
        Of the references in this micrograph.
    mean, sd
        ``(y, x)`` background of the places that are wanted: the first rows and columns.
    reach_px
        How far from its centre a turned reference reaches, in working pixels.
    per_reference
        A layer for every reference; else one, of the best.
    """
    import torch

    parts: list[Layers] = []
    for rows, strip in _strips(spectrum, mean.shape[0], engine.bytes_per_px, reach_px=reach_px):
        kept = (rows.stop - rows.start, mean.shape[1])
        formula = MeritFormula.of(moments, mean[rows], sd[rows])
        parts.append(engine.search(strip, kept, formula, per_reference=per_reference, cores=cores))
    if len(parts) == 1:
        return parts[0]
    return Layers(
        merit=torch.cat([part.merit for part in parts], dim=1),
        angle=torch.cat([part.angle for part in parts], dim=1),
        reference=torch.cat([part.reference for part in parts], dim=1),
    )


def _strips(
    spectrum: torch.Tensor, rows: int, bytes_per_px: int, *, reach_px: int
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Cut an image into strips of rows with what the references need above and below.

    Each strip's transform has its own first row first; the rows above it come last, as transforms
    are periodic.
    """
    import torch

    height, width = spectrum.shape[0], 2 * (spectrum.shape[1] - 1)
    fits = _STRIP_BYTES // (bytes_per_px * width)
    if height <= max(fits, 4 * reach_px):
        yield slice(0, rows), spectrum
        return
    whole = torch.fft.irfft2(spectrum, s=(height, width))
    length = max(fits, 4 * reach_px) // _STRIP_ROWS_MULTIPLE * _STRIP_ROWS_MULTIPLE
    length = max(length, 2 * reach_px + _STRIP_ROWS_MULTIPLE)
    inner = length - 2 * reach_px
    places = torch.arange(length, device=spectrum.device)
    places[length - reach_px :] -= length
    for first in range(0, rows, inner):
        strip = whole[(places + first) % height]
        yield slice(first, min(first + inner, rows)), torch.fft.rfft2(strip)
