"""The cost of searching one tomogram, for ``--dry-run`` and the time left."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from cryopick.model import Image
from cryopick.pick.matching.forecast import Forecast, forecast
from cryopick.pick.matching.imaging import Imaging
from cryopick.pick.matching.settings import MatchSettings
from cryopick.pick.matching.template import Template
from cryopick.run.job import Cost

# Tomograms of one shape cost about the same, whatever their tilts: a batch asks many times.
_KNOWN: dict[tuple[Any, ...], Forecast] = {}


def item_cost(
    image: Image,
    templates: Sequence[Template],
    *,
    settings: MatchSettings,
    imaging: Imaging,
    items: int = 1,
) -> Cost:
    """What one tomogram takes on its share of the cores.

    Parameters
    ----------
    items
        Tomograms of the job: each gets its share of the cores.
    """
    cores = max(1, (os.cpu_count() or 1) // max(1, items))
    key = (image.grid.shape, image.grid.pixel_size_angstrom, settings, cores, *map(id, templates))
    if key not in _KNOWN:
        _KNOWN[key] = forecast(
            image.grid.shape,
            image.grid.pixel_size_angstrom,
            list(templates),
            imaging=imaging,
            settings=settings,
            cores=cores,
        )
    found = _KNOWN[key]
    return Cost(memory_bytes=found.memory_bytes, seconds=found.seconds)
