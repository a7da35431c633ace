import base64
import io
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from cryopick.jobs.plots.picture import (
    rings,
    scored_picture_svg,
    shrunk,
    tracks,
    view_of,
    view_part,
)
from cryopick.jobs.plots.svg import drawing

SVG = "{http://www.w3.org/2000/svg}"


def circles(svg):
    """Centres and radii of all circles drawn."""
    found = re.findall(r'<circle cx="([-\d.]+)" cy="([-\d.]+)" r="([\d.]+)"', svg)
    return np.array(found, dtype=float).reshape(-1, 3)


@pytest.mark.parametrize(
    ("shape", "longest", "factor", "size"),
    [
        ((100, 100), 100, 1, (100, 100)),
        ((100, 199), 100, 1, (100, 199)),
        ((100, 201), 100, 2, (50, 100)),
        ((7, 5), 500, 1, (7, 5)),
        ((2, 5000), 100, 2, (1, 2500)),  # never thinner than a pixel
        ((1, 1), 1, 1, (1, 1)),
    ],
)
def test_shrunk_by_whole_blocks(shape, longest, factor, size):
    small, found = shrunk(np.ones(shape, np.float32), longest_px=longest)
    assert (found, small.shape) == (factor, size)
    assert (small == 1).all()


def test_what_is_not_finite_becomes_the_mean():
    plane = np.array([[1.0, np.nan], [3.0, np.inf]])
    small, _ = shrunk(plane, longest_px=10)
    assert small.tolist() == [[1.0, 2.0], [3.0, 2.0]]
    small, _ = shrunk(np.full((2, 2), np.nan), longest_px=10)
    assert small.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_places_follow_the_blocks():
    view = view_of(np.eye(401, 200), longest_px=100, cut_percent=1, width_px=800)
    # Blocks of 4: the first covers pixels 0 to 3, which reach from -0.5 to 3.5; row 400 is left out.
    assert view.grey.shape == (100, 50)
    assert (view.width_px, view.height_px, view.scale) == (400, 800, 2)
    places = np.array([[-0.5, -0.5, 7.0], [199.5, 399.5, 7.0], [1.5, 0.0, 7.0]])
    assert view.shown_px(places).tolist() == [[0, 0], [400, 800], [4, 1]]


def test_grey_reaches_from_black_to_white_but_for_what_is_cut_off():
    ramp = np.tile(np.arange(1000.0), (4, 1))
    plain = view_of(ramp, longest_px=1000, cut_percent=0).grey
    assert (plain.min(), plain.max()) == (0, 255)
    cut = view_of(ramp, longest_px=1000, cut_percent=10).grey
    assert np.mean(cut == 0) == pytest.approx(0.1, abs=0.01)
    assert np.mean(cut == 255) == pytest.approx(0.1, abs=0.01)
    assert (np.diff(cut[0].astype(int)) >= 0).all()


def test_a_flat_plane_can_be_shown():
    assert np.ptp(view_of(np.full((8, 8), 5.0), longest_px=100, cut_percent=1).grey) == 0


def test_the_picture_holds_the_plane():
    view = view_of(np.random.default_rng(0).normal(size=(30, 60)), longest_px=60, cut_percent=1)
    root = ET.fromstring(drawing([view_part(view, top_px=5)], width_px=880, height_px=445))
    part = root.find(f"{SVG}svg")
    assert (part.get("width"), part.get("height"), part.get("y")) == ("880", "440", "5")
    source = part.find(f"{SVG}image").get("href").removeprefix("data:image/png;base64,")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(source)))), view.grey)


def test_a_circle_is_drawn_around_its_place():
    view = view_of(np.eye(100, 200), longest_px=200, cut_percent=0, width_px=400)
    place, size = np.array([[149.5, 24.5, 7.0], [np.nan, 1, 1]]), np.array([20.0, 5])
    assert circles(rings(view, place, size, colour="red")).tolist() == [[300, 50, 20]]


def test_a_size_that_nobody_knows_is_drawn_all_the_same():
    view = view_of(np.eye(50), longest_px=50, cut_percent=1, width_px=50)
    found = circles(rings(view, np.full((1, 2), 25.0), np.array([np.nan]), colour="red"))
    assert found[:, 2].tolist() == [10.0]


def test_tracks_lead_through_their_points():
    view = view_of(np.eye(100, 200), longest_px=200, cut_percent=0, width_px=400)
    places = np.array([[[9.5, 4.5], [19.5, 4.5]], [[-0.5, 0], [300, 99.5]]])
    svg = tracks(view, places, colour="red")
    assert ET.fromstring(svg).get("d") == "M20.0 10.0L40.0 10.0M0.0 1.0L601.0 200.0"
    assert tracks(view, np.zeros((0, 2, 2)), colour="red") == ""


def test_circles_have_colours_and_names_of_their_own():
    view = view_of(np.eye(50), longest_px=50, cut_percent=1)
    place, size = np.array([[1.0, 1], [2, 2]]), np.full(2, 3.0)
    svg = rings(view, place, size, colour=["#111111", "#222222"], names=["a & b", "c"])
    group = ET.fromstring(svg)
    assert [c.get("stroke") for c in group] == ["#111111", "#222222"]
    assert [c.find("title").text for c in group] == ["a & b", "c"]


def test_scores_are_seen_in_colours_and_on_a_bar():
    view = view_of(np.eye(50), longest_px=50, cut_percent=1)
    place = np.stack([np.arange(40.0), np.arange(40.0)], axis=1)
    score = np.linspace(-1, 1, 40)
    score[3], score[7] = 1e6, np.nan  # a lump of ice; one that was never scored
    root = ET.fromstring(scored_picture_svg(view, place, np.full(40, 5.0), score))
    colours = [c.get("stroke") for c in root.iter(f"{SVG}circle")]
    assert len(colours) == 40
    assert len(set(colours)) > 20
    bar = "".join(t.text for t in root.iter(f"{SVG}text"))
    low, high = np.percentile(score[np.isfinite(score)], (5, 95))
    assert f"{high:.4g} and more" in bar
    assert f"up to −{-low:.4g}" in bar


@pytest.mark.parametrize("score", [None, np.full(2, np.nan)])
def test_picks_without_scores_have_no_bar(score):
    view = view_of(np.eye(50), longest_px=50, cut_percent=1)
    svg = scored_picture_svg(view, np.ones((2, 2)), np.ones(2), score)
    assert len(circles(svg)) == 2
    assert "<text" not in svg


def test_no_picks_leave_the_image():
    view = view_of(np.eye(50), longest_px=50, cut_percent=1)
    svg = scored_picture_svg(view, np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    assert len(circles(svg)) == 0
    assert svg.count("<image") == 1
