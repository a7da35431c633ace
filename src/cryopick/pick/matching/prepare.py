"""Bring a tomogram into the form that is searched: gold filled, clipped, filtered, resampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import Grid, Image
from cryopick.ops.nearest import on_grid
from cryopick.ops.resample import resampled_grid
from cryopick.pick.matching.gold import fill_gold, find_gold
from cryopick.pick.matching.imaging import Imaging
from cryopick.pick.matching.search import Means
from cryopick.pick.matching.settings import MatchSettings
from cryopick.pick.matching.weighting import tomogram_transfer
from cryopick.pick.matching.whitening import Whitening, whitening_profile

_SLAB_VOXELS = 2**24
_SAMPLE = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """A tomogram at the voxel of the refinement and at that of the search.

    Attributes
    ----------
    fine, screen
        ``(z, y, x)`` float32, filtered; the same array where both voxels are the same.
    fine_grid, screen_grid
        Their places in the specimen.
    gold
        ``(z, y, x)`` of ``screen``: gold beads; None where none was found.
    beads
        How many gold beads were found.
    whitening
        Gain that flattens the spectrum; None: not asked for.
    """

    fine: NDArray[np.float32]
    screen: NDArray[np.float32]
    fine_grid: Grid
    screen_grid: Grid
    gold: NDArray[np.bool_] | None
    beads: int
    whitening: Whitening | None


def prepare_tomogram(
    image: Image,
    *,
    imaging: Imaging,
    settings: MatchSettings,
    fine_pixel_angstrom: float,
    screen_pixel_angstrom: float,
    box_px: int,
    means: Means,
    scratch: Path,
) -> Prepared:
    """Prepare a tomogram for a search; ``box_px`` is that of the template at the fine voxel.

    Large volumes lie in temporary files under ``scratch``; the arrays are valid as long as they do.
    """
    if image.ndim != 3:
        raise InputError(f"{image.path or image.name}: is not a tomogram but a {image.ndim}D image")
    arrays = _Arrays(scratch, in_memory=_fits(image, means))
    raw = _cleaned(image, arrays)
    gold, beads = None, 0
    if settings.fill_gold:
        found = find_gold(
            raw, pixel_size_angstrom=image.grid.pixel_size_angstrom, contrast=settings.gold_contrast
        )
        beads = len(found)
        if found.mask is not None:
            gold = found.mask
            fill_gold(raw, found.mask, rng=np.random.default_rng(0))
    clip(raw, settings.clip_sd)
    fine, fine_grid = _resampled(raw, image.grid, fine_pixel_angstrom, arrays, means)
    whitening = None
    # A flat volume, all zeros by now, has no spectrum to flatten.
    if settings.whitening and any(plane.any() for plane in fine):
        whitening = whitening_profile(
            fine,
            box_px=box_px,
            imaging=imaging,
            pixel_size_angstrom=fine_grid.pixel_size_angstrom,
        )
    screen, screen_grid = fine, fine_grid
    is_same = abs(screen_pixel_angstrom - fine_grid.pixel_size_angstrom) < 1e-6
    if not is_same:
        screen, screen_grid = _resampled(raw, image.grid, screen_pixel_angstrom, arrays, means)
        screen = _filtered(
            screen, screen_grid, imaging, settings, whitening, arrays=arrays, means=means
        )
    fine = _filtered(fine, fine_grid, imaging, settings, whitening, arrays=arrays, means=means)
    return Prepared(
        fine=fine,
        screen=fine if is_same else screen,
        fine_grid=fine_grid,
        screen_grid=screen_grid,
        gold=None if gold is None else on_grid(gold, image.grid, screen_grid),
        beads=beads,
        whitening=whitening,
    )


def clip(volume: NDArray[np.float32], sd: float) -> None:
    """Clip a volume in place at so many robust standard deviations, and centre it on its mean."""
    step = max(1, volume.size // _SAMPLE)
    sample = np.asarray(volume.reshape(-1)[::step], dtype=np.float64)
    middle = float(np.median(sample))
    robust_sd = 1.4826 * float(np.median(np.abs(sample - middle)))
    if robust_sd == 0.0:
        robust_sd = float(sample.std())
    total = 0.0
    for part in _slabs(volume.shape):
        block = np.clip(volume[part], middle - sd * robust_sd, middle + sd * robust_sd)
        volume[part] = block
        total += float(block.sum(dtype=np.float64))
    mean = np.float32(total / volume.size)
    for part in _slabs(volume.shape):
        volume[part] -= mean


@dataclass(frozen=True, slots=True)
class _Arrays:
    """Where volumes are kept: in memory, or in files that go with the scratch folder."""

    folder: Path
    in_memory: bool

    def empty(self, shape: tuple[int, ...], name: str) -> NDArray[np.float32]:
        if self.in_memory:
            return np.empty(shape, np.float32)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.npy"
        return np.lib.format.open_memmap(path, "w+", np.float32, shape)


def _fits(image: Image, means: Means) -> bool:
    # The volume, its transform, the filtered volume, and room for the search.
    return image.grid.shape[0] * image.grid.shape[1] * image.grid.shape[2] * 16 < means.memory_bytes


def _slabs(shape: tuple[int, ...]) -> list[slice]:
    step = max(1, _SLAB_VOXELS // (shape[1] * shape[2]))
    return [slice(z, z + step) for z in range(0, shape[0], step)]


def _cleaned(image: Image, arrays: _Arrays) -> NDArray[np.float32]:
    """Read the volume; what is not finite becomes its median."""
    raw = arrays.empty(image.grid.shape, "raw")
    odd = False
    for part in _slabs(raw.shape):
        raw[part] = np.asarray(image.data[part], dtype=np.float32)
        odd = odd or not bool(np.isfinite(raw[part]).all())
    if odd:
        step = max(1, raw.size // _SAMPLE)
        sample = np.asarray(raw.reshape(-1)[::step])
        sample = sample[np.isfinite(sample)]
        if len(sample) == 0:
            raise InputError(f"{image.path or image.name}: holds no finite value")
        for part in _slabs(raw.shape):
            block = raw[part]
            raw[part] = np.where(np.isfinite(block), block, np.float32(np.median(sample)))
    return raw


def _resampled(
    raw: NDArray[np.float32], grid: Grid, pixel_angstrom: float, arrays: _Arrays, means: Means
) -> tuple[NDArray[np.float32], Grid]:
    from cryopick.ops.stream import stream_fourier_resample

    ratio = pixel_angstrom / grid.pixel_size_angstrom
    if abs(ratio - 1) < 1e-6:
        return raw, grid
    target_grid = resampled_grid(grid, method="fourier", ratio=ratio)
    target = arrays.empty(target_grid.shape, f"resampled_{pixel_angstrom:.3f}")
    arrays.folder.mkdir(parents=True, exist_ok=True)
    stream_fourier_resample(
        raw,
        target,
        ratio,
        memory_bytes=means.memory_bytes // 4,
        folder=arrays.folder,
        device=means.device,
    )
    return target, target_grid


def _filtered(
    volume: NDArray[np.float32],
    grid: Grid,
    imaging: Imaging,
    settings: MatchSettings,
    whitening: Whitening | None,
    *,
    arrays: _Arrays,
    means: Means,
) -> NDArray[np.float32]:
    from cryopick.ops.volume_filter import filter_volume

    transfer: Callable[..., Any] = tomogram_transfer(
        imaging,
        settings.band,
        pixel_size_angstrom=grid.pixel_size_angstrom,
        whitening=whitening,
    )
    target = arrays.empty(volume.shape, f"filtered_{grid.pixel_size_angstrom:.3f}")
    filter_volume(
        volume,
        target,
        transfer,
        memory_bytes=means.memory_bytes,
        scratch=arrays.folder,
        device=means.device,
    )
    return target
