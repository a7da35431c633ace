"""Where in a micrograph not to pick: ice lumps, the support film, margins that repeat a row.

Everything is looked for on a coarse copy of the image, some ten pixels to a particle:

- *margins*: some programs fill the frame that motion correction leaves empty with copies of the
  last row or column; no real row is a copy of the one beside it;
- *lumps*: places far darker or brighter than noise and particles make the image, in blobs at
  least half a particle wide;
- *film*: the image falls apart into two areas of different brightness with a sharp edge between
  them (a slow change, of ice thickness or of the beam, has none). The darker one is the film, for
  carbon scatters more than ice; it goes on beyond the image.

What is found is widened by a third of a particle, as a centre so near could not be trusted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import Grid, Image

if TYPE_CHECKING:
    Floats = NDArray[np.float32]
    Bools = NDArray[np.bool_]

_PIXELS_PER_DIAMETER = 10
# A margin: rows that differ from their neighbours by less than this share of what is usual.
_COPIED = 0.25
_COPIED_RUN = 5
_MARGIN_SHARE = 0.1
_MARGIN_BINNING = 4
# So many pixels of a row tell whether it is a copy.
_ENOUGH_OF_A_ROW = 256
# A lump: so many robust standard deviations of the smoothed image from its surroundings.
_LUMP_SD = 6.0
_LUMP_WIDTH = 0.5
# ...and so many times as far as most blobs, where there are many: those are particles.
_LUMP_PARTICLES, _MANY = 2.2, 15
_WIDENED = 0.35
# A film: an edge this much steeper than the image's usual slope, all along.
_FILM_EDGE = 5.0
_FILM_LEAST_WIDTH, _FILM_LEAST_AREA = 1.5, 3.0
# How much of the image is film is not known, so several levels are tried.
_FILM_SHARES = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contamination:
    """What was found, on a coarse grid.

    Attributes
    ----------
    mask
        1 where to pick, 0 elsewhere.
    margin, lumps, film
        Share of the image under each, before widening.
    """

    mask: Image
    margin: float
    lumps: float
    film: float


def find_contamination(image: Image, particle_diameter_angstrom: float) -> Contamination:
    """Find what is not to be picked in a micrograph.

    Parameters
    ----------
    image
        A micrograph; the contrast does not matter.
    particle_diameter_angstrom
        Of the particles that are picked.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> pixels = rng.normal(size=(256, 256)).astype(np.float32)
    >>> pixels[100:140, 60:100] -= 20.0
    >>> image = Image(
    ...     data=pixels, grid=Grid(shape=(256, 256), pixel_size_angstrom=4.0), name="mic1"
    ... )
    >>> found = find_contamination(image, 100.0)
    >>> row, column = found.mask.grid.to_px([[80 * 4.0, 120 * 4.0]])[0].round().astype(int)[::-1]
    >>> int(found.mask.data[row, column]), bool(found.mask.data[:10].all())
    (0, True)
    """
    if image.ndim != 2 or particle_diameter_angstrom <= 0:
        raise InputError(
            f"{image.name}: contamination is looked for in micrographs, for particles with a "
            f"diameter above 0, got {image.ndim} dimensions and {particle_diameter_angstrom:g} Å"
        )
    pixels = _finite(image.read())
    binning = math.floor(
        particle_diameter_angstrom / _PIXELS_PER_DIAMETER / image.grid.pixel_size_angstrom
    )
    binning = max(1, min(binning, min(pixels.shape) // 8))
    grid = image.grid.binned_by_mean(binning)
    coarse, margin = _binned(pixels, binning), _binned(_of_margins(_margins(pixels)), binning) > 0.2
    diameter_px = particle_diameter_angstrom / grid.pixel_size_angstrom
    known = ~margin
    lumps = film = np.zeros(grid.shape, bool)
    if known.mean() > 0.05 and np.ptp(coarse[known]) > 0:
        lumps = _lumps(coarse, known, diameter_px)
        film = _film(coarse, known & ~_widened(lumps, diameter_px), diameter_px)
    found = margin | _widened(lumps | film, diameter_px)
    return Contamination(
        mask=_image(~found, grid, image.name),
        margin=float(margin.mean()),
        lumps=float(lumps.mean()),
        film=float(film.mean()),
    )


def find_margins(image: Image) -> Image | None:
    """Find margins that repeat a row or column, which hold no particles whatever they look like.

    Parameters
    ----------
    image
        A micrograph.

    Returns
    -------
    Image or None
        1 where to pick, 0 in margins, at some 4 pixels to one; None: there are no margins.

    Examples
    --------
    >>> pixels = np.random.default_rng(0).normal(size=(256, 256))
    >>> image = Image(data=pixels, grid=Grid(shape=(256, 256), pixel_size_angstrom=4.0), name="m")
    >>> find_margins(image) is None
    True
    >>> pixels[:16] = pixels[16]
    >>> find_margins(image).data[:, 30].tolist()[:6]
    [0, 0, 0, 0, 1, 1]
    """
    found = _margins(np.asarray(image.data[...]))
    if not any(line.any() for line in found):
        return None
    binning = max(1, min(_MARGIN_BINNING, min(image.grid.shape) // 8))
    inside = _binned(_of_margins(found), binning) <= 0.5
    return _image(inside, image.grid.binned_by_mean(binning), image.name)


def _image(inside: Bools, grid: Grid, name: str) -> Image:
    return Image(data=inside.view(np.int8), grid=grid, name=name)


def _binned(pixels: NDArray[np.generic], factor: int) -> Floats:
    height, width = (n // factor for n in pixels.shape)
    blocks = pixels[: height * factor, : width * factor].reshape(height, factor, width, factor)
    return blocks.mean(axis=(1, 3), dtype=np.float32)


def _finite(pixels: NDArray[np.generic]) -> Floats:
    return np.nan_to_num(np.asarray(pixels, np.float32), posinf=0.0, neginf=0.0)


def _margins(pixels: NDArray[np.generic]) -> tuple[Bools, Bools]:
    """Rows ``(y,)`` and columns ``(x,)`` along the faces that are copies of each other."""
    rows, columns = (np.zeros(n, bool) for n in pixels.shape)
    for values, out in ((pixels, rows), (pixels.T, columns)):
        few = _finite(values[:, :: max(1, values.shape[1] // _ENOUGH_OF_A_ROW)])
        change = np.abs(np.diff(few, axis=0)).mean(axis=1)
        copied = change < _COPIED * np.median(change)
        before, after = _copied_margin(copied), _copied_margin(copied[::-1])
        out[: before + 1 if before else 0] = True
        out[len(out) - (after + 1 if after else 0) :] = True
    return rows, columns


def _of_margins(margins: tuple[Bools, Bools]) -> Bools:
    """Pixels ``(y, x)`` of these rows and of these columns."""
    rows, columns = margins
    return rows[:, None] | columns[None]


def _copied_margin(copied: Bools) -> int:
    """Where the last run of copies near the face ends; compression may break into it."""
    reach = max(_COPIED_RUN, int(_MARGIN_SHARE * len(copied)))
    runs = np.convolve(copied[:reach], np.ones(_COPIED_RUN, np.int64), mode="valid")
    ends = np.flatnonzero(runs == _COPIED_RUN)
    return 0 if len(ends) == 0 else int(ends[-1]) + _COPIED_RUN


def _smoothed(values: Floats, known: Bools, sigma_px: float) -> Floats:
    """Blurred over what is known; elsewhere from the nearest that is."""
    from scipy.ndimage import gaussian_filter

    weight = gaussian_filter(known.astype(np.float32), sigma_px)
    total = gaussian_filter(np.where(known, values, 0).astype(np.float32), sigma_px)
    usual = np.float32(np.median(values[known]))
    return np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), usual)


def _surroundings(values: Floats, size_px: int) -> Floats:
    """Median of a wide neighbourhood, taken from every other pixel."""
    from scipy.ndimage import median_filter

    half = median_filter(values[::2, ::2], size=max(3, size_px // 2 | 1), mode="nearest")
    return np.repeat(np.repeat(half, 2, axis=0), 2, axis=1)[: values.shape[0], : values.shape[1]]


def _lumps(coarse: Floats, known: Bools, diameter_px: float) -> Bools:
    from scipy.ndimage import binary_opening, binary_propagation

    smooth = _smoothed(coarse, known, 0.2 * diameter_px)
    score = smooth - _surroundings(smooth, round(8 * diameter_px))
    middle = np.median(score[known])
    spread = 1.4826 * np.median(np.abs(score[known] - middle))
    if spread <= 0:
        return np.zeros(coarse.shape, bool)
    away = np.where(known, np.abs(score - middle) / spread, 0)
    least = max(_LUMP_SD, _LUMP_PARTICLES * _usual_height(away, diameter_px))
    core = binary_opening(away > least, _disc(0.5 * _LUMP_WIDTH * diameter_px))
    return np.asarray(binary_propagation(core, mask=away > least / 2))


def _usual_height(away: Floats, diameter_px: float) -> float:
    """Median height of the blobs that stand out, if they are too many to be lumps; else 0."""
    from scipy.ndimage import maximum_filter

    top = away == maximum_filter(away, size=round(diameter_px) | 1)
    heights = away[top & (away > _LUMP_SD / 2)]
    return float(np.median(heights)) if len(heights) >= _MANY else 0.0


def _film(coarse: Floats, known: Bools, diameter_px: float) -> Bools:
    """The darker of two areas with a sharp edge between them; nothing where there is none."""
    from scipy.ndimage import binary_opening, gaussian_gradient_magnitude

    none = np.zeros(coarse.shape, bool)
    if not known.any():
        return none
    smooth = _smoothed(coarse, known, 0.75 * diameter_px)
    slope = gaussian_gradient_magnitude(
        _smoothed(coarse, known, 0.5 * diameter_px), 0.5 * diameter_px
    )
    usual = float(np.median(slope[known]))
    if usual <= 0:
        return none
    levels = [_two_parts(smooth[known]), *np.quantile(smooth[known], _FILM_SHARES).tolist()]
    found = none
    for level in levels:
        dark = binary_opening((smooth < level) & known, _disc(_FILM_LEAST_WIDTH / 2 * diameter_px))
        found = found | _with_sharp_edges(
            np.asarray(dark), known, slope / usual, least_px=_FILM_LEAST_AREA * diameter_px**2
        )
    return found


def _with_sharp_edges(dark: Bools, known: Bools, steepness: Floats, *, least_px: float) -> Bools:
    """Areas that go on beyond the image, with an edge that is steep almost all along."""
    from scipy.ndimage import binary_dilation, binary_erosion, label

    areas, count = label(dark)
    kept = np.zeros(dark.shape, bool)
    inner = binary_erosion(known, iterations=2)
    for number in range(1, count + 1):
        area = areas == number
        if area.sum() < least_px or not (area & ~inner).any():
            continue
        edge = binary_dilation(area, iterations=2) & ~binary_erosion(area, iterations=2) & inner
        if edge.any() and float(np.percentile(steepness[edge], 25)) > _FILM_EDGE:
            kept |= area
    return kept


def _two_parts(values: Floats) -> float:
    """The value that splits a distribution best into two (Otsu 1979, doi 10.1109/tsmc.1979.4310076)."""
    counts, edges = np.histogram(values, bins=256)
    middle = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    total = np.cumsum(counts * middle)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (total / below - (total[-1] - total) / above) ** 2
    return float(edges[1:][np.nanargmax(between[:-1])])


def _widened(found: Bools, diameter_px: float) -> Bools:
    from scipy.ndimage import distance_transform_edt

    if not found.any():
        return found
    return np.asarray(distance_transform_edt(~found)) <= _WIDENED * diameter_px


def _disc(radius_px: float) -> Bools:
    reach = max(1, math.ceil(radius_px))
    y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    return y**2 + x**2 <= max(radius_px, 1.0) ** 2
