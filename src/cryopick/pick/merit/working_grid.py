"""`WorkingGrid`: the padded micrograph and the coarser pixels that the search works in.

A micrograph pixel is a whole fraction ``b / a`` of a working pixel, and both lengths of the padded
image hold whole working pixels, so that cropping the Fourier transform changes the pixel exactly:
no interpolation, and working pixel ``j`` lies on micrograph pixel ``j a / b``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from cryopick.errors import InputError
from cryopick.pick.merit.settings import MeritSettings

_MOST_PARTS = 8
_SMOOTH = (2, 3, 5, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingGrid:
    """Lengths of one micrograph on its way to working pixels.

    Attributes
    ----------
    shape
        ``(y, x)`` of the micrograph.
    padded
        ``(y, x)`` after padding.
    working
        ``(y, x)`` of the padded image in working pixels.
    step
        Micrograph pixels per working pixel.
    pixel_size_angstrom
        Of the micrograph.
    """

    shape: tuple[int, int]
    padded: tuple[int, int]
    working: tuple[int, int]
    step: Fraction
    pixel_size_angstrom: float

    @property
    def step_px(self) -> float:
        """Micrograph pixels per working pixel."""
        return float(self.step)

    @property
    def kept(self) -> tuple[int, int]:
        """``(y, x)``: working pixels that lie within the micrograph."""
        y, x = (int((n - 1) / self.step) + 1 for n in self.shape)
        return y, x

    @property
    def density(self) -> float:
        """Working pixels per micrograph pixel: scales what a shorter inverse transform gives."""
        return float(1 / self.step**2)


def working_step(
    settings: MeritSettings, shape: tuple[int, int], pixel_size_angstrom: float
) -> Fraction:
    """Micrograph pixels per working pixel, as a simple fraction.

    Examples
    --------
    >>> working_step(MeritSettings(low_pass_angstrom=20), (4096, 4096), 1.0)
    Fraction(10, 1)
    >>> working_step(MeritSettings(low_pass_angstrom=20), (4096, 4096), 0.885)
    Fraction(45, 4)
    """
    shrink, low_pass = settings.shrink, settings.low_pass_angstrom
    if shrink > 1:
        return max(Fraction(1), Fraction(max(shape), 2 * max(1, round(shrink / 2))))
    if shrink > 0:
        wanted = 1 / shrink
    else:
        wanted = 1.0 if low_pass is None else low_pass / 2 / pixel_size_angstrom
    choices = [
        Fraction(top, parts)
        for parts in range(1, _MOST_PARTS + 1)
        for top in (int(wanted * parts + 1e-6),)
        if top >= parts and _is_smooth(top, (*_SMOOTH, 11, 13))
    ]
    return max(choices, default=Fraction(1))


def plan_working_grid(
    shape: tuple[int, int], pixel_size_angstrom: float, *, step: Fraction, least_px: int = 1
) -> WorkingGrid:
    """Choose lengths for fast transforms, none shorter than ``least_px`` micrograph pixels.

    Examples
    --------
    >>> grid = plan_working_grid((4096, 4096), 1.0, step=Fraction(10))
    >>> grid.working, grid.padded
    ((420, 420), (4200, 4200))
    """
    if len(shape) != 2 or min(shape) < 1:
        raise InputError(f"merit: expected a micrograph (y, x), got an image of shape {shape}")
    working = [_good_length(max(n, least_px) / step, 2 * step.denominator) for n in shape]
    padded = [int(n * step) for n in working]
    return WorkingGrid(
        shape=shape,
        padded=(padded[0], padded[1]),
        working=(working[0], working[1]),
        step=step,
        pixel_size_angstrom=pixel_size_angstrom,
    )


def _good_length(least: Fraction, multiple: int) -> int:
    """Smallest multiple that is no less and has no large prime of its own."""
    count = int(-(-least // multiple))
    while not _is_smooth(count, _SMOOTH):
        count += 1
    return count * multiple


def _is_smooth(n: int, primes: tuple[int, ...]) -> bool:
    for prime in primes:
        while n % prime == 0:
            n //= prime
    return n == 1
