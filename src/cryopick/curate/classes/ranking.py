"""Rank class averages, and propose which to keep.

A logistic score of `FEATURES`, its weights fitted on simulated sets of particles and rubbish by
``benchmarks/fit_class_ranking.py``. It proposes; who looks at the classes decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.curate.classes.features import class_features
from cryopick.curate.classes.state import ClassState
from cryopick.errors import InputError

KEEP_ABOVE = 0.5
_MOST_DEVIATIONS = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A logistic model of `FEATURES`.

    Attributes
    ----------
    centre, scale
        What is taken off each feature, and what it is then divided by.
    weight
        Of the features so scaled.
    bias
        Log odds of a class whose features are those of the centre.
    """

    centre: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    bias: float


WEIGHTS = Weights(
    centre=(-0.2214, -0.3969, 0.183, -0.0583, 0.0198, 0.9221, 0.8359, -0.1225),
    scale=(0.7373, 1.3239, 0.5925, 0.602, 0.0838, 0.0615, 1.6273, 0.198),
    weight=(0.0, 1.1718, -1.1267, 0.8095, 0.0, 0.0, 0.0, 2.1505),
    bias=0.0687,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassRanking:
    """Scores of classes.

    Attributes
    ----------
    score
        ``(K,)`` from 0 to 1, higher is better.
    keep
        ``(K,)`` proposal.
    order
        ``(K,)`` places of the classes, the best first.
    features
        ``(K, 8)`` in the order of `FEATURES`.
    """

    score: NDArray[np.float64]
    keep: NDArray[np.bool_]
    order: NDArray[np.int64]
    features: NDArray[np.float64]


def rank_classes(
    state: ClassState,
    *,
    mask_diameter_angstrom: float | None = None,
    keep_above: float = KEEP_ABOVE,
    weights: Weights = WEIGHTS,
) -> ClassRanking:
    """Score each class.

    Parameters
    ----------
    state
        After some iterations.
    mask_diameter_angstrom
        Of the classification.
    keep_above
        Lowest score of a class that is proposed to be kept.
    weights
        Of the features.
    """
    if not 0 <= keep_above <= 1:
        raise InputError(f"class ranking: expected keep_above from 0 to 1, got {keep_above}")
    features = class_features(state, mask_diameter_angstrom=mask_diameter_angstrom)
    score = np.where(state.class_size > 0, scores(features, weights), 0.0)
    # Of equal scores the larger class is the better one.
    order = np.lexsort((-state.class_size, -score))
    keep = (score >= keep_above) & (state.class_size > 0)
    return ClassRanking(score=score, keep=keep, order=order.astype(np.int64), features=features)


def scores(features: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
    """Logistic scores ``(K,)`` of features ``(K, 8)``.

    Examples
    --------
    >>> flat = Weights(centre=(1.0, 0.0), scale=(2.0, 1.0), weight=(1.0, 0.0), bias=0.0)
    >>> scores(np.array([[1.0, 5.0], [3.0, 5.0]]), flat).round(3).tolist()
    [0.5, 0.731]
    """
    terms = scaled(features, weights.centre, weights.scale) @ np.array(weights.weight)
    return 1 / (1 + np.exp(-np.clip(terms + weights.bias, -30, 30)))


def scaled(
    features: NDArray[np.float64], centre: ArrayLike, scale: ArrayLike
) -> NDArray[np.float64]:
    """Deviations of features ``(K, 8)`` from those of the fit; no one of them decides alone.

    Examples
    --------
    >>> scaled(np.array([[2.0, 99.0]]), (1.0, 0.0), (2.0, 1.0)).tolist()
    [[0.5, 2.5]]
    """
    deviation = (features - np.asarray(centre)) / np.asarray(scale)
    return np.clip(deviation, -_MOST_DEVIATIONS, _MOST_DEVIATIONS)
