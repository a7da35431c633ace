import numpy as np
import pytest

from cryopick.ops.standardise import mean_and_spread, slabs, standardise, standardised


def noise(shape=(64, 64), mean=0.0, sd=1.0):
    return np.random.default_rng(0).normal(mean, sd, shape).astype(np.float32)


def test_mean_and_spread():
    out = standardise(noise(mean=100, sd=7))
    assert out.mean(dtype=np.float64) == pytest.approx(0, abs=1e-5)
    assert out.std(dtype=np.float64) == pytest.approx(1, abs=1e-5)


def test_outliers_and_gaps_become_the_mean():
    pixels = noise()
    pixels[3, 4], pixels[5, 6], pixels[7, 8], pixels[9, 9] = 1e4, np.nan, -np.inf, np.inf
    out = standardise(pixels)
    assert [out[3, 4], out[5, 6], out[7, 8], out[9, 9]] == [0, 0, 0, 0]
    assert np.isfinite(out).all()
    assert np.count_nonzero(out == 0) == 4


@pytest.mark.parametrize("value", [0.0, 5e8, -3.0, np.nan])
def test_a_flat_image_becomes_zero(value):
    out = standardise(np.full((9, 9), value, np.float32))
    np.testing.assert_array_equal(out, np.zeros((9, 9)))


def test_scale_and_offset_do_not_matter():
    pixels = noise((32, 32))
    np.testing.assert_allclose(standardise(pixels * 40 + 7), standardise(pixels), atol=1e-5)


@pytest.mark.parametrize("shape", [(700, 500), (40, 90, 110), (3,)])
def test_moments_are_those_of_numpy_in_float64(shape):
    pixels = noise(shape, mean=-3.0, sd=20.0)
    pixels[0] += 500  # slabs differ
    mean, spread = mean_and_spread(pixels)
    assert mean == pytest.approx(pixels.mean(dtype=np.float64), rel=1e-5)
    assert spread == pytest.approx(pixels.std(dtype=np.float64), rel=1e-5)


def test_moments_leave_gaps_out():
    pixels = noise((600, 500), mean=5.0)
    pixels[100:130, 7], pixels[555, 3] = np.nan, np.inf
    kept = pixels[np.isfinite(pixels)].astype(np.float64)
    assert mean_and_spread(pixels) == pytest.approx((kept.mean(), kept.std()), rel=1e-6)


def test_the_spread_of_a_small_signal_on_a_large_offset():
    pixels = noise((800, 600)) + np.float32(4096)
    mean, spread = mean_and_spread(pixels)
    assert mean == pytest.approx(4096, abs=1e-2)
    assert spread == pytest.approx(pixels.std(dtype=np.float64), rel=1e-4)


@pytest.mark.parametrize("pixels", [np.zeros((0, 4), np.float32), np.full((2, 2), np.nan)])
def test_nothing_has_no_moments(pixels):
    assert mean_and_spread(pixels) == (0.0, 0.0)


def test_values_too_large_to_square_are_measured_in_double():
    pixels = noise((20, 20)) * np.float32(1e25)
    assert mean_and_spread(pixels)[1] == pytest.approx(pixels.std(dtype=np.float64), rel=1e-4)


def test_slices_of_the_lazy_image_are_those_of_the_whole():
    pixels = noise((50, 40, 30), mean=9.0)
    pixels[7, 8, 9] = np.nan
    pixels.flags.writeable = False
    lazy, whole = standardised(pixels), standardise(pixels)
    assert (lazy.shape, lazy.dtype) == (whole.shape, whole.dtype)
    for index in (np.s_[3:9], np.s_[:, 5:6], np.s_[...]):
        np.testing.assert_array_equal(lazy[index], whole[index])


@pytest.mark.parametrize("shape", [(1, 5), (1000, 1000), (7, 300, 300), (0, 3)])
def test_slabs_cover_every_row_once(shape):
    rows = [row for part in slabs(shape) for row in range(part.start, part.stop)]
    assert rows == list(range(shape[0]))
