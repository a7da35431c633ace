"""Filters on images and volumes in memory: band-pass, Gaussian, local normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError

# A Gaussian is cut where it has fallen to exp(-8); scipy's default too.
_TRUNCATE = 4.0
# Below this fraction of the local mean a deviation is rounding, not signal.
_FLAT = 1e-6


# Without slots: `Band.edge` is also the default of the command's parameter.
@dataclass(frozen=True, kw_only=True)
class Band:
    """Limits of a band-pass in Å; None leaves that side open.

    Attributes
    ----------
    low_pass_angstrom
        Finest detail kept: half of its amplitude remains at this period.
    high_pass_angstrom
        Coarsest detail kept, likewise.
    edge
        Width of the raised-cosine edges as a fraction of the cut-off frequency.
    """

    low_pass_angstrom: float | None = None
    high_pass_angstrom: float | None = None
    edge: float = 0.2

    def __post_init__(self) -> None:
        for name in ("low_pass_angstrom", "high_pass_angstrom"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise InputError(f"band-pass: {name}: expected a length above 0 Å, got {value}")
        low, high = self.low_pass_angstrom, self.high_pass_angstrom
        if low is not None and high is not None and low >= high:
            raise InputError(
                f"band-pass: low_pass_angstrom {low:g} must be below high_pass_angstrom {high:g}"
            )
        if not 0 < self.edge <= 2:
            raise InputError(
                f"band-pass: edge: expected a fraction above 0, up to 2, got {self.edge}"
            )

    def weight(self, frequency: Any, cos: Any, pi: Any, clip: Any) -> Any:
        """Weight at a spatial frequency in 1/Å, with the functions of numpy or torch."""
        result: Any = 1.0
        for period, falling in ((self.low_pass_angstrom, True), (self.high_pass_angstrom, False)):
            if period is None:
                continue
            cut = 1.0 / period
            # From 0 at the lower end of the edge to 1 at its upper end.
            place = clip((frequency - cut) / (cut * self.edge) + 0.5, 0.0, 1.0)
            rise = (1.0 - cos(pi * place)) / 2.0
            result = result * ((1.0 - rise) if falling else rise)
        return result


def band_weight(
    shape: tuple[int, ...], pixel_size_angstrom: float, band: Band
) -> NDArray[np.float64]:
    """Weights of a band-pass for the real transform (last axis halved) of an array of ``shape``.

    In float64; what `band_pass` applies in float32.
    """
    axes = [np.fft.fftfreq(n, pixel_size_angstrom) for n in shape[:-1]]
    axes.append(np.fft.rfftfreq(shape[-1], pixel_size_angstrom))
    squares = np.zeros((1,) * len(shape))
    for place, axis in enumerate(axes):
        squares = squares + (axis**2).reshape((-1,) + (1,) * (len(shape) - 1 - place))
    weight = band.weight(np.sqrt(squares), np.cos, np.pi, np.clip)
    return np.broadcast_to(weight, squares.shape)


def band_pass(
    values: NDArray[Any], pixel_size_angstrom: float, band: Band, *, device: str = "cpu"
) -> NDArray[np.float32]:
    """Keep the details between two periods; the image is taken as periodic.

    Parameters
    ----------
    values
        ``(y, x)`` or ``(z, y, x)``.
    pixel_size_angstrom
        Edge of a pixel.
    band
        The limits; a high-pass also removes the mean.

    Examples
    --------
    >>> flat = band_pass(np.full((8, 8), 5.0), 2.0, Band(low_pass_angstrom=8.0))
    >>> float(flat[3, 3])
    5.0
    """
    import torch

    tensor = torch.as_tensor(np.require(values, np.float32, ["C", "W"]), device=device)
    *outer, last = tensor.shape
    frequencies = [torch.fft.fftfreq(n, pixel_size_angstrom, device=device) for n in outer]
    frequencies.append(torch.fft.rfftfreq(last, pixel_size_angstrom, device=device))
    squares = torch.zeros((), device=device)
    for place, axis in enumerate(frequencies):
        squares = squares + axis.square().reshape((-1,) + (1,) * (tensor.ndim - 1 - place))
    weight = band.weight(squares.sqrt_(), torch.cos, np.pi, torch.clip)
    spectrum = torch.fft.rfftn(tensor).mul_(weight)
    return torch.fft.irfftn(spectrum, s=tuple(tensor.shape)).cpu().numpy()


def gaussian(
    values: NDArray[Any],
    pixel_size_angstrom: float,
    *,
    sigma_angstrom: float,
    axes: tuple[int, ...] | None = None,
) -> NDArray[np.float32]:
    """Blur with a Gaussian of that standard deviation; edges are continued by their last pixel.

    Along all array axes, or only along ``axes``.

    Examples
    --------
    >>> float(gaussian(np.full((5, 5), 2.0), 1.0, sigma_angstrom=3.0)[2, 2])
    2.0
    """
    from scipy.ndimage import gaussian_filter

    sigma = _positive("gaussian", sigma_angstrom) / pixel_size_angstrom
    source = np.asarray(values, dtype=np.float32)
    blurred = gaussian_filter(source, sigma, mode="nearest", truncate=_TRUNCATE, axes=axes)
    return np.asarray(blurred, dtype=np.float32)


def local_normalise(
    values: NDArray[Any], pixel_size_angstrom: float, *, window_angstrom: float
) -> NDArray[np.float32]:
    """Subtract the local mean and divide by the local standard deviation.

    Both are weighted by a Gaussian whose standard deviation is half the window; where there is no
    deviation the result is 0.

    Examples
    --------
    >>> float(abs(local_normalise(np.full((9, 9), 7.0), 1.0, window_angstrom=4.0)).max())
    0.0
    """
    sigma = _positive("local normalisation", window_angstrom) / 2
    source = np.asarray(values, dtype=np.float32)
    mean = gaussian(source, pixel_size_angstrom, sigma_angstrom=sigma)
    # Deviations are averaged, not squares less a squared mean: no cancellation on a large offset.
    variance = gaussian(np.square(source - mean), pixel_size_angstrom, sigma_angstrom=sigma)
    return deviations(source, mean, variance)


def deviations(
    values: NDArray[np.float32], mean: NDArray[np.float32], variance: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Deviation from the local mean in local standard deviations; 0 where nothing deviates."""
    deviation = np.sqrt(variance)
    flat = deviation <= _FLAT * np.abs(mean)
    return np.where(flat, 0, (values - mean) / np.where(flat, 1, deviation)).astype(np.float32)


def _positive(what: str, value: float) -> float:
    if not (np.isfinite(value) and value > 0):
        raise InputError(f"{what}: expected a length above 0 Å, got {value}")
    return float(value)
