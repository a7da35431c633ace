"""Mean and deviation in the ring are those of the pixels that lie there."""

from fractions import Fraction

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.model import Grid, Image
from cryopick.pick.merit.background import disc, local_background, ring
from cryopick.pick.merit.micrograph import prepare_micrograph
from cryopick.pick.merit.settings import MeritSettings
from cryopick.pick.merit.working_grid import plan_working_grid


def prepared(pixels, step=1):
    grid = plan_working_grid(pixels.shape, 2.0, step=Fraction(step))
    image = Image(
        data=pixels.astype(np.float32),
        grid=Grid(shape=pixels.shape, pixel_size_angstrom=2.0),
        name="mic",
    )
    return prepare_micrograph(image, grid, MeritSettings()), grid


def test_disc_and_ring_share_the_box():
    inside, outside = disc(12, 4), ring(12, 4)
    assert (inside ^ outside).all()
    assert inside[6, 6]
    assert inside[6, 9]
    assert not inside[6, 10]
    assert outside[0, 0]


def test_a_circle_that_fills_the_box_leaves_no_background():
    with pytest.raises(InputError, match="no background is left"):
        ring(8, 20)


def test_every_place_has_the_mean_and_deviation_of_its_own_ring():
    rng = np.random.default_rng(1)
    pixels = rng.standard_normal((64, 80)) * (1 + np.linspace(0, 2, 80))
    micrograph, grid = prepared(pixels)
    mean, sd = local_background(micrograph, grid, ring(16, 5))
    values = (pixels - pixels.mean()) / pixels.std()
    around = ring(16, 5)
    for y, x in ((20, 30), (40, 60), (32, 9)):
        box = values[y - 8 : y + 8, x - 8 : x + 8][around]
        assert float(mean[y, x]) == pytest.approx(box.mean(), abs=1e-4)
        assert float(sd[y, x]) == pytest.approx(box.std(), abs=1e-4)


def test_working_pixels_see_the_same_background():
    rng = np.random.default_rng(2)
    pixels = rng.standard_normal((240, 240))
    fine = local_background(*prepared(pixels), ring(80, 30))
    coarse = local_background(*prepared(pixels, step=4), ring(80, 30))
    for ours, theirs in zip(coarse, fine, strict=True):
        assert ours.shape == (60, 60)
        np.testing.assert_allclose(ours, theirs[::4, ::4], atol=0.02)


def test_a_flat_background_is_not_divided_by():
    mean, sd = local_background(*prepared(np.zeros((64, 64))), ring(16, 5))
    assert (mean == 0).all()
    assert (sd == 1).all()


def test_a_flat_half_is_not_divided_by_rounding():
    """Far from everything the transforms leave rounding alone, which must not become a scale."""
    pixels = np.zeros((128, 256))
    pixels[:, :100] = np.random.default_rng(0).standard_normal((128, 100)) * 100
    mean, sd = local_background(*prepared(pixels), ring(16, 5))
    assert (sd[:, 130:230] == 1).all()
    assert float(mean[:, 130:230].std()) < 1e-4
    assert float(sd[:, 20:80].min()) > 0.5
