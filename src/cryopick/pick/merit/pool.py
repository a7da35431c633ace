"""`MeritPool`: every local maximum of a micrograph's merit, kept so that picks can be chosen again.

A pool is some hundred kilobytes where the maps are megabytes, and a new threshold, distance, limit
or mask needs nothing else: a thousand micrographs are judged in seconds. RELION's suppression
works on the maps of each reference and cannot be redone from a pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.geometry.euler import quaternion_from_psi_deg
from cryopick.io.atomic import atomic_open
from cryopick.model import Grid, Image, Picks
from cryopick.ops.nearest import inside_mask_at
from cryopick.ops.suppression import keep_better
from cryopick.pick.merit.defocus_trend import background_level
from cryopick.pick.merit.maps import MeritMaps
from cryopick.pick.merit.peaks import PeakRules
from cryopick.pick.merit.pick import picks_from_maps

NOISE_MEAN, NOISE_SD = "cryopickNoiseMean", "cryopickNoiseSd"
# Of what is rejected, only merits that stand out of the background are worth listing.
_STANDS_OUT_SD = 3.0
_UNUSUAL_SD = 6.0
# Distances in diameters.
_NEVER_TWO, _APART = 0.25, 0.5
_ROUNDING = 2e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeritPool:
    """Local maxima of the best merit at every place, above the median of the map.

    Of two nearer than a quarter of the diameter only the better is there: no two particles are.

    Attributes
    ----------
    position_angstrom
        ``(n, 2)`` float32 ``x, y`` in the specimen frame.
    merit, psi_deg, noise_mean, noise_sd
        ``(n,)``: see `MeritMaps`.
    reference
        ``(n,)``: the reference, from 0.
    apart
        ``(n,)``: at least half a diameter from every better one of these; the others may be side
        lobes of particles, which would be counted as background.
    name
        Of the micrograph.
    grid
        Of the micrograph.
    particle_diameter_angstrom, box_angstrom
        As in `MeritMaps`.
    location, scale
        Level and spread of the merit of background (`background_level`).
    """

    position_angstrom: NDArray[np.float32]
    merit: NDArray[np.float32]
    psi_deg: NDArray[np.float32]
    reference: NDArray[np.int16]
    noise_mean: NDArray[np.float32]
    noise_sd: NDArray[np.float32]
    apart: NDArray[np.bool_]
    name: str
    grid: Grid
    particle_diameter_angstrom: float
    box_angstrom: float
    location: float
    scale: float

    def __len__(self) -> int:
        return len(self.merit)


def pool_from_maps(maps: MeritMaps, image: Image) -> MeritPool:
    """Collect the local maxima of a micrograph.

    Parameters
    ----------
    maps
        Of the best reference at every place.
    image
        The micrograph.
    """
    if len(maps.merit) != 1:
        raise InputError(f"{image.name}: a pool needs the best of all references, not each")
    location, scale = background_level(maps.merit)
    diameter = maps.particle_diameter_angstrom
    rules = PeakRules(
        threshold=location, min_distance_angstrom=_NEVER_TWO * diameter, border_angstrom=0.0
    )
    found = picks_from_maps(maps, rules, name=image.name)
    score = np.asarray(found.score)
    # A flat micrograph has maxima of rounding alone.
    found = found[(score > location + _ROUNDING) & (found.reason == "")]
    score = np.asarray(found.score)
    return MeritPool(
        position_angstrom=found.position_angstrom.astype(np.float32),
        merit=np.asarray(found.score, dtype=np.float32),
        psi_deg=_psi_deg(found),
        reference=(np.asarray(found.label).astype(np.int64) - 1).astype(np.int16),
        noise_mean=found.extra[NOISE_MEAN].astype(np.float32),
        noise_sd=found.extra[NOISE_SD].astype(np.float32),
        apart=keep_better(found.position_angstrom, score, distance=_APART * diameter),
        name=image.name,
        grid=image.grid,
        particle_diameter_angstrom=diameter,
        box_angstrom=maps.box_angstrom,
        location=location,
        scale=scale,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedPool:
    """Candidates of one micrograph, judged by all rules but the threshold.

    Attributes
    ----------
    picks
        The best first; rejected ones are deleted with their reason.
    sample
        ``(m,)`` merits of candidates that nothing speaks against, at least half a diameter apart.
        Those on an unusual background (ice, carbon) are left out.
    """

    picks: Picks
    sample: NDArray[np.float64]


def judge_pool(pool: MeritPool, rules: PeakRules, *, mask: Image | None = None) -> JudgedPool:
    """Judge every candidate of a pool by all rules but the threshold.

    Parameters
    ----------
    pool
        Of one micrograph.
    rules
        The threshold is left to who has seen the scores of all micrographs; of candidates that are
        rejected, only those that stand out of the background are listed. Without a border, picks
        keep half a diameter from the edges; without a distance, three quarters.
    mask
        Candidates where it is 0 or less are deleted. May have any binning.
    """
    if rules.suppression != "keep-better":
        raise InputError("--suppression relion: needs the maps of each reference")
    reason = _unfit(pool, rules, mask)
    fit = np.flatnonzero(reason == "")
    place, merit = pool.position_angstrom[fit].astype(np.float64), pool.merit[fit].astype(float)
    diameter, distance = pool.particle_diameter_angstrom, rules.min_distance_angstrom
    sample = merit[(pool.apart & ~_unusual(pool))[fit]]
    kept = keep_better(place, merit, distance=0.75 * diameter if distance is None else distance)
    reason[fit[~kept]] = "too close"
    stands_out = pool.merit >= pool.location + _STANDS_OUT_SD * pool.scale
    rows = np.flatnonzero((reason == "") | stands_out)
    rows = rows[np.argsort(-pool.merit[rows], kind="stable")]
    dropped = reason[rows] != ""
    picks = Picks.of(
        pool.position_angstrom[rows].reshape(-1, 2),
        image=pool.name,
        score=pool.merit[rows],
        orientation=quaternion_from_psi_deg(pool.psi_deg[rows].astype(np.float64)).reshape(-1, 4),
        label=(pool.reference[rows] + 1).astype(str),
        source="template",
        state=np.where(dropped, "deleted", "auto"),
        reason=reason[rows],
        diameter_angstrom=np.full(len(rows), pool.particle_diameter_angstrom),
        extra={
            NOISE_MEAN: pool.noise_mean[rows].astype(np.float64),
            NOISE_SD: pool.noise_sd[rows].astype(np.float64),
        },
    )
    return JudgedPool(picks=picks, sample=sample)


def save_pool(pool: MeritPool, path: str | Path) -> None:
    """Write a pool, whole or not at all."""
    columns: dict[str, Any] = {
        f.name: getattr(pool, f.name) for f in fields(pool) if f.name != "grid"
    }
    grid = pool.grid
    with atomic_open(path, "wb") as file:
        np.savez(
            file,
            **columns,
            shape=np.array(grid.shape),
            frame=np.array([grid.pixel_size_angstrom, *grid.origin_angstrom]),
        )


def load_pool(path: str | Path) -> MeritPool:
    """Read what `save_pool` wrote."""
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(path, "run pick template again")
    try:
        with np.load(path, allow_pickle=False) as archive:
            values: dict[str, Any] = {name: archive[name] for name in archive.files}
        pixel, *origin = values.pop("frame").tolist()
        shape = tuple(int(n) for n in values.pop("shape"))
        values = {n: v.item() if v.ndim == 0 else v for n, v in values.items()}
        grid = Grid(shape=shape, pixel_size_angstrom=pixel, origin_angstrom=tuple(origin))
        return MeritPool(**values, grid=grid)
    # A damaged archive fails in zlib, zipfile or numpy, each with its own exception.
    except Exception as error:
        raise FormatError(path, f"is no pool of candidates ({error})") from error


def named_references(picks: Picks, names: Sequence[str]) -> Picks:
    """Replace the number of the reference, from 1, by its name."""
    if picks.label is None or len(picks) == 0 or not names:
        return picks
    return replace(picks, label=np.array(names)[picks.label.astype(np.int64) - 1])


def _psi_deg(picks: Picks) -> NDArray[np.float32]:
    from cryopick.geometry.euler import psi_deg_from_quaternion

    if picks.orientation is None or len(picks) == 0:
        return np.zeros(len(picks), dtype=np.float32)
    return np.asarray(psi_deg_from_quaternion(picks.orientation), dtype=np.float32)


def _unfit(pool: MeritPool, rules: PeakRules, mask: Image | None) -> NDArray[np.str_]:
    """Why each candidate cannot be a pick, whatever its merit; empty where nothing is wrong."""
    place = pool.position_angstrom.astype(np.float64)
    margin = rules.border_angstrom
    margin = pool.particle_diameter_angstrom / 2 if margin is None else margin
    px = pool.grid.to_px(place)
    margin_px = margin / pool.grid.pixel_size_angstrom
    last = np.asarray(pool.grid.size_px) - 1
    found = {"edge": ((px < margin_px) | (px > last - margin_px)).any(axis=1)}
    if mask is not None:
        found["outside mask"] = ~inside_mask_at(place, mask)
    if rules.max_noise_sd is not None:
        found["noisy background"] = pool.noise_sd > rules.max_noise_sd
    if rules.min_noise_mean is not None:
        found["dark background"] = pool.noise_mean < rules.min_noise_mean
    reason = np.full(len(pool), "", dtype="<U20")
    for name, which in found.items():
        reason[which & (reason == "")] = name
    return reason


def _unusual(pool: MeritPool) -> NDArray[np.bool_]:
    """Candidates whose background is unlike that of the rest of the micrograph."""
    out = np.zeros(len(pool), dtype=bool)
    for values in (pool.noise_mean, pool.noise_sd):
        if len(values):
            away = np.abs(values - np.median(values))
            out |= away > _UNUSUAL_SD * max(1.4826 * float(np.median(away)), 1e-3)
    return out
