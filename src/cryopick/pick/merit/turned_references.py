"""`TurnedReferences`: Fourier transforms of the references at every in-plane angle.

A reference is turned by evaluating the Fourier sum over its pixels at turned frequencies: no
interpolation. Where working pixels are much coarser than the micrograph's, the pixels are summed
first into ones half as wide as the working pixel, by a filter that is flat up to the working
frequency and 0 where aliases would begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.pick.merit.masked_references import MaskedReferences
from cryopick.pick.merit.settings import MeritSettings
from cryopick.pick.merit.working_grid import WorkingGrid

if TYPE_CHECKING:
    import torch

# Working pixels at least this many micrograph pixels wide are worth a reduction.
_WORTH_REDUCING = 3
# Reduced pixels beyond the circle: what the filter spreads farther is below 1e-4.
_MARGIN_PX = 12
# The band is kept beyond the limit and fades there, so that little rings beyond the box in real
# space; the limit itself is the transfer function's.
_FADE = 1.5


class TurnedReferences:
    """References in a box twice as wide as their own.

    The pixels of the box are working pixels, or half as wide where the band with its fade needs it.

    Row ``r * angles + a`` of anything made here is reference ``r`` at angle ``a``.

    Parameters
    ----------
    references
        From `mask_references`.
    settings
        Angles and low-pass.
    grid
        Any micrograph's: its step counts.
    device
        ``cpu`` or ``cuda:N``.

    Attributes
    ----------
    angles_deg
        ``(a,)``: RELION's psi of each angle, from 0 up.
    oversampling
        Box pixels per working pixel, 1 or 2.
    box_px
        Edge of the box in box pixels, even.
    frequencies
        ``(f,)``: lengths of the frequencies of `coefficients`, per micrograph pixel.
    in_band
        ``(f,)``: those that a micrograph has; the others fade.
    along_y
        ``(f,)``: those of waves along y, of which the half plane holds both directions.
    """

    def __init__(
        self,
        references: MaskedReferences,
        settings: MeritSettings,
        grid: WorkingGrid,
        *,
        device: str = "cpu",
    ) -> None:
        import torch

        count = 1 if references.round else settings.angles
        self.angles_deg = np.arange(count) * (360.0 / count)
        self.references = len(references.images)
        self.device = device
        step = grid.step_px
        low_pass = settings.low_pass_angstrom
        limit = 0.5 / step
        if low_pass is not None:
            limit = min(limit, references.pixel_size_angstrom / low_pass)
        self.oversampling = 1 if _FADE * limit < 0.5 / step else 2
        least = 2 * references.box_px / grid.step
        whole = 2 * grid.step.denominator
        self.box_px = self.oversampling * int(-(-least // whole) * whole)
        folded, self._position = _folded(*_reduced(references, step))
        # A copy: products round by where memory begins, and workers must find the same.
        self._folded = torch.from_numpy(folded).to(device, copy=True)
        ky = np.fft.fftfreq(self.box_px, step / self.oversampling)[:, None]
        kx = np.fft.rfftfreq(self.box_px, step / self.oversampling)[None]
        length = np.hypot(ky, kx)
        fall = np.clip((length / limit - 1) / (_FADE - 1), 0, 1)
        weight = (0.5 + 0.5 * np.cos(np.pi * fall)).astype(np.float32)
        self._chosen = np.flatnonzero(fall < 1)
        self._frequency = np.stack(
            [np.broadcast_to(k, weight.shape).reshape(-1)[self._chosen] for k in (kx, ky)]
        )
        self._weight = torch.from_numpy(weight.reshape(-1)[self._chosen]).to(device)
        self.frequencies = length.reshape(-1)[self._chosen]
        self.in_band = self.frequencies <= limit
        self.along_y = self._frequency[0] == 0

    @property
    def rows(self) -> int:
        """References times angles."""
        return self.references * len(self.angles_deg)

    def coefficients(self, angle: int) -> torch.Tensor:
        """Fourier sums ``(K, f)`` complex64 over micrograph pixels of all references at one angle.

        The centre of the references is the origin of the phases.
        """
        import torch

        psi = np.deg2rad(self.angles_deg[angle])
        kx, ky = self._frequency
        # The reference appears turned by -psi from x to y (RELION), so its transform is read at
        # frequencies turned back.
        turned = np.cos(psi) * kx - np.sin(psi) * ky, np.sin(psi) * kx + np.cos(psi) * ky
        along_x, along_y = (self._waves(k) for k in turned)
        # Over x for all references and rows at once, then over y: products of equal parity.
        waves_y = torch.stack(along_y, dim=2)
        even, odd = (
            torch.bmm((wave @ pixels).view(len(kx), -1, len(self._position)), waves_y)
            for wave, pixels in zip(along_x, self._folded, strict=True)
        )
        count = self.references
        sums = torch.complex(
            even[:, :count, 0] - odd[:, count:, 1], -odd[:, :count, 0] - even[:, count:, 1]
        )
        return (sums * self._weight[:, None]).T.contiguous()

    def first_coefficients(self, count: int) -> torch.Tensor:
        """`coefficients` ``(K, count, f)`` of the first so many angles.

        Where a quarter turn is a whole number of steps, what lies a quarter further is the same at
        frequencies turned by a quarter.
        """
        import torch

        angles = len(self.angles_deg)
        quarter = angles // 4 if angles % 4 == 0 else count
        found = [self.coefficients(angle) for angle in range(min(count, quarter))]
        if count > quarter:
            place, mirrored = (torch.from_numpy(v).to(self.device) for v in self._quarter_turn())
            for angle in range(quarter, count):
                before = found[angle - quarter][:, place]
                found.append(torch.where(mirrored, before.conj(), before))
        return torch.stack(found, dim=1)

    def _quarter_turn(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Where among the frequencies each lies after a quarter turn, and whether its conjugate."""
        b = self.box_px
        y, kx = np.divmod(self._chosen, b // 2 + 1)
        ky = np.where(y < b // 2, y, y - b)
        mirrored = ky > 0
        sign = np.where(mirrored, -1, 1)
        numbers = np.zeros(b * (b // 2 + 1), dtype=np.int64)
        numbers[self._chosen] = np.arange(len(self._chosen))
        return numbers[(sign * kx) % b * (b // 2 + 1) + np.abs(ky)], mirrored

    def _waves(self, frequency: NDArray[np.float64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosine and sine ``(f, n)`` of ``2 pi k x`` at the places of the folded pixels."""
        import torch

        turns = torch.outer(torch.from_numpy(frequency), torch.from_numpy(self._position))
        phase = (2 * np.pi * (turns - turns.round())).float().to(self.device)
        return phase.cos(), phase.sin()

    def mirrored_boxes(self, coefficients: torch.Tensor) -> torch.Tensor:
        """Images ``(m, b, b)`` of some coefficients ``(m, f)``, mirrored through their centre.

        Correlating with an image is convolving with its mirror image, whose transform is the
        conjugate. Pixel values are sums over the micrograph pixels that a working pixel covers.
        """
        import torch

        b = self.box_px
        spectrum = torch.zeros(
            (len(coefficients), b * (b // 2 + 1)), dtype=torch.complex64, device=self.device
        )
        chosen = torch.from_numpy(self._chosen).to(self.device)
        spectrum[:, chosen] = coefficients.conj()
        images = torch.fft.irfft2(spectrum.view(-1, b, b // 2 + 1), s=(b, b))
        return torch.roll(images, (b // 2, b // 2), dims=(-2, -1))


def _reduced(
    references: MaskedReferences, step: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Pixels ``(K, n, n)`` around the centre and their places ``(n,)`` in micrograph pixels."""
    centre, radius = references.box_px // 2, references.radius_px
    cut = slice(max(0, centre - radius), centre + radius + 1)
    images = references.images[:, cut, cut]
    position = (np.arange(references.box_px)[cut] - centre).astype(np.float64)
    if step < _WORTH_REDUCING:
        return np.ascontiguousarray(images), position
    pixel = step / 2
    reach = int(np.ceil(radius / pixel)) + _MARGIN_PX
    coarse = np.arange(-reach, reach + 1).astype(np.float64) * pixel
    lines = (pixel * _raised_cosine(coarse[:, None] - position[None], step)).astype(np.float32)
    reduced = np.einsum("ai,kij,bj->kab", lines, images, lines, optimize=True)
    return np.ascontiguousarray(reduced, dtype=np.float32), coarse


def _folded(
    pixels: NDArray[np.float32], position: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Sums and differences of pixels that face each other, for sums with cosines and with sines.

    Returns
    -------
    folded, position
        ``(2, n, 2 K n)``: even and odd along x; then for each place x from 0 up the images that are
        even, and those that are odd, along y, each ``(K, n)`` with y from 0 up. ``(n,)`` places.
    """
    centre = int(np.flatnonzero(position == 0)[0])
    after = len(position) - 1 - centre
    reach = max(centre, after)
    around = (reach - centre, reach - after)
    whole = np.pad(pixels, ((0, 0), around, around))
    # ``(parity of x, parity of y, K, y, x)``.
    parts = np.stack([_parities(part, axis=1) for part in _parities(whole, axis=2)])
    folded = parts.transpose(0, 4, 1, 2, 3).reshape(2, reach + 1, -1)
    step = float(position[1] - position[0]) if len(position) > 1 else 0.0
    places = np.arange(reach + 1, dtype=np.float64) * step
    return np.ascontiguousarray(folded, dtype=np.float32), places


def _parities(values: NDArray[np.float32], *, axis: int) -> NDArray[np.float32]:
    """Even and odd part ``(2, ...)`` along an axis, from its middle on."""
    middle = values.shape[axis] // 2
    ahead = np.take(values, range(middle, values.shape[axis]), axis)
    behind = np.take(values, range(middle, -1, -1), axis)
    even, odd = ahead + behind, ahead - behind
    # The middle faces itself.
    even[(slice(None),) * axis + (0,)] /= 2
    return np.stack([even, odd])


def _raised_cosine(distance: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Filter of unit gain up to ``1 / (2 step)`` that falls as a cosine to 0 at ``1 / step``."""
    width = step / 1.5
    share = 1 / 3
    t = distance / width
    bottom = 1 - (2 * share * t) ** 2
    near = np.abs(bottom) < 1e-8
    value = np.sinc(t) * np.cos(np.pi * share * t) / np.where(near, 1, bottom)
    at_pole = np.pi / 4 * np.sinc(1 / (2 * share))
    return np.where(near, at_pole, value) / width
