import numpy as np
import pytest

from cryopick.curate.reference_fit import fit_references
from cryopick.errors import InputError


def gauss(n, pixel, *, x=6.0, sd=8.0):
    """A blob at ``x`` Å from the centre pixel."""
    place = (np.arange(n) - n // 2) * pixel
    image = np.exp(-((place[None, :] - x) ** 2 + place[:, None] ** 2) / (2 * sd**2))
    return image[None].astype(np.float32)


@pytest.mark.parametrize(("n", "box"), [(32, 32), (33, 40), (40, 24), (32, 25)])
@pytest.mark.parametrize(("old", "new"), [(3.0, 3.0), (2.0, 3.7), (4.0, 2.5)])
def test_the_shape_stays_where_it_is_in_angstrom(n, box, old, new):
    fitted = fit_references(gauss(n, old), old, to_pixel_size_angstrom=new, box_px=box)
    assert fitted.shape == (1, box, box)
    assert fitted.dtype == np.float32
    place = (np.arange(box) - box // 2) * new
    # Within what the old image reaches, and away from its rim.
    inside = np.abs(place) < old * (n // 2 - 4)
    expected = gauss(box, new)[0]
    assert np.abs(fitted[0] - expected)[np.ix_(inside, inside)].max() < 0.02


def test_the_same_pixels_and_box_change_nothing():
    image = np.random.default_rng(0).normal(size=(3, 16, 16)).astype(np.float32)
    same = fit_references(image, 2.0, to_pixel_size_angstrom=2.0, box_px=16)
    np.testing.assert_allclose(same, image, atol=1e-5)


def test_coarser_pixels_have_no_aliases():
    x = np.arange(64)
    wave = np.cos(2 * np.pi * 24 * x / 64)[None, None, :] * np.ones((1, 64, 1))
    small = fit_references(wave.astype(np.float32), 1.0, to_pixel_size_angstrom=2.0, box_px=32)
    assert np.abs(small).max() < 1e-4


def test_dark_references_are_turned_over():
    image = gauss(16, 2.0)
    bright = fit_references(-image, 2.0, to_pixel_size_angstrom=2.0, box_px=16, contrast="dark")
    np.testing.assert_allclose(bright, image, atol=1e-5)


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(InputError, match="square"):
        fit_references(np.zeros((1, 4, 5), np.float32), 1.0, to_pixel_size_angstrom=1.0, box_px=4)
    with pytest.raises(InputError, match="not finite"):
        fit_references(
            np.full((1, 4, 4), np.nan, np.float32), 1.0, to_pixel_size_angstrom=1.0, box_px=4
        )
