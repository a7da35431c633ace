"""The steps from a micrograph to particle images, in the order of RELION or of Xmipp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.extract.boxes import cut_boxes, windowed
from cryopick.extract.dust import dust_to_median, dust_to_noise
from cryopick.extract.fourier_boxes import Correction, ctf_multiplier, filter_boxes
from cryopick.extract.normalise import background_mask, normalise
from cryopick.extract.rescale import fourier_crop
from cryopick.extract.settings import ExtractSettings
from cryopick.extract.statistics import STATISTICS, grey_statistics, patch_scores
from cryopick.model import Defocus, Image, Optics

# Boxes worked on at once: few enough to stay in the cache, the same whatever the machine.
_AT_ONCE = 32
# Pixels around a box that a shift by a part of a pixel may draw in.
_MARGIN_PX = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Imaging:
    """What is known of the CTF of one micrograph.

    Attributes
    ----------
    optics
        Of the microscope.
    defocus
        ``(n, 4)`` of each particle, as in `Particles`.
    whole
        That of the micrograph, where it is the same for all particles.
    """

    optics: Optics
    defocus: NDArray[np.float64]
    whole: Defocus | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """Images cut out, and numbers about each.

    Attributes
    ----------
    images
        ``(n, final_px, final_px)``.
    columns
        ``(n,)`` per name: statistics of the box as cut and of the image as it comes out.
    """

    images: NDArray[np.float32]
    columns: Mapping[str, NDArray[np.float64]] = field(
        default_factory=dict[str, NDArray[np.float64]]
    )


def prepared(image: Image, settings: ExtractSettings, *, imaging: Imaging | None) -> Image:
    """Do what comes before the boxes are cut: nothing for RELION's order.

    Parameters
    ----------
    image
        The micrograph.
    settings
        For ``xmipp``: down-sampling, dust, and the CTF where it is one for all particles.
    imaging
        None where nothing is to be done about the CTF.
    """
    if settings.order == "relion":
        return replace(image, data=_finite(image.read()))
    if settings.downsampling != 1.0:
        from cryopick.ops.resample import resample_image

        filled = replace(image, data=_finite(image.read()))
        image = resample_image(filled, factor=settings.downsampling)
    pixels = image.read()
    if settings.dust_sd is not None:
        pixels = dust_to_median(pixels, threshold_sd=settings.dust_sd)
    pixels = _finite(pixels)
    kind = correction_of(settings)
    if imaging is not None and imaging.whole is not None and kind is not None:
        multiplier = ctf_multiplier(
            (pixels.shape[0], pixels.shape[1]),
            image.grid.pixel_size_angstrom,
            kind=kind,
            optics=imaging.optics,
            defocus=imaging.whole,
        )
        pixels = filter_boxes(pixels[np.newaxis], multiplier=multiplier)[0]
    return replace(image, data=pixels)


def cut_images(
    image: Image,
    centre_px: NDArray[np.int64],
    *,
    settings: ExtractSettings,
    imaging: Imaging | None,
    shift_px: NDArray[np.float64] | None,
    rng: np.random.Generator,
) -> Cut:
    """Cut boxes out of a prepared micrograph and turn them into images.

    Parameters
    ----------
    image
        What `prepared` gave.
    centre_px
        ``(n, 2)``: ``x, y`` of the pixels that become the centres.
    settings
        What is done, and in which order.
    imaging
        The CTF of each box; None: nothing is done about it, or it is done already.
    shift_px
        ``(n, 2)`` by which the content of each box is moved; None: not at all.
    rng
        Noise where pixels are replaced.
    """
    pixels = image.read()
    outer = _outer_px(settings, imaging=imaging, shifted=shift_px is not None)
    n = len(centre_px)
    images = np.empty((n, settings.final_px, settings.final_px), dtype=np.float32)
    numbers = {name: np.empty(n) for name in _names(settings)}
    multipliers = _Multipliers(outer, image.grid.pixel_size_angstrom, settings, imaging)
    background = background_mask(settings.final_px, radius_px=settings.background_px)
    for start in range(0, n, _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        boxes = cut_boxes(pixels, centre_px[rows], box_px=outer)
        shift = None if shift_px is None else shift_px[rows]
        raw = windowed(boxes, box_px=settings.box_px)
        for name, values in zip(STATISTICS, grey_statistics(raw).T, strict=True):
            numbers[f"cryopickBox{name}"][rows] = values
        if imaging is not None or shift is not None:
            multiplier = multipliers.of(rows)
            boxes = filter_boxes(boxes, multiplier=multiplier, shift_px=shift)
        boxes = windowed(boxes, box_px=settings.box_px)
        finish = _finish_relion if settings.order == "relion" else _finish_xmipp
        done = finish(boxes, settings, background, rng)
        images[rows] = done
        for name, values in zip(STATISTICS, grey_statistics(done).T, strict=True):
            numbers[f"cryopickImage{name}"][rows] = values
        if settings.patch_px is not None:
            scores = patch_scores(done, patch_px=settings.patch_px)
            numbers["cryopickPatchVariance"][rows] = scores[:, 0]
            numbers["cryopickPatchGini"][rows] = scores[:, 1]
    return Cut(images=images, columns=numbers)


def correction_of(settings: ExtractSettings) -> Correction | None:
    """What is done about the CTF; None: nothing."""
    return None if settings.ctf == "none" else settings.ctf


def _finish_relion(
    boxes: NDArray[np.float32],
    settings: ExtractSettings,
    background: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Rescale, window, dust, normalise, invert."""
    images = windowed(fourier_crop(boxes, size_px=settings.image_px), box_px=settings.final_px)
    if settings.white_dust_sd is not None or settings.black_dust_sd is not None:
        images = dust_to_noise(
            images,
            background,
            white_sd=settings.white_dust_sd,
            black_sd=settings.black_dust_sd,
            rng=rng,
        )
    images = _normalised(images, settings, rng)
    return -images if settings.invert else images


def _finish_xmipp(
    boxes: NDArray[np.float32],
    settings: ExtractSettings,
    background: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Invert, window, normalise; all else was done to the micrograph."""
    del background  # dust has gone with that of the micrograph
    images = windowed(-boxes if settings.invert else boxes, box_px=settings.final_px)
    return _normalised(images, settings, rng)


def _normalised(
    images: NDArray[np.float32], settings: ExtractSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    return normalise(
        images,
        method=settings.normalise,
        radius_px=settings.background_px,
        clip=settings.robust_clip,
        neighbour_threshold_sd=settings.neighbour_threshold_sd,
        rng=rng,
    )


class _Multipliers:
    """CTF multipliers of boxes, computed once where neighbours share a defocus."""

    def __init__(
        self,
        box_px: int,
        pixel_size_angstrom: float,
        settings: ExtractSettings,
        imaging: Imaging | None,
    ) -> None:
        self._shape, self._pixel = (box_px, box_px), pixel_size_angstrom
        self._imaging = imaging
        self._kind: Correction | None = correction_of(settings)
        self._last: tuple[tuple[float, ...], NDArray[np.float32]] | None = None

    def of(self, rows: slice) -> NDArray[np.float32] | None:
        """``(n, y, x // 2 + 1)`` for some particles, one plane where all share it, or None."""
        if self._imaging is None or self._kind is None:
            return None
        wanted = [tuple(row) for row in self._imaging.defocus[rows].tolist()]
        planes = [self._one(each) for each in wanted]
        return planes[0] if len(set(wanted)) == 1 else np.stack(planes)

    def _one(self, wanted: tuple[float, ...]) -> NDArray[np.float32]:
        assert self._imaging is not None
        assert self._kind is not None
        if self._last is None or self._last[0] != wanted:
            u, v, angle, phase = wanted
            self._last = (
                wanted,
                ctf_multiplier(
                    self._shape,
                    self._pixel,
                    kind=self._kind,
                    optics=self._imaging.optics,
                    defocus=Defocus(
                        u_um=u, v_um=v, astigmatism_angle_deg=angle, phase_shift_deg=phase
                    ),
                ),
            )
        return self._last[1]


def _outer_px(settings: ExtractSettings, *, imaging: Imaging | None, shifted: bool) -> int:
    """Edge of the boxes that are cut, before what is around them has been drawn in."""
    outer = settings.box_px + (2 * _MARGIN_PX if shifted else 0)
    return outer if imaging is None else max(outer, settings.ctf_box)


def _names(settings: ExtractSettings) -> list[str]:
    names = [f"cryopick{of}{name}" for of in ("Box", "Image") for name in STATISTICS]
    if settings.patch_px is not None:
        names += ["cryopickPatchVariance", "cryopickPatchGini"]
    return names


def _finite(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pixels with those that are not finite replaced by the mean of the others."""
    # One NaN or infinity makes the sum one: cheaper than asking each pixel.
    if np.isfinite(pixels.sum(dtype=np.float64)):
        return pixels
    finite = np.isfinite(pixels)
    if not finite.any():
        raise InputError("the micrograph holds no finite pixel")
    return np.where(finite, pixels, pixels[finite].mean(dtype=np.float64)).astype(np.float32)
