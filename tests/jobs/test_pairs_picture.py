"""The picture of a tilt pair, and the residuals drawn in it."""

from __future__ import annotations

import numpy as np

from cryopick.combine.pair_affine import PairAffine
from cryopick.jobs.pairs_picture import pair_png, residual_vectors_px
from cryopick.model import Grid, Image, PickPairs, Picks

GRID = Grid(shape=(60, 80), pixel_size_angstrom=4.0)
HALF = PairAffine(matrix=np.diag([1.0, 0.5]), shift_angstrom=np.array([8.0, 0.0]))


def pairs() -> PickPairs:
    untilted = np.array([[40.0, 80.0], [200.0, 100.0]])
    return PickPairs(
        untilted=Picks.of(untilted, image="u"),
        tilted=Picks.of(untilted * [1, 0.5] + [8 + 12, -4], image="t"),
    )


def views() -> list[Image]:
    noise = np.random.default_rng(0).normal(size=GRID.shape).astype(np.float32)
    return [Image(data=noise, grid=GRID, name=name) for name in ("u", "t")]


def test_residuals_lead_from_the_prediction_to_the_pick() -> None:
    vectors = residual_vectors_px(GRID, pairs(), HALF)
    np.testing.assert_allclose(vectors[0], [12, 10, 3, -1])
    np.testing.assert_allclose(vectors[:, 2:], [[3, -1], [3, -1]])


def test_picture_with_a_fit_differs_from_one_without() -> None:
    fit = {"matrix": HALF.matrix.tolist(), "shift_angstrom": HALF.shift_angstrom.tolist()}
    left = [Picks.empty(2), Picks.of([[100.0, 100.0]], image="t")]
    with_fit = pair_png(views(), pairs(), left=left, fit=fit)
    without = pair_png(views(), pairs(), left=left, fit=None)
    assert with_fit[1:4] == without[1:4] == b"PNG"
    assert with_fit != without


def test_no_pairs_are_a_picture_too() -> None:
    none = PickPairs(untilted=Picks.empty(2), tilted=Picks.empty(2))
    assert pair_png(views(), none, left=[Picks.empty(2)] * 2, fit=None)[1:4] == b"PNG"
