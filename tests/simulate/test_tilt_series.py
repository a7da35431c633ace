"""Tilt series: scheme, exposure, defocus gradient, shifts, damage."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.model import Defocus, Grid, Picks
from cryopick.simulate.specimen import Specimen
from cryopick.simulate.tilt_series import (
    TiltRecipe,
    defocus_slope_um_per_px,
    dose_symmetric_tilts,
    mean_defocus_um,
    plan_tilts,
    record_tilts,
    tilt_ctf,
)

PIXEL = 10.0
SHAPE = (16, 48, 64)
# In focus with a phase plate the CTF is -1 nearly everywhere: images are shadows.
CLEAN = TiltRecipe(
    defocus=Defocus(u_um=0.05, v_um=0.05, phase_shift_deg=90.0),
    defocus_jitter_um=0.0,
    alignment_error_angstrom=0.0,
    exposure_e_per_a2=150.0,
    b_factor_a2=0.0,
    tilt_step_deg=20.0,
    noise="gaussian",
)


def specimen(density=None):
    density = np.zeros(SHAPE, np.float32) if density is None else density
    return Specimen(
        density=density,
        grid=Grid(shape=SHAPE, pixel_size_angstrom=PIXEL),
        truth=Picks.empty(3),
        gold=Picks.empty(3),
        membranes={},
    )


def blob(x, y, z, value=2.0):
    grids = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    far = sum((g - c) ** 2 for g, c in zip(grids, (z, y, x), strict=True))
    return specimen((value * np.exp(-far / 8)).astype(np.float32))


def record(what, recipe, seed=0):
    return record_tilts(what, recipe, name="t", rng=np.random.default_rng(seed))


def test_the_scheme_alternates_sides_two_by_two():
    assert dose_symmetric_tilts(-9, 9, 3).tolist() == [0, 3, -3, -6, 6, 9, -9]


def test_an_uneven_range_goes_on_alone():
    assert dose_symmetric_tilts(-3, 9, 3).tolist() == [0, 3, -3, 6, 9]


@given(st.floats(-70, 0), st.floats(0, 70), st.floats(1, 10))
def test_every_tilt_is_taken_once_and_the_lowest_first(low, high, step):
    taken = dose_symmetric_tilts(low, high, step)
    assert len(np.unique(taken)) == len(taken)
    assert np.abs(taken[0]) == np.abs(taken).min()
    assert np.all((taken >= low - 1e-9) & (taken <= high + 1e-9))
    np.testing.assert_allclose(np.diff(np.sort(taken)), step)


def test_forty_one_tilts_from_minus_to_plus_sixty():
    assert len(dose_symmetric_tilts(-60, 60, 3)) == 41


@pytest.mark.parametrize(("low", "high", "step"), [(0, 10, 0), (10, 0, 3), (-5, 5, -1)])
def test_impossible_schemes_are_refused(low, high, step):
    with pytest.raises(InputError, match="step above 0"):
        dose_symmetric_tilts(low, high, step)


def test_exposure_is_what_came_before_in_the_order_of_the_scheme():
    tilts = plan_tilts(
        specimen(),
        TiltRecipe(tilt_min_deg=-6, tilt_max_deg=6, exposure_e_per_a2=50.0),
        name="t",
        rng=np.random.default_rng(0),
    )
    assert tilts.tilt_deg.tolist() == [-6, -3, 0, 3, 6]
    # Taken 0, 3, -3, -6, 6 at 10 each.
    assert tilts.exposure_e_per_a2.tolist() == [30, 20, 0, 10, 40]


def test_images_have_the_electrons_of_their_share_less_what_the_ice_stops():
    density = np.zeros(SHAPE, np.float32)
    density[2:14] = 1e-6  # 12 planes of ice that scatter nothing else
    made = record(specimen(density), replace(CLEAN, exposure_e_per_a2=70.0))
    share = 70.0 / 7 * PIXEL**2
    for tilt, image in zip(made.tilts.tilt_deg, made.images, strict=True):
        path = 12 * PIXEL / np.cos(np.deg2rad(tilt))
        assert image.mean() == pytest.approx(share * np.exp(-path / 3000), rel=0.005)


def test_matter_is_dark_and_moves_with_the_tilt():
    x, z = 12, 4
    made = record(blob(32 + x, 24, 8 + z), replace(CLEAN, tilt_max_deg=40, tilt_min_deg=-40))
    for tilt, image in zip(np.deg2rad(made.tilts.tilt_deg), made.images, strict=True):
        row, column = np.unravel_index(image.argmin(), image.shape)
        assert row == pytest.approx(24, abs=1)
        assert column - 32 == pytest.approx(x * np.cos(tilt) + z * np.sin(tilt), abs=1.2)


def test_shifts_that_nobody_knows_are_in_the_images():
    # Up to 30 degrees, the next copy of the repeated slab is out of sight.
    recipe = replace(
        CLEAN, alignment_error_angstrom=60.0, tilt_min_deg=-30, tilt_max_deg=30, tilt_step_deg=15
    )
    made = record(blob(32, 24, 8), recipe)
    assert made.misalignment_angstrom.shape == (5, 2)
    for (dx, dy), image in zip(made.misalignment_angstrom / PIXEL, made.images, strict=True):
        row, column = np.unravel_index(image.argmin(), image.shape)
        assert (row - 24) == pytest.approx(dy, abs=1.5)
        assert (column - 32) == pytest.approx(dx, abs=1.5)
    assert made.tilts.shift_x_angstrom is None


def test_damage_removes_fine_detail_first():
    """The same view early and late in the series: the late one is blurred."""
    recipe = replace(
        CLEAN, tilt_min_deg=0, tilt_max_deg=2, tilt_step_deg=1, exposure_e_per_a2=4000.0
    )
    late = record(blob(32, 24, 8), recipe)
    order = np.argsort(late.tilts.exposure_e_per_a2)
    first, last = late.images[order[0]], late.images[order[-1]]
    depth = [np.median(i) - i.min() for i in (first, last)]
    assert depth[1] < 0.8 * depth[0]


@pytest.mark.parametrize("handedness", [-1, 1])
def test_defocus_changes_across_a_tilted_image_as_handedness_says(handedness):
    recipe = replace(CLEAN, handedness=handedness)
    tilts = plan_tilts(specimen(), recipe, name="t", rng=np.random.default_rng(0))
    at = int(np.flatnonzero(tilts.tilt_deg == 40)[0])
    # x' = 100 px at 40 degrees is x = 130.5 px, at height -83.9 px = -0.0839 µm.
    change = defocus_slope_um_per_px(tilts, at) * 100
    assert change == pytest.approx(handedness * -0.0839, abs=1e-4)
    flat = int(np.flatnonzero(tilts.tilt_deg == 0)[0])
    assert defocus_slope_um_per_px(tilts, flat) == 0


def test_defocus_jitter_and_astigmatism_reach_the_series():
    recipe = replace(
        CLEAN, defocus_jitter_um=0.1, defocus=Defocus(u_um=3.2, v_um=2.8), tilt_step_deg=2.0
    )
    tilts = plan_tilts(specimen(), recipe, name="t", rng=np.random.default_rng(0))
    np.testing.assert_allclose(tilts.defocus_u_um - tilts.defocus_v_um, 0.4)
    means = np.array([mean_defocus_um(tilts, i) for i in range(len(tilts))])
    assert means.std() == pytest.approx(0.1, rel=0.3)
    ctf = tilt_ctf(tilts, 0, shape=(32, 32), mean_um=3.0)
    assert not np.allclose(ctf[0, 1:16], ctf[1:16, 0])


def test_a_series_without_defocus_says_so():
    tilts = plan_tilts(specimen(), CLEAN, name="bare", rng=np.random.default_rng(0))
    bare = replace(tilts, defocus_u_um=None)
    with pytest.raises(InputError, match="tilt series bare: its defocus"):
        mean_defocus_um(bare, 0)
    with pytest.raises(InputError, match="tilt series bare: its defocus"):
        tilt_ctf(bare, 0, shape=(8, 8), mean_um=1.0)


def test_the_same_seed_records_the_same_series():
    a, b = (record(blob(32, 24, 8), TiltRecipe(tilt_step_deg=30), seed=4) for _ in range(2))
    np.testing.assert_array_equal(a.images, b.images)
    np.testing.assert_array_equal(a.misalignment_angstrom, b.misalignment_angstrom)


def test_without_particles_there_is_no_ratio():
    assert np.isnan(record(specimen(), CLEAN).signal_to_noise)
