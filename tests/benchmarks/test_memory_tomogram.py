"""The tomogram of the benchmark: noise, and balls at the places that are its truth."""

import numpy as np
import pytest

from cryopick.io.images import open_image
from memory_tomogram import (
    CONTRAST,
    DIAMETER_ANGSTROM,
    PIXEL_ANGSTROM,
    as_truth,
    ball_centres,
    write_volume,
)

RADIUS_PX = DIAMETER_ANGSTROM / PIXEL_ANGSTROM / 2


@pytest.mark.parametrize("shape", [(80, 120, 100), (81, 119, 101)])
def test_balls_are_apart_and_inside(shape):
    centres = ball_centres(shape, 6, np.random.default_rng(1))
    assert len(centres) == 6
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)[np.triu_indices(6, 1)]
    assert apart.min() >= 1.4 * 2 * RADIUS_PX
    assert (centres > RADIUS_PX).all()
    assert (centres < np.asarray(shape) - RADIUS_PX).all()


def test_as_many_balls_as_fit_where_room_is_short():
    centres = ball_centres((40, 40, 40), 50, np.random.default_rng(1))
    assert 1 <= len(centres) < 50


def test_balls_are_dark_by_the_contrast(tmp_path):
    centres = np.array([[20, 30, 45]])
    write_volume(tmp_path / "a.mrc", (41, 61, 81), centres, np.random.default_rng(0))
    image = open_image(tmp_path / "a.mrc")
    pixels = image.read()
    z, y, x = np.indices(pixels.shape)
    away = np.sqrt((z - 20) ** 2 + (y - 30) ** 2 + (x - 45) ** 2)
    inside, outside = pixels[away < RADIUS_PX - 1], pixels[away > RADIUS_PX + 1]
    assert outside.mean() == pytest.approx(0, abs=0.02)
    assert outside.std() == pytest.approx(1, abs=0.02)
    assert inside.mean() == pytest.approx(-CONTRAST, abs=5 / np.sqrt(inside.size))


def test_truth_is_x_y_z_in_angstrom():
    truth = as_truth(np.array([[1, 2, 3]]), "t")
    np.testing.assert_array_equal(truth.position_angstrom, [[30.0, 20.0, 10.0]])
    assert truth.image.tolist() == ["t"]
