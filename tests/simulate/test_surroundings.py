"""Ice texture, ice crystals, carbon edge, and the field they make."""

import numpy as np
import pytest
from scipy import fft

from cryopick.simulate.field import MEAN_FREE_PATH_ANGSTROM, random_field
from cryopick.simulate.surroundings import (
    CarbonEdge,
    blob_thickness,
    random_blobs,
    random_carbon_edge,
    texture_spectrum,
)


@pytest.mark.parametrize("shape", [(128, 128), (127, 130), (96, 131)])
def test_texture_has_unit_variance_and_no_mean(shape):
    spectrum = texture_spectrum(shape, 2.0, np.random.default_rng(0))
    image = fft.irfft2(spectrum, s=shape)
    assert image.var() == pytest.approx(1, rel=0.08)
    assert image.mean() == pytest.approx(0, abs=1e-6)


def test_texture_is_coarse():
    image = fft.irfft2(texture_spectrum((256, 256), 2.0, np.random.default_rng(1)), s=(256, 256))
    power = np.abs(np.fft.fft2(image)) ** 2
    k = np.hypot(np.fft.fftfreq(256, 2.0)[:, None], np.fft.fftfreq(256, 2.0)[None])
    low = power[(k > 0.01) & (k < 0.02)].mean()
    high = power[(k > 0.14) & (k < 0.16)].mean()
    expected = (1 + (0.15 * 15) ** 2) / (1 + (0.015 * 15) ** 2)
    assert low / high == pytest.approx(expected, rel=0.25)


def test_crystals_lie_where_they_say_and_end_at_their_outline():
    blobs = random_blobs(
        3,
        extent_angstrom=(2000.0, 1500.0),
        radius_angstrom=(100, 200),
        rng=np.random.default_rng(2),
    )
    thickness = blob_thickness(blobs, (300, 400), 5.0)
    y, x = np.indices(thickness.shape) * 5.0
    near = np.zeros(thickness.shape, bool)
    for blob in blobs:
        away = np.hypot(x - blob.centre_angstrom[0], y - blob.centre_angstrom[1])
        near |= away < 1.4 * blob.radius_angstrom
        assert thickness[away < 0.3 * blob.radius_angstrom].min() > 0.9 * blob.radius_angstrom
    assert not thickness[~near].any()


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_a_carbon_edge_covers_about_its_share(share):
    got = []
    x, y = np.meshgrid(np.arange(-2000, 2000, 20.0), np.arange(-2000, 2000, 20.0))
    for seed in range(40):
        edge = random_carbon_edge((4000.0, 4000.0), np.random.default_rng(seed), share=share)
        got.append((edge.depth_angstrom(x, y) > 0).mean())
    assert np.mean(got) == pytest.approx(share, abs=0.08)


def test_depth_into_carbon_grows_in_its_direction():
    edge = CarbonEdge(angle_deg=90.0, offset_angstrom=100.0, curvature_per_angstrom=0.0)
    depth = edge.depth_angstrom(np.zeros(3), np.array([0.0, 100.0, 250.0]))
    np.testing.assert_allclose(depth, [-100, 0, 150], atol=1e-9)


def field(**more):
    settings = {"rim_px": 20, "ice_crystals": 0, "carbon_share": 0.0, **more}
    return random_field((400, 300), 5.0, rng=np.random.default_rng(5), **settings)


def test_a_clean_field_is_open_everywhere():
    clean = field()
    assert clean.shape[0] >= 320
    assert clean.shape[1] >= 420
    assert clean.free(np.array([[10.0, 10.0], [1000.0, 700.0]]), 50.0).all()
    assert np.all(clean.transmission() == 1)


def test_crystals_and_carbon_close_the_field_and_stop_electrons():
    dirty = field(ice_crystals=2, carbon_share=0.3)
    centre = np.array([dirty.blobs[0].centre_angstrom])
    assert not dirty.free(centre, 10.0)[0]
    y, x = np.unravel_index(dirty.depth[:300, :400].argmax(), (300, 400))
    assert not dirty.free(np.array([[x * 5.0, y * 5.0]]), 10.0)[0]
    through = dirty.transmission()
    assert through.max() == pytest.approx(1)
    film = (dirty.depth > 30) & (dirty.thickness == 0)
    np.testing.assert_allclose(through[film], np.exp(-150 / MEAN_FREE_PATH_ANGSTROM), rtol=1e-5)
    free = [
        p for p in np.random.default_rng(0).uniform(0, 1400, (400, 2)) if dirty.free(p[None], 40)[0]
    ]
    for x, y in free:
        row, column = int(y / 5), int(x / 5)
        if row < 300 and column < 400:
            assert dirty.depth[row, column] < 0
            assert dirty.thickness[row, column] == 0
