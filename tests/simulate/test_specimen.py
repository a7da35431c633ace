"""Specimens: nothing overlaps, membranes carry their particles upright, paint lies at the truth."""

from dataclasses import replace

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.geometry.rotation import rotate
from cryopick.ops.rotate_volume import rotate_volume
from cryopick.simulate.maps import load_map
from cryopick.simulate.painting import GOLD_DENSITY, add_box
from cryopick.simulate.specimen import SpecimenRecipe, build_specimen

PIXEL = 12.0
NAMES = ("apoferritin", "spike", "filament")
RECIPE = SpecimenRecipe(
    size_px=(120, 110, 64),
    pixel_size_angstrom=PIXEL,
    ice_angstrom=700.0,
    particles=(15, 0, 0),
    on_membranes=(0, 8, 0),
    filaments=1,
    filament_length_angstrom=600.0,
    vesicles=2,
    vesicle_radius_angstrom=(180.0, 240.0),
    gold_beads=3,
    texture=0.0,
)


def build(recipe=RECIPE, names=NAMES, seed=0):
    species = [load_map(name, recipe.pixel_size_angstrom) for name in names]
    return build_specimen(species, recipe, name="tomo", rng=np.random.default_rng(seed))


@pytest.fixture(scope="module")
def made():
    return build()


def test_everything_asked_for_is_there(made):
    labels, counts = np.unique(made.truth.label, return_counts=True)
    found = dict(zip(labels.tolist(), counts.tolist(), strict=True))
    assert found["apoferritin"] == 15
    assert found["spike"] == 8
    assert found["filament"] >= 3
    assert len(made.gold) == 3
    assert set(made.membranes) == {"vesicle1", "vesicle2"}
    assert made.density.shape == (64, 110, 120)
    assert made.grid.shape == made.density.shape


def test_balls_of_different_things_do_not_overlap(made):
    place = np.concatenate([made.truth.position_angstrom, made.gold.position_angstrom])
    size = np.concatenate([made.truth.diameter_angstrom, made.gold.diameter_angstrom])
    group = np.concatenate([made.truth.group, np.full(len(made.gold), "")])
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1)
    same_filament = (group[:, None] == group[None]) & np.char.startswith(group, "filament")[:, None]
    np.fill_diagonal(distance, np.inf)
    free = distance[~same_filament]
    reach = ((size[:, None] + size[None]) / 2)[~same_filament]
    assert np.all(free >= reach + RECIPE.gap_angstrom - 1e-6)


def test_everything_lies_in_the_ice(made):
    z = made.truth.position_angstrom[:, 2]
    middle = 32 * PIXEL
    assert np.all(np.abs(z - middle) <= 350 - made.truth.diameter_angstrom / 2 + 1e-6)


def test_membranes_keep_clear_of_each_other_and_of_free_particles(made):
    free = made.truth[made.truth.label == "apoferritin"]
    for membrane in made.membranes.values():
        distance = np.abs(membrane.distance(free.position_angstrom))
        assert np.all(distance > free.diameter_angstrom / 2)
    one, two = made.membranes.values()
    points = one.sample(400, np.random.default_rng(0))
    assert two.distance(points).min() > 0


def test_membrane_particles_stand_on_their_membrane_pointing_outwards(made):
    bound = made.truth[made.truth.label == "spike"]
    height = load_map("spike", PIXEL).height_angstrom
    for i in range(len(bound)):
        membrane = made.membranes[bound.group[i]]
        place = bound.position_angstrom[i]
        axis = rotate(bound.orientation[i], np.array([0.0, 0, 1]))
        foot = place - height * axis
        assert membrane.distance(foot) == pytest.approx(0, abs=1e-6)
        np.testing.assert_allclose(axis, membrane.normal(foot), atol=1e-9)
        # Outwards: away from the middle of the vesicle.
        assert axis @ (foot - np.asarray(membrane.centre_angstrom)) > 0


def test_filament_segments_share_a_group_and_follow_each_other(made):
    part = made.truth[made.truth.label == "filament"]
    assert set(part.group) == {"filament1"}
    step = np.linalg.norm(np.diff(part.position_angstrom, axis=0), axis=1)
    np.testing.assert_allclose(step, load_map("filament", PIXEL).rise_angstrom)


def test_density_lies_at_the_truth_positions(made):
    shell = made.truth[made.truth.label == "apoferritin"]
    place = made.grid.to_px(shell.position_angstrom)
    whole = np.round(place).astype(int)
    species = load_map("apoferritin", PIXEL)
    half = len(species.density) // 2
    boxes = rotate_volume(species.density, shell.orientation, shift_px=place - whole)
    for box, (x, y, z) in zip(boxes, whole, strict=True):
        there = made.density[z - half : z + half, y - half : y + half, x - half : x + half]
        assert np.corrcoef(box.ravel(), there.ravel())[0, 1] > 0.95
        aside = made.density[z - half : z + half, y - half : y + half, x - half + 2 : x + half + 2]
        assert np.corrcoef(box.ravel(), aside.ravel())[0, 1] < 0.8


def test_gold_is_solid_and_round():
    made = build(
        replace(RECIPE, particles=(), on_membranes=(), filaments=0, vesicles=0, gold_beads=1), ()
    )
    ball = made.density.sum() / GOLD_DENSITY * PIXEL**3
    assert ball == pytest.approx(4 / 3 * np.pi * 50**3, rel=0.05)
    x, y, z = np.round(made.grid.to_px(made.gold.position_angstrom))[0].astype(int)
    assert made.density[z, y, x] == pytest.approx(GOLD_DENSITY)


def test_texture_fills_the_ice_and_nothing_else():
    made = build(SpecimenRecipe(size_px=(40, 40, 60), ice_angstrom=300.0, texture=0.2), ())
    profile = made.density.std(axis=(1, 2))
    middle = 30
    np.testing.assert_allclose(profile[middle - 14 : middle + 15], 0.2, rtol=0.15)
    assert not made.density[: middle - 16].any()
    assert not made.density[middle + 17 :].any()


def test_a_sheet_crosses_the_tomogram_and_splits_particles():
    made = build(replace(RECIPE, vesicles=0, sheets=1, filaments=0), NAMES, seed=2)
    ((name, sheet),) = made.membranes.items()
    assert name == "sheet1"
    free = made.truth[made.truth.label == "apoferritin"]
    sides = np.sign(sheet.distance(free.position_angstrom))
    assert set(sides) == {-1.0, 1.0}


def test_the_same_seed_builds_the_same_specimen(made):
    again = build()
    np.testing.assert_array_equal(made.density, again.density)
    assert not np.array_equal(made.density, build(seed=1).density)


def test_an_empty_specimen_is_empty():
    made = build(SpecimenRecipe(size_px=(16, 16, 16), texture=0.0), ())
    assert not made.density.any()
    assert len(made.truth) == len(made.gold) == 0
    assert made.truth.ndim == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"particles": (1,)}, "particles: expected one number for each of 3 maps, got 1"),
        ({"on_membranes": (1, 2)}, "on_membranes: expected one number for each of 3 maps"),
        ({"vesicles": 0}, "on_membranes: there are no membranes"),
        ({"pixel_size_angstrom": 10.0}, r"map apoferritin: its pixels are 12.0 Å"),
    ],
)
def test_contradictions_are_named(change, message):
    species = [load_map(name, PIXEL) for name in NAMES]
    with pytest.raises(InputError, match=message):
        build_specimen(species, replace(RECIPE, **change), name="t", rng=np.random.default_rng(0))


def test_filaments_need_a_filament_map():
    with pytest.raises(InputError, match="none of the maps is a filament"):
        build(replace(RECIPE, particles=(1,), on_membranes=()), ("apoferritin",))


@pytest.mark.parametrize("corner", [(0, 0, 0), (-2, 1, 3), (4, -1, 2), (-9, 0, 0), (20, 20, 20)])
def test_boxes_are_cut_off_at_the_edges(corner):
    volume, box = np.zeros((6, 7, 8), np.float32), np.ones((3, 3, 3), np.float32)
    add_box(volume, box, np.array(corner))
    wanted = np.zeros((6, 7, 8), np.float32)
    for z, y, x in np.ndindex(3, 3, 3):
        place = (z + corner[2], y + corner[1], x + corner[0])
        if all(0 <= p < n for p, n in zip(place, wanted.shape, strict=True)):
            wanted[place] += 1
    np.testing.assert_array_equal(volume, wanted)


def test_a_filament_thicker_than_the_ice_is_left_out():
    thin = SpecimenRecipe(
        size_px=(64, 64, 16), pixel_size_angstrom=PIXEL, ice_angstrom=50.0, filaments=2, texture=0.0
    )
    made = build(thin, ("filament",))
    assert len(made.truth) == 0
    assert not made.density.any()
