import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from cryopick.jobs.plots.axis import axis_over
from cryopick.jobs.plots.panel import (
    MOST_POINTS,
    band,
    bars,
    dots,
    error_bars,
    frame,
    keys_of,
    line,
    panels_over,
    upright,
)
from cryopick.jobs.plots.svg import drawing

X = axis_over([], "defocus (µm)", low=0, high=2)
Y = axis_over([], "picks", low=0, high=10)


@pytest.fixture
def panel():
    (one,), _ = panels_over(X, [Y], height_px=100)
    return one


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.\d+", text)]


def test_higher_values_are_further_right_and_up(panel):
    right, floor = panel.left_px + panel.width_px, panel.floor_px
    assert panel.across_px([0, 1, 2]).tolist() == [
        panel.left_px,
        (panel.left_px + right) / 2,
        right,
    ]
    assert panel.up_px([0, 5, 10]).tolist() == [floor, floor - 50, panel.top_px]


def test_panels_over_one_x_do_not_overlap():
    (over, under), height = panels_over(X, [Y, Y], height_px=80)
    assert over.left_px == under.left_px
    assert over.floor_px < under.top_px
    assert under.floor_px < height
    (alone,), _ = panels_over(X, [Y], height_px=80, keys=True)
    assert alone.top_px > over.top_px


def test_long_labels_have_room():
    wide = axis_over([0, 123_456], "particles")
    (narrow,), _ = panels_over(X, [Y], height_px=80)
    (shifted,), _ = panels_over(X, [wide], height_px=80)
    assert shifted.left_px > narrow.left_px
    assert shifted.left_px + shifted.width_px == narrow.left_px + narrow.width_px


def test_a_frame_names_its_axes_and_ticks(panel):
    texts = [e.text for e in ET.fromstring(f"<g>{frame(panel)}</g>").iter("text")]
    assert texts == [*Y.labels, "picks", *X.labels, "defocus (µm)"]
    bare = [e.text for e in ET.fromstring(f"<g>{frame(panel, names_x=False)}</g>").iter("text")]
    assert bare == [*Y.labels, "picks"]


def test_every_word_of_a_frame_lies_on_the_drawing():
    (panel,), height = panels_over(X, [axis_over([-2e9, 1e9], "large")], height_px=100)
    root = ET.fromstring(drawing([frame(panel)], width_px=640, height_px=height))
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 < float(text.get("x")) < 640
        assert 8 < float(text.get("y")) < height


def test_dots_lie_at_their_points_and_have_names(panel):
    svg = dots(panel, [0, 1, np.nan, 2], [0, 5, 1, np.inf], colour="#123456", names=list("a<cd"))
    circles = list(ET.fromstring(svg))
    assert [c.find("title").text for c in circles] == ["a", "<"]
    assert float(circles[1].get("cx")) == pytest.approx(panel.across_px(1), abs=0.06)
    assert float(circles[1].get("cy")) == pytest.approx(panel.up_px(5), abs=0.06)


def test_of_many_points_some_are_drawn_the_same_each_time(panel):
    x = np.linspace(0, 2, 3 * MOST_POINTS)
    svg = dots(panel, x, x, colour="red")
    assert svg.count("<circle") == MOST_POINTS
    assert svg == dots(panel, x, x, colour="red")


def test_a_line_leaves_out_what_is_not_finite(panel):
    svg = line(panel, [0, 1, 2], [0, np.nan, 10], colour="red")
    assert numbers(svg)[:4] == pytest.approx(
        [panel.left_px, panel.floor_px, panel.left_px + panel.width_px, panel.top_px], abs=0.06
    )
    assert svg.count("L") == 1
    assert line(panel, [], [], colour="red") == ""


def test_a_band_goes_there_and_back(panel):
    svg = band(panel, [0, 2], [1, 1], [3, 3], colour="red")
    ET.fromstring(svg)
    heights = numbers(svg)[1:8:2]
    low, high = panel.up_px(1), panel.up_px(3)
    assert heights == pytest.approx([low, low, high, high], abs=0.06)
    assert band(panel, [np.nan], [1], [2], colour="red") == ""


def test_error_bars_reach_as_far_as_they_say(panel):
    svg = error_bars(panel, [1, 2], [5, 5], [2, np.nan], colour="red")
    expected = [panel.across_px(1), panel.up_px(3), panel.up_px(7)]
    assert numbers(svg)[:3] == pytest.approx([float(v) for v in expected], abs=0.06)
    assert svg.count("M") == 1
    assert error_bars(panel, [], [], [], colour="red") == ""


def test_bars_stand_between_their_edges(panel):
    svg = bars(panel, [0, 1, 2], [0, 2], [4, 10], colour="red")
    there = np.array(numbers(svg)).reshape(-1, 2)
    x, y = panel.across_px([0, 1, 2]), panel.up_px([4, 10, 2, 0])
    assert there[:, 0] == pytest.approx(x[[0, 1, 1, 2, 2, 1, 1, 0]], abs=0.06)
    assert there[:, 1] == pytest.approx(y[[0, 0, 1, 1, 2, 2, 3, 3]], abs=0.06)


def test_an_upright_line_outside_the_axis_is_left_out(panel):
    assert upright(panel, 1.0, colour="red").startswith("<path")
    assert upright(panel, 2.1, colour="red") == upright(panel, np.nan, colour="red") == ""


def test_keys_stand_side_by_side_above_the_panel():
    (panel,), _ = panels_over(X, [Y], height_px=80, keys=True)
    keys = [("area", "#111111", "picks"), ("line", "#222222", "a < b"), ("dot", "#333333", "all")]
    root = ET.fromstring(f"<g>{keys_of(panel, keys)}</g>")
    texts = list(root.iter("text"))
    assert [t.text for t in texts] == ["picks", "a < b", "all"]
    left = [float(t.get("x")) for t in texts]
    assert left == sorted(left)
    assert all(0 < float(t.get("y")) < panel.top_px for t in texts)
    assert [e.get("fill") for e in root if e.tag != "text"] == ["#111111", "#222222", "#333333"]
