import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.extract.boxes import cut_boxes, nearest_pixel, overhang_px, windowed


def image(shape=(20, 30)):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def plain_box(pixels, x, y, box):
    """The definition, pixel by pixel."""
    result = np.empty((box, box), np.float32)
    for j in range(box):
        for i in range(box):
            yy = min(max(y - box // 2 + j, 0), pixels.shape[0] - 1)
            xx = min(max(x - box // 2 + i, 0), pixels.shape[1] - 1)
            result[j, i] = pixels[yy, xx]
    return result


@given(x=st.integers(-40, 60), y=st.integers(-40, 60), box=st.integers(1, 25))
def test_a_box_is_what_the_definition_says(x, y, box):
    pixels = image()
    [found] = cut_boxes(pixels, np.array([[x, y]]), box_px=box)
    np.testing.assert_array_equal(found, plain_box(pixels, x, y, box))


@pytest.mark.parametrize("box", [4, 5, 8, 9])
def test_the_centre_lands_on_the_pixel_of_rotation_centres(box):
    pixels = np.zeros((20, 30), np.float32)
    pixels[11, 17] = 1
    [found] = cut_boxes(pixels, np.array([[17, 11]]), box_px=box)
    assert found[box // 2, box // 2] == 1


@given(x=st.integers(-40, 60), y=st.integers(-40, 60), box=st.integers(1, 25))
def test_the_overhang_counts_pixels_that_are_missing(x, y, box):
    ys, xs = y - box // 2 + np.arange(box), x - box // 2 + np.arange(box)
    missing = max(np.sum((ys < 0) | (ys >= 20)), np.sum((xs < 0) | (xs >= 30)))
    [found] = overhang_px((20, 30), np.array([[x, y]]), box_px=box)
    assert (found == 0) == (missing == 0)
    # A box larger than the image sticks out on both sides; one that is out holds nothing.
    assert (found >= box) == (missing == box)


def test_no_boxes_of_no_centres():
    none = np.zeros((0, 2), np.int64)
    assert cut_boxes(image(), none, box_px=6).shape == (0, 6, 6)
    assert overhang_px((20, 30), none, box_px=6).shape == (0,)


def test_halves_of_a_pixel_go_up():
    found = nearest_pixel(np.array([[0.5, -0.5], [1.49, 2.51]]))
    assert found.tolist() == [[1, 0], [1, 3]]


@pytest.mark.parametrize(("old", "new"), [(8, 4), (8, 5), (9, 4), (9, 5), (7, 7)])
def test_a_window_keeps_the_centre(old, new):
    boxes = np.zeros((2, old, old), np.float32)
    boxes[:, old // 2, old // 2] = 1
    found = windowed(boxes, box_px=new)
    assert found.shape == (2, new, new)
    assert np.all(found[:, new // 2, new // 2] == 1)
    assert found.sum() == 2
