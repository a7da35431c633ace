import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.geometry.healpix import (
    pixel_angles_deg,
    pixel_count,
    pixel_directions,
    ring_and_place,
)

core = pytest.importorskip("astropy_healpix._core")


@pytest.mark.parametrize("nside", [1, 2, 3, 4, 5, 6, 7, 9, 13, 16, 31, 64])
def test_oracle_astropy(nside):
    """The compiled part of astropy-healpix takes any nside, its Python part powers of two only."""
    count = 12 * nside * nside
    pixel = np.arange(count, dtype=np.int64)
    middle = np.full(count, 0.5)
    longitude, latitude = core.healpix_ring_to_lonlat(
        pixel, np.full(count, nside, dtype=np.intc), middle, middle
    )
    colatitude, ours = pixel_angles_deg(nside)
    np.testing.assert_allclose(colatitude, 90 - np.rad2deg(latitude), atol=1e-10)
    turn = np.mod(ours - np.rad2deg(longitude) + 180, 360)
    np.testing.assert_allclose(turn, 180, atol=1e-10)


def test_golden_nside_1():
    colatitude, longitude = pixel_angles_deg(1)
    height = np.cos(np.deg2rad(colatitude))
    np.testing.assert_allclose(height, np.repeat([2 / 3, 0, -2 / 3], 4), atol=1e-12)
    np.testing.assert_allclose(longitude, [45, 135, 225, 315, 0, 90, 180, 270, 45, 135, 225, 315])


@given(st.integers(1, 40))
@settings(max_examples=40)
def test_rings_have_the_length_they_should(nside):
    ring, place = ring_and_place(nside)
    lengths = np.bincount(ring)[1:]
    expected = [4 * min(i, nside, 4 * nside - i) for i in range(1, 4 * nside)]
    assert lengths.tolist() == expected
    assert np.all(np.diff(ring) >= 0)
    for r in (1, nside, 4 * nside - 1):
        assert place[ring == r].tolist() == list(range(1, expected[r - 1] + 1))


@given(st.integers(1, 24))
@settings(max_examples=24)
def test_pixels_balance_and_each_has_its_opposite(nside):
    d = pixel_directions(nside)
    np.testing.assert_allclose(np.linalg.norm(d, axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(d.mean(axis=0), 0, atol=1e-12)
    found = {tuple(row) for row in (d.round(9) + 0.0).tolist()}
    assert found == {tuple(row) for row in ((-d).round(9) + 0.0).tolist()}


def test_the_pixels_are_of_equal_area():
    """Random directions fall to the nearest centre about equally often, for an odd nside too."""
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(0)
    v = rng.normal(size=(60000, 3))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    _, nearest = cKDTree(pixel_directions(5)).query(v)
    hits = np.bincount(nearest, minlength=300)
    assert hits.mean() == 200
    assert hits.min() > 0.6 * 200
    assert hits.max() < 1.4 * 200


def test_single_pixels_are_those_of_the_whole():
    whole = pixel_directions(7)
    some = np.array([0, 3, 83, 84, 300, 503, 504, 587])
    np.testing.assert_array_equal(pixel_directions(7, some), whole[some])
    assert pixel_directions(7, []).shape == (0, 3)


def test_large_nside_keeps_its_rings_exact():
    nside = 4096
    last_of_ring = 2 * 4000 * 4001 - 1
    ring, place = ring_and_place(nside, [last_of_ring, last_of_ring + 1])
    assert ring.tolist() == [4000, 4001]
    assert place.tolist() == [16000, 1]


def test_out_of_range_is_refused():
    with pytest.raises(InputError, match="nside 0: expected 1 to 4096"):
        pixel_count(0)
    with pytest.raises(InputError, match="nside 5000"):
        pixel_directions(5000)
    with pytest.raises(InputError, match="expected 0 to 11"):
        ring_and_place(1, [3, 12])
    with pytest.raises(InputError, match="pixel -1"):
        ring_and_place(1, [-1])
