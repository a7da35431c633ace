import xml.etree.ElementTree as ET

import numpy as np
import pytest

from cryopick.evaluate.curve import curve_from_hits
from cryopick.evaluate.plots import f1_svg, histogram_svg, precision_recall_svg


@pytest.fixture
def curve():
    rng = np.random.default_rng(0)
    score = rng.normal(size=5000)
    return curve_from_hits(score, rng.random(5000) < 1 / (1 + np.exp(-3 * score)), 3000)


def words(svg):
    root = ET.fromstring(svg)
    assert root.tag.endswith("svg")
    return " ".join("".join(e.itertext()) for e in root.iter() if e.tag.endswith("text"))


def test_precision_and_recall(curve):
    text = words(precision_recall_svg(curve))
    assert "recall" in text
    assert "precision" in text
    assert f"best F1 {curve.best[0]:.3f}" in text


def test_f1_over_thresholds(curve):
    text = words(f1_svg(curve))
    assert "threshold of the score" in text
    assert "F1" in text


def test_a_histogram_says_its_median():
    assert "median 2.5" in words(
        histogram_svg(np.array([1.0, 2.0, 3.0, 9.0]), name="distance in Å")
    )


def test_figures_are_small_and_the_same_each_time(curve):
    one = precision_recall_svg(curve)
    assert one == precision_recall_svg(curve)
    assert one.startswith("<svg")
    assert len(one) < 200_000


@pytest.mark.parametrize(
    "curve",
    [
        curve_from_hits([1.0], [True], 1),
        curve_from_hits([np.nan, np.nan], [True, False], 1),
        curve_from_hits([2.0, 1.0], [False, False], 5),
    ],
)
def test_short_curves_can_be_drawn(curve):
    assert words(precision_recall_svg(curve))
    assert words(f1_svg(curve))


def test_errors_of_zero_can_be_drawn():
    assert words(histogram_svg(np.zeros(3), name="distance in Å"))
