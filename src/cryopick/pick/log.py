"""Pick round particles without a template, in micrographs and tomograms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import Grid, Image, Picks, delete
from cryopick.ops.nearest import inside_mask_at
from cryopick.ops.peaks import highest_near, local_maxima, refine_peaks
from cryopick.ops.suppression import blank_discs, keep_better
from cryopick.ops.threshold import between_two_clear_groups, between_two_groups
from cryopick.pick.blob_scores import BlobScores, disc_scores, laplacian_scores, working_step_px

Contrast = Literal["dark", "bright"]
Kernel = Literal["disc", "log"]
Suppression = Literal["keep-better", "relion"]

# Two places count as separate trials of the noise if they lie this share of a diameter apart;
# only its order of magnitude matters.
_TRIAL_SHARE = 0.2
# Centres are looked for as far as this share of a diameter from the highest score.
_CENTRING_SHARE = 0.25
# ... among places that score at least this share of it.
_CENTRING_LEAST = 0.8


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """What `pick_log` looks for.

    Attributes
    ----------
    diameter_min_angstrom, diameter_max_angstrom
        Range of particle diameters.
    contrast
        Particles darker or brighter than the ice.
    kernel
        ``disc``: disc against the ring around it, normalised by local noise; also right for
        hollow and crowded particles. ``log``: RELION's Laplacian of Gaussian.
    suppression
        ``keep-better``: local maxima, best first, none nearer than the minimum distance.
        ``relion``: highest pixel first, blanking a disc of its own size.
    threshold
        Lowest score; None chooses it from the scores.
    adjust_threshold_sd
        Raises (lowers, if negative) the chosen threshold by standard deviations of the scores.
    upper_threshold_sd
        Candidates this many standard deviations above the mean score are contamination.
    min_distance_angstrom
        Between picks; None: three quarters of the mean diameter. ``relion`` blanks by sizes,
        scaled by this distance over the mean diameter where it is given.
    max_resolution_angstrom
        Detail beyond this is ignored; None: 20 Å, or a sixth of the smallest diameter if that
        is coarser.
    border_angstrom
        Picks nearer to an edge are deleted; None: 0 for ``keep-better``, half the smallest
        diameter for ``relion``.
    max_picks
        Keep only the best so many per image.
    """

    diameter_min_angstrom: float
    diameter_max_angstrom: float
    contrast: Contrast = "dark"
    kernel: Kernel = "disc"
    suppression: Suppression = "keep-better"
    threshold: float | None = None
    adjust_threshold_sd: float = 0.0
    upper_threshold_sd: float | None = None
    min_distance_angstrom: float | None = None
    max_resolution_angstrom: float | None = None
    border_angstrom: float | None = None
    max_picks: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.diameter_min_angstrom <= self.diameter_max_angstrom:
            raise InputError(
                f"--diameter-min {self.diameter_min_angstrom:g}: expected a diameter above 0 and "
                f"at most --diameter-max ({self.diameter_max_angstrom:g} Å)"
            )

    @property
    def diameter_angstrom(self) -> float:
        """Mean of the range."""
        return (self.diameter_min_angstrom + self.diameter_max_angstrom) / 2

    @property
    def resolution_angstrom(self) -> float:
        """Resolution to which images are reduced."""
        return self.max_resolution_angstrom or max(20.0, self.diameter_min_angstrom / 6)

    @property
    def distance_angstrom(self) -> float:
        """Least distance between picks of ``keep-better``."""
        return self.min_distance_angstrom or 0.75 * self.diameter_angstrom

    @property
    def margin_angstrom(self) -> float:
        """Least distance from an edge."""
        if self.border_angstrom is not None:
            return self.border_angstrom
        return self.diameter_min_angstrom / 2 if self.suppression == "relion" else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogResult:
    """Candidates of one image and how they were judged.

    Attributes
    ----------
    picks
        All candidates above noise; those not taken are deleted, with their reasons.
    threshold
        Lowest score taken.
    scores
        The maps behind them.
    """

    picks: Picks
    threshold: float
    scores: BlobScores


def pick_log(image: Image, settings: LogSettings, *, mask: Image | None = None) -> LogResult:
    """Find round particles in one image.

    Parameters
    ----------
    image
        Micrograph or tomogram.
    settings
        Diameters and rules.
    mask
        Picks where it is 0 or less are deleted. May have any binning.

    Examples
    --------
    >>> y, x = np.mgrid[:128, :128]
    >>> noise = np.random.default_rng(0).normal(size=(128, 128))
    >>> pixels = noise - 3 * np.exp(-((x - 40.0) ** 2 + (y - 70.0) ** 2) / 2 / 6**2)
    >>> image = Image(data=pixels, grid=Grid(shape=(128, 128), pixel_size_angstrom=5.0), name="a")
    >>> found = pick_log(image, LogSettings(diameter_min_angstrom=80, diameter_max_angstrom=120))
    >>> found.picks[found.picks.state == "auto"].position_angstrom.round(-1)
    array([[200., 350.]])

    References
    ----------
    RELION's Laplacian picker: doi 10.7554/eLife.42166.
    """
    scores = _scores(image, settings)
    if settings.suppression == "relion":
        index = _relion_candidates(scores, settings, image.grid)
    else:
        index = local_maxima(scores.score)
        index = index[scores.score[tuple(index.T)] > 0]
    position_px = _centres(scores, settings, image.grid, index)
    picks = _as_picks(image, scores, index, position_px)
    if settings.suppression == "keep-better":
        score = np.asarray(picks.score)
        picks = picks[
            keep_better(picks.position_angstrom, score, distance=settings.distance_angstrom)
        ]
    threshold = _threshold(image.grid, scores, settings, np.asarray(picks.score))
    return LogResult(
        picks=_judge(picks, image, mask, settings, scores=scores, threshold=threshold),
        threshold=threshold,
        scores=scores,
    )


def filtered_pixels(grid: Grid, settings: LogSettings) -> int:
    """Tell how many pixels the filters see: the reduced image with its mirrored margins.

    Examples
    --------
    >>> settings = LogSettings(diameter_min_angstrom=100, diameter_max_angstrom=200)
    >>> filtered_pixels(Grid(shape=(4000, 4000), pixel_size_angstrom=1.0), settings)
    208849
    """
    pixel = working_step_px(grid, settings.resolution_angstrom) * grid.pixel_size_angstrom
    largest = settings.diameter_max_angstrom
    if settings.kernel == "log":
        margin = 2 * largest
    else:
        margin = max(largest, 2 * math.sqrt(settings.diameter_min_angstrom * largest))
    return math.prod(round((extent + 2 * margin) / pixel) for extent in grid.extent_angstrom)


def _scores(image: Image, settings: LogSettings) -> BlobScores:
    smallest_side = min(image.grid.extent_angstrom)
    if settings.diameter_max_angstrom > smallest_side:
        raise InputError(
            f"{image.name}: --diameter-max {settings.diameter_max_angstrom:g} Å is larger than the "
            f"image ({smallest_side:g} Å); check --pixel-size ({image.grid.pixel_size_angstrom:g} Å)"
        )
    score = disc_scores if settings.kernel == "disc" else laplacian_scores
    return score(
        image,
        (settings.diameter_min_angstrom, settings.diameter_max_angstrom),
        resolution=settings.resolution_angstrom,
        sign=-1 if settings.contrast == "dark" else 1,
    )


def _relion_candidates(scores: BlobScores, settings: LogSettings, grid: Grid) -> NDArray[np.int64]:
    fudge = 1.0
    if settings.min_distance_angstrom is not None:
        fudge = settings.min_distance_angstrom / settings.diameter_angstrom
    pixel = scores.step_px * grid.pixel_size_angstrom
    radius = fudge * (scores.diameter_angstrom + settings.diameter_min_angstrom) / 2 / pixel
    floor = settings.threshold
    if floor is None:
        floor = scores.mean + settings.adjust_threshold_sd * scores.sd
    floor = max(floor, float(np.finfo(np.float32).tiny))
    score = scores.score
    if settings.upper_threshold_sd is not None:
        above = scores.mean + settings.upper_threshold_sd * scores.sd
        score = np.where(score > above, 0, score)
    return blank_discs(score, radius.astype(np.float32), floor=floor)


def _centres(
    scores: BlobScores, settings: LogSettings, grid: Grid, index: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Where in the working image the centres of candidates are, to a fraction of a pixel.

    A particle smaller than the disc, or longer one way, scores nearly alike over a wide place: of
    that place the centre counts.
    """
    if scores.centring is None:
        return refine_peaks(scores.score, index)
    pixel = scores.step_px * grid.pixel_size_angstrom
    least = _CENTRING_LEAST * scores.score[tuple(index.T)]
    near = highest_near(
        scores.centring,
        index,
        radius_px=_CENTRING_SHARE * settings.diameter_angstrom / pixel,
        allowed=lambda there: scores.score[tuple(there.T)] >= least,
    )
    return refine_peaks(scores.centring, near)


def _as_picks(
    image: Image,
    scores: BlobScores,
    index: NDArray[np.int64],
    position_px: NDArray[np.float64],
) -> Picks:
    if len(index) == 0:
        return replace(
            Picks.empty(image.ndim),
            score=np.zeros(0),
            diameter_angstrom=np.zeros(0),
            state=np.zeros(0, dtype="<U8"),
            source=np.zeros(0, dtype="<U8"),
        )
    in_image_px = position_px * scores.step_px
    order = np.argsort(-scores.score[tuple(index.T)], kind="stable")
    index = index[order]
    return Picks.of(
        image.grid.to_angstrom(in_image_px[order][:, ::-1]),
        image=image.name,
        score=scores.score[tuple(index.T)],
        diameter_angstrom=scores.diameter_angstrom[tuple(index.T)],
        source="log",
        state="auto",
    )


def noise_ceiling(grid: Grid, diameter_angstrom: float) -> float:
    """Highest score to expect of pure noise: the floor where the scores are not two clear groups.

    The expected highest of as many normal values as there are separate places in the image, so
    that an empty image stays empty.
    """
    trials = np.prod(np.asarray(grid.extent_angstrom) / (_TRIAL_SHARE * diameter_angstrom))
    return float(np.sqrt(2 * np.log(max(trials, 2.0))))


def _threshold(
    grid: Grid, scores: BlobScores, settings: LogSettings, score: NDArray[np.float64]
) -> float:
    if settings.threshold is not None:
        return settings.threshold
    shift = settings.adjust_threshold_sd * scores.sd
    if settings.kernel == "log":
        return scores.mean + shift
    clear = between_two_clear_groups(score)
    if clear is not None:
        return clear + shift
    ceiling = noise_ceiling(grid, settings.diameter_min_angstrom)
    return max(between_two_groups(score), ceiling) + shift if len(score) else ceiling


def _judge(
    picks: Picks,
    image: Image,
    mask: Image | None,
    settings: LogSettings,
    *,
    scores: BlobScores,
    threshold: float,
) -> Picks:
    """Delete, with the reason, whatever is not to be taken."""
    score = np.asarray(picks.score)
    rejected: Mapping[str, NDArray[np.bool_]] = {
        "edge": _near_edge(picks, image.grid, settings.margin_angstrom),
        "outside mask": _outside(picks, mask),
        "below threshold": score < threshold,
        "above threshold": score > _upper_limit(scores, settings),
    }
    for reason, which in rejected.items():
        picks = delete(picks, which, reason=reason)
    if settings.max_picks is not None:
        taken = np.cumsum(np.asarray(picks.state) == "auto")
        picks = delete(picks, taken > settings.max_picks, reason="below threshold")
    return picks


def _upper_limit(scores: BlobScores, settings: LogSettings) -> float:
    if settings.upper_threshold_sd is None:
        return float("inf")
    return scores.mean + settings.upper_threshold_sd * scores.sd


def _near_edge(picks: Picks, grid: Grid, margin_angstrom: float) -> NDArray[np.bool_]:
    px = grid.to_px(picks.position_angstrom)
    margin_px = margin_angstrom / grid.pixel_size_angstrom
    last = np.asarray(grid.size_px) - 1
    return np.any((px < margin_px) | (px > last - margin_px), axis=1) & (margin_angstrom > 0)


def _outside(picks: Picks, mask: Image | None) -> NDArray[np.bool_]:
    if mask is None or len(picks) == 0:
        return np.zeros(len(picks), dtype=bool)
    return ~inside_mask_at(picks.position_angstrom, mask)
