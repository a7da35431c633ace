"""The field of view: what is free, what stops electrons, and how the canvas is laid out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.simulate.field import (
    CARBON_ANGSTROM,
    MEAN_FREE_PATH_ANGSTROM,
    Field,
    random_field,
)
from cryopick.simulate.surroundings import Blob, CarbonEdge, blob_thickness

PIXEL = 5.0


def field(*, size=(300, 200), rim=24, ice=0, carbon=0.0, seed=0):
    return random_field(
        size,
        PIXEL,
        rim_px=rim,
        ice_crystals=ice,
        carbon_share=carbon,
        rng=np.random.default_rng(seed),
    )


def by_hand(edge=None, blobs=()):
    """A field of 120 by 80 pixels with these things in it."""
    shape = (80, 120)
    centre = (60 * PIXEL, 40 * PIXEL)
    y, x = np.indices(shape) * PIXEL
    return Field(
        shape=shape,
        pixel_size_angstrom=PIXEL,
        centre_angstrom=centre,
        blobs=list(blobs),
        thickness=blob_thickness(list(blobs), shape, PIXEL) if blobs else None,
        carbon=edge,
        depth=None if edge is None else edge.depth_angstrom(x - centre[0], y - centre[1]),
    )


STRAIGHT = CarbonEdge(angle_deg=0.0, offset_angstrom=100.0, curvature_per_angstrom=0.0)
ROUND = Blob(centre_angstrom=(200.0, 150.0), radius_angstrom=80.0, wobble=(), phase=())


@given(st.integers(64, 700), st.integers(64, 700), st.integers(0, 90))
def test_the_canvas_holds_image_and_rim_and_is_quick_to_transform(width, height, rim):
    made = field(size=(width, height), rim=rim)
    assert made.shape[0] >= height + rim
    assert made.shape[1] >= width + rim
    for edge in made.shape:
        rest = edge
        for prime in (2, 3, 5, 7, 11):
            while rest % prime == 0:
                rest //= prime
        assert rest == 1
    assert made.centre_angstrom == (width // 2 * PIXEL, height // 2 * PIXEL)


def test_a_straight_film_covers_what_lies_beyond_its_edge():
    film = by_hand(STRAIGHT).film()
    # The edge is at x = 300 + 100 Å = pixel 80: half a film there, and a slope of 20 Å across.
    np.testing.assert_allclose(film[:, 80], 0.5, atol=1e-6)
    assert not film[:, :78].any()
    assert np.all(film[:, 83:] == 1)


def test_discs_keep_off_the_film_by_their_radius():
    made = by_hand(STRAIGHT)
    places = np.array([[359.0, 200.0], [361.0, 200.0], [10.0, 10.0], [500.0, 200.0]])
    assert made.free(places, 40.0).tolist() == [True, False, True, False]


def test_discs_keep_off_the_ice_by_their_radius():
    made = by_hand(blobs=[ROUND])
    # 1.3 radii of the lump, whose outline may bulge, and the radius of the disc.
    reach = 1.3 * 80 + 40
    for direction in np.linspace(0, 2 * np.pi, 7):
        step = np.array([np.cos(direction), np.sin(direction)])
        places = np.array([200.0, 150.0]) + np.outer([reach - 1, reach + 1], step)
        assert made.free(places, 40.0).tolist() == [False, True]


def test_a_round_lump_is_a_half_ellipsoid():
    thickness = by_hand(blobs=[ROUND]).thickness
    y, x = np.indices(thickness.shape) * PIXEL
    away = np.hypot(x - 200.0, y - 150.0) / 80.0
    wanted = 1.2 * 80.0 * np.sqrt(np.clip(1 - away**2, 0, None))
    np.testing.assert_allclose(thickness, wanted, atol=1e-3)


def test_thickness_adds_up():
    other = Blob(centre_angstrom=(240.0, 170.0), radius_angstrom=60.0, wobble=(), phase=())
    both = by_hand(blobs=[ROUND, other]).thickness
    alone = [by_hand(blobs=[b]).thickness for b in (ROUND, other)]
    np.testing.assert_allclose(both, alone[0] + alone[1], atol=1e-3)


def test_lumps_that_hang_over_the_rim_are_cut_there():
    for centre in ((-30.0, 150.0), (200.0, -30.0), (610.0, 150.0), (200.0, 420.0)):
        hanging = Blob(centre_angstrom=centre, radius_angstrom=80.0, wobble=(), phase=())
        thickness = by_hand(blobs=[hanging]).thickness
        y, x = np.indices(thickness.shape) * PIXEL
        away = np.hypot(x - centre[0], y - centre[1])
        assert thickness[away < 60].min() > 0
        assert not thickness[away > 81].any()
    far = Blob(centre_angstrom=(5000.0, -4000.0), radius_angstrom=80.0, wobble=(), phase=())
    assert not by_hand(blobs=[far]).thickness.any()


def test_electrons_are_lost_along_the_whole_path():
    """Beer and Lambert: carbon and ice one above the other multiply."""
    lump = Blob(centre_angstrom=(520.0, 200.0), radius_angstrom=60.0, wobble=(), phase=())
    ice, film = by_hand(blobs=[lump]), by_hand(STRAIGHT)
    both = by_hand(STRAIGHT, [lump]).transmission()
    np.testing.assert_allclose(both, ice.transmission() * film.transmission(), rtol=1e-5)
    assert both[40, 104] == pytest.approx(
        np.exp(-(CARBON_ANGSTROM + 72.0) / MEAN_FREE_PATH_ANGSTROM), rel=1e-3
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31))
def test_free_places_are_free_on_the_canvas_as_well(seed):
    made = field(ice=2, carbon=0.25, seed=seed)
    places = np.random.default_rng(seed).uniform([40, 40], [1450, 950], (200, 2))
    column, row = np.round(places[made.free(places, 40.0)] / PIXEL).astype(int).T
    assert not made.thickness[row, column].any()
    assert not made.film()[row, column].any()


def test_the_same_seed_gives_the_same_field():
    one, two, other = field(ice=3, carbon=0.2), field(ice=3, carbon=0.2), field(ice=3, seed=1)
    assert one.blobs == two.blobs
    assert one.carbon == two.carbon
    np.testing.assert_array_equal(one.transmission(), two.transmission())
    assert one.blobs != other.blobs
