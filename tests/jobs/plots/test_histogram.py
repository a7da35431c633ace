import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from cryopick.jobs.plots.histogram import histogram_svg
from cryopick.jobs.plots.svg import BLUE, GREY, RED


def texts(svg):
    return [e.text for e in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def bars(svg, colour):
    """Corners of the bars of one colour, ``(n, 2)``."""
    (path,) = re.findall(rf'<path d="M([^"]*)Z" fill="{colour}"', svg)
    return np.array([pair.split() for pair in path.split("L")], dtype=float)


def area(corners):
    x, y = corners.T
    return abs(np.sum(x * np.roll(y, 1) - y * np.roll(x, 1))) / 2


def test_areas_are_as_the_numbers():
    rng = np.random.default_rng(0)
    svg = histogram_svg(
        {"picks": rng.normal(5, 1, 300), "discarded": rng.normal(2, 1, 900)},
        x_name="score",
        y_name="candidates",
    )
    assert area(bars(svg, GREY)) / area(bars(svg, BLUE)) == pytest.approx(3, abs=0.1)
    assert {"picks", "discarded", "score", "candidates"} <= set(texts(svg))


def test_the_second_group_stands_on_the_first():
    svg = histogram_svg({"a": [1.0] * 4, "b": [1.0] * 4}, x_name="x", y_name="y")
    below, above = bars(svg, BLUE)[:, 1], bars(svg, GREY)[:, 1]
    assert above.max() == below.max()  # both lie on the floor where nothing is
    assert above.min() < below.min()


def test_one_group_needs_no_words():
    svg = histogram_svg({"particles": [1.0, 2.0]}, x_name="score", y_name="particles")
    assert texts(svg).count("particles") == 1


def test_a_line_stands_at_its_value_and_is_named():
    svg = histogram_svg({"a": [0.0, 1.0]}, x_name="x", y_name="y", lines={"threshold 0.5": 0.5})
    assert "threshold 0.5" in texts(svg)
    (at,) = re.findall(rf'<path d="M([\d.]+) \d+V\d+" stroke="{RED}"', svg)
    corners = bars(svg, BLUE)
    assert float(at) == pytest.approx(corners[:, 0].mean(), abs=1)


def test_a_line_beyond_the_values_is_still_seen():
    svg = histogram_svg({"a": [0.0, 1.0]}, x_name="x", y_name="y", lines={"far": 9.0})
    assert f'stroke="{RED}"' in svg
    assert "8" in texts(svg)


def test_a_line_that_is_nowhere_is_left_out():
    svg = histogram_svg({"a": [0.0, 1.0]}, x_name="x", y_name="y", lines={"none": np.inf})
    assert f'stroke="{RED}"' not in svg


def test_a_few_values_far_out_do_not_press_the_others_together():
    near = np.random.default_rng(0).normal(size=5000)
    svg = histogram_svg({"a": [*near, 1e4, -3e5]}, x_name="score", y_name="y")
    assert "score (outermost bars: and beyond)" in texts(svg)
    corners = bars(svg, BLUE)
    assert len(np.unique(corners[:, 1])) > 20
    assert "score" in texts(histogram_svg({"a": near[:100]}, x_name="score", y_name="y"))


@pytest.mark.parametrize("values", [[], [np.nan, np.inf], [3.0], [0.0] * 7, [1e-300, 1e90]])
def test_whatever_there_is_can_be_drawn(values):
    svg = histogram_svg({"a": values, "b": []}, x_name="x", y_name="y", lines={"at": 1.0})
    ET.fromstring(svg)
    assert not re.search(r"\bnan\b|\binf\b", svg)


def test_the_same_values_make_the_same_text():
    values = np.random.default_rng(3).normal(size=100)
    first = histogram_svg({"a": values}, x_name="x", y_name="y")
    assert first == histogram_svg({"a": values}, x_name="x", y_name="y")
