from xml.etree import ElementTree as ET

import numpy as np
import pytest

from cryopick.jobs.plots.montage import montage_svg
from cryopick.jobs.plots.picture import tracks

SHAPES = [(10, 20), (20, 20), (40, 10)]


def planes(shapes=SHAPES):
    return [(f"number <{i}>", np.eye(*shape)) for i, shape in enumerate(shapes)]


def boxes(svg):
    """Left, top, right and bottom of every picture, ``(n, 4)``."""
    found = ET.fromstring(svg).findall("{*}svg")
    box = np.array([[float(e.get(k)) for k in ("x", "y", "width", "height")] for e in found])
    return np.hstack([box[:, :2], box[:, :2] + box[:, 2:]])


@pytest.mark.parametrize("columns", [1, 2, 3, 5])
def test_pictures_overlap_neither_one_another_nor_the_rim(columns):
    svg = montage_svg(planes(), columns=columns, longest_px=100, cut_percent=0)
    root, found = ET.fromstring(svg), boxes(svg)
    assert len(found) == 3
    assert found.min() >= 0
    assert found[:, 2].max() <= float(root.get("width")) + 1e-6
    assert found[:, 3].max() <= float(root.get("height")) + 1e-6
    for i, a in enumerate(found):
        for b in found[:i]:
            apart = (a[:2] >= b[2:]) | (b[:2] >= a[2:])
            assert apart.any()


def test_every_title_stands_above_its_picture():
    svg = montage_svg(planes(), columns=2, longest_px=100, cut_percent=0)
    texts = ET.fromstring(svg).findall("{*}text")
    assert [text.text for text in texts] == ["number <0>", "number <1>", "number <2>"]
    for text, (left, top, right, _) in zip(texts, boxes(svg), strict=True):
        assert left < float(text.get("x")) < right
        assert top - 20 < float(text.get("y")) < top


def test_pictures_keep_their_shape():
    found = boxes(montage_svg(planes(), columns=3, longest_px=100, cut_percent=0))
    width, height = (found[:, 2:] - found[:, :2]).T
    assert width / height == pytest.approx([2, 1, 0.25], rel=1e-4)


def test_marks_are_drawn_on_their_own_picture():
    def diagonal(view):
        return tracks(view, np.array([[[0.0, 0.0], [9.0, 9.0]]]), colour="red")

    svg = montage_svg(
        planes(SHAPES[:2]),
        columns=2,
        longest_px=100,
        cut_percent=0,
        marks=[lambda view: "", diagonal],
    )
    first, second = ET.fromstring(svg).findall("{*}svg")
    assert first.find("{*}path") is None
    assert second.find("{*}path").get("stroke") == "red"


def test_no_pictures_are_an_empty_drawing():
    root = ET.fromstring(montage_svg([], columns=3, longest_px=100, cut_percent=0))
    assert len(root) == 0
