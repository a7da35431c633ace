"""Gold beads: found as what is far denser than any matter, and replaced by noise.

A bead outshines every particle, and its rim and the streaks of the reconstruction around it match
any template somewhere: most false hits in a tomogram with fiducials lie there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import PixelSource
from cryopick.ops.resample import mean_bin

Contrast = Literal["dark", "bright"]

# Beads are sought at this voxel size: beside noise, little is left of what is smaller.
_VOXEL_ANGSTROM = 20.0
_SMALLEST_ANGSTROM, _LARGEST_ANGSTROM = 25.0, 250.0
_BLUR_VOXELS = 1.0
_SLAB_VOXELS = 2**24
# How high matter rises: as the local maximum that comes after this share of all, and after so many
# as beads and their rims may make; no lower than this, as a lone ribosome in clear ice does not
# reach `_FACTOR` times as high.
_GOLD_SHARE, _GOLD_MAXIMA, _SINGLE_DEVIATIONS = 0.006, 50, 7.0
# A bead rises higher than matter by this factor: simulated beads 5 to 17, all else below 2.5.
_FACTOR = 3.0
_MOST_BEADS = 1000
# A bead reaches to where it has fallen to this share of its height; it is hollow by the ramp.
_EDGE_SHARE = 0.35
_ROUND = 2.5
# Around a bead, within so many diameters, what is so many deviations off goes with it.
_REACH, _HALO_DEVIATIONS = 2.0, 4.5
# What has the sign of the bead belongs to it within so many diameters of its centre.
_OWN = 0.75
# Voxels around a hole, in all directions, that say what it is filled with.
_SHELL_PX = 6
# Holes are told apart in blocks of this edge.
_BLOCK_PX = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GoldBeads:
    """Gold beads and the voxels they spoil.

    Attributes
    ----------
    centre_px
        ``(n, 3)`` x, y, z.
    diameter_angstrom
        ``(n,)``, to about a voxel of 20 Å.
    mask
        ``(z, y, x)``: the beads with their rims and streaks; None where no bead was found.
    """

    centre_px: NDArray[np.float64]
    diameter_angstrom: NDArray[np.float64]
    mask: NDArray[np.bool_] | None

    def __len__(self) -> int:
        return len(self.centre_px)


def find_gold(
    volume: PixelSource,
    *,
    pixel_size_angstrom: float,
    contrast: Contrast = "dark",
    diameter_angstrom: float | None = None,
) -> GoldBeads:
    """Find gold beads in a tomogram.

    A bead is a round thing of plausible size that rises three times as high above the background
    as all but a few of the local maxima of the volume binned to 20 Å and blurred, and by 21 standard
    deviations of the background. Particles stay below that in tomograms as they are reconstructed;
    where a denoised one holds but a few, they may pass for beads: name the diameter, or do without.

    Parameters
    ----------
    volume
        ``(z, y, x)``; read slab by slab.
    pixel_size_angstrom
        Edge of its voxels.
    contrast
        Whether dense matter, and so gold, is dark or bright.
    diameter_angstrom
        Of the beads, where known: others, below half and above twice of it, are left.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> volume = rng.normal(size=(40, 64, 64)).astype(np.float32)
    >>> volume[16:26, 26:36, 37:47] -= 60
    >>> beads = find_gold(volume, pixel_size_angstrom=10.0)
    >>> len(beads), beads.centre_px.round().tolist()
    (1, [[42.0, 30.0, 20.0]])
    """
    from scipy.ndimage import gaussian_filter

    z, y, x = _checked(volume, pixel_size_angstrom, contrast, diameter_angstrom)
    factor = _bin_factor((z, y, x), pixel_size_angstrom, diameter_angstrom)
    binned = _binned(volume, factor, 1.0 if contrast == "bright" else -1.0)
    height = gaussian_filter(binned, _BLUR_VOXELS, output=binned)
    _standardise(height)
    voxel = pixel_size_angstrom * factor
    sizes = (_SMALLEST_ANGSTROM, _LARGEST_ANGSTROM)
    if diameter_angstrom is not None:
        sizes = (diameter_angstrom / 2, diameter_angstrom * 2)
    beads = _measured(height, voxel, sizes)
    mask = np.zeros((z, y, x), dtype=bool) if beads else None
    if mask is not None:
        for bead in beads:
            _spoil(mask, height, bead, factor)
    centre = np.array([bead.centre for bead in beads], dtype=np.float64).reshape(-1, 3)
    return GoldBeads(
        centre_px=centre[:, ::-1] * factor + (factor - 1) / 2,
        diameter_angstrom=np.array([bead.diameter for bead in beads], dtype=np.float64) * voxel,
        mask=mask,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Bead:
    """In voxels of the binned volume; the centre is z, y, x."""

    centre: NDArray[np.float64]
    diameter: float


def _checked(
    volume: PixelSource, pixel: float, contrast: str, diameter: float | None
) -> tuple[int, int, int]:
    if len(volume.shape) != 3 or 0 in volume.shape:
        raise InputError(f"gold: expected a volume (z, y, x), got shape {tuple(volume.shape)}")
    if not (math.isfinite(pixel) and pixel > 0):
        raise InputError(f"gold: expected a pixel size above 0 Å, got {pixel:g}")
    if contrast not in ("dark", "bright"):
        raise InputError(f"gold: contrast: expected dark or bright, got {contrast}")
    if diameter is not None and not (math.isfinite(diameter) and diameter > 0):
        raise InputError(f"gold: expected a diameter above 0 Å, got {diameter:g}")
    return volume.shape[0], volume.shape[1], volume.shape[2]


def _bin_factor(shape: tuple[int, ...], pixel: float, diameter: float | None) -> int:
    target = _VOXEL_ANGSTROM if diameter is None else diameter / 4
    return max(1, min(round(target / pixel), *shape))


def _binned(volume: PixelSource, factor: int, sign: float) -> NDArray[np.float32]:
    """Average blocks of voxels, slab by slab; what is not finite counts as 0 after centring."""
    layers = volume.shape[0] // factor
    step = max(1, _SLAB_VOXELS // (factor * math.prod(volume.shape[1:])))
    parts: list[NDArray[np.float32]] = []
    for first in range(0, layers, step):
        slab = np.asarray(volume[first * factor : min(layers, first + step) * factor], np.float32)
        if not np.isfinite(slab).all():
            finite = np.isfinite(slab)
            middle = np.median(slab[finite]) if finite.any() else 0
            slab = np.where(finite, slab, np.float32(middle))
        parts.append(mean_bin(slab, factor) if factor > 1 else slab)
    binned = np.concatenate(parts)
    binned *= np.float32(sign)
    return binned


def _standardise(height: NDArray[np.float32]) -> None:
    """Turn into robust deviations from the median, in place."""
    sample = height.ravel()[:: max(1, height.size // 2**21)]
    middle = float(np.median(sample))
    deviation = 1.4826 * float(np.median(np.abs(sample - middle)))
    height -= np.float32(middle)
    # Without a background of noise there is nothing to rise above.
    height /= np.float32(deviation if deviation > 0 else np.inf)


def _measured(height: NDArray[np.float32], voxel: float, sizes: tuple[float, float]) -> list[_Bead]:
    """Beads of acceptable size and shape, the highest first."""
    beads: list[_Bead] = []
    smallest, largest = sizes
    window = math.ceil(1.5 * largest / voxel) + 2
    for place in _high_maxima(height):
        if any(np.linalg.norm(place - bead.centre) < bead.diameter for bead in beads):
            continue
        bead = _shape_of(height, place, window)
        if bead is not None and smallest <= bead.diameter * voxel <= largest:
            beads.append(bead)
    return beads


def _high_maxima(height: NDArray[np.float32]) -> NDArray[np.int64]:
    """Local maxima that rise above all matter, ``(n, 3)`` z, y, x, the highest first."""
    from scipy.ndimage import maximum_filter

    peaks = np.flatnonzero(maximum_filter(height, 5) == height)
    values = height.ravel()[peaks]
    values = np.where(np.isfinite(values), values, 0)
    rank = min(max(round(_GOLD_SHARE * len(values)), _GOLD_MAXIMA), len(values) - 1)
    matter = max(float(np.sort(values)[::-1][rank]), _SINGLE_DEVIATIONS)
    chosen = np.flatnonzero(values > _FACTOR * matter)
    order = chosen[np.argsort(-values[chosen], kind="stable")][:_MOST_BEADS]
    return np.stack(np.unravel_index(peaks[order], height.shape), axis=-1)


def _shape_of(height: NDArray[np.float32], place: NDArray[np.int64], window: int) -> _Bead | None:
    """What rises around a maximum, or None where it is no round thing within the window."""
    from scipy.ndimage import label

    low = np.maximum(place - window, 0)
    box = height[_window(low, place + window + 1)]
    parts = np.asarray(label(box > _EDGE_SHARE * height[tuple(place)])[0])
    inside = np.argwhere(parts == parts[tuple(place - low)])
    first, last = inside.min(0), inside.max(0)
    extent = (last - first + 1).astype(np.float64)
    if extent.max() > 2 * window or max(extent[1], extent[2]) > _ROUND * min(extent[1], extent[2]):
        return None
    # Along the beam a bead is drawn out by the missing wedge.
    return _Bead((first + last) / 2 + low, (extent[1] + extent[2]) / 2)


def _spoil(mask: NDArray[np.bool_], height: NDArray[np.float32], bead: _Bead, factor: int) -> None:
    """Mark the voxels that a bead spoils, in the volume as it was before binning."""
    from scipy.ndimage import binary_dilation

    reach = _REACH * bead.diameter + 1
    low = np.maximum(np.floor(bead.centre - reach - 1), 0).astype(int)
    high = np.minimum(np.ceil(bead.centre + reach + 2), height.shape).astype(int)
    box = height[_window(low, high)]
    axes = [np.arange(a, b) - c for a, b, c in zip(low, high, bead.centre, strict=True)]
    distance = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")))
    # Beyond the bead itself only what is of the other sign: the same sign may be a particle.
    rim = (box < 0) | (distance <= _OWN * bead.diameter + 1)
    halo = (np.abs(box) > _HALO_DEVIATIONS) & (distance <= reach) & rim
    spoilt = binary_dilation(halo | (distance <= bead.diameter / 2 + 1))
    # Voxels that fill no block, at the end of an axis, go with the last block.
    end = np.where(high == height.shape, mask.shape, high * factor)
    index = [
        np.minimum(np.arange(a * factor, b) // factor, c - 1) - a
        for a, b, c in zip(low, end, high, strict=True)
    ]
    mask[_window(low * factor, end)] |= spoilt[np.ix_(*index)]


def _window(low: NDArray[Any], high: NDArray[Any]) -> tuple[slice, ...]:
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def fill_gold(
    volume: NDArray[np.float32], mask: NDArray[np.bool_], *, rng: np.random.Generator
) -> None:
    """Replace masked voxels in place by noise with the mean and the deviation of those around.

    Only the surroundings of the mask are read, so ``volume`` may be a memory map.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> volume = rng.normal(size=(40, 64, 64)).astype(np.float32)
    >>> volume[16:26, 26:36, 37:47] -= 60
    >>> beads = find_gold(volume, pixel_size_angstrom=10.0)
    >>> fill_gold(volume, beads.mask, rng=rng)
    >>> bool(volume.min() > -6)
    True
    """
    if volume.shape != mask.shape:
        raise InputError(f"gold: mask of shape {mask.shape} for a volume of {volume.shape}")
    for place in _regions(mask):
        low = np.maximum([part.start - _SHELL_PX for part in place], 0)
        high = np.minimum([part.stop + _SHELL_PX for part in place], volume.shape)
        around = _window(low, high)
        pixels, spoilt = np.array(volume[around], dtype=np.float32), mask[around]
        clean = pixels[~spoilt & np.isfinite(pixels)].astype(np.float64)
        middle, deviation = (clean.mean(), clean.std()) if clean.size else (0.0, 0.0)
        noise = rng.standard_normal(pixels.shape, dtype=np.float32)
        np.copyto(pixels, noise * np.float32(deviation) + np.float32(middle), where=spoilt)
        volume[around] = pixels


def _regions(mask: NDArray[np.bool_]) -> list[tuple[slice, ...]]:
    """Boxes around what is marked, found in blocks: a label for each voxel would be too large."""
    from scipy.ndimage import find_objects, label

    blocks = np.zeros([-(-n // _BLOCK_PX) for n in mask.shape], dtype=bool)
    for layer in range(blocks.shape[0]):
        marked = mask[layer * _BLOCK_PX : (layer + 1) * _BLOCK_PX].any(0)
        for axis in range(2):
            starts = np.arange(0, marked.shape[axis], _BLOCK_PX)
            marked = np.logical_or.reduceat(marked, starts, axis=axis)
        blocks[layer] = marked
    boxes = find_objects(np.asarray(label(blocks)[0]))
    return [
        tuple(slice(part.start * _BLOCK_PX, part.stop * _BLOCK_PX) for part in box) for box in boxes
    ]
