"""`FilterChain`: band-pass, Gaussian and local normalisation one after the other."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.model import PixelSource
from cryopick.ops.filters import Band, band_pass, gaussian, local_normalise
from cryopick.ops.stream import stream_band_pass, stream_gaussian, stream_local_normalise

# Working copies in float32 that a filter keeps of an image in memory; measured, rounded up.
COPIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterChain:
    """Filters in the order in which they are applied; None leaves one out.

    Attributes
    ----------
    band
        Band-pass.
    gaussian_angstrom
        Standard deviation of a Gaussian blur.
    local_normalise_angstrom
        Window of a local normalisation.
    """

    band: Band | None = None
    gaussian_angstrom: float | None = None
    local_normalise_angstrom: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be done."""
        return self == FilterChain()


def filter_in_memory(
    values: NDArray[Any], pixel_size_angstrom: float, chain: FilterChain, *, device: str = "cpu"
) -> NDArray[np.float32]:
    """Apply a chain to an image or volume.

    Examples
    --------
    >>> chain = FilterChain(gaussian_angstrom=2.0)
    >>> filter_in_memory(np.ones((4, 4)), 1.0, chain).shape
    (4, 4)
    """
    result = np.asarray(values, dtype=np.float32)
    if chain.band is not None:
        result = band_pass(result, pixel_size_angstrom, chain.band, device=device)
    if chain.gaussian_angstrom is not None:
        sigma = chain.gaussian_angstrom
        result = gaussian(result, pixel_size_angstrom, sigma_angstrom=sigma)
    if chain.local_normalise_angstrom is not None:
        window = chain.local_normalise_angstrom
        result = local_normalise(result, pixel_size_angstrom, window_angstrom=window)
    return result


def filter_streaming(
    source: PixelSource,
    target: Any,
    pixel_size_angstrom: float,
    chain: FilterChain,
    *,
    memory_bytes: int,
    folder: Path,
) -> None:
    """Apply a chain to a volume larger than memory; steps meet in temporary files in ``folder``."""
    steps = _steps(chain, pixel_size_angstrom, memory_bytes=memory_bytes, folder=folder)
    if not steps:
        for z in range(source.shape[0]):
            target[z] = source[z]
        return
    with _between(folder, source.shape, min(len(steps) - 1, 2)) as rooms:
        here = source
        for place, step in enumerate(steps):
            there = target if place == len(steps) - 1 else rooms[place % 2]
            step(here, there)
            here = there


def _steps(
    chain: FilterChain, pixel_size_angstrom: float, *, memory_bytes: int, folder: Path
) -> list[Callable[[Any, Any], None]]:
    steps: list[Callable[[Any, Any], None]] = []
    band, sigma, window = chain.band, chain.gaussian_angstrom, chain.local_normalise_angstrom
    if band is not None:
        steps.append(
            lambda here, there: stream_band_pass(
                here, there, pixel_size_angstrom, band, memory_bytes=memory_bytes, folder=folder
            )
        )
    if sigma is not None:
        steps.append(
            lambda here, there: stream_gaussian(
                here,
                there,
                pixel_size_angstrom,
                sigma_angstrom=sigma,
                memory_bytes=memory_bytes,
                folder=folder,
            )
        )
    if window is not None:
        steps.append(
            lambda here, there: stream_local_normalise(
                here,
                there,
                pixel_size_angstrom,
                window_angstrom=window,
                memory_bytes=memory_bytes,
                folder=folder,
            )
        )
    return steps


@contextmanager
def _between(folder: Path, shape: tuple[int, ...], n: int) -> Generator[list[NDArray[Any]]]:
    """Float32 volumes in temporary files that vanish afterwards."""
    files = [tempfile.TemporaryFile(prefix="cryopick-", dir=folder) for _ in range(n)]  # noqa: SIM115 - closed below
    try:
        for file in files:
            file.truncate(math.prod(shape) * 4)
        yield [np.memmap(file, dtype=np.float32, mode="r+", shape=shape) for file in files]
    finally:
        for file in files:
            file.close()
