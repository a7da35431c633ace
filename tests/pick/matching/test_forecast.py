"""What a search will take: grows with the work, and its rank is near that of the bank."""

from dataclasses import replace

import numpy as np
import pytest

from cryopick.geometry.so3_grid import rotation_grid
from cryopick.pick.matching import engine
from cryopick.pick.matching import forecast as module
from cryopick.pick.matching.cost import Speed
from cryopick.pick.matching.engine import plan_search
from cryopick.pick.matching.forecast import forecast
from cryopick.pick.matching.imaging import Band, Imaging
from cryopick.pick.matching.settings import MatchSettings
from cryopick.pick.matching.weighting import template_weight
from pick.matching.cases import lumpy_template
from pick.matching.worlds import particle

WEDGE = Imaging(wedge_deg=(-60, 60))
SPEED = Speed(products_per_second=1e11, fft_seconds_per_voxel=3e-8)
SHAPE = (100, 300, 300)


@pytest.fixture(autouse=True)
def speed(monkeypatch):
    def be(speed):
        monkeypatch.setattr(module, "machine_speed", lambda _: speed)
        monkeypatch.setattr(engine, "machine_speed", lambda _: speed)

    be(SPEED)
    return be


def of(
    shape=SHAPE, *, templates=None, pixel=10.0, searched=1.0, cores=1, rotations=None, **options
):
    settings = MatchSettings(**{"screen_pixel_angstrom": 10.0, **options})
    return forecast(
        shape, pixel, templates or [particle(16)], imaging=WEDGE, settings=settings,
        searched=searched, cores=cores, rotations=rotations,
    )  # fmt: skip


@pytest.mark.parametrize("engine_name", ["exact", "bank"])
def test_more_work_takes_longer(engine_name, monkeypatch):
    monkeypatch.setattr(module, "_TRIAL_ROTATIONS", 80)
    base = {"engine": engine_name, "screen_step_deg": 15.0, "angular_step_deg": 15.0}
    one = of(**base)
    for more in (
        of((200, 300, 300), **base),
        of(**{**base, "screen_step_deg": 10.0, "angular_step_deg": 10.0}),
        of(templates=[particle(16), particle(16, seed=6)], **base),
        of(**base, noise="pytom"),
        of(rotations=50_000, **base),
    ):
        assert more.seconds > one.seconds
    for less in (
        of(**base, refine=False),
        of(searched=0.3, **base),
        of(cores=4, **base),
        of(rotations=200, **base),
        of(templates=[replace(particle(16), symmetry="D2")], **base),
        of(**{**base, "screen_pixel_angstrom": 20.0}),
    ):
        assert 0 < less.seconds < one.seconds


def test_rotations_and_rank_are_those_of_the_plan():
    template = particle(16)
    settings = MatchSettings(engine="bank", screen_step_deg=30.0)
    weight = template_weight(16, 10.0, imaging=WEDGE, band=Band())
    plan = plan_search(template, weight=weight, settings=settings, rotations=None, voxels=10**6)
    told = of(templates=[template], engine="bank", screen_step_deg=30.0)
    assert told.rotations == len(plan.rotations)
    assert plan.bank.rank / 1.5 <= told.rank <= plan.bank.rank * 1.5
    assert of(engine="exact", angular_step_deg=30.0).rank == 0
    assert of(rotations=77).rotations == 77


@pytest.mark.parametrize("energy", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("template", [particle(16), lumpy_template(16, smooth=1.0, radius=6.0)])
def test_the_rank_is_within_a_factor_of_one_and_a_half(template, energy, monkeypatch):
    settings = MatchSettings(engine="bank", screen_step_deg=20.0, energy=energy)
    weight = template_weight(16, 10.0, imaging=WEDGE, band=Band())
    monkeypatch.setattr(engine, "LEAST_RANK", 1)
    plan = plan_search(template, weight=weight, settings=settings, rotations=None, voxels=10**6)
    rank, held = module._rank(template, WEDGE, settings)
    assert held == energy
    assert plan.bank.rank / 1.5 <= rank <= plan.bank.rank * 1.5


@pytest.mark.parametrize("symmetry", ["C1", "C3", "D2", "O"])
@pytest.mark.parametrize("step", [8.0, 14.0])
def test_the_grid_is_as_long_as_it_will_be(symmetry, step):
    template = replace(particle(16), symmetry=symmetry)
    settings = MatchSettings(screen_step_deg=step)
    told = module._grid_size(settings, template, 10.0)
    assert told == pytest.approx(len(rotation_grid(step, symmetry=symmetry)), rel=0.1)


def test_the_rank_beyond_the_trial_follows_the_fall_before_it():
    """What is left falls off as a power, so what the trial does not reach is known."""
    rank = np.arange(1, 3001.0)
    for power in (0.5, 1.0, 2.0):
        held = 1 - 0.8 * rank**-power
        for energy in (0.9, 0.95, 0.98):
            wanted = int(np.searchsorted(held, energy)) + 1
            found, told = module._extrapolated(held[:300], energy)
            if wanted <= module.MAX_RANK:
                assert found == pytest.approx(wanted, rel=0.05)
                assert told == energy
            else:
                assert found == module.MAX_RANK
                assert told == pytest.approx(held[module.MAX_RANK - 1], abs=0.01)


def test_auto_takes_the_engine_that_the_search_will_take(speed):
    base = {"screen_step_deg": 15.0, "refine": False}
    assert of(**base).rank > 0
    speed(Speed(products_per_second=1e6, fft_seconds_per_voxel=1e-9))
    slow = of(**base)
    assert slow.rank == 0
    assert slow.seconds <= of(**base, engine="bank").seconds


def test_memory_goes_with_the_volume_and_the_cores():
    one = of(engine="bank", screen_step_deg=15.0)
    larger = of((200, 600, 600), engine="bank", screen_step_deg=15.0)
    assert larger.memory_bytes > one.memory_bytes + 60_000_000 * 16
    assert of(cores=4, engine="bank", screen_step_deg=15.0).memory_bytes > one.memory_bytes
    # Searched at twice the voxel: an eighth of the volume.
    coarse = of(engine="bank", screen_step_deg=15.0, screen_pixel_angstrom=20.0)
    assert coarse.memory_bytes < one.memory_bytes


def test_the_template_may_have_another_voxel():
    fine = particle(24)
    told = of(templates=[replace(fine, pixel_size_angstrom=5.0)], engine="bank")
    assert told.seconds > 0
    assert told.rank > 0
