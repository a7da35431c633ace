import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from cryopick.jobs.plots.scatter import scatter_svg


def dots(svg):
    found = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)
    return np.array(found, dtype=float).reshape(-1, 2)


def test_higher_values_are_further_right_and_up():
    found = dots(scatter_svg(np.array([0.0, 1, 2]), np.array([0.0, 10, 5]), x_name="", y_name=""))
    assert np.diff(found[:, 0]) == pytest.approx([(found[2, 0] - found[0, 0]) / 2] * 2, abs=0.2)
    assert found[1, 1] < found[2, 1] < found[0, 1]


def test_it_is_xml_and_its_names_are_escaped():
    svg = scatter_svg(np.arange(3.0), np.arange(3.0), x_name="a < b & c", y_name="sd")
    assert "a < b & c" in "".join(ET.fromstring(svg).itertext())


def test_round_values_are_written_along_the_axes():
    svg = scatter_svg(np.array([1.5, 20.25]), np.array([-3.0, 4.0]), x_name="", y_name="")
    for label in ("5", "10", "15", "20", "−2", "0", "2"):
        assert f">{label}</text>" in svg


def test_points_that_are_not_finite_are_left_out():
    x = np.array([0.0, np.nan, 2.0, np.inf])
    assert len(dots(scatter_svg(x, np.ones(4), x_name="", y_name=""))) == 2


@pytest.mark.parametrize("n", [0, 1])
def test_no_point_and_one_point_can_be_drawn(n):
    assert len(dots(scatter_svg(np.full(n, 7.0), np.zeros(n), x_name="", y_name=""))) == n


def test_of_many_points_some_are_drawn_the_same_each_time():
    x = np.random.default_rng(1).normal(size=20_000)
    first = scatter_svg(x, x, x_name="", y_name="")
    assert len(dots(first)) == 4000
    assert first == scatter_svg(x, x, x_name="", y_name="")
