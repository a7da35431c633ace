"""From correlations to merits: the formula, strip by strip, the best reference or every one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryopick.pick.merit.engine import BestAngle, Engine
from cryopick.pick.merit.moments import Moments

if TYPE_CHECKING:
    import torch

# Memory of one strip of a large working image.
_STRIP_BYTES = 2**29
_STRIP_ROWS_MULTIPLE = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layers:
    """Merit, angle (its place in the list) and reference, each ``(r, y, x)``."""

    merit: torch.Tensor
    angle: torch.Tensor
    reference: torch.Tensor


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
        See `Engine.best_angles`.
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
        found = engine.best_angles(strip, kept, cores=cores)
        layers = _every_reference if per_reference else _best_reference
        parts.append(layers(found, moments, mean[rows], sd[rows]))
    if len(parts) == 1:
        return parts[0]
    return Layers(
        merit=torch.cat([part.merit for part in parts], dim=1),
        angle=torch.cat([part.angle for part in parts], dim=1),
        reference=torch.cat([part.reference for part in parts], dim=1),
    )


def figure_of_merit(
    correlation: torch.Tensor,
    moments: Moments,
    reference: int,
    *,
    mean: torch.Tensor,
    sd: torch.Tensor,
) -> torch.Tensor:
    """Merit ``(exp(m) - 1) / (P - 1)`` with ``m = (c - µ a1) / σ - a2 / 2``.

    Parameters
    ----------
    correlation
        Mean over the circle of reference times micrograph, ``c``.
    moments, reference
        ``a1``, ``a2`` and ``P`` are those of this reference.
    mean, sd
        Background, ``µ`` and ``σ``.
    """
    import torch

    m = (correlation - mean * float(moments.mean[reference])) / sd
    m -= float(moments.square[reference]) / 2
    return torch.expm1(m) / float(moments.expected[reference] - 1)


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


def _every_reference(
    found: Iterable[BestAngle], moments: Moments, mean: torch.Tensor, sd: torch.Tensor
) -> Layers:
    import torch

    every = torch.arange(mean.numel(), device=mean.device)
    merits: list[torch.Tensor] = []
    angles: list[torch.Tensor] = []
    numbers: list[torch.Tensor] = []
    for one in found:
        merits.append(figure_of_merit(one.correlation, moments, one.reference, mean=mean, sd=sd))
        angles.append(one.angles_at(every).view(mean.shape))
        numbers.append(torch.full_like(angles[-1], one.reference))
    return Layers(
        merit=torch.stack(merits), angle=torch.stack(angles), reference=torch.stack(numbers)
    )


def _best_reference(
    found: Iterable[BestAngle], moments: Moments, mean: torch.Tensor, sd: torch.Tensor
) -> Layers:
    import torch

    best = torch.full_like(mean, -torch.inf)
    number = torch.zeros(mean.shape, dtype=torch.int16, device=mean.device)
    asked: list[BestAngle] = []
    for one in found:
        merit = figure_of_merit(one.correlation, moments, one.reference, mean=mean, sd=sd)
        number.masked_fill_(merit > best, one.reference)
        best = torch.maximum(best, merit)
        asked.append(one)
    angle = torch.zeros_like(number)
    for one in asked:
        places = torch.nonzero(number.flatten() == one.reference)[:, 0]
        angle.view(-1)[places] = one.angles_at(places)
    return Layers(merit=best[None], angle=angle[None], reference=number[None])
