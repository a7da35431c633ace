import numpy as np
import pytest

from cryopick.curate.image_statistics import COLUMNS, image_statistics, outlying
from cryopick.errors import InputError


def test_mean_and_deviation_of_every_image():
    images = np.random.default_rng(0).normal(5, 2, (7, 6, 5)).astype(np.float32)
    found = image_statistics([images[:3], images[3:]])
    assert found.shape == (7, len(COLUMNS))
    np.testing.assert_allclose(found[:, 0], images.mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], images.std(axis=(1, 2)), rtol=1e-5)
    assert image_statistics([]).shape == (0, 2)


def test_a_bright_and_a_noisy_image_are_outlying():
    rng = np.random.default_rng(1)
    images = rng.normal(size=(300, 12, 12)).astype(np.float32)
    images[4] += 2
    images[9] *= 3
    odd = outlying(image_statistics([images]), deviation_sd=4)
    assert np.flatnonzero(odd).tolist() == [4, 9]


def test_a_few_wild_images_do_not_hide_the_others():
    values = np.random.default_rng(2).normal(size=(500, 2))
    values[0], values[1] = 1e6, 12.0
    assert np.flatnonzero(outlying(values, deviation_sd=5)).tolist() == [0, 1]


def test_what_is_not_finite_is_outlying():
    images = np.random.default_rng(3).normal(size=(50, 4, 4)).astype(np.float32)
    images[3, 0, 0], images[6, 1, 1] = np.nan, np.inf
    odd = outlying(image_statistics([images]), deviation_sd=10)
    assert np.flatnonzero(odd).tolist() == [3, 6]
    assert outlying(np.full((3, 2), np.nan), deviation_sd=1).all()


def test_images_that_are_alike_but_for_rounding():
    values = np.full((10, 2), 100.0)
    values[3] += 1e-9
    assert not outlying(values, deviation_sd=4).any()


def test_the_deviation_is_above_zero():
    with pytest.raises(InputError, match="expected more than 0"):
        outlying(np.zeros((3, 2)), deviation_sd=0)
