"""The picture of a tilt pair, and the residuals drawn in it."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np

from cryopick.combine.pair_affine import PairAffine
from cryopick.jobs.pairs_picture import pair_svg, residual_vectors_px
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


def paths(svg: str, colour: str) -> list[str]:
    return [e.get("d", "") for e in ET.fromstring(svg).iter() if e.get("stroke") == colour]


def test_a_fit_is_seen_as_outline_and_residuals() -> None:
    fit = {"matrix": HALF.matrix.tolist(), "shift_angstrom": HALF.shift_angstrom.tolist()}
    left = [Picks.empty(2), Picks.of([[100.0, 100.0]], image="t")]
    svg = pair_svg(views(), pairs(), left=left, fit=fit)
    scale = 438 / 80
    (outline,) = paths(svg, "#ecc94b")
    # The untilted view is squeezed to half its height, and moved by 2 px.
    assert outline.split("L")[1] == f"{81.5 * scale + 0.5 * scale:.1f} {0.25 * scale:.1f}"
    (residuals,) = paths(svg, "#00e0ff")
    assert residuals.count("M") == 2
    # Pair 0 is predicted at (12, 10), and lies (3, -1) away: drawn 5 times as long.
    ends = [12.5 * scale, 10.5 * scale, 27.5 * scale, 5.5 * scale]
    assert np.allclose([float(n) for n in re.findall(r"[\d.]+", residuals)][:4], ends, atol=0.06)
    assert svg.count("<circle") == 5
    without = pair_svg(views(), pairs(), left=left, fit=None)
    assert paths(without, "#ecc94b") == paths(without, "#00e0ff") == []


def test_the_two_of_a_pair_have_one_colour() -> None:
    svg = pair_svg(views(), pairs(), left=[Picks.empty(2)] * 2, fit=None)
    colours = re.findall(r'<circle [^>]*stroke="(#\w+)"', svg)
    assert colours[:2] == colours[2:]
    assert colours[0] != colours[1]


def test_views_stand_side_by_side_as_high_as_the_higher() -> None:
    flat, high = (
        views()[0],
        Image(
            data=np.eye(80, dtype=np.float32),
            grid=Grid(shape=(80, 80), pixel_size_angstrom=4.0),
            name="t",
        ),
    )
    root = ET.fromstring(pair_svg([flat, high], pairs(), left=[Picks.empty(2)] * 2, fit=None))
    assert (root.get("width"), root.get("height")) == ("880", "438")
    assert [part.get("x") for part in root] == ["0", "442"]


def test_no_pairs_are_a_picture_too() -> None:
    none = PickPairs(untilted=Picks.empty(2), tilted=Picks.empty(2))
    svg = pair_svg(views(), none, left=[Picks.empty(2)] * 2, fit=None)
    assert (svg.count("<image"), svg.count("<circle")) == (2, 0)
