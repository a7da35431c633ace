"""Paint: particles where the truth says, turned as it says; beads round, solid and whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cryopick.simulate.painting as module
from cryopick.geometry.rotation import from_axis_angle, random_rotations, rotate
from cryopick.model import Picks
from cryopick.simulate.maps import SpeciesMap
from cryopick.simulate.painting import GOLD_DENSITY, add_box, paint_gold, paint_particles

PIXEL = 8.0
# Two lumps of unequal weight, off the centre, make a particle whose pose can be measured.
LUMPS = np.array([[4.0, 0.0, 0.0], [0.0, 0.0, -3.0]])


def species(name="pair", n=22):
    axis = np.arange(n) - n // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    density = sum(
        weight * np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / (2 * 1.5**2))
        for weight, (a, b, c) in zip((2.0, 1.0), LUMPS, strict=True)
    )
    return SpeciesMap(
        name=name,
        density=density.astype(np.float32),
        pixel_size_angstrom=PIXEL,
        diameter_angstrom=12 * PIXEL,
        height_angstrom=6 * PIXEL,
    )


def picks(place_px, orientation, label="pair"):
    return Picks.of(np.asarray(place_px) * PIXEL, image="t", orientation=orientation, label=label)


def paint(shape, what, truth):
    volume = np.zeros(shape, np.float32)
    paint_particles(volume, what, truth, pixel_size_angstrom=PIXEL, device="cpu")
    return volume


def centroid(volume):
    """``x, y, z`` in voxels."""
    index = np.indices(volume.shape).reshape(3, -1)
    return (index @ volume.ravel() / volume.sum())[::-1]


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 2**31),
    st.floats(15, 25),
    st.floats(15, 24),
    st.floats(15, 20),
)
def test_the_centre_of_mass_is_where_the_pose_puts_it(seed, x, y, z):
    turn = random_rotations(1, rng=np.random.default_rng(seed))
    volume = paint((36, 39, 40), [species()], picks([[x, y, z]], turn))
    wanted = np.array([x, y, z]) + rotate(turn[0], (2 * LUMPS[0] + LUMPS[1]) / 3)
    np.testing.assert_allclose(centroid(volume), wanted, atol=0.02)


@pytest.mark.parametrize("n", [22, 23])
def test_odd_and_even_boxes_land_alike(n):
    turn = from_axis_angle([1, 2, 3], 50.0)[None]
    here = paint((40, 40, 40), [species(n=n)], picks([[20.25, 19.5, 18.0]], turn))
    other = paint((40, 40, 40), [species(n=26)], picks([[20.25, 19.5, 18.0]], turn))
    np.testing.assert_allclose(here, other, atol=0.02)


def test_amounts_add_up_and_overlaps_are_sums():
    turns = random_rotations(2, rng=np.random.default_rng(0))
    place = [[20.0, 20.0, 20.0], [23.0, 21.0, 19.0]]
    both = paint((40, 40, 40), [species()], picks(place, turns))
    apart = [
        paint((40, 40, 40), [species()], picks([p], t[None]))
        for p, t in zip(place, turns, strict=True)
    ]
    np.testing.assert_allclose(both, apart[0] + apart[1], atol=1e-5)
    assert both.sum() == pytest.approx(2 * species().density.sum(), rel=0.01)


def test_each_label_gets_its_own_map():
    light, heavy = species("light"), species("heavy", n=24)
    heavy = SpeciesMap(
        name="heavy",
        density=3 * heavy.density,
        pixel_size_angstrom=PIXEL,
        diameter_angstrom=heavy.diameter_angstrom,
        height_angstrom=heavy.height_angstrom,
    )
    still = np.tile([1.0, 0, 0, 0], (2, 1))
    truth = picks([[14, 14, 14], [34, 14, 14]], still, label=np.array(["light", "heavy"]))
    volume = paint((28, 28, 48), [heavy, light], truth)
    assert volume[:, :, 24:].sum() == pytest.approx(3 * volume[:, :, :24].sum(), rel=0.02)


def test_a_particle_at_the_rim_is_cut_off_not_wrapped():
    still = np.array([[1.0, 0, 0, 0]])
    volume = paint((30, 30, 30), [species()], picks([[0.0, 15.0, 15.0]], still))
    assert volume[15, 15, 4] == pytest.approx(2.0, abs=0.1)
    assert not volume[:, :, 20:].any()


def test_nothing_to_paint_leaves_the_volume_alone():
    assert not paint((8, 8, 8), [species()], Picks.empty(3)).any()
    bare = Picks.of([[30.0, 30.0, 30.0]], image="t")
    assert not paint((8, 8, 8), [species()], bare).any()


def test_batches_make_no_difference(monkeypatch):
    turns = random_rotations(5, rng=np.random.default_rng(4))
    truth = picks(np.random.default_rng(4).uniform(12, 28, (5, 3)), turns)
    whole = paint((40, 40, 40), [species()], truth)
    monkeypatch.setattr(module, "_ROTATE_AT_ONCE", 2)
    np.testing.assert_allclose(paint((40, 40, 40), [species()], truth), whole, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 7), min_size=6, max_size=6),
    st.lists(st.integers(-9, 9), min_size=3, max_size=3),
)
def test_a_box_keeps_what_lies_inside_and_nothing_else(sizes, corner):
    volume = np.zeros(sizes[:3], np.float32)
    box = np.arange(1, np.prod(sizes[3:]) + 1, dtype=np.float32).reshape(sizes[3:])
    add_box(volume, box, np.array(corner))
    for index in np.ndindex(*volume.shape):
        source = tuple(i - c for i, c in zip(index, corner[::-1], strict=True))
        inside = all(0 <= s < n for s, n in zip(source, box.shape, strict=True))
        assert volume[index] == (box[source] if inside else 0)


def gold(shape, place_px, diameter):
    volume = np.zeros(shape, np.float32)
    beads = Picks.of(
        np.asarray(place_px) * PIXEL,
        image="t",
        label="gold",
        diameter_angstrom=np.full(len(place_px), diameter),
    )
    paint_gold(volume, beads, pixel_size_angstrom=PIXEL)
    return volume


@pytest.mark.parametrize("diameter", [50.0, 100.0, 150.0])
@pytest.mark.parametrize("shift", [0.0, 0.3, 0.5])
def test_beads_have_the_volume_and_the_place_of_a_ball(diameter, shift):
    at = np.array([20 + shift, 19 - shift, 21.0])
    volume = gold((42, 40, 41), [at], diameter)
    ball = 4 / 3 * np.pi * (diameter / 2 / PIXEL) ** 3
    # An edge of one voxel's width adds about a shell of r'' / 12: little for balls of 3 voxels.
    assert volume.sum() / GOLD_DENSITY == pytest.approx(ball, rel=0.06)
    np.testing.assert_allclose(centroid(volume), at, atol=0.05)
    assert volume.max() == GOLD_DENSITY


def test_a_bead_is_round():
    volume = gold((41, 41, 41), [[20.0, 20.0, 20.0]], 160.0)
    second = [
        ((np.arange(41) - 20.0) ** 2 * volume.sum(axis=a)).sum() for a in ((1, 2), (0, 2), (0, 1))
    ]
    np.testing.assert_allclose(second, second[0], rtol=1e-4)
    # The second moment of a solid ball along one axis: r² / 5.
    assert second[0] / volume.sum() == pytest.approx(10.0**2 / 5, rel=0.02)


def test_beads_without_diameter_are_not_painted_and_those_outside_do_not_matter():
    volume = np.zeros((9, 9, 9), np.float32)
    paint_gold(volume, Picks.of([[30.0, 30.0, 30.0]], image="t"), pixel_size_angstrom=PIXEL)
    assert not volume.any()
    assert not gold((9, 9, 9), [[60.0, 4.0, 4.0]], 50.0).any()
