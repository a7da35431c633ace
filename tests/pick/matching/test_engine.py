"""Which engine, which rotations, which rank; on a machine whose speed is given."""

from dataclasses import replace

import numpy as np
import pytest

from cryopick.geometry.rotation import angle_between_deg, random_rotations
from cryopick.geometry.so3_grid import rotation_grid
from cryopick.pick.matching import engine
from cryopick.pick.matching.bank import build_bank
from cryopick.pick.matching.cost import Speed
from cryopick.pick.matching.engine import first_round, plan_search, spherical_hull
from cryopick.pick.matching.settings import MatchSettings
from pick.matching.cases import lumpy_template
from pick.matching.worlds import wedge

TEMPLATE = lumpy_template(12)
WEIGHT = wedge(12)
STEPS = {"screen_step_deg": 45.0, "angular_step_deg": 60.0}
SLOW_PRODUCTS = Speed(products_per_second=1e6, fft_seconds_per_voxel=1e-9)
SLOW_TRANSFORMS = Speed(products_per_second=1e13, fft_seconds_per_voxel=1e-5)


@pytest.fixture(autouse=True)
def speed(monkeypatch):
    def be(speed):
        monkeypatch.setattr(engine, "machine_speed", lambda _: speed)

    be(SLOW_TRANSFORMS)
    return be


def planned(template=TEMPLATE, *, rotations=None, voxels=10**6, **settings):
    return plan_search(
        template, weight=WEIGHT, settings=MatchSettings(**{**STEPS, **settings}),
        rotations=rotations, voxels=voxels,
    )  # fmt: skip


def test_the_exact_engine_takes_the_full_step_and_no_bank():
    plan = planned(engine="exact")
    assert (plan.engine, plan.bank, plan.first, plan.step_deg) == ("exact", None, None, 60)
    np.testing.assert_array_equal(plan.rotations, rotation_grid(60))
    assert plan.template is TEMPLATE
    assert "exact engine with 72 rotations" in plan.sentences[0]


def test_the_bank_takes_the_step_of_the_screen():
    plan = planned(engine="bank")
    assert (plan.engine, plan.step_deg) == ("bank", 45)
    np.testing.assert_array_equal(plan.rotations, rotation_grid(45))
    assert len(plan.bank.parts.coefficients) == len(plan.rotations)
    assert plan.bank.energy >= 0.9 - 1e-6
    assert f"bank of {plan.bank.rank} components" in plan.sentences[0]


def test_a_smooth_particle_gets_more_components_than_its_energy_asks_for():
    smooth = lumpy_template(12, smooth=2.5)
    plan = planned(smooth, engine="bank")
    assert plan.bank.rank == engine.LEAST_RANK
    assert plan.bank.parts.rank_for(0.9) < 30


def test_more_energy_takes_more_components(monkeypatch):
    monkeypatch.setattr(engine, "LEAST_RANK", 1)
    ranks = [planned(engine="bank", energy=e).bank.rank for e in (0.6, 0.9, 0.99)]
    assert ranks[0] < ranks[1] < ranks[2]


def test_auto_takes_what_is_faster_here(speed):
    speed(SLOW_TRANSFORMS)
    assert planned(engine="auto").engine == "bank"
    speed(SLOW_PRODUCTS)
    plan = planned(engine="auto")
    assert plan.engine == "exact"
    assert plan.bank is None
    assert "faster here" in plan.sentences[0]
    # What was asked for is done, fast or not.
    assert planned(engine="bank").engine == "bank"


def test_auto_does_without_a_bank_that_holds_too_little(monkeypatch):
    monkeypatch.setattr(engine, "MAX_RANK", 3)
    plan = planned(engine="auto")
    assert plan.engine == "exact"
    assert "3 components hold only" in plan.sentences[0]
    assert planned(engine="bank").bank.rank == 3


@pytest.mark.parametrize("name", ["exact", "bank", "auto"])
def test_an_own_list_is_searched_as_it_is(name):
    own = random_rotations(40, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(planned(rotations=own, engine=name).rotations, own)


def test_a_symmetric_template_needs_fewer_rotations():
    template = replace(TEMPLATE, symmetry="C4")
    plan = planned(template, engine="bank")
    np.testing.assert_array_equal(plan.rotations, rotation_grid(45, symmetry="C4"))
    assert 3 * len(plan.rotations) < len(planned(engine="bank").rotations)


def test_a_mask_that_is_no_sphere_is_searched_in_its_ball_or_as_it_is(speed):
    template = lumpy_template(12, spherical=False)
    plan = planned(template, engine="bank")
    assert plan.template.spherical_mask
    assert plan.bank.parts.basis.shape[1] == np.count_nonzero(plan.template.mask > 0)
    assert planned(template, engine="exact").template is template
    speed(SLOW_PRODUCTS)
    assert planned(template, engine="auto").template is template


@pytest.mark.parametrize("n", [16, 17])
def test_the_hull_holds_the_mask_and_is_as_small_as_can_be(n):
    template = lumpy_template(n, spherical=False, radius=5.5)
    hull = spherical_hull(template)
    assert hull.spherical_mask
    assert np.all(hull.mask[template.mask > 0.5] > 0.5)
    axis = np.arange(n) - n // 2
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
    # Of one radius all voxels have one value, falling outwards.
    order = np.argsort(radius, axis=None, kind="stable")
    assert np.all(np.diff(hull.mask.ravel()[order]) <= 0)
    reach = radius[template.mask > 0.5].max()
    assert np.all(hull.mask[radius <= reach] == 1)
    assert np.all(hull.mask[radius > reach + 1.5] == 0)
    np.testing.assert_array_equal(hull.density, template.density)
    assert spherical_hull(TEMPLATE) is TEMPLATE


def bank_of(rotations):
    return build_bank(TEMPLATE, rotations, weight=WEIGHT, max_rank=1000)


def test_rows_of_the_first_round_cover_all_orientations():
    rotations = rotation_grid(15)
    bank = build_bank(TEMPLATE, rotations[::9], weight=WEIGHT, max_rank=50)
    bank = replace(bank, parts=replace(bank.parts, coefficients=np.zeros((len(rotations), 50))))
    settings = MatchSettings()
    first = first_round(bank, rotations, step_deg=15, settings=settings)
    assert first.kept == settings.first_round_kept
    assert first.rank == bank.parts.rank_for(settings.first_round_energy) < bank.rank
    assert len(first.rows) < 0.6 * len(rotations)
    anyone = random_rotations(150, rng=np.random.default_rng(1))
    distance = angle_between_deg(anyone[:, None], rotations[first.rows]).min(axis=1)
    assert distance.max() < engine.FIRST_ROUND_STEP * 15


def test_there_is_no_first_round_where_it_would_not_pay():
    rotations = rotation_grid(45)
    bank = bank_of(rotations)
    for settings in (
        MatchSettings(first_round_kept=1.0),
        MatchSettings(first_round_energy=1.0, first_round_kept=0.75),
        MatchSettings(first_round_kept=0.85),
    ):
        assert first_round(bank, rotations, step_deg=45, settings=settings) is None
    assert first_round(bank, rotations, step_deg=45, settings=MatchSettings(first_round_kept=0.75))


def test_own_rotations_far_from_any_grid_point_do_without_a_first_round_or_keep_some():
    """Three rotations: a coarser grid has no point near some of them."""
    few = rotation_grid(60)[:3]
    bank = bank_of(few)
    first = first_round(bank, few, step_deg=5, settings=MatchSettings())
    assert first is None or len(first.rows) > 0
