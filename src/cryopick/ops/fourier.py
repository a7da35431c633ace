"""Resampling by cropping or padding the Fourier transform, axis by axis.

The value at new pixel ``j`` is the trigonometric interpolation of the old pixels at ``j * ratio``:
pixel 0 keeps its centre, grey values keep their scale, nothing above the new Nyquist frequency
remains. The transform treats an image as periodic. Where a length is a multiple of the ratio, fast
transforms do it; where a few more pixels make it one, the image is first continued smoothly; for
every other ratio the same interpolation is a product with a matrix of Dirichlet kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import PixelSource

if TYPE_CHECKING:
    import torch

# Largest error of a pixel position, in new pixels at the far end, that a fast transform may cause.
_TOLERANCE_PX = 1e-3
# Most pixels by which an axis is continued to fit a ratio.
_WIDEST_PAD = 64
# Rows of the matrix made at once, so that its memory stays small beside the image's.
_ROWS = 256
# Pixels transformed together.
_SLAB = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisPlan:
    """Lengths of one axis on its way from old to new pixels.

    Attributes
    ----------
    n_px
        Old length.
    padded_px
        Length of the continued axis that is transformed.
    transformed_px
        Its length in new pixels; 0 where no length fits and the matrix is used.
    new_px
        New length: what of it is kept.
    """

    n_px: int
    padded_px: int
    transformed_px: int
    new_px: int


def plan_axis(n_px: int, ratio: float) -> AxisPlan:
    """Plan one axis for new pixels that are ``ratio`` old pixels wide.

    Examples
    --------
    >>> plan_axis(100, 2.0)
    AxisPlan(n_px=100, padded_px=100, transformed_px=50, new_px=50)
    >>> plan_axis(101, 2.0)
    AxisPlan(n_px=101, padded_px=102, transformed_px=51, new_px=50)
    """
    if not (np.isfinite(ratio) and ratio > 0):
        raise InputError(f"resample: expected a ratio above 0, got {ratio}")
    new = int(np.floor(n_px / ratio + 1e-6))
    if new < 1:
        raise InputError(f"resample: {n_px} pixels by a ratio of {ratio:g} leave no pixel")
    lengths = np.arange(n_px, n_px + _WIDEST_PAD + 1)
    fitting = np.flatnonzero(np.abs(lengths / ratio - np.rint(lengths / ratio)) <= _TOLERANCE_PX)
    if fitting.size == 0:
        return AxisPlan(n_px=n_px, padded_px=n_px, transformed_px=0, new_px=new)
    padded = int(lengths[fitting[0]])
    return AxisPlan(n_px=n_px, padded_px=padded, transformed_px=round(padded / ratio), new_px=new)


def fourier_resample_numpy(values: NDArray[Any], ratio: float) -> NDArray[np.float64]:
    """Resample every axis in float64: the plain reference of `fourier_resample`."""
    result = np.asarray(values, dtype=np.float64)
    for axis in range(result.ndim):
        plan = plan_axis(result.shape[axis], ratio)
        moved = np.moveaxis(result, axis, -1)
        out = _by_matrix(moved, plan, ratio) if not plan.transformed_px else _by_fft(moved, plan)
        result = np.moveaxis(out, -1, axis)
    return np.ascontiguousarray(result)


def fourier_resample(
    values: PixelSource,
    ratio: float,
    *,
    axes: tuple[int, ...] | None = None,
    device: str = "cpu",
) -> NDArray[np.float32]:
    """Resample an image or volume to pixels ``ratio`` times as wide; any ratio, up or down.

    Parameters
    ----------
    values
        ``(y, x)`` or ``(z, y, x)``; on the CPU it is read a slab at a time.
    ratio
        New pixel size over old.
    axes
        Array axes to resample; default: all.
    device
        ``cpu`` or ``cuda:N``.

    Returns
    -------
    numpy.ndarray
        float32; each length is ``floor(n / ratio)``.

    Examples
    --------
    >>> wave = np.cos(2 * np.pi * np.arange(8) / 8) + 3.0
    >>> fourier_resample(np.tile(wave, (8, 1)), 2.0)[0].round(3)
    array([4., 3., 2., 3.], dtype=float32)
    """
    library = _with_numpy() if device == "cpu" else _with_torch(device)
    source = values if device == "cpu" else library.array(values[...])
    # The last axis first: its lines lie in one piece, and the others become shorter.
    for axis in reversed(range(len(values.shape))) if axes is None else axes:
        plan = plan_axis(source.shape[axis], ratio)
        if not plan.padded_px == plan.transformed_px == plan.n_px:
            source = _resampled_axis(source, axis, plan, ratio, library)
    return library.to_numpy(source)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Library:
    """What numpy with scipy, and torch, call by the same names.

    Attributes
    ----------
    names
        The library of arrays.
    fft
        Its Fourier transforms.
    array
        Makes anything a float32 array of it.
    empty
        A new array of a shape.
    to_numpy
        The way back.
    """

    names: Any
    fft: Any
    array: Callable[[Any], Any]
    empty: Callable[[tuple[int, ...]], Any]
    to_numpy: Callable[[Any], NDArray[np.float32]]


def _with_numpy() -> _Library:
    import scipy.fft

    def array(values: Any) -> NDArray[np.float32]:
        return np.asarray(values, np.float32)

    def empty(shape: tuple[int, ...]) -> NDArray[np.float32]:
        return np.empty(shape, np.float32)

    def to_numpy(values: Any) -> NDArray[np.float32]:
        return np.ascontiguousarray(values[...], np.float32)

    return _Library(names=np, fft=scipy.fft, array=array, empty=empty, to_numpy=to_numpy)


def _with_torch(device: str) -> _Library:
    import torch

    def array(values: Any) -> torch.Tensor:
        # torch wants to be allowed to write, and a memory map does not let it.
        return torch.as_tensor(np.require(values, np.float32, ["C", "W"]), device=device)

    def empty(shape: tuple[int, ...]) -> torch.Tensor:
        return torch.empty(shape, dtype=torch.float32, device=device)

    def to_numpy(values: torch.Tensor) -> NDArray[np.float32]:
        return values.cpu().numpy()

    return _Library(names=torch, fft=torch.fft, array=array, empty=empty, to_numpy=to_numpy)


def _resampled_axis(source: Any, axis: int, plan: AxisPlan, ratio: float, library: _Library) -> Any:
    shape = list(source.shape)
    shape[axis] = plan.new_px
    result = library.empty(tuple(shape))
    kernel = None if plan.transformed_px else library.array(_matrix(plan, ratio)).T
    blend = library.array(_blend(plan))
    # Spectra are several times the size of what they are of: a slab at a time, along any other
    # axis.
    across = 1 if axis == 0 else 0
    n = source.shape[across]
    rows = max(1, _SLAB * n // max(1, math.prod(source.shape)))
    for start in range(0, n, rows):
        part = (slice(None),) * across + (slice(start, start + rows),)
        lines = library.names.moveaxis(library.array(source[part]), axis, -1)
        out = lines @ kernel if kernel is not None else _transformed(lines, plan, blend, library)
        result[part] = library.names.moveaxis(out, -1, axis)
    return result


def _transformed(lines: Any, plan: AxisPlan, blend: Any, library: _Library) -> Any:
    """Resample along the last axis by cropping or padding its transform."""
    n, m = plan.padded_px, plan.transformed_px
    if n > plan.n_px:
        first, last = lines[..., :1], lines[..., -1:]
        lines = library.names.concatenate([lines, last + (first - last) * blend], -1)
    shared = min(n, m) // 2 + 1
    kept = library.fft.rfft(lines)[..., :shared] * (m / n)
    kept[..., -1] *= _nyquist_weight(n, m)
    return library.fft.irfft(kept, m)[..., : plan.new_px]


def _by_fft(values: NDArray[np.float64], plan: AxisPlan) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(_continued(values, plan))
    n, m = plan.padded_px, plan.transformed_px
    kept = np.zeros((*spectrum.shape[:-1], m // 2 + 1), dtype=np.complex128)
    shared = min(n, m) // 2 + 1
    kept[..., :shared] = spectrum[..., :shared]
    kept[..., shared - 1] *= _nyquist_weight(n, m)
    return np.fft.irfft(kept, m)[..., : plan.new_px] * (m / n)


def _by_matrix(values: NDArray[np.float64], plan: AxisPlan, ratio: float) -> NDArray[np.float64]:
    return np.concatenate([values @ kernel.T for kernel in _kernels(plan, ratio)], axis=-1)


def _matrix(plan: AxisPlan, ratio: float) -> NDArray[np.float32]:
    """The interpolation matrix ``(new, n)``; of most images it is smaller than they are."""
    return np.concatenate([kernel.astype(np.float32) for kernel in _kernels(plan, ratio)])


def _kernels(plan: AxisPlan, ratio: float) -> Generator[NDArray[np.float64]]:
    """Rows of the interpolation matrix ``(new, n)``: the waves up to the lower Nyquist, summed."""
    n = plan.n_px
    waves = min((n - 1) // 2, int(np.floor(n / (2 * ratio))))
    for start in range(0, plan.new_px, _ROWS):
        new = np.arange(start, min(start + _ROWS, plan.new_px))
        angle = np.pi * (new[:, np.newaxis] * ratio - np.arange(n)) / n
        bottom = np.sin(angle)
        whole = np.abs(bottom) < 1e-9
        # sin((2K + 1) a) / sin(a), which is 2K + 1 where both vanish (a whole multiple of pi).
        top = np.sin((2 * waves + 1) * angle)
        kernel = np.where(whole, 2 * waves + 1, top / np.where(whole, 1, bottom))
        if n % 2 == 0 and ratio < 1:
            kernel += np.cos(n * angle)  # the Nyquist wave of an even length, once
        yield kernel / n


def _nyquist_weight(n: int, m: int) -> float:
    """Weight of the highest frequency that both lengths share.

    Cropping to an even length folds both halves of its Nyquist wave into one coefficient (2);
    padding from an even length splits it in two (1/2).
    """
    if n == m or min(n, m) % 2:
        return 1.0
    return 2.0 if m < n else 0.5


def _continued(values: NDArray[np.float64], plan: AxisPlan) -> NDArray[np.float64]:
    if plan.padded_px == plan.n_px:
        return values
    first, last = values[..., :1], values[..., -1:]
    return np.concatenate([values, last + (first - last) * _blend(plan)], axis=-1)


def _blend(plan: AxisPlan) -> NDArray[np.float64]:
    """Weights that lead from the last pixel round to the first one without a jump."""
    n = plan.padded_px - plan.n_px
    return (1 - np.cos(np.pi * np.arange(1, n + 1) / (n + 1))) / 2
