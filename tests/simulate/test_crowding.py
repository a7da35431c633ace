"""How full it can get, and that crowded specimens still obey every rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.geometry.rotation import rotate
from cryopick.simulate.maps import load_map
from cryopick.simulate.placement import Occupancy
from cryopick.simulate.specimen import SpecimenRecipe, build_specimen

PIXEL = 20.0
NAMES = ("apoferritin", "spike", "filament")


def fill(d, edge, radius, n, *, gap=0.0, seed=0):
    room = Occupancy(low=np.zeros(d), high=np.full(d, edge), gap_angstrom=gap)
    return room.place([radius] * n, np.random.default_rng(seed))[0]


def test_discs_at_random_never_cover_more_than_their_jamming_limit():
    """Random sequential addition jams at 0.547 of the plane (Feder 1980)."""
    radius, edge = 10.0, 420.0
    centres = fill(2, edge, radius, 1000)
    # Centres keep off the rim by a radius: the share is of the room that discs can reach.
    covered = len(centres) * np.pi * radius**2 / edge**2
    assert 0.44 < covered < 0.547


def test_balls_at_random_never_fill_more_than_their_jamming_limit():
    """0.384 of space in three dimensions (Cooper 1988)."""
    radius, edge = 20.0, 240.0
    centres = fill(3, edge, radius, 400)
    assert 0.2 < len(centres) * 4 / 3 * np.pi * radius**3 / edge**3 < 0.384


def test_a_wider_gap_leaves_room_for_fewer_and_a_negative_one_for_more():
    counts = [len(fill(2, 300.0, 12.0, 600, gap=g)) for g in (12.0, 0.0, -8.0)]
    assert counts[0] < counts[1] < counts[2]


def test_overlap_without_limit_places_all():
    assert len(fill(2, 100.0, 20.0, 300, gap=-1000.0)) == 300


@pytest.mark.parametrize("d", [2, 3])
def test_places_are_spread_evenly(d):
    """Few small balls: their mean is the middle and their spread that of a uniform law."""
    centres = fill(d, 1000.0, 2.0, 500, seed=1)
    np.testing.assert_allclose(centres.mean(axis=0), 500, atol=50)
    np.testing.assert_allclose(centres.std(axis=0), 996 / np.sqrt(12), rtol=0.1)


def test_the_largest_are_placed_first_so_that_they_find_room():
    room = Occupancy(low=np.zeros(2), high=np.full(2, 200.0))
    radii = [5.0] * 60 + [60.0]
    _, which = room.place(radii, np.random.default_rng(0))
    assert which[-1] == 60


def build(recipe, seed=0):
    species = [load_map(name, PIXEL) for name in NAMES]
    return build_specimen(species, recipe, name="t", rng=np.random.default_rng(seed))


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(0, 12),
    st.integers(0, 6),
    st.integers(0, 2),
    st.integers(1, 2),
    st.integers(0, 1),
    st.integers(0, 4),
)
def test_any_specimen_keeps_the_rules(seed, free, bound, filaments, vesicles, sheets, gold):
    recipe = SpecimenRecipe(
        size_px=(61, 56, 33),
        pixel_size_angstrom=PIXEL,
        ice_angstrom=600.0,
        particles=(free, 0, 0),
        on_membranes=(0, bound, 0),
        filaments=filaments,
        filament_length_angstrom=500.0,
        vesicles=vesicles,
        sheets=sheets,
        gold_beads=gold,
        vesicle_radius_angstrom=(120.0, 200.0),
        texture=0.0,
    )
    made = build(recipe, seed)
    truth = made.truth
    assert made.density.shape == (33, 56, 61)
    assert np.isfinite(made.density).all()
    assert len(made.gold) <= gold
    if not len(truth):
        return
    labels = truth.label.tolist()
    assert labels.count("apoferritin") <= free
    assert labels.count("spike") <= bound
    # Everything inside the box and the ice, by its own radius.
    radius = truth.diameter_angstrom[:, None] / 2
    high = (np.array([61, 56, 33]) - 1) * PIXEL
    place = truth.position_angstrom
    assert np.all(place >= radius - 1e-6)
    assert np.all(place <= high - radius + 1e-6)
    assert np.all(np.abs(place[:, 2] - 16 * PIXEL) <= 300 - radius[:, 0] + 1e-6)
    # Nothing overlaps but the segments of one filament.
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1)
    reach = radius + radius.T + recipe.gap_angstrom
    own = (truth.group[:, None] == truth.group[None]) & np.char.startswith(truth.group, "filament")
    np.fill_diagonal(own, val=True)
    assert np.all((distance >= reach - 1e-6) | own)
    # Groups are those of the membranes, or of filaments; who floats has none.
    for label, group in zip(labels, truth.group, strict=True):
        if label == "spike":
            assert group in made.membranes
        elif label == "filament":
            assert group.startswith("filament")
        else:
            assert group == ""


@pytest.mark.parametrize("kind", ["vesicles", "sheets"])
def test_bound_particles_point_away_from_their_membrane(kind):
    recipe = SpecimenRecipe(
        size_px=(70, 70, 40),
        pixel_size_angstrom=PIXEL,
        ice_angstrom=780.0,
        particles=(0, 0, 0),
        on_membranes=(0, 6, 0),
        vesicle_radius_angstrom=(200.0, 250.0),
        texture=0.0,
        **{kind: 1},
    )
    made = build(recipe, 3)
    (membrane,) = made.membranes.values()
    assert len(made.truth) >= 3
    axis = rotate(made.truth.orientation, np.array([0.0, 0, 1]))
    here = membrane.distance(made.truth.position_angstrom)
    further = membrane.distance(made.truth.position_angstrom + 20.0 * axis)
    assert np.all(here > 0)
    np.testing.assert_allclose(further - here, 20.0, rtol=0.15)
    # The foot of each stands on the bilayer's middle.
    np.testing.assert_allclose(here, load_map("spike", PIXEL).height_angstrom, rtol=0.2)


def test_filaments_point_both_ways():
    """Over many seeds headings are uniform: polarity carries no hint."""
    headings = []
    for seed in range(12):
        recipe = SpecimenRecipe(
            size_px=(60, 60, 24),
            pixel_size_angstrom=PIXEL,
            ice_angstrom=460.0,
            particles=(0, 0, 0),
            filaments=2,
            filament_length_angstrom=300.0,
            texture=0.0,
        )
        truth = build(recipe, seed).truth
        for name in sorted(set(truth.group)):
            part = truth[truth.group == name]
            headings.append(part.position_angstrom[-1] - part.position_angstrom[0])
    headings = np.asarray(headings)
    assert len(headings) > 12
    for axis in (0, 1):
        assert 0.2 < (headings[:, axis] > 0).mean() < 0.8
    # Nearly flat in the ice.
    assert np.all(np.abs(headings[:, 2]) < 0.5 * np.linalg.norm(headings, axis=1))
