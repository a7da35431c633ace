"""`PeakRules`: which peaks of merit maps become picks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.ops.peaks import local_maxima
from cryopick.ops.suppression import drop_both, keep_better
from cryopick.pick.merit.maps import MeritMaps, best_of_references

Suppression = Literal["keep-better", "relion"]


# Without slots: its defaults are also those of the command's parameters.
@dataclass(frozen=True, kw_only=True)
class PeakRules:
    """How candidates are judged.

    Attributes
    ----------
    threshold
        Lowest merit taken; may be below 0, which is where particle and no particle are equally
        likely.
    min_distance_angstrom
        Between picks; None: three quarters of the particle's diameter for ``keep-better``, half
        the box of the references for ``relion``.
    max_noise_sd
        Candidates on a background with a larger standard deviation are deleted; None: no limit.
        Useful: 1.0 to 1.2.
    min_noise_mean
        Candidates on a darker background are deleted (carbon, thick ice); None: no limit.
        Useful: -0.5 to 0.
    suppression
        ``keep-better``: local maxima of the best map, best first, none nearer than the minimum
        distance. ``relion``: groups of peaks per reference, and of two picks that are still too
        close both are deleted.
    border_angstrom
        Candidates nearer to an edge are deleted; None: half the particle's diameter for
        ``keep-better``, half the box of the references for ``relion``.
    max_picks
        Keep only the best so many.
    """

    threshold: float = 0.1
    min_distance_angstrom: float | None = None
    max_noise_sd: float | None = None
    min_noise_mean: float | None = None
    suppression: Suppression = "keep-better"
    border_angstrom: float | None = None
    max_picks: int | None = None

    def __post_init__(self) -> None:
        for name, value in (
            ("--min-distance", self.min_distance_angstrom),
            ("--border", self.border_angstrom),
        ):
            if value is not None and not value >= 0:
                raise InputError(f"{name} {value:g}: expected 0 Å or more")
        if self.max_noise_sd is not None and not self.max_noise_sd > 0:
            raise InputError(f"--max-noise-sd {self.max_noise_sd:g}: expected above 0")
        if self.max_picks is not None and self.max_picks < 1:
            raise InputError(f"--max-picks {self.max_picks}: expected 1 or more")

    def distance_angstrom(self, maps: MeritMaps) -> float:
        """Least distance between picks."""
        if self.min_distance_angstrom is not None:
            return self.min_distance_angstrom
        if self.suppression == "relion":
            return maps.box_angstrom / 2
        return 0.75 * maps.particle_diameter_angstrom

    def margin_angstrom(self, maps: MeritMaps) -> float:
        """Least distance from an edge."""
        if self.border_angstrom is not None:
            return self.border_angstrom
        whole = (
            maps.box_angstrom if self.suppression == "relion" else maps.particle_diameter_angstrom
        )
        return whole / 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Peaks:
    """Candidates: which map, where, and why not.

    Attributes
    ----------
    index
        ``(n, 3)``: map, y, x.
    reason
        ``(n,)``: why a candidate is not taken; empty for picks.
    """

    index: NDArray[np.int64]
    reason: NDArray[np.str_]


def find_peaks(
    maps: MeritMaps, rules: PeakRules, *, allowed: NDArray[np.bool_] | None = None
) -> tuple[MeritMaps, Peaks]:
    """Find candidates, and judge each.

    Candidates that no rule but the threshold rejects are kept if their merit is above 0; of those
    that lie too close to a better one, only what reaches the threshold is listed.

    Parameters
    ----------
    allowed
        ``(y, x)``: working pixels where picks may lie; None: all.

    Returns
    -------
    maps, peaks
        The maps that ``peaks.index`` refers to: for ``keep-better`` the best of all references.
    """
    if rules.suppression == "keep-better":
        maps = best_of_references(maps)
        index = np.concatenate([_with_map(r, _tops(m)) for r, m in enumerate(maps.merit)])
        # Flat places and what is less likely a particle than ice are no candidates.
        index = index[maps.merit[tuple(index.T)] > min(0.0, rules.threshold)]
    else:
        whole = maps.step_px == 1
        index = np.concatenate(
            [
                _with_map(r, _relion_tops(m, rules.threshold, all_four=whole))
                for r, m in enumerate(maps.merit)
            ]
        )
    reason = _unfit(maps, rules, index, allowed)
    if rules.suppression == "keep-better":
        _suppress(maps, rules, index, reason)
    else:
        _suppress_as_relion(maps, rules, index, reason)
    merit = maps.merit[tuple(index.T)].astype(np.float64)
    order = np.lexsort((*index.T[::-1], -merit))
    listed = order[(reason[order] != "too close") | (merit[order] >= rules.threshold)]
    index, reason, merit = index[listed], reason[listed], merit[listed]
    reason[(reason == "") & (merit < rules.threshold)] = "below threshold"
    if rules.max_picks is not None:
        surplus = np.flatnonzero(reason == "")[rules.max_picks :]
        reason[surplus] = "below threshold"
    return maps, Peaks(index=index, reason=reason)


def _with_map(number: int, index: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.full((len(index), 1), number, dtype=np.int64), index], axis=1)


def _tops(merit: NDArray[np.floating]) -> NDArray[np.int64]:
    return local_maxima(np.ascontiguousarray(merit, dtype=np.float32))


def _relion_tops(
    merit: NDArray[np.floating], threshold: float, *, all_four: bool
) -> NDArray[np.int64]:
    """Pixels at or above the threshold that none of their 4 neighbours exceeds.

    With ``all_four`` all four neighbours must reach the threshold as well.
    """
    values = np.pad(merit.astype(np.float32), 1, constant_values=-np.inf)
    inner = values[1:-1, 1:-1]
    found = inner >= threshold
    for near in (values[:-2, 1:-1], values[2:, 1:-1], values[1:-1, :-2], values[1:-1, 2:]):
        found &= near <= inner
        if all_four:
            found &= near >= threshold
    return np.argwhere(found)


def _unfit(
    maps: MeritMaps,
    rules: PeakRules,
    index: NDArray[np.int64],
    allowed: NDArray[np.bool_] | None,
) -> NDArray[np.str_]:
    """Why each candidate cannot be a pick, whatever its merit."""
    _, y, x = index.T
    reason = np.full(len(index), "", dtype="<U20")
    last = np.asarray(maps.grid.size_px) - 1
    margin = rules.margin_angstrom(maps) / maps.grid.pixel_size_angstrom
    place = np.stack([x, y], axis=1)
    found = {"edge": ((place < margin) | (place > last - margin)).any(axis=1)}
    if allowed is not None:
        found["outside mask"] = ~allowed[y, x]
    if rules.max_noise_sd is not None:
        found["noisy background"] = maps.sd[y, x] > rules.max_noise_sd
    if rules.min_noise_mean is not None:
        found["dark background"] = maps.mean[y, x] < rules.min_noise_mean
    for name, which in found.items():
        reason[which & (reason == "")] = name
    return reason


def _suppress(
    maps: MeritMaps, rules: PeakRules, index: NDArray[np.int64], reason: NDArray[np.str_]
) -> None:
    """Keep the better of two that are too close."""
    fit = np.flatnonzero(reason == "")
    position = _places_angstrom(maps, index[fit])
    merit = maps.merit[tuple(index[fit].T)].astype(np.float64)
    kept = keep_better(position, merit, distance=rules.distance_angstrom(maps))
    reason[fit[~kept]] = "too close"


def _suppress_as_relion(
    maps: MeritMaps, rules: PeakRules, index: NDArray[np.int64], reason: NDArray[np.str_]
) -> None:
    """RELION's rule: thin out groups per reference, then over all; drop pairs still too close."""
    distance = rules.distance_angstrom(maps)
    reach = maps.particle_diameter_angstrom / 2
    alive = reason == ""
    rounds = [*((index[:, 0] == r) for r in range(len(maps.merit))), np.ones(len(index), bool)]
    for chosen in rounds:
        rows = np.flatnonzero(alive & chosen)
        position = _places_angstrom(maps, index[rows])
        merit = maps.merit[tuple(index[rows].T)].astype(np.float64)
        alive[rows] = _best_of_groups(position, merit, reach=reach, distance=distance)
    rows = np.flatnonzero(alive)
    # RELION drops pairs exactly this far apart as well.
    beyond = float(np.nextafter(distance, np.inf))
    alive[rows] = drop_both(_places_angstrom(maps, index[rows]), distance=beyond)
    reason[(reason == "") & ~alive] = "too close"


def _places_angstrom(maps: MeritMaps, index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Where candidates lie ``(n, 2)``, up to the origin."""
    return index[:, 1:].astype(np.float64) * maps.grid.pixel_size_angstrom


def _best_of_groups(
    position: NDArray[np.float64], merit: NDArray[np.float64], *, reach: float, distance: float
) -> NDArray[np.bool_]:
    """Keep the better of two candidates within the distance that belong to one group.

    Candidates nearer than ``reach`` to each other are of one group, and so are their neighbours.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    n = len(position)
    if n == 0:
        return np.zeros(0, dtype=bool)
    pairs = cKDTree(position).query_pairs(np.nextafter(reach, 0), output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    group = connected_components(links, directed=False)[1]
    kept = np.ones(n, dtype=bool)
    order = np.argsort(group, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(rows) > 1:
            beyond = float(np.nextafter(distance, np.inf))
            kept[rows] = keep_better(position[rows], merit[rows], distance=beyond)
    return kept
