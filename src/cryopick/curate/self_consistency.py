"""Describe each particle without any reference: numbers that good particles of a set share.

Everything is measured after the image is brought to mean 0 and standard deviation 1 in its
background (outside the particle's disc), so stacks normalised in any way compare. The groups:

- ``intensity``: moments in the disc and around it;
- ``background``: how uneven it is: means and deviations of its eight sectors, a ramp, what a
  low-passed image shows near the edges of the box (carbon, ice, neighbours);
- ``power``: power in frequency bands, and its preferred direction at low frequency;
- ``profile``: mean of rings around the centre;
- ``centring``: correlation with the mean particle of the set, and where it is best.

After the idea of Vargas et al. 2013, doi 10.1016/j.jsb.2013.06.009.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.difference_features import disc_pixels, moments
from cryopick.errors import InputError

if TYPE_CHECKING:
    import torch

_SECTORS = 8
_BANDS = 8
_RINGS = 8

GROUPS: dict[str, tuple[str, ...]] = {
    "intensity": (
        "disc_mean", "disc_sd", "disc_skewness", "disc_kurtosis",
        "background_skewness", "background_kurtosis", "background_log_sd",
    ),
    "background": (
        "sector_mean_spread", "sector_sd_spread", "ramp", "edge_energy", "edge_extreme",
    ),
    "power": (*(f"band_{i + 1}" for i in range(_BANDS)), "direction"),
    "profile": tuple(f"ring_{i + 1}" for i in range(_RINGS)),
    "centring": ("centre_correlation", "peak_correlation", "peak_distance"),
}  # fmt: skip
"""Names of the columns of `descriptors`, by group."""

NAMES: tuple[str, ...] = tuple(name for group in GROUPS.values() for name in group)
"""Columns of `descriptors`, in order."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Layout:
    """What the pixels of a box of one size count for."""

    disc: NDArray[np.bool_]
    background: NDArray[np.bool_]
    edge: NDArray[np.bool_]
    sectors: NDArray[np.float32]
    ramp: NDArray[np.float32]
    rings: NDArray[np.float32]
    bands: NDArray[np.float32]
    low_pass: NDArray[np.float32]
    double_angle: NDArray[np.float32]


def background_standardised(images: torch.Tensor, *, radius_px: float) -> torch.Tensor:
    """Images ``(n, b, b)`` with mean 0 and standard deviation 1 outside their discs.

    An image whose background is flat comes back with that standard deviation as it is.
    """
    import torch

    outside = torch.from_numpy(~disc_pixels(images.shape[-1], radius_px)).to(images.device)
    sd, mean = torch.std_mean(images[:, outside], dim=1, correction=0)
    safe = torch.where(sd > 0, sd, torch.ones_like(sd))
    return (images - mean[:, None, None]) / safe[:, None, None]


def mean_particle(images: torch.Tensor, *, radius_px: float) -> torch.Tensor:
    """Mean of standardised images ``(n, b, b)``, made round and cut to the disc, as a template."""
    import torch

    layout = _layout(images.shape[-1], radius_px)
    profile = torch.from_numpy(_every_ring(images.shape[-1])).to(images.device)
    mean = images.mean(dim=0).flatten()
    count = torch.bincount(profile)
    rings = torch.zeros(len(count), device=images.device).index_add_(0, profile, mean) / count
    flat = rings[profile].reshape(images.shape[-2:])
    disc = torch.from_numpy(layout.disc).to(images.device)
    return torch.where(disc, flat - flat[disc].mean(), torch.zeros_like(flat))


def descriptors(images: torch.Tensor, mean: torch.Tensor, *, radius_px: float) -> torch.Tensor:
    """Describe images by numbers that need no reference.

    Parameters
    ----------
    images
        ``(n, b, b)``.
    mean
        ``(b, b)`` from `mean_particle` of (some of) the same set.
    radius_px
        Of the particle; at most 0.49 of the box, so that some background is left.

    Returns
    -------
    torch.Tensor
        ``(n, f)``, columns `NAMES`.
    """
    import torch

    layout = _layout(images.shape[-1], radius_px)
    device = images.device
    outside = torch.from_numpy(layout.background).to(device)
    disc = torch.from_numpy(layout.disc).to(device)
    raw_sd = images[:, outside].std(dim=1, correction=0)
    scaled = background_standardised(images, radius_px=radius_px)
    spectrum = torch.fft.rfft2(scaled)
    low = torch.fft.irfft2(
        spectrum * torch.from_numpy(layout.low_pass).to(device), s=scaled.shape[-2:]
    )
    intensity = [
        *moments(scaled[:, disc]),
        *moments(scaled[:, outside])[2:],
        torch.log(raw_sd.clamp_min(1e-20)),
    ]
    columns = [
        *intensity,
        *_background(scaled, low, layout),
        *_power(spectrum, layout),
        *(scaled.flatten(1) @ torch.from_numpy(layout.rings).to(device)).unbind(1),
        *_centring(low, mean, radius_px=radius_px),
    ]
    return torch.stack(columns, dim=1)


def _background(scaled: torch.Tensor, low: torch.Tensor, layout: _Layout) -> list[torch.Tensor]:
    import torch

    sectors = torch.from_numpy(layout.sectors).to(scaled.device)
    flat = scaled.flatten(1)
    means = flat @ sectors
    squares = (flat * flat) @ sectors
    deviations = (squares - means * means).clamp_min(0).sqrt()
    ramp = (flat @ torch.from_numpy(layout.ramp).to(scaled.device)).norm(dim=1)
    edge = low[:, torch.from_numpy(layout.edge).to(scaled.device)]
    return [
        means.std(dim=1, correction=0),
        deviations.std(dim=1, correction=0),
        ramp,
        torch.log(edge.square().mean(dim=1).clamp_min(1e-20)),
        edge.abs().amax(dim=1),
    ]


def _power(spectrum: torch.Tensor, layout: _Layout) -> list[torch.Tensor]:
    """Log power in bands, and how far low-frequency power prefers one direction (0 to 1)."""
    import torch

    power = spectrum.abs().square().flatten(1)
    bands = power @ torch.from_numpy(layout.bands).to(power.device)
    angle = torch.from_numpy(layout.double_angle).to(power.device)
    moment = power @ angle
    direction = moment[:, :2].norm(dim=1) / moment[:, 2].clamp_min(1e-20)
    return [*torch.log(bands.clamp_min(1e-20)).unbind(1), direction]


def _centring(low: torch.Tensor, mean: torch.Tensor, *, radius_px: float) -> list[torch.Tensor]:
    """Correlate with the set's mean: at the centre, at the best place, and how far that is."""
    import torch

    n, box = len(low), low.shape[-1]
    disc = torch.from_numpy(disc_pixels(box, radius_px)).to(low)
    template = mean / mean.norm().clamp_min(1e-20)

    def correlated(image: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
        product = torch.fft.rfft2(image) * torch.fft.rfft2(kernel).conj()
        return torch.fft.fftshift(torch.fft.irfft2(product, s=(box, box)), dim=(-2, -1))

    pixels = disc.sum()
    total, square = correlated(low, disc), correlated(low * low, disc)
    spread = (square - total * total / pixels).clamp_min(1e-6 * float(pixels))
    score = correlated(low, template) / spread.sqrt()
    centre = box // 2
    reach = max(1, min(centre - 1, int(radius_px)))
    part = score[:, centre - reach : centre + reach + 1, centre - reach : centre + reach + 1]
    best, place = part.reshape(n, -1).max(dim=1)
    side = 2 * reach + 1
    away = torch.hypot((place // side - reach).to(low.dtype), (place % side - reach).to(low.dtype))
    return [score[:, centre, centre], best, away / radius_px]


@lru_cache(maxsize=8)
def _layout(box: int, radius_px: float) -> _Layout:
    if not 1 <= radius_px <= 0.49 * box:
        raise InputError(
            f"particle radius {radius_px:g} px: expected 1 to {0.49 * box:g} px in a box of "
            f"{box} px; give a smaller diameter, or extract larger boxes"
        )
    offset = np.arange(box) - box // 2
    y, x = np.meshgrid(offset, offset, indexing="ij")
    radius = np.hypot(y, x)
    outside = radius > radius_px
    k = np.hypot(np.fft.fftfreq(box)[:, None], np.fft.rfftfreq(box)[None, :])
    return _Layout(
        disc=~outside,
        background=outside,
        edge=radius > radius_px + 0.25 * (box / 2 - radius_px),
        sectors=_sectors(y, x, outside),
        ramp=_ramp(y, x, outside),
        rings=_rings(radius, box),
        bands=_bands(k, box),
        # Details finer than a third of the particle say little about where matter is.
        low_pass=np.exp(-0.5 * (k * radius_px * 2 / 3) ** 2).astype(np.float32),
        double_angle=_double_angle(box, k, radius_px),
    )


def _every_ring(box: int) -> NDArray[np.int64]:
    offset = np.arange(box) - box // 2
    return np.rint(np.hypot(offset[:, None], offset[None, :])).astype(np.int64).ravel()


def _shares(member: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Columns that average over their members: ``(pixels, columns)``."""
    return (member / np.maximum(member.sum(axis=0), 1)).astype(np.float32)


def _sectors(
    y: NDArray[np.int64], x: NDArray[np.int64], outside: NDArray[np.bool_]
) -> NDArray[np.float32]:
    turn = np.floor((np.arctan2(y, x) / (2 * np.pi) + 0.5) * _SECTORS).astype(int) % _SECTORS
    member = (turn.ravel()[:, None] == np.arange(_SECTORS)) & outside.ravel()[:, None]
    return _shares(member)


def _ramp(
    y: NDArray[np.int64], x: NDArray[np.int64], outside: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Least-squares slope along y and x over the background, per box length."""
    plane = np.column_stack([v[outside] for v in (y, x, np.ones_like(x))]).astype(np.float64)
    slopes = np.linalg.pinv(plane)[:2] * y.shape[0]
    whole = np.zeros((y.size, 2), dtype=np.float32)
    whole[outside.ravel()] = slopes.T
    return whole


def _rings(radius: NDArray[np.float64], box: int) -> NDArray[np.float32]:
    """Rings of equal width from the centre to the nearest edge."""
    ring = np.floor(radius / (box / 2) * _RINGS).astype(int)
    return _shares(ring.ravel()[:, None] == np.arange(_RINGS))


def _bands(k: NDArray[np.float64], box: int) -> NDArray[np.float32]:
    """Bands from the first ring to Nyquist, each wider than the one before by the same factor."""
    edges = np.geomspace(0.75 / box, 0.5, _BANDS + 1)
    band = np.searchsorted(edges, k.ravel(), side="right") - 1
    band[k.ravel() > 0.5] = -1
    member = (band[:, None] == np.arange(_BANDS)) * _once_each(box).ravel()[:, None]
    return (member / np.maximum(member.sum(axis=0), 1e-9)).astype(np.float32)


def _once_each(box: int) -> NDArray[np.float64]:
    """Weights on ``rfft2`` by which no frequency and its opposite count twice."""
    weight = np.ones((box, box // 2 + 1))
    weight[:, 0] = 0.5
    if box % 2 == 0:
        weight[:, -1] = 0.5
    return weight


def _double_angle(box: int, k: NDArray[np.float64], radius_px: float) -> NDArray[np.float32]:
    """Weights that sum power by cos and sin of twice its direction, and without direction."""
    angle = 2 * np.arctan2(np.fft.fftfreq(box)[:, None], np.fft.rfftfreq(box)[None, :])
    low = ((k > 0) & (k <= max(1 / radius_px, 2.5 / box))) * _once_each(box)
    columns = [low * np.cos(angle), low * np.sin(angle), low]
    return np.stack([c.ravel() for c in columns], axis=1).astype(np.float32)
