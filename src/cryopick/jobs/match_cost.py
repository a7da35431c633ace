"""The cost of searching one tomogram, for ``--dry-run`` and the time left."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.io.images import open_image
from cryopick.model import Image
from cryopick.pick.matching.forecast import Forecast, forecast
from cryopick.pick.matching.imaging import Imaging
from cryopick.pick.matching.settings import MatchSettings
from cryopick.pick.matching.template import Template
from cryopick.run.job import Cost

# Tomograms of one shape cost about the same, whatever their tilts: a batch asks many times.
_SECTIONS = 16
_KNOWN: dict[tuple[Any, ...], Forecast] = {}


def item_cost(
    image: Image,
    templates: Sequence[Template],
    *,
    settings: MatchSettings,
    imaging: Imaging,
    items: int = 1,
    searched: float = 1.0,
    rotations: int | None = None,
) -> Cost:
    """What one tomogram takes on its share of the cores.

    Parameters
    ----------
    items
        Tomograms of the job: each gets its share of the cores.
    searched
        Fraction of the voxels that is searched (see `searched_fraction`).
    rotations
        Length of an own list of rotations.
    """
    cores = max(1, (os.cpu_count() or 1) // max(1, items))
    key = (
        image.grid.shape,
        image.grid.pixel_size_angstrom,
        settings,
        cores,
        searched,
        rotations,
        *map(id, templates),
    )
    if key not in _KNOWN:
        _KNOWN[key] = forecast(
            image.grid.shape,
            image.grid.pixel_size_angstrom,
            list(templates),
            imaging=imaging,
            settings=settings,
            cores=cores,
            searched=searched,
            rotations=rotations,
        )
    found = _KNOWN[key]
    return Cost(memory_bytes=found.memory_bytes, seconds=found.seconds)


def searched_fraction(
    image: Image, mask: Path | None, ranges_px: Sequence[tuple[int, int] | None]
) -> float:
    """About how much of a tomogram is searched; of its mask only some sections are read."""
    fraction = 1.0
    for limits, size in zip(ranges_px, image.grid.size_px, strict=True):
        if limits is not None:
            fraction *= max(0, limits[1] - limits[0]) / size
    if mask is not None:
        opened = open_image(mask)
        if isinstance(opened, Image) and opened.ndim == 3:
            step = max(1, opened.grid.shape[0] // _SECTIONS)
            sections = [np.asarray(opened.data[z]) for z in range(0, opened.grid.shape[0], step)]
            fraction *= float(np.mean([np.mean(section > 0) for section in sections]))
    # The forecast is kept for tomograms that are searched about as much.
    return max(round(fraction, 1), 0.05)
