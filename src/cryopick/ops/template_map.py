"""Make a template from a map: pixel size, low-pass, centre, hand, contrast, box.

All that is linear happens in one step. Along each axis the map is a sum of waves in a box padded
with its background; each wave gets the weight of the low-pass and is evaluated at the voxels of the
template. So any ratio of pixel sizes, a shift by a fraction of a voxel, a mirror and another box
cost three products with small matrices and no interpolation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import PixelSource
from cryopick.ops.filters import gaussian
from cryopick.ops.masks import background_of
from cryopick.ops.particle_extent import Contrast, Particle, contrast_of, measure_particle
from cryopick.ops.resample import mean_bin

# Voxels along an edge that are enough to measure a particle.
_MEASURED_PX = 96
# Diameters that the default box holds.
_BOX_DIAMETERS = 1.5
# Pixel sizes further apart than this are not the same: at the rim of a box of 100 px it would make
# a twentieth of a pixel.
_SAME_PIXEL = 1e-3
# Voxels of a tomogram that are enough to tell its contrast, and pixels across a particle.
_LOOKED_AT = 1 << 25
_ACROSS_PX = 8
# How much stronger one sort of extremes must be than the other to tell the contrast.
_STRONGER = 1.35
# Off-centre by more than this share of the diameter: a spherical mask would be a poor fit.
_OFF_CENTRE = 0.05


@dataclass(frozen=True, kw_only=True)
class TemplateSettings:
    """How a template is made of a map.

    Attributes
    ----------
    pixel_size_angstrom
        Of the template.
    box_px
        Its edge; None: the smallest even box, good for Fourier transforms, that holds 1.5 times
        the particle's diameter.
    low_pass_angstrom
        A Gaussian whose half-width at half maximum lies here; None: two pixels of the template.
    center
        Whether the centre of mass of the squared density is brought to voxel ``box_px // 2``.
    mirror
        Whether the other hand is made, by a mirror across x.
    invert
        Whether bright becomes dark.
    contrast
        Contrast that the template shall have, whatever the map's; None: as ``invert`` says.
    """

    pixel_size_angstrom: float
    box_px: int | None = None
    low_pass_angstrom: float | None = None
    center: bool = False
    mirror: bool = False
    invert: bool = False
    contrast: Literal["bright", "dark"] | None = None

    def __post_init__(self) -> None:
        for name in ("pixel_size_angstrom", "low_pass_angstrom"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise InputError(f"template: {name}: expected more than 0 Å, got {value}")
        if self.box_px is not None and self.box_px < 4:
            raise InputError(f"template: box: expected at least 4 px, got {self.box_px}")
        if self.invert and self.contrast is not None:
            raise InputError("template: give either invert or the contrast wanted, not both")


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFacts:
    """What a template is.

    Attributes
    ----------
    pixel_size_angstrom, box_px, low_pass_angstrom
        As made.
    diameter_angstrom
        Of the smallest ball about voxel ``box_px // 2`` that holds the particle.
    offset_angstrom
        Centre of mass of the squared density, from the centre of the map's box, ``x, y, z``;
        of the map as it was.
    contrast
        Of the template.
    inverted
        Whether its contrast was inverted.
    warnings
        What a user should know, one sentence each.
    """

    pixel_size_angstrom: float
    box_px: int
    low_pass_angstrom: float
    diameter_angstrom: float
    offset_angstrom: tuple[float, float, float]
    contrast: Contrast
    inverted: bool
    warnings: tuple[str, ...]


def prepare_template(
    volume: NDArray[Any], pixel_size_angstrom: float, settings: TemplateSettings
) -> tuple[NDArray[np.float32], TemplateFacts]:
    """Make a template from a map; its background (median of the faces) becomes 0.

    Parameters
    ----------
    volume
        ``(z, y, x)``, of any lengths; its centre is voxel ``N // 2`` along each axis.
    pixel_size_angstrom
        Of the map.
    settings
        What is wanted.

    Returns
    -------
    template, facts
        ``(n, n, n)`` float32; densities keep their scale.

    Examples
    --------
    >>> z, y, x = np.indices((40, 40, 40)) - 20
    >>> ball = np.exp(-(((x - 3) ** 2 + y**2 + z**2) / 50) ** 4)
    >>> settings = TemplateSettings(pixel_size_angstrom=6.0, box_px=16, center=True)
    >>> template, facts = prepare_template(ball, 3.0, settings)
    >>> template.shape, [int(i) for i in np.unravel_index(template.argmax(), template.shape)]
    ((16, 16, 16), [8, 8, 8])
    >>> [round(v) for v in facts.offset_angstrom], facts.contrast
    ([9, 0, 0], 'bright')
    """
    _check(volume, pixel_size_angstrom, settings)
    values = np.asarray(volume, dtype=np.float32)
    values = values - np.float32(background_of(values)[0])
    low_pass = settings.low_pass_angstrom or 2 * settings.pixel_size_angstrom
    whole = _Sampling(
        pixel_size_angstrom=pixel_size_angstrom,
        new_pixel_angstrom=settings.pixel_size_angstrom,
        low_pass_angstrom=low_pass,
    )
    offset = _centre_of_mass(whole.sampled(values, _boxes(values.shape, whole)), whole)
    centre = offset if settings.center else (0.0, 0.0, 0.0)
    particle = _measured(values, whole, centre)
    contrast, inverted = _wanted_contrast(particle.contrast, settings)
    if inverted:
        values = -values
    box = settings.box_px or good_box(
        _BOX_DIAMETERS * particle.diameter_angstrom / settings.pixel_size_angstrom
    )
    template = whole.sampled(values, (box,) * 3, centre=centre, mirror=settings.mirror)
    facts = TemplateFacts(
        pixel_size_angstrom=settings.pixel_size_angstrom,
        box_px=box,
        low_pass_angstrom=low_pass,
        diameter_angstrom=particle.diameter_angstrom,
        offset_angstrom=offset,
        contrast=contrast,
        inverted=inverted,
        warnings=tuple(_warnings(particle, settings, box, offset)),
    )
    return template, facts


def contrast_and_pixel_warnings(
    template: NDArray[Any],
    template_pixel_angstrom: float,
    tomogram: PixelSource,
    tomogram_pixel_angstrom: float,
    *,
    diameter_angstrom: float,
) -> list[str]:
    """Tell where a template and a tomogram do not go together; nothing where they do.

    Parameters
    ----------
    template
        ``(n, n, n)``.
    tomogram
        ``(z, y, x)``; of a large one only sections in the middle are read.
    template_pixel_angstrom, tomogram_pixel_angstrom
        Their pixel sizes, which must agree to one part in a thousand.
    diameter_angstrom
        Of the particle: contrast is judged by the blobs of this size.

    Examples
    --------
    >>> z, y, x = np.indices((32, 32, 32)) - 16
    >>> blob = np.exp(-(x**2 + y**2 + z**2) / 18.0)
    >>> check = contrast_and_pixel_warnings
    >>> check(blob, 10.0, blob, 10.0, diameter_angstrom=100)
    []
    >>> check(blob, 10.0, blob, 10.5, diameter_angstrom=100)[0][:49]
    'pixel sizes disagree: 10 Å in the template, 10.5 '
    """
    lines: list[str] = []
    if abs(template_pixel_angstrom / tomogram_pixel_angstrom - 1) > _SAME_PIXEL:
        lines.append(
            f"pixel sizes disagree: {template_pixel_angstrom:g} Å in the template, "
            f"{tomogram_pixel_angstrom:g} Å in the tomogram; make the template again with "
            f"--pixel-size {tomogram_pixel_angstrom:g}"
        )
    mine = contrast_of(template)
    other = blob_contrast(tomogram, tomogram_pixel_angstrom, diameter_angstrom=diameter_angstrom)
    if "cannot tell" in (mine, other):
        whose = "template" if mine == "cannot tell" else "tomogram"
        lines.append(
            f"cannot tell whether matter is dark or bright in the {whose}: look whether template "
            "and tomogram have the same contrast"
        )
    elif mine != other:
        lines.append(
            f"contrasts disagree: matter looks {other} in the tomogram and is {mine} in the "
            f"template; make the template again with --contrast {other}"
        )
    return lines


def blob_contrast(
    tomogram: PixelSource, pixel_size_angstrom: float, *, diameter_angstrom: float
) -> Contrast:
    """Tell whether the strongest blobs of one size are dark or bright.

    The volume is shrunk and filtered with a difference of two Gaussians that answers to blobs of
    the diameter; then its strongest answers of either sign are compared.
    """
    volume = _middle(tomogram)
    factor = max(1, int(diameter_angstrom / pixel_size_angstrom / _ACROSS_PX))
    factor = min(factor, *volume.shape)
    small = np.nan_to_num(mean_bin(volume, factor), posinf=0.0, neginf=0.0)
    pixel = pixel_size_angstrom * factor
    # A ball of diameter d answers best to a blur of d / (2 √3) on each side of it.
    sigma = diameter_angstrom / (2 * math.sqrt(3))
    answer = gaussian(small, pixel, sigma_angstrom=0.8 * sigma)
    answer -= gaussian(small, pixel, sigma_angstrom=1.6 * sigma)
    # As many of the strongest places as would fill one part in ten thousand, and ten at least.
    count = min(max(10, answer.size // 10_000), answer.size)
    ranked = np.partition(answer, (count - 1, answer.size - count), axis=None)
    dark, bright = -float(ranked[:count].mean()), float(ranked[-count:].mean())
    if dark > _STRONGER * max(bright, 0) and dark > 0:
        return "dark"
    if bright > _STRONGER * max(dark, 0) and bright > 0:
        return "bright"
    return "cannot tell"


def _middle(tomogram: PixelSource) -> NDArray[np.float32]:
    """Sections in the middle of a volume, as many as are worth looking at."""
    nz, ny, nx = (int(n) for n in tomogram.shape)
    n = min(nz, max(16, _LOOKED_AT // (ny * nx)))
    first = (nz - n) // 2
    return np.asarray(tomogram[first : first + n], dtype=np.float32)


def good_box(least_px: float) -> int:
    """Give the smallest even length from ``least_px`` on whose prime factors are 2, 3 and 5.

    Examples
    --------
    >>> good_box(45.5), good_box(62), good_box(1)
    (48, 64, 4)
    """
    n = max(4, math.ceil(least_px - 1e-6))
    n += n % 2
    while True:
        rest = n
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return n
        n += 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sampling:
    """From the voxels of a map to those of a template."""

    pixel_size_angstrom: float
    new_pixel_angstrom: float
    low_pass_angstrom: float

    def sampled(
        self,
        values: NDArray[np.float32],
        box: tuple[int, ...],
        *,
        centre: tuple[float, float, float] = (0.0, 0.0, 0.0),
        mirror: bool = False,
    ) -> NDArray[np.float32]:
        """Sample a map low-passed; ``centre`` (x, y, z, Å from its centre) comes to the middle."""
        out = values
        for axis in range(3):
            mirrored = mirror and axis == 2
            kernel = self._kernel(
                values.shape[axis], box[axis], centre[2 - axis], mirrored=mirrored
            )
            out = np.moveaxis(np.tensordot(kernel, out, axes=([1], [axis])), 0, axis)
        return np.ascontiguousarray(out, dtype=np.float32)

    def _kernel(self, n: int, box: int, centre: float, *, mirrored: bool) -> NDArray[np.float32]:
        """Matrix ``(box, n)`` that weighs the waves of a row and evaluates them elsewhere."""
        ratio = self.new_pixel_angstrom / self.pixel_size_angstrom
        step = -ratio if mirrored else ratio
        place = (np.arange(box) - box // 2) * step + centre / self.pixel_size_angstrom
        here = np.arange(n) - n // 2
        # The period is odd and so long that nothing wraps round onto the template.
        blur = 2 * self.low_pass_angstrom / self.pixel_size_angstrom
        reach = (box // 2 + 1) * ratio + abs(centre) / self.pixel_size_angstrom
        period = 2 * math.ceil(reach / 2 + n / 4 + blur) + n
        period += 1 - period % 2
        highest = min((period - 1) // 2, math.floor(period / (2 * ratio) + 1e-9))
        wave = np.arange(-highest, highest + 1)
        sigma = self.pixel_size_angstrom / self.low_pass_angstrom / math.sqrt(2 * math.log(2))
        weight = np.exp(-((wave / period) ** 2) / (2 * sigma**2)) / period
        there = np.exp(2j * np.pi / period * np.outer(place, wave)) * weight
        return (there @ np.exp(-2j * np.pi / period * np.outer(wave, here))).real.astype(np.float32)


def _boxes(shape: tuple[int, ...], sampling: _Sampling) -> tuple[int, ...]:
    """Lengths in new voxels that hold the whole map."""
    ratio = sampling.new_pixel_angstrom / sampling.pixel_size_angstrom
    return tuple(2 * math.ceil(n / ratio / 2) + 2 for n in shape)


def _centre_of_mass(values: NDArray[np.float32], sampling: _Sampling) -> tuple[float, float, float]:
    """Of the squared density, in Å from voxel ``N // 2``; noise around the particle left out."""
    noise = 4 * background_of(values)[1]
    squares = np.where(np.abs(values) > noise, np.square(values, dtype=np.float64), 0)
    total = float(squares.sum())
    if total == 0:
        raise InputError("template: the map holds no density above its background")
    centre = [0.0, 0.0, 0.0]
    for axis, n in enumerate(values.shape):
        others = tuple(a for a in range(3) if a != axis)
        mean = float(squares.sum(axis=others) @ (np.arange(n) - n // 2)) / total
        centre[2 - axis] = mean * sampling.new_pixel_angstrom
    return centre[0], centre[1], centre[2]


def _measured(
    values: NDArray[np.float32], whole: _Sampling, centre: tuple[float, float, float]
) -> Particle:
    """Measure the particle in the map, finer than in the template where the map is fine enough."""
    extent = max(values.shape) * whole.pixel_size_angstrom
    fine = min(whole.new_pixel_angstrom, extent / _MEASURED_PX)
    pixel = max(whole.pixel_size_angstrom, fine)
    sampling = _Sampling(
        pixel_size_angstrom=whole.pixel_size_angstrom,
        new_pixel_angstrom=pixel,
        low_pass_angstrom=min(whole.low_pass_angstrom, max(2 * pixel, 10.0)),
    )
    ratio = pixel / whole.pixel_size_angstrom
    # No further than the map goes, so that its own edge can be told.
    box = tuple(max(1, int(n / ratio)) for n in values.shape)
    middle = tuple(n // 2 + c / pixel for n, c in zip(box[::-1], centre, strict=True))
    return measure_particle(
        sampling.sampled(values, box), pixel, centre_px=(middle[0], middle[1], middle[2])
    )


def _wanted_contrast(found: Contrast, settings: TemplateSettings) -> tuple[Contrast, bool]:
    other: dict[Contrast, Contrast] = {
        "bright": "dark", "dark": "bright", "cannot tell": "cannot tell",
    }  # fmt: skip
    if settings.contrast is None:
        return (other[found] if settings.invert else found), settings.invert
    if found == "cannot tell":
        raise InputError(
            f"template: cannot tell the contrast of the map, to make it {settings.contrast}; "
            "look at it, and give --invert where it must be inverted"
        )
    return settings.contrast, found != settings.contrast


def _warnings(
    particle: Particle,
    settings: TemplateSettings,
    box: int,
    offset: tuple[float, float, float],
) -> list[str]:
    lines: list[str] = []
    size, diameter = settings.pixel_size_angstrom, particle.diameter_angstrom
    if particle.touches_edge:
        lines.append(
            "the density reaches the edge of the map's own box: a part of the particle may be "
            "missing"
        )
    if particle.half_width_angstrom > (box / 2 - 1) * size:
        lines.append(
            f"the density touches the edge of the template's box of {box} px ({box * size:.0f} Å; "
            f"the particle is {diameter:.0f} Å wide): give a box of at least "
            f"{good_box(max(2.2 * particle.half_width_angstrom / size + 2, box + 2))} px, or none"
        )
    far = math.sqrt(sum(v * v for v in offset))
    if not settings.center and far > max(_OFF_CENTRE * diameter, size):
        lines.append(
            f"the centre of mass lies {far:.0f} Å from the centre of the box: picks will be off by "
            "as much; --center moves it there"
        )
    return lines


def _check(volume: NDArray[Any], pixel_size: float, settings: TemplateSettings) -> None:
    if volume.ndim != 3 or min(volume.shape) < 4:
        raise InputError(
            f"template: expected a volume of at least 4 voxels a side, got {volume.shape}"
        )
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise InputError(f"template: pixel size of the map: expected above 0 Å, got {pixel_size}")
    if settings.pixel_size_angstrom < pixel_size * (1 - 1e-3):
        raise InputError(
            f"template: the pixel size wanted, {settings.pixel_size_angstrom:g} Å, is finer than "
            f"the map's, {pixel_size:g} Å, which holds no such detail: give a finer map, or a "
            f"pixel size of at least {pixel_size:g} Å (that of the tomogram, binned)"
        )
    if not np.isfinite(volume).all():
        raise InputError("template: the map holds NaN or infinite values; repair it first")
