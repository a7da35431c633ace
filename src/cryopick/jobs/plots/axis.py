"""Axes of plots: their range, and round values along them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Space beyond the outermost values, as a share of their range.
_ROOM = 0.04
# A range this small beside its values is none: its ticks could not be told apart.
_NARROWEST = 1e-9
_LARGEST, _SMALLEST = 1e100, 1e-100


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A range of values with ticks.

    Attributes
    ----------
    name
        What it shows, with the unit.
    low, high
        Ends of the range, never the same.
    ticks, labels
        Round values within the range, and how they are written.
    """

    name: str
    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def share(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where values lie along it: 0 at the low end, 1 at the high one."""
        return (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low)


def axis_over(
    values: ArrayLike,
    name: str,
    *,
    low: float | None = None,
    high: float | None = None,
    most_ticks: int = 6,
    whole: bool = False,
) -> Axis:
    """Make an axis that holds all values that can be drawn.

    Parameters
    ----------
    values
        Any shape; those that are not finite do not count.
    name
        What the axis shows, with the unit.
    low, high
        Ends that are known; others lie a little beyond the values.
    most_ticks
        About how many ticks there is room for.
    whole
        Values are whole numbers, so are the ticks.

    Examples
    --------
    >>> axis_over([0.2, 3.9], "defocus (µm)").labels
    ('1', '2', '3', '4')
    >>> axis_over([1, 2, 3], "iteration", whole=True).ticks
    (1.0, 2.0, 3.0)
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    flat = flat[drawable(flat)]
    ends = (float(flat.min()), float(flat.max())) if flat.size else (0.0, 1.0)
    room = _ROOM * (ends[1] - ends[0])
    start = ends[0] - room if low is None else low
    end = ends[1] + room if high is None else high
    if end - start <= max(_NARROWEST * max(abs(start), abs(end)), _SMALLEST):
        half = abs(start) / 2 if abs(start) > _SMALLEST else 0.5
        start, end = start - half if low is None else low, end + half
    ticks, step = _round_values(start, end, most=most_ticks, whole=whole)
    return Axis(name=name, low=start, high=end, ticks=ticks, labels=tick_labels(ticks, step))


def drawable(*columns: ArrayLike) -> NDArray[np.bool_]:
    """Rows whose values are all finite, and not so large that a range of them is not."""
    sizes = [np.abs(np.asarray(column, dtype=np.float64)) for column in columns]
    return np.all([size < _LARGEST for size in sizes], axis=0)


def _round_values(
    low: float, high: float, *, most: int, whole: bool
) -> tuple[tuple[float, ...], float]:
    """Multiples of 1, 2 or 5 times a power of ten within a range, and their distance."""
    least = (high - low) / most
    power = 10.0 ** math.floor(math.log10(least))
    step = next(n * power for n in (1, 2, 5, 10) if n * power >= least * (1 - 1e-9))
    if whole:
        step = max(1.0, step)
    slack = 1e-9 * (high - low) / step
    first, last = math.ceil(low / step - slack), math.floor(high / step + slack)
    return tuple(n * step for n in range(first, last + 1)), step


def tick_labels(ticks: Iterable[float], step: float) -> tuple[str, ...]:
    """Write ticks with as many digits as their distance asks for.

    Examples
    --------
    >>> tick_labels((-0.5, 0.0, 0.5), 0.5), tick_labels((0, 2000), 2000), tick_labels((2e7,), 2e7)
    (('−0.5', '0.0', '0.5'), ('0', '2,000'), ('2e7',))
    """
    values = list(ticks)
    largest = max((abs(value) for value in values), default=0.0)
    power = math.floor(math.log10(step) + 1e-9)
    if largest >= 1e6 or power < -5:
        return tuple(_scientific(value, step) for value in values)
    # Adding zero makes of -0 what people write.
    return tuple(f"{value + 0.0:,.{max(0, -power)}f}".replace("-", "−") for value in values)


def _scientific(value: float, step: float) -> str:
    if abs(value) < step / 2:
        return "0"
    digits = max(0, math.floor(math.log10(abs(value))) - math.floor(math.log10(step) + 1e-9))
    mantissa, power = f"{value:.{digits}e}".split("e")
    return f"{mantissa}e{int(power)}".replace("-", "−")
