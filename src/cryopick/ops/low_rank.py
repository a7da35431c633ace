"""Write many similar rows as mixtures of a few: ``A ≈ coefficients @ basis``.

The templates of a rotation list resemble each other, so that a few hundred components hold nearly
all of them. The basis is found by a randomised range finder with power iterations (Halko,
Martinsson & Tropp 2011, doi 10.1137/090771806), on a subset of the rows where there are many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError

if TYPE_CHECKING:
    import torch

_EXTRA = 32
_FIRST_RANK = 192
_POWER_ITERATIONS = 2
# Rows that the basis is found from. Further rows of the same kind lie in the same space.
_MAX_ROWS_FOR_BASIS = 4000
_ROWS_AT_ONCE = 2048
# Components whose strengths differ by less than this share are kept together.
_EQUAL = 1e-3
# As many values as this (1 GiB) are kept; more are made a second time.
_VALUES_AT_ONCE = 2**28


class Rows(Protocol):
    """Rows made on demand."""

    def __call__(self, index: NDArray[np.int64], /) -> torch.Tensor:
        """Rows of these indices, ``(len(index), n)`` float32."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LowRank:
    """Rows as mixtures of orthonormal components, the strongest first.

    Attributes
    ----------
    basis
        ``(k, n)`` float32, orthonormal rows.
    coefficients
        ``(rows, k)`` float32.
    energy
        ``(k,)``: fraction of the sum of squares of all rows that the first 1, 2, ... k components
        hold.
    """

    basis: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    energy: NDArray[np.float64]

    def rank_for(self, energy: float) -> int:
        """Number of components that hold this fraction of the energy; all where none does."""
        return min(int(np.searchsorted(self.energy, energy)) + 1, len(self.energy))

    def truncated(self, rank: int) -> LowRank:
        """The first ``rank`` components alone."""
        return LowRank(
            basis=np.ascontiguousarray(self.basis[:rank]),
            coefficients=np.ascontiguousarray(self.coefficients[:, :rank]),
            energy=self.energy[:rank],
        )


def low_rank(
    rows: Rows,
    count: int,
    *,
    max_rank: int,
    energy: float = 1.0,
    least_rank: int = 1,
    seed: int = 0,
) -> LowRank:
    """Find the strongest components of ``count`` rows.

    Parameters
    ----------
    rows
        Makes the rows of given indices; called once or twice per row, so that a large matrix
        never exists as a whole.
    count
        How many rows there are.
    max_rank
        Most components wanted.
    energy
        Fewer where they hold this fraction of the energy of the rows.
    least_rank
        But no fewer than these, unless the rows have no more.
    seed
        Of the random start; the same seed gives the same components.

    Examples
    --------
    >>> import torch
    >>> mixtures = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [1.0, 1.0, 0.0]])
    >>> found = low_rank(lambda index: mixtures[index], 3, max_rank=2)
    >>> bool(np.allclose(found.coefficients @ found.basis, mixtures, atol=1e-5))
    True
    """
    import torch

    if count < 1 or max_rank < 1:
        raise InputError(
            f"low rank: expected at least one row and one component, got {count} and {max_rank}"
        )
    rng = np.random.default_rng(seed)
    first = rows(np.arange(min(count, _ROWS_AT_ONCE)))
    every: torch.Tensor | None = None
    if count * first.shape[1] <= _VALUES_AT_ONCE:
        every = torch.cat([first, *(rows(p) for p in _parts(np.arange(len(first), count)))])
    chosen = np.sort(rng.permutation(count)[:_MAX_ROWS_FOR_BASIS])
    if every is None:
        sample = torch.cat([rows(part) for part in _parts(chosen)])
    else:
        sample = every[torch.from_numpy(chosen)]
    basis = _basis_for(energy, sample, max_rank, least_rank=least_rank, rng=rng)
    coefficients = torch.empty((count, basis.shape[0]), dtype=torch.float32, device=basis.device)
    total = 0.0
    for part in _parts(np.arange(count)):
        block = rows(part) if every is None else every[part[0] : part[-1] + 1]
        coefficients[part[0] : part[-1] + 1] = block @ basis.T
        total += float(block.double().square().sum())
    held = coefficients.double().square().sum(0).cumsum(0).cpu().numpy()
    return LowRank(
        basis=basis.cpu().numpy(),
        coefficients=coefficients.cpu().numpy(),
        energy=held / max(total, 1e-300),
    )


def _parts(index: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [index[i : i + _ROWS_AT_ONCE] for i in range(0, len(index), _ROWS_AT_ONCE)]


def _basis_for(
    energy: float,
    sample: torch.Tensor,
    max_rank: int,
    *,
    least_rank: int,
    rng: np.random.Generator,
) -> torch.Tensor:
    """As many leading components as hold the energy: few are tried first, as they cost less."""
    import torch

    total = float(sample.double().square().sum())
    if total == 0:
        raise InputError("low rank: every row is 0, so there is no component to find")
    rank = max_rank if energy >= 1 else min(max_rank, max(_FIRST_RANK, least_rank))
    while True:
        basis = _leading_rows(sample, rank, rng=rng)
        strength = (sample @ basis.T).double().square().sum(0)
        held = strength.cumsum(0) / max(total, 1e-300)
        if float(held[-1]) >= energy:
            wanted = max(int(torch.searchsorted(held, energy)) + 1, least_rank)
            return basis[: _whole_group(strength.tolist(), wanted)]
        if rank >= max_rank:
            return basis
        rank = min(max_rank, 2 * rank)


def _whole_group(strength: Sequence[float], count: int) -> int:
    """Components to be kept so that none is parted from one as strong as itself.

    Rounding decides which mixtures of equally strong ones are found: only all of them together
    are the same everywhere. (Pairs of them are usual, such as cosine and sine of an angle.)
    """
    while 0 < count < len(strength) and strength[count] > (1 - _EQUAL) * strength[count - 1]:
        count += 1
    return count


def _leading_rows(sample: torch.Tensor, max_rank: int, *, rng: np.random.Generator) -> torch.Tensor:
    """Leading right singular vectors ``(k, n)`` of a matrix ``(m, n)``."""
    import torch

    m, n = sample.shape
    rank = min(max_rank, m, n)
    width = min(rank + _EXTRA, m, n)
    # A copy: products round by where memory begins.
    start = torch.tensor(rng.standard_normal((n, width)).astype(np.float32))
    left = _orthonormal(sample @ start.to(sample.device))
    for _ in range(_POWER_ITERATIONS):
        right = _orthonormal(sample.T @ left)
        left = _orthonormal(sample @ right)
    small = left.T @ sample
    # The few rows of `small` through their Gram matrix: far cheaper than a wide decomposition.
    values, vectors = torch.linalg.eigh((small @ small.T).double())
    order = torch.argsort(values, descending=True)[:rank]
    order = order[values[order] > values.max() * 1e-12]
    mixed = vectors[:, order].T.float() @ small
    return mixed / torch.linalg.vector_norm(mixed, dim=1, keepdim=True)


def _orthonormal(columns: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.linalg.qr(columns)[0]
