"""The fast search: scores of all rotations from a few component maps.

For every voxel the maps give ``k`` numbers ``u``; the scores of all rotations are the product of the
bank's coefficients with ``u``, and only their maximum is kept.

Most voxels are far from any particle. They are told apart in a first round with the strongest
components and a thinned list of rotations; only the best fraction of the voxels goes through the
full product. The limit between them comes from a fixed random sample of the whole volume, so that
it does not depend on how the volume is cut into tiles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.ops.running_max import RowMaximum
from cryopick.ops.threads import in_threads
from cryopick.pick.matching.bank import Bank
from cryopick.pick.matching.best_maps import BestMaps
from cryopick.pick.matching.component_maps import component_maps
from cryopick.pick.matching.cone_rows import ConeRows
from cryopick.pick.matching.local_deviation import block_variance, deviation, volume_moments
from cryopick.pick.matching.patches import component_values
from cryopick.pick.matching.search import Cones, Means, SearchResult
from cryopick.pick.matching.tile_results import digest
from cryopick.pick.matching.tiles import Tile, plan_tiles, read_block

if TYPE_CHECKING:
    import torch

_SAMPLE_VOXELS = 20_000
_COLUMNS_AT_ONCE = 65_536
# Voxels of a transform: large enough that margins cost little, small enough for caches.
_TILE_VOXELS = 2**21
_LEAST_TILE_VOXELS = 2**15
_BYTES_PER_TILE_VOXEL = 40
_ROWS_PER_GROUP = 64
_TYPICAL_RANK = 256
_TYPICAL_ROWS = 4096


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirstRound:
    """What decides which voxels deserve the full product.

    Attributes
    ----------
    rank
        Components used.
    rows
        Indices of the rotations used.
    kept
        Fraction of the voxels that goes on.
    """

    rank: int
    rows: NDArray[np.int64]
    kept: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BankSearch:
    """Everything that is fixed before the first tile.

    ``dtype`` is that of the products over rotations, ``storage`` that of component values.
    """

    bank: Bank
    volume: NDArray[np.float32]
    whole_variance: float
    device: str
    region: NDArray[np.bool_] | None
    dtype: torch.dtype
    storage: torch.dtype
    first: FirstRound | None
    limit: float = -np.inf
    cones: Cones | None = None
    within: ConeRows | None = field(repr=False, default=None)
    all_rows: RowMaximum = field(repr=False)
    some_rows: RowMaximum | None = field(repr=False, default=None)


def search_bank(
    volume: NDArray[np.float32],
    bank: Bank,
    *,
    rotations: NDArray[np.float64] | None = None,
    region: NDArray[np.bool_] | None = None,
    cones: Cones | None = None,
    first: FirstRound | None = None,
    dtype: torch.dtype | None = None,
    means: Means,
) -> SearchResult:
    """Find the best rotation of every voxel.

    Parameters
    ----------
    volume
        Filtered tomogram ``(z, y, x)``, which may be a memory map; outside it counts as 0, which
        should be its mean.
    bank
        Of the template, at the volume's voxel size.
    rotations
        ``(m, 4)``, the bank's rows; needed for cones.
    region
        ``(z, y, x)``: where to search; None: everywhere.
    cones
        Allowed directions; there is no first round then, as few rotations are left.
    first
        The first round; None: every voxel goes through the full product.
    dtype
        Of the products; None: the fastest on this hardware.
    means
        Cores, memory, device, checkpoints and progress.

    Returns
    -------
    SearchResult
        With cones, ``tests`` counts at each voxel the rotations tried there; ``variance`` is that
        of all rotations.
    """
    import torch

    from cryopick.ops.running_max import choose_dtype

    if dtype is None:
        # Of one typical size, where the types differ most: two runs must choose the same.
        dtype = choose_dtype(_TYPICAL_RANK, _TYPICAL_ROWS, means.device)
    within = None
    if cones is not None:
        if rotations is None:
            raise InputError("search: cones need the rotations of the bank")
        region = cones.nearest >= 0 if region is None else region & (cones.nearest >= 0)
        coefficients = bank.parts.coefficients
        within = ConeRows(coefficients, rotations, cones, dtype=dtype, device=means.device)
        first = None
    search = BankSearch(
        bank=bank,
        volume=volume,
        whole_variance=volume_moments(volume)[1],
        device=means.device,
        region=region,
        dtype=dtype,
        storage=torch.float32 if dtype == torch.float32 else torch.bfloat16,
        first=first,
        cones=cones,
        within=within,
        all_rows=_maximum(bank.parts.coefficients, dtype, means.device),
    )
    sample = _sample(search)
    search = _with_limit(search, sample)
    tiles = _tiles(search, means)
    found = BestMaps(volume.shape, tiles, means, key=_key(search, volume, means))

    def work(number: int) -> None:
        found.keep(number, *_search_tile(search, tiles[number]))

    in_threads(work, found.todo(), cores=means.cores)
    return SearchResult(
        score=found.score,
        rotation=found.rotation,
        variance=_variance(search, sample),
        tests=_tests(search),
    )


def _tests(search: BankSearch) -> float:
    """Voxels times rotations; with cones, those that were tried at each voxel."""
    if search.within is not None and search.cones is not None:
        axis = (
            search.cones.nearest if search.region is None else search.cones.nearest[search.region]
        )
        return float(search.within.rows_for(axis).sum())
    region = search.region
    voxels = search.volume.size if region is None else int(np.count_nonzero(region))
    return float(voxels) * len(search.bank.parts.coefficients)


def thinned_rows(rotations: NDArray[np.float64], *, step_deg: float) -> NDArray[np.int64]:
    """Indices of rotations that still cover all others, at about ``step_deg``.

    They are those of the list that lie nearest to a coarser grid.
    """
    from scipy.spatial import cKDTree

    from cryopick.geometry.so3_grid import rotation_grid

    tree = cKDTree(np.concatenate([rotations, -rotations]))
    distance, nearest = (np.asarray(found) for found in tree.query(rotation_grid(step_deg)))
    # A reduced list (symmetry, cones) leaves grid points without a neighbour.
    near = 2 * np.sin(np.deg2rad(step_deg) / 4)
    return np.unique(nearest[distance <= near] % len(rotations))


def _key(search: BankSearch, volume: NDArray[np.float32], means: Means) -> str:
    """Tell apart searches that may find their checkpoints in one folder."""
    if means.checkpoints is None:
        return ""
    parts, first, cones = search.bank.parts, search.first, search.cones
    given = [volume, search.bank.mask, parts.basis, parts.coefficients, search.region]
    given += [] if first is None else [first.rows]
    given += [] if cones is None else [cones.axis, cones.nearest]
    limits = None if first is None else (first.rank, first.kept)
    angle = None if cones is None else cones.half_angle_deg
    return digest(given, search.dtype, limits, angle)


def _maximum(coefficients: NDArray[np.float32], dtype: torch.dtype, device: str) -> RowMaximum:
    import torch

    rows = torch.from_numpy(np.ascontiguousarray(coefficients))
    return RowMaximum(rows, dtype=dtype, group=_ROWS_PER_GROUP, device=device)


def _tiles(search: BankSearch, means: Means) -> list[Tile]:
    per_voxel = search.bank.rank * search.storage.itemsize + _BYTES_PER_TILE_VOXEL
    fits = means.memory_bytes // max(1, means.cores) // per_voxel
    # In steps of two, so that two runs with about the same memory cut alike: how a transform is
    # cut decides the last bits of its values.
    voxels = _TILE_VOXELS
    while voxels > max(fits, _LEAST_TILE_VOXELS):
        voxels //= 2
    return plan_tiles(
        search.volume.shape, search.bank.box_px, most_voxels=voxels, region=search.region
    )


def _sample(search: BankSearch) -> tuple[NDArray[np.int64], torch.Tensor]:
    """Random voxels of the region and their component values ``(k, n)``, float32."""
    import torch

    rng = np.random.default_rng(0)
    shape = search.volume.shape
    if search.region is None:
        flat = rng.integers(0, search.volume.size, _SAMPLE_VOXELS)
    else:
        inside = np.flatnonzero(search.region)
        flat = inside[rng.integers(0, max(len(inside), 1), _SAMPLE_VOXELS * min(len(inside), 1))]
    voxel = np.stack(np.unravel_index(np.sort(flat), shape), axis=1)
    bank = search.bank
    basis = torch.from_numpy(bank.parts.basis).to(search.device)
    values = component_values(search.volume, voxel, basis=basis, offset_zyx=bank.offset_zyx)
    # The same with the mask for a component gives mean and mean square, so the deviation.
    mask = torch.from_numpy(bank.mask / bank.mask.sum())[None].to(search.device)
    mean, square = (
        component_values(
            search.volume, voxel, basis=mask, offset_zyx=bank.offset_zyx, squared=squared
        )[0]
        for squared in (False, True)
    )
    return voxel, values / deviation(square - mean.square(), search.whole_variance)


def _with_limit(search: BankSearch, sample: tuple[NDArray[np.int64], torch.Tensor]) -> BankSearch:
    """Prepare the first round and set its limit from the sample."""
    if search.first is None or len(sample[0]) == 0:
        return search
    from dataclasses import replace

    rank = search.first.rank
    coefficients = search.bank.parts.coefficients[search.first.rows, :rank]
    some_rows = _maximum(coefficients, search.dtype, search.device)
    score, _ = some_rows.of(sample[1][:rank].to(search.storage))
    limit = float(np.quantile(score.cpu().numpy(), 1 - search.first.kept))
    return replace(search, some_rows=some_rows, limit=limit)


def _variance(search: BankSearch, sample: tuple[NDArray[np.int64], torch.Tensor]) -> float:
    """Mean squared score over all rotations and the sampled voxels, exactly."""
    import torch

    if len(sample[0]) == 0:
        return 0.0
    coefficients = torch.from_numpy(search.bank.parts.coefficients).double()
    values = sample[1].double().cpu()
    gram = coefficients.T @ coefficients / len(coefficients)
    return float((values * (gram @ values)).sum(0).mean())


def _search_tile(
    search: BankSearch, tile: Tile
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int32]]:
    """Flat indices of the voxels searched in a tile, their best scores and rotations."""
    import torch

    bank = search.bank
    whole = read_block(search.volume, tile, box_px=bank.box_px)
    exact = torch.from_numpy(np.nan_to_num(whole, nan=0.0)).to(search.device)
    local = block_variance(exact, torch.from_numpy(bank.mask_box()).to(search.device))
    z, y, x = tile.shape
    scale = deviation(local[:z, :y, :x], search.whole_variance).reciprocal_().reshape(-1)
    voxel, every = np.arange(len(scale)), None
    if search.region is not None:
        every = voxel = np.flatnonzero(search.region[tile.place])
        scale = scale[torch.from_numpy(voxel).to(search.device)]
    maps = component_maps(exact.float(), tile, bank, voxel=every, dtype=search.storage)
    score = np.empty(len(voxel), np.float32)
    row = np.empty(len(voxel), np.int32)
    axis = None
    if search.cones is not None:
        axis = search.cones.nearest[tile.place].reshape(-1)[voxel]
    for first in range(0, len(voxel), _COLUMNS_AT_ONCE):
        part = slice(first, first + _COLUMNS_AT_ONCE)
        best, at = _best(search, maps[:, part], scale[part], None if axis is None else axis[part])
        score[part], row[part] = best.cpu().numpy(), at.cpu().numpy()
    return voxel, score, row


def _best(
    search: BankSearch,
    columns: torch.Tensor,
    scale: torch.Tensor,
    axis: NDArray[np.int32] | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Best score and rotation of some voxels, through both rounds; scores are times ``scale``."""
    import torch

    if search.within is not None and axis is not None:
        best, row = search.within.of(columns, axis)
        return best * scale, row
    if search.some_rows is None or search.first is None:
        best, row = search.all_rows.of(columns)
        return best * scale, row
    best, row = search.some_rows.of(columns[: search.first.rank])
    best *= scale
    rows = torch.from_numpy(search.first.rows.astype(np.int32)).to(row.device)
    row = rows[row.long()]
    again = torch.nonzero(best >= search.limit)[:, 0]
    better, at = search.all_rows.of(columns[:, again])
    best[again] = better * scale[again]
    row[again] = at
    return best, row
