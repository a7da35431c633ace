import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from cryopick.jobs.picture import add_circles, png_of, show_grey, whole_picture


def test_pixels_lie_where_they_lie_in_the_plane():
    axes = Figure().add_subplot()
    show_grey(axes, np.arange(401 * 200.0).reshape(401, 200), longest_px=100, cut_percent=1)
    shown = axes.images[0]
    # Blocks of 4: the first covers pixels 0 to 3, which reach from -0.5 to 3.5; row 400 is left out.
    assert shown.get_extent() == [-0.5, 199.5, 399.5, -0.5]
    low, high = shown.get_clim()
    assert 0 < low < high < 401 * 200


def test_a_flat_plane_can_be_shown():
    axes = Figure().add_subplot()
    show_grey(axes, np.zeros((8, 8)), longest_px=100, cut_percent=1)
    low, high = axes.images[0].get_clim()
    assert low < high


def test_the_picture_has_the_shape_of_the_plane():
    figure, _ = whole_picture(np.zeros((50, 100)), longest_px=500, cut_percent=0.5)
    width, height = Image.open(io.BytesIO(png_of(figure))).size
    assert (width, height) == (880, 440)


def test_a_circle_is_drawn_around_its_place():
    plane = np.zeros((100, 200))
    plane[0, 0] = 1  # so that zero is black
    figure, axes = whole_picture(plane, longest_px=500, cut_percent=0)
    place, size = np.array([[150.0, 25.0, 7.0]]), np.array([20.0])
    add_circles(axes, place, size, edgecolor="red", linewidth=2)
    picture = np.asarray(Image.open(io.BytesIO(png_of(figure))).convert("RGB"), dtype=float)
    red = np.argwhere((picture[..., 0] > 200) & (picture[..., 1] < 60))
    scale = picture.shape[1] / 200
    np.testing.assert_allclose(red.mean(0) / scale - 0.5, [25, 150], atol=0.5)
    np.testing.assert_allclose(np.ptp(red, axis=0) / scale, 20, atol=1.5)


def test_a_size_that_nobody_knows_is_drawn_all_the_same():
    figure, axes = whole_picture(np.eye(50), longest_px=500, cut_percent=1)
    circles = add_circles(axes, np.full((1, 2), 25.0), np.array([np.nan]), edgecolor="red")
    assert circles.get_widths().tolist() == [20.0]
    assert png_of(figure).startswith(b"\x89PNG")
