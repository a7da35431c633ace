"""What tells a good class average from a bad one, as numbers without units.

All are taken within the mask. The average's contrast may be either: bright is what its middle is,
compared with its rim. How sharp a good average is and how clean its surroundings are depends on the
particle and how crowded it is: such features are compared with those of the usual class of the set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.spectra import soft_disc
from cryopick.curate.classes.state import ClassState

# The order of the columns of `class_features`.
FEATURES = (
    "resolution",
    "size",
    "edge",
    "solvent",
    "scattered",
    "sureness",
    "fit",
    "detail",
)
# Those of which each class's is told as the difference from the usual class's.
COMPARED = ("resolution", "edge", "solvent", "detail")
_RIM = 0.85
# Masks are a fifth wider than particles.
MASK_PER_PARTICLE = 1.2
_REGION_PER_DIAMETER = 6.0
_REGION_LEVEL = 0.25
_MOST = 6.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """Where matter is in an average.

    Attributes
    ----------
    inside
        ``(b, b)`` the largest connected piece.
    solvent
        ``(b, b)`` within the mask, away from every piece.
    scattered
        Share of the bright area that lies in other pieces.
    """

    inside: NDArray[np.bool_]
    solvent: NDArray[np.bool_]
    scattered: float


def class_features(
    state: ClassState, *, mask_diameter_angstrom: float | None = None
) -> NDArray[np.float64]:
    """Describe each class.

    Parameters
    ----------
    state
        After some iterations.
    mask_diameter_angstrom
        Of the classification; None: 0.9 of the box, as there.

    Returns
    -------
    ndarray
        ``(K, 8)`` in the order of `FEATURES`, those of `COMPARED` less that of the class in which
        the median particle is: *resolution*, octaves of detail below the mask's diameter; *size*,
        octaves above an even share of the particles; *edge*, octaves of the amplitude at the rim
        of the mask above that within; *solvent*, octaves of the mean of matter above the deviation
        of the solvent; *scattered*, share of matter off the main piece; *sureness*, mean posterior
        of the class; *fit*, mean log likelihood, in robust deviations from that of all particles;
        *detail*, octaves by which what the particle mostly consists of is finer than the mask's
        diameter, 0 where that is more than usual. An empty class has zeros.
    """
    k, box = len(state.average), state.average.shape[-1]
    field = box * state.pixel_size_angstrom
    diameter = 0.9 * field if mask_diameter_angstrom is None else mask_diameter_angstrom
    radius = min(diameter / state.pixel_size_angstrom / 2, box / 2 - 1)
    found = np.zeros((k, len(FEATURES)))
    share = state.class_size * k / max(len(state.class_index), 1)
    middle, spread = _robust(state.log_likelihood[np.isfinite(state.log_likelihood)])
    for i in range(k):
        own = state.class_index == i
        image = state.average[i].astype(np.float64)
        if not own.any() or not image.any():
            continue
        found[i] = [
            np.log2(max(diameter / state.resolution_angstrom[i], 1.0)),
            np.log2(max(share[i], 2.0**-_MOST)),
            *_of_image(image, radius),
            state.class_probability[own].mean(),
            np.clip((state.log_likelihood[own].mean() - middle) / spread, -_MOST, _MOST),
            _detail(image, radius),
        ]
    used = found.any(axis=1)
    found[used] = _compared(found[used], share[used])
    return found


def region_of(image: NDArray[np.float64], *, radius_px: float) -> Region:
    """Find where matter is: what a smoothed average has above a quarter of its peak."""
    from scipy import ndimage

    box = len(image)
    line = np.arange(box) - box // 2
    away = np.hypot(line[:, None], line[None, :])
    mask = away <= radius_px
    smooth = ndimage.gaussian_filter(image, max(2 * radius_px / _REGION_PER_DIAMETER / 2.5, 0.5))
    smooth = np.where(mask, smooth * _contrast(smooth, away, radius_px), 0)
    bright = smooth > _REGION_LEVEL * max(smooth.max(), 0)
    pieces, count = ndimage.label(bright)
    if count == 0:
        return Region(inside=np.zeros_like(mask), solvent=mask, scattered=1.0)
    area = np.bincount(pieces.ravel())[1:]
    inside = pieces == int(area.argmax()) + 1
    solvent = mask & ~ndimage.binary_dilation(bright, iterations=2)
    return Region(inside=inside, solvent=solvent, scattered=float(1 - area.max() / area.sum()))


def _contrast(image: NDArray[np.float64], away: NDArray[np.float64], radius_px: float) -> float:
    """1 where the middle is brighter than the rim, else -1."""
    middle = image[away <= radius_px / 2].mean()
    rim = image[(away > _RIM * radius_px) & (away <= radius_px)].mean()
    return 1.0 if middle >= rim else -1.0


def _of_image(image: NDArray[np.float64], radius_px: float) -> tuple[float, float, float]:
    """Edge, solvent and scattered."""
    box = len(image)
    line = np.arange(box) - box // 2
    away = np.hypot(line[:, None], line[None, :])
    inner = away <= _RIM * radius_px
    rim = (away <= radius_px) & ~inner
    ratio = (image[rim] ** 2).mean() / max((image[inner] ** 2).mean(), 1e-30)
    edge = np.log2(np.clip(np.sqrt(ratio), 2.0**-_MOST, 2.0**_MOST))
    region = region_of(image, radius_px=radius_px)
    signal = image * _contrast(image, away, radius_px)
    solvent = 0.0
    if region.solvent.sum() > 8 and region.inside.any():
        noise = signal[region.solvent].std()
        height = signal[region.inside].mean() - signal[region.solvent].mean()
        solvent = float(np.log2(np.clip(height / max(noise, 1e-30), 2.0**-_MOST, 2.0**_MOST)))
    return float(edge), solvent, region.scattered


def _detail(image: NDArray[np.float64], radius_px: float) -> float:
    """Octaves from one wave per mask to the root mean square frequency of the particle."""
    box = len(image)
    particle = soft_disc(box, radius_px=radius_px / MASK_PER_PARTICLE, edge_px=0.2 * radius_px)
    flat = (image - (image * particle).sum() / particle.sum()) * particle
    power = np.abs(np.fft.fft2(flat)) ** 2
    frequency = np.fft.fftfreq(box)
    squared = frequency[:, None] ** 2 + frequency[None, :] ** 2
    mean_square = (power * squared).sum() / max(power.sum(), 1e-30)
    return float(np.log2(max(2 * radius_px * np.sqrt(mean_square), 2.0**-_MOST)))


def _compared(features: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take from `COMPARED` features ``(K, 8)`` their medians over the particles."""
    found = features.copy()
    for column in [FEATURES.index(name) for name in COMPARED] if len(found) else []:
        order = np.argsort(features[:, column])
        half = np.searchsorted(np.cumsum(share[order]), 0.5 * share.sum())
        found[:, column] -= features[order[half], column]
    # Averages of noise are finer than any particle: only what is missing counts.
    detail = FEATURES.index("detail")
    found[:, detail] = np.minimum(found[:, detail], 0)
    return found


def _robust(values: NDArray[np.float64]) -> tuple[float, float]:
    if not len(values):
        return 0.0, 1.0
    middle = float(np.median(values))
    return middle, max(1.4826 * float(np.median(np.abs(values - middle))), 1e-6)
