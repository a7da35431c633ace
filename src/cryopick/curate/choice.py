"""`Choice`: which rows of a set stay, and why each of the others goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model.picks import REASONS


class Choice:
    """Reasons of ``n`` rows, filled one rule after the other; the first reason stands.

    Examples
    --------
    >>> choice = Choice(3)
    >>> choice.reject([True, False, False], reason="duplicate")
    >>> choice.reject([True, True, False], reason="manual")
    >>> choice.reason.tolist(), choice.kept.tolist(), choice.counts()
    (['duplicate', 'manual', ''], [False, False, True], {'duplicate': 1, 'manual': 1})
    """

    def __init__(self, n: int) -> None:
        self.reason: NDArray[np.str_] = np.full(n, "", dtype=f"<U{max(map(len, REASONS))}")

    @property
    def kept(self) -> NDArray[np.bool_]:
        """``(n,)``: rows that no rule rejected so far."""
        return np.asarray(self.reason == "")

    def reject(self, which: Sequence[bool] | NDArray[np.bool_], *, reason: str) -> None:
        """Reject rows, unless an earlier rule did."""
        if reason not in REASONS:
            raise InputError(f"reason {reason!r}: expected one of {', '.join(REASONS)}")
        self.reason[np.asarray(which, dtype=bool) & self.kept] = reason

    def counts(self) -> dict[str, int]:
        """How many rows went for each reason, the most frequent first."""
        return dict(Counter(text for text in self.reason.tolist() if text).most_common())


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Least and largest value of one column; both ends belong to it.

    Attributes
    ----------
    column
        Name of the column.
    low, high
        Infinite where there is no limit.
    """

    column: str
    low: float = -np.inf
    high: float = np.inf

    @staticmethod
    def parse(text: str) -> Limits:
        """Read ``COLUMN:MIN:MAX``; an empty end is open.

        Examples
        --------
        >>> Limits.parse("rlnCtfMaxResolution::6")
        Limits(column='rlnCtfMaxResolution', low=-inf, high=6.0)
        """
        parts = text.rsplit(":", 2)
        if len(parts) < 3 or not parts[0] or not (parts[1].strip() or parts[2].strip()):
            raise InputError(
                f"--where {text}: expected COLUMN:MIN:MAX; leave one end empty for no limit"
            )
        column, low, high = (part.strip() for part in parts)
        limits = Limits(
            column=column,
            low=_number(low, text) if low else -np.inf,
            high=_number(high, text) if high else np.inf,
        )
        if limits.low > limits.high:
            raise InputError(f"--where {text}: its least value is above its largest")
        return limits

    def apply(self, values: NDArray[np.float64], choice: Choice) -> None:
        """Reject rows outside the limits; a value that is not known counts as too low."""
        with np.errstate(invalid="ignore"):
            choice.reject(~(values >= self.low), reason="below threshold")
            choice.reject(values > self.high, reason="above threshold")


def parse_numbers(text: str) -> frozenset[int]:
    """Read a list of numbers and ranges from 1.

    Examples
    --------
    >>> sorted(parse_numbers("1,3,5-8"))
    [1, 3, 5, 6, 7, 8]
    """
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        ends = (first.strip(), last.strip() if dash else first.strip())
        if not all(end.isdecimal() for end in ends) or not 1 <= int(ends[0]) <= int(ends[1]):
            raise InputError(f"{text!r}: expected numbers and ranges from 1, as in 1,3,5-8")
        if int(ends[1]) > 1_000_000:
            raise InputError(f"{text!r}: {ends[1]} is too large")
        numbers.update(range(int(ends[0]), int(ends[1]) + 1))
    return frozenset(numbers)


def reject_classes(label: Iterable[str], wanted: frozenset[int], choice: Choice) -> None:
    """Reject rows whose class is not one of the wanted; a row without a class goes too."""
    names = {str(number) for number in wanted}
    choice.reject([text not in names for text in label], reason="class rejected")


def _number(text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if np.isnan(value):
        raise InputError(f"--where {whole}: {text!r} is not a number")
    return value
