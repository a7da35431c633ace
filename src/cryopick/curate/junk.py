"""One screening score per particle: how much it is like the other particles of its set.

Ice, carbon, aggregates, empty and off-centre boxes differ from particles each in its own way, so
each group of descriptors is judged alone (a robust Mahalanobis distance), and the distances are
added up. With references there are two groups more: the features of the difference, and the
correlation with the reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.difference_features import FEATURES, disc_pixels
from cryopick.curate.mahalanobis import robust_distance
from cryopick.curate.self_consistency import GROUPS
from cryopick.curate.z_scores import dense_z
from cryopick.errors import InputError

if TYPE_CHECKING:
    import torch

PROPOSED_CUT = -3.0
"""Screening scores below it are proposed as junk: three standard deviations of a normal set."""

# Where references are given, what fits them speaks louder than any one group without them, and the
# difference features, which noise dominates, less. Chosen on simulated sets other than those of the
# benchmark; between half and twice these weights little changes.
_WEIGHTS = {"correlation": 3.0, "difference": 0.5}
# A correlation better than usual makes up for no more than this.
_BEST_CORRELATION_Z = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Screening:
    """What was found about ``n`` particles.

    Attributes
    ----------
    score
        ``(n,)``; higher is better: 0 for a typical particle, -3 where three standard deviations
        speak against it.
    groups
        By name, ``(n,)``: how odd each is in one group of descriptors, as a z-score (high is odd).
    """

    score: NDArray[np.float64]
    groups: dict[str, NDArray[np.float64]]

    @property
    def proposed(self) -> NDArray[np.bool_]:
        """``(n,)``: worth keeping."""
        return self.score >= PROPOSED_CUT


def correlation(images: torch.Tensor, expected: torch.Tensor, *, radius_px: float) -> torch.Tensor:
    """Correlation coefficient ``(n,)`` of centred particles and expected images in the disc.

    0 where one of the two is flat.
    """
    import torch

    disc = torch.from_numpy(disc_pixels(images.shape[-1], radius_px)).to(images.device)
    a, b = images[:, disc], expected[:, disc]
    a, b = a - a.mean(dim=1, keepdim=True), b - b.mean(dim=1, keepdim=True)
    product = a.norm(dim=1) * b.norm(dim=1)
    return torch.where(product > 0, (a * b).sum(dim=1) / product.clamp_min(1e-30), 0.0)


def screen(
    descriptors: NDArray[np.floating],
    *,
    difference: NDArray[np.floating] | None = None,
    reference_correlation: NDArray[np.floating] | None = None,
) -> Screening:
    """Judge particles by what all of them share.

    Parameters
    ----------
    descriptors
        ``(n, f)`` from `cryopick.curate.self_consistency.descriptors`.
    difference
        ``(n, 6)`` from `difference_features`; NaN rows for particles without a reference.
    reference_correlation
        ``(n,)`` from `correlation`; NaN for particles without a reference. With ``difference``.

    Returns
    -------
    Screening
    """
    expected = sum(len(names) for names in GROUPS.values())
    if descriptors.ndim != 2 or descriptors.shape[1] != expected:
        raise InputError(f"descriptors: expected (n, {expected}), got {descriptors.shape}")
    groups: dict[str, NDArray[np.float64]] = {}
    first = 0
    for name, columns in GROUPS.items():
        groups[name] = robust_distance(descriptors[:, first : first + len(columns)])
        first += len(columns)
    if difference is not None and reference_correlation is not None:
        groups |= _reference_groups(difference, reference_correlation)
    total = np.sum([_WEIGHTS.get(name, 1.0) * odd for name, odd in groups.items()], axis=0)
    return Screening(score=-dense_z(total), groups=groups)


def _reference_groups(
    difference: NDArray[np.floating], reference_correlation: NDArray[np.floating]
) -> dict[str, NDArray[np.float64]]:
    """How odd the difference is, and how much correlation is missing.

    A particle without a reference is neither odd nor typical: 0.
    """
    odd, lacking = np.zeros(len(difference)), np.zeros(len(difference))
    known = np.isfinite(difference).all(axis=1) & np.isfinite(reference_correlation)
    if known.any():
        features = np.asarray(difference[known], dtype=np.float64)
        # Spreads and powers vary by factors: their logarithms are what is near normal.
        positive = [FEATURES.index(name) for name in ("sd", "quadrants", "asymmetry")]
        features[:, positive] = np.log(np.maximum(features[:, positive], 1e-20))
        odd[known] = robust_distance(features)
        # Fisher's transform makes the spread of a correlation independent of its size. All
        # classes together: some hold nothing but junk, and a class of junk looks normal to itself.
        linear = np.arctanh(np.clip(reference_correlation[known], -0.999, 0.999))
        lacking[known] = np.maximum(-dense_z(linear), -_BEST_CORRELATION_Z)
    return {"difference": odd, "correlation": lacking}
