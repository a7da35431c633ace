"""What a search will take: seconds and bytes, from a few timings on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

from cryopick.ops.running_max import choose_dtype, product_rate
from cryopick.pick.matching.bank import Bank
from cryopick.pick.matching.search_bank import FirstRound

# Share of a tile's transform that is not margin; how tiles are cut decides it.
_USEFUL = 0.6
_FFT_EDGE = 96
# Component maps come in pairs from one complex transform each way.
_PASSES_PER_PAIR = 2.0
# The exact engine transforms a turned template and its product, and keeps the maximum.
_EXACT_PASSES = 2.6
_TYPICAL_RANK = 256
_TYPICAL_ROWS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast one core (or the GPU) is.

    Attributes
    ----------
    products_per_second
        Multiplications and additions of `RowMaximum`.
    fft_seconds_per_voxel
        One complex transform.
    """

    products_per_second: float
    fft_seconds_per_voxel: float


@lru_cache(maxsize=4)
def machine_speed(device: str = "cpu") -> Speed:
    """Time a product and a transform, once per process (some tenths of a second)."""
    dtype = choose_dtype(_TYPICAL_RANK, _TYPICAL_ROWS, device)
    return Speed(
        products_per_second=product_rate(dtype, device),
        fft_seconds_per_voxel=_fft_seconds(device),
    )


def bank_seconds(
    speed: Speed, bank: Bank, *, voxels: float, first: FirstRound | None, cores: int = 1
) -> float:
    """Seconds of a bank search."""
    rows = len(bank.parts.coefficients)
    return seconds_for_sizes(
        speed,
        voxels=voxels,
        rows=rows,
        rank=bank.rank,
        first_rows=rows if first is None else len(first.rows),
        first_rank=bank.rank if first is None else first.rank,
        kept=0.0 if first is None else first.kept,
        cores=cores,
    )


def seconds_for_sizes(
    speed: Speed,
    *,
    voxels: float,
    rows: int,
    rank: int,
    first_rows: int,
    first_rank: int,
    kept: float,
    cores: int = 1,
) -> float:
    """Seconds of a bank search of which only the sizes are known.

    Parameters
    ----------
    first_rows, first_rank, kept
        Of the first round; all rows and components, and 0, where there is none.
    """
    flop = 2.0 / speed.products_per_second
    maps = rank / 2 * _PASSES_PER_PAIR * speed.fft_seconds_per_voxel / _USEFUL
    maxima = first_rows * first_rank * flop
    again = rows * rank * flop
    return voxels * (maps + maxima + kept * again) / cores


def exact_seconds(speed: Speed, *, voxels: float, rotations: int, cores: int = 1) -> float:
    """Seconds of an exact search."""
    each = _EXACT_PASSES / 2 * speed.fft_seconds_per_voxel / _USEFUL
    return voxels * rotations * each / cores


def _fft_seconds(device: str) -> float:
    import torch

    threads = torch.get_num_threads()
    values = torch.zeros((_FFT_EDGE,) * 3, dtype=torch.complex64, device=device)
    best = float("inf")
    try:
        torch.set_num_threads(1)
        for _ in range(4):
            begun = time.perf_counter()
            torch.fft.ifftn(values)
            if values.is_cuda:
                torch.cuda.synchronize()
            best = min(best, time.perf_counter() - begun)
    finally:
        torch.set_num_threads(threads)
    return best / values.numel()
