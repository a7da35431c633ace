"""Normalisation of particle images: every method is one small function.

``I`` are the pixels of an image, ``bg`` those outside the background circle, ``fg`` those inside.
Xmipp's methods divide by standard deviations over ``n - 1``, RELION's by those over ``n``.

Sorzano et al. 2004, doi 10.1016/j.jsb.2003.12.017 (the background ramp).
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.extract.settings import Normalisation

Floats = NDArray[np.float64]

# Below this a background counts as flat, and images are not divided by its spread.
_FLAT_SD = 1e-10
_FLAT_RAMP_SD = 1e-6
# Where `robust` cuts off, if asked to.
_ROBUST_CLIP = 1.3284
# Of `neighbour`: rounds of fitting, and the fewest pixels that a plane is fitted to.
_ROUNDS, _FEWEST = 4, 8


def background_mask(size_px: int, *, radius_px: float) -> NDArray[np.bool_]:
    """Pixels farther than a radius from pixel ``N // 2``.

    Examples
    --------
    >>> background_mask(4, radius_px=1).astype(int)
    array([[1, 1, 1, 1],
           [1, 1, 0, 1],
           [1, 0, 0, 0],
           [1, 1, 0, 1]])
    """
    offset = np.arange(size_px) - size_px // 2
    return offset[:, np.newaxis] ** 2 + offset**2 > radius_px**2


def normalise(
    images: NDArray[np.float32],
    *,
    method: Normalisation,
    radius_px: float,
    clip: bool = False,
    neighbour_threshold_sd: float = 1.2,
    rng: np.random.Generator | None = None,
) -> NDArray[np.float32]:
    """Bring images to one scale of grey values.

    Parameters
    ----------
    images
        ``(n, b, b)``.
    method
        ``relion`` (plane, mean and deviation of bg), ``relion-no-ramp``, ``ramp``, ``old-xmipp``,
        ``near-old-xmipp``, ``new-xmipp``, ``new-xmipp2``, ``robust``, ``neighbour`` or ``none``.
    radius_px
        Of the background circle.
    clip
        For ``robust``: cut values off at +-1.3284.
    neighbour_threshold_sd
        For ``neighbour``.
    rng
        Noise for ``neighbour``; None: from seed 0.

    Returns
    -------
    ndarray
        ``(n, b, b)`` float32. An image that is flat where its spread is asked for is only
        levelled; a warning counts such images.

    Examples
    --------
    >>> noisy = np.random.default_rng(0).normal(size=(1, 8, 8)) + 3 * np.arange(8)
    >>> done = normalise(noisy.astype(np.float32), method="relion", radius_px=3)
    >>> background = done[0][background_mask(8, radius_px=3)]
    >>> bool(abs(background.mean()) < 1e-6), background.std().round(3)
    (True, np.float32(1.0))
    """
    if method == "none" or not len(images):
        return images
    background = background_mask(images.shape[-1], radius_px=radius_px)
    if np.count_nonzero(background) < 4:
        raise InputError(
            f"--background-radius {radius_px:g}: leaves no background in images of "
            f"{images.shape[-1]} px"
        )
    values = images.astype(np.float64)
    if method in ("relion", "ramp"):
        result = ramp(values, background, population=method == "relion")
    elif method in ("relion-no-ramp", "new-xmipp"):
        result = new_xmipp(values, background, population=method == "relion-no-ramp")
    elif method == "old-xmipp":
        result = old_xmipp(values)
    elif method == "near-old-xmipp":
        result = near_old_xmipp(values, background)
    elif method == "new-xmipp2":
        result = new_xmipp2(values, background)
    elif method == "robust":
        result = robust(values, background, clip=clip)
    elif method == "neighbour":
        noise = np.random.default_rng(0) if rng is None else rng
        result = neighbour(values, background, threshold_sd=neighbour_threshold_sd, rng=noise)
    else:
        raise InputError(f"--normalise {method}: is not a known method")
    return result.astype(np.float32)


def old_xmipp(images: Floats) -> Floats:
    """``(I - mean(I)) / sd(I)``.

    Examples
    --------
    >>> old_xmipp(np.array([[[0.0, 2.0], [4.0, 6.0]]])).round(3)
    array([[[-1.162, -0.387],
            [ 0.387,  1.162]]])
    """
    everywhere = np.ones(images.shape[1:], dtype=bool)
    return _scaled(images, *_level(images, everywhere, population=False))


def near_old_xmipp(images: Floats, background: NDArray[np.bool_]) -> Floats:
    """``(I - mean(I)) / sd(bg)``."""
    mean = images.mean(axis=(1, 2))
    return _scaled(images, mean, _level(images, background, population=False)[1])


def new_xmipp(images: Floats, background: NDArray[np.bool_], *, population: bool = False) -> Floats:
    """``(I - mean(bg)) / sd(bg)``; ``population`` divides the squares by ``n``, not ``n - 1``."""
    return _scaled(images, *_level(images, background, population=population))


def new_xmipp2(images: Floats, background: NDArray[np.bool_]) -> Floats:
    """``(I - mean(bg)) / |mean(I) - mean(bg)|``."""
    level = images[:, background].mean(axis=1)
    return _scaled(images, level, np.abs(images.mean(axis=(1, 2)) - level))


def ramp(images: Floats, background: NDArray[np.bool_], *, population: bool = False) -> Floats:
    """Subtract the plane that fits bg best, then divide by ``sd(bg)``."""
    flat = _FLAT_SD if population else _FLAT_RAMP_SD
    levelled = images - plane(images, background)
    return _scaled(levelled, *_level(levelled, background, population=population), flat=flat)


def robust(images: Floats, background: NDArray[np.bool_], *, clip: bool = False) -> Floats:
    """``(I - median(bg)) / 99th percentile of (fg)``, both of the levelled image."""
    levelled = images - np.median(images[:, background], axis=1)[:, np.newaxis, np.newaxis]
    top = np.percentile(levelled[:, ~background], 99, axis=1)
    result = _scaled(levelled, np.zeros(len(images)), top)
    return np.clip(result, -_ROBUST_CLIP, _ROBUST_CLIP) if clip else result


def neighbour(
    images: Floats,
    background: NDArray[np.bool_],
    *,
    threshold_sd: float,
    rng: np.random.Generator,
) -> Floats:
    """`ramp` that parts of other particles in bg do not disturb: they are replaced by noise.

    A background pixel is replaced if it lies more than ``threshold_sd`` deviations off the plane.
    Plane and deviation are those of the pixels that are kept, so they are found in rounds; the
    deviation is corrected for what a threshold takes from undisturbed noise.
    """
    values = images[:, background]
    kept = np.ones(values.shape, dtype=bool)
    share = _truncated_sd(threshold_sd)
    base, sd = np.zeros_like(images), np.zeros(len(images))
    for turn in range(_ROUNDS):
        base = _weighted_plane(images, background, kept)
        off = values - base[:, background]
        count = np.maximum(kept.sum(axis=1) - 1, 1)
        sd = np.sqrt((off**2 * kept).sum(axis=1) / count) / (share if turn else 1.0)
        near = np.abs(off) <= threshold_sd * sd[:, np.newaxis]
        # A plane needs its pixels: an image that would lose nearly all keeps what it has.
        kept = np.where((near.sum(axis=1) >= _FEWEST)[:, np.newaxis], near, kept)
    cleaned = images.copy()
    noise = base[:, background] + sd[:, np.newaxis] * rng.standard_normal(values.shape)
    cleaned[:, background] = np.where(kept, values, noise)
    return _scaled(cleaned - base, np.zeros(len(images)), sd, flat=_FLAT_RAMP_SD)


def _truncated_sd(threshold_sd: float) -> float:
    """Deviation of unit Gaussian noise whose values beyond a threshold are left out."""
    density = np.exp(-(threshold_sd**2) / 2) / np.sqrt(2 * np.pi)
    inside = math.erf(threshold_sd / np.sqrt(2))
    return float(np.sqrt(1 - 2 * threshold_sd * density / inside))


def _weighted_plane(
    images: Floats, background: NDArray[np.bool_], kept: NDArray[np.bool_]
) -> Floats:
    """The plane through those background pixels of each image that are kept."""
    basis, _ = _plane_basis(background.tobytes(), background.shape[0])
    chosen = basis[:, background.ravel()]
    pairs = (chosen[:, np.newaxis] * chosen).reshape(9, -1)
    normal = (kept @ pairs.T).reshape(-1, 3, 3)
    right = (kept * images[:, background]) @ chosen.T
    factors = np.linalg.solve(normal, right[:, :, np.newaxis])[:, :, 0]
    return (factors @ basis).reshape(images.shape)


def plane(images: Floats, background: NDArray[np.bool_]) -> Floats:
    """The plane through the background of each image, by least squares.

    Parameters
    ----------
    images
        ``(n, b, b)``.
    background
        ``(b, b)``: which pixels are fitted.

    Returns
    -------
    ndarray
        ``(n, b, b)``.
    """
    basis, inverse = _plane_basis(background.tobytes(), background.shape[0])
    return (images[:, background] @ inverse @ basis).reshape(images.shape)


@lru_cache(maxsize=4)
def _plane_basis(background: bytes, size_px: int) -> tuple[Floats, Floats]:
    """``(3, b * b)``: 1, x and y; and ``(n_bg, 3)``: what turns pixels into their coefficients."""
    chosen = np.frombuffer(background, dtype=bool)
    y, x = np.indices((size_px, size_px)) - size_px // 2
    basis = np.stack([np.ones(size_px**2), x.ravel(), y.ravel()]).astype(np.float64)
    return basis, np.asarray(np.linalg.pinv(basis[:, chosen]), dtype=np.float64)


def _level(images: Floats, chosen: NDArray[np.bool_], *, population: bool) -> tuple[Floats, Floats]:
    """Mean and standard deviation of some pixels of each image."""
    values = images[:, chosen]
    return values.mean(axis=1), values.std(axis=1, ddof=0 if population else 1)


def _scaled(images: Floats, level: Floats, scale: Floats, *, flat: float = _FLAT_SD) -> Floats:
    """``(images - level) / scale``; where the scale is next to nothing, only levelled."""
    usable = np.abs(scale) > flat
    if not usable.all():
        warnings.warn(
            f"{np.count_nonzero(~usable)} flat images were levelled, not scaled", stacklevel=2
        )
    divisor = np.where(usable, scale, 1.0)
    return (images - level[:, np.newaxis, np.newaxis]) / divisor[:, np.newaxis, np.newaxis]
