"""`Counts`: how many picks, true particles and matches there are, and the ratios they make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Counts of one image, one label or all together.

    A ratio without a denominator is None, never NaN: precision without picks, recall without
    particles, F1 without both.

    Attributes
    ----------
    n_picks
        Picks.
    n_truth
        True particles.
    n_matched
        One-to-one matches of both.
    n_covered
        True particles with at least one pick within the tolerance, one-to-one or not.
    n_duplicates
        Picks without a match that lie within the tolerance of a particle matched to another pick.

    Examples
    --------
    >>> counts = Counts(n_picks=10, n_truth=8, n_matched=6, n_covered=6, n_duplicates=1)
    >>> counts.precision, counts.recall, round(counts.f1, 3)
    (0.6, 0.75, 0.667)
    >>> print(Counts(n_picks=0, n_truth=8, n_matched=0, n_covered=0, n_duplicates=0).precision)
    None
    """

    n_picks: int
    n_truth: int
    n_matched: int
    n_covered: int
    n_duplicates: int

    @property
    def precision(self) -> float | None:
        """Share of the picks that have a match."""
        return self.n_matched / self.n_picks if self.n_picks else None

    @property
    def recall(self) -> float | None:
        """Share of the particles that have a match."""
        return self.n_matched / self.n_truth if self.n_truth else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; 0 where only one side is empty."""
        total = self.n_picks + self.n_truth
        return 2 * self.n_matched / total if total else None

    @property
    def f_beta4(self) -> float | None:
        """F-beta with beta 4 as the CZII challenge counts: recall weighs 16 times as much.

        True positives are covered particles (one pick may cover two), false positives are the
        picks beyond that number.
        """
        false_negatives = self.n_truth - self.n_covered
        false_positives = max(self.n_picks - self.n_covered, 0)
        weighted = 17 * self.n_covered
        total = weighted + 16 * false_negatives + false_positives
        return weighted / total if total else None

    @property
    def duplicate_rate(self) -> float | None:
        """Share of the picks that are duplicates."""
        return self.n_duplicates / self.n_picks if self.n_picks else None

    def summary(self) -> dict[str, float | int | None]:
        """Counts and ratios as JSON types."""
        return {
            "n_picks": self.n_picks,
            "n_truth": self.n_truth,
            "n_matched": self.n_matched,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "f_beta4": self.f_beta4,
            "duplicate_rate": self.duplicate_rate,
        }


def total(parts: Iterable[Counts]) -> Counts:
    """Add counts up."""
    rows = list(parts)
    return Counts(
        n_picks=sum(c.n_picks for c in rows),
        n_truth=sum(c.n_truth for c in rows),
        n_matched=sum(c.n_matched for c in rows),
        n_covered=sum(c.n_covered for c in rows),
        n_duplicates=sum(c.n_duplicates for c in rows),
    )
