"""The bank engine: against the exact engine, and what must not change its result."""

import numpy as np
import pytest
import torch

from cryopick.errors import InputError
from cryopick.geometry.rotation import angle_between_deg, multiply, rotate
from cryopick.geometry.so3_grid import rotation_grid
from cryopick.geometry.symmetry import point_group
from cryopick.pick.matching import best_maps
from cryopick.pick.matching import search_bank as module
from cryopick.pick.matching.bank import build_bank
from cryopick.pick.matching.exact import search_exact
from cryopick.pick.matching.search import Cones, Means
from cryopick.pick.matching.search_bank import FirstRound, search_bank, thinned_rows
from pick.matching.cases import lumpy_template, noise, placed
from pick.matching.oracle import scores_at, some_voxels
from pick.matching.worlds import wedge

ROTATIONS = rotation_grid(60)
SHAPE = (24, 33, 28)


def centred(volume):
    return volume - volume.mean()


def bank_of(template, weight, *, rotations=ROTATIONS, **options):
    return build_bank(template, rotations, weight=weight, **options)


def searched(volume, bank, *, means=None, dtype=torch.float32, **options):
    return search_bank(volume, bank, dtype=dtype, means=means or Means(), **options)


def same(one, other):
    np.testing.assert_array_equal(one.score, other.score)
    np.testing.assert_array_equal(one.rotation, other.rotation)
    assert (one.variance, one.tests) == (other.variance, other.tests)


@pytest.mark.parametrize("n", [11, 12])
@pytest.mark.parametrize("weighted", [False, True])
def test_at_full_rank_it_finds_what_the_exact_engine_finds(n, weighted):
    template, volume = lumpy_template(n, seed=n), centred(noise(SHAPE, smooth=0.7))
    weight = wedge(n) if weighted else None
    exact = search_exact(volume, template, ROTATIONS, weight=weight, means=Means())
    found = searched(volume, bank_of(template, weight))
    np.testing.assert_allclose(found.score, exact.score, atol=1e-4)
    assert np.mean(found.rotation != exact.rotation) < 2e-3
    assert found.tests == exact.tests == volume.size * len(ROTATIONS)
    assert found.variance == pytest.approx(exact.variance, rel=0.04)


def test_at_full_rank_it_finds_what_plain_numpy_finds():
    template, volume = lumpy_template(11), centred(noise((16, 17, 18), smooth=0.7))
    weight = wedge(11)
    found = searched(volume, bank_of(template, weight))
    voxels = some_voxels(volume.shape, 60)
    wanted = scores_at(volume, template, weight, ROTATIONS, voxels)
    np.testing.assert_allclose(found.score[tuple(voxels.T)], wanted.max(axis=0), atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.int8])
def test_coarser_products_stay_within_their_rounding(dtype):
    template, volume = lumpy_template(12), centred(noise(SHAPE, smooth=0.7))
    bank = bank_of(template, wedge(12))
    fine = searched(volume, bank)
    coarse = searched(volume, bank, dtype=dtype)
    sd = fine.sigma
    assert np.sqrt(np.mean((coarse.score - fine.score) ** 2)) < 0.01 * sd
    assert np.abs(coarse.score - fine.score).max() < 0.08 * sd
    assert np.mean(coarse.rotation != fine.rotation) < 0.03


def test_fewer_components_lose_the_energy_that_they_leave_out():
    template = lumpy_template(12)
    rotation, voxel = 37, (12, 16, 14)
    weight = wedge(12)
    volume = placed(template, ROTATIONS[rotation], voxel, SHAPE, weight=weight, background=0.05)
    volume = centred(volume)
    whole = searched(volume, bank_of(template, weight)).score[voxel]
    bank = bank_of(template, weight, energy=0.95)
    found = searched(volume, bank)
    assert np.unravel_index(found.score.argmax(), SHAPE) == voxel
    assert found.rotation[voxel] == rotation
    row, full = bank.parts, bank_of(template, weight).parts
    held = (
        np.square(row.coefficients[rotation]).sum() / np.square(full.coefficients[rotation]).sum()
    )
    assert 0.85 < held < 0.99
    assert found.score[voxel] / whole == pytest.approx(held, abs=0.02)


def test_a_region_limits_the_search_and_changes_nothing_inside():
    template, volume = lumpy_template(9), centred(noise(SHAPE))
    bank = bank_of(template, None)
    region = np.zeros(SHAPE, bool)
    region[3:9, 20:28, 4:13] = True
    region[15, 2, 27] = True
    whole = searched(volume, bank)
    found = searched(volume, bank, region=region, means=Means(memory_bytes=10_000_000))
    np.testing.assert_allclose(found.score[region], whole.score[region], atol=1e-5)
    assert np.all(found.score[~region] == 0)
    assert np.all(found.rotation[~region] == -1)
    assert found.tests == region.sum() * len(ROTATIONS)
    # The sample is larger than the region, so this is nearly the mean over all of it.
    wanted = scores_at(volume, template, None, ROTATIONS[::7], np.argwhere(region))
    assert found.variance == pytest.approx(np.mean(wanted**2), rel=0.1)


def test_an_empty_region_is_searched_in_no_time():
    template, volume = lumpy_template(9), centred(noise(SHAPE))
    found = searched(
        volume, bank_of(template, None), region=np.zeros(SHAPE, bool),
        first=FirstRound(rank=3, rows=np.arange(0, 72, 3), kept=0.2),
    )  # fmt: skip
    assert np.all(found.rotation == -1)
    assert (found.variance, found.tests, found.score.max()) == (0, 0, 0)


def first_round(bank, *, energy=0.7, kept=0.2):
    rows = thinned_rows(ROTATIONS, step_deg=80.0)
    return FirstRound(rank=bank.parts.rank_for(energy), rows=rows, kept=kept)


def test_the_first_round_sends_on_the_fraction_wanted_and_the_best_are_among_it():
    template, volume = lumpy_template(12), centred(noise(SHAPE, smooth=0.7))
    bank = bank_of(template, wedge(12))
    full = searched(volume, bank)
    found = searched(volume, bank, first=first_round(bank))
    again = np.isclose(found.score, full.score, atol=1e-5)
    # Those of the others whose first score is by chance the full one are few.
    assert np.mean(again) == pytest.approx(0.2, abs=0.03)
    assert np.all(found.score <= full.score + 0.6 * full.sigma)
    top = np.argsort(full.score.ravel())[-volume.size // 500 :]
    assert np.mean(again.ravel()[top]) > 0.9
    assert (found.variance, found.tests) == (full.variance, full.tests)


def test_a_particle_passes_the_first_round():
    template, weight = lumpy_template(12), wedge(12)
    bank = bank_of(template, weight)
    for rotation, voxel in ((5, (10, 12, 17)), (61, (12, 20, 8))):
        volume = placed(template, ROTATIONS[rotation], voxel, SHAPE, weight=weight, background=0.1)
        found = searched(centred(volume), bank, first=first_round(bank, kept=0.05))
        full = searched(centred(volume), bank)
        assert np.unravel_index(found.score.argmax(), SHAPE) == voxel
        assert found.rotation[voxel] == rotation
        assert found.score[voxel] == pytest.approx(full.score[voxel], abs=1e-6)


def test_cores_change_nothing_and_memory_the_rounding_alone():
    template, volume = lumpy_template(9), centred(noise((40, 44, 48)))
    bank = bank_of(template, None, max_rank=40)
    options = {"first": first_round(bank)}
    whole = searched(volume, bank, **options)
    little = 33_000 * (bank.rank * 4 + 40)
    split = searched(volume, bank, means=Means(memory_bytes=little), **options)
    np.testing.assert_allclose(split.score, whole.score, atol=0.02 * whole.sigma)
    assert np.mean(np.abs(split.score - whole.score) > 1e-5) < 1e-3
    assert np.mean(split.rotation != whole.rotation) < 2e-3
    assert (split.variance, split.tests) == (whole.variance, whole.tests)
    for cores in (2, 3):
        means = Means(memory_bytes=little * cores, cores=cores)
        same(split, searched(volume, bank, means=means, **options))


def cones_of(half_angle):
    nearest = np.zeros(SHAPE, np.int32)
    nearest[:, :, 10:] = 1
    nearest[:, :, 20:] = -1
    nearest[2, 2, 2] = 2
    axis = np.array([[0, 0, 1.0], [1.0, 0, 0], [0, 0.6, -0.8]])
    return Cones(axis=axis, nearest=nearest, half_angle_deg=half_angle)


def test_cones_give_the_best_of_the_rotations_they_allow_and_no_more_than_their_slack():
    rotations = rotation_grid(30)
    template, volume = lumpy_template(9), centred(noise(SHAPE))
    cones = cones_of(45)
    exact = search_exact(volume, template, rotations, weight=None, cones=cones, means=Means())
    bank = bank_of(template, None, rotations=rotations)
    found = searched(volume, bank, rotations=rotations, cones=cones)
    searched_there = cones.nearest >= 0
    assert np.all(found.rotation[~searched_there] == -1)
    assert np.all(found.score[~searched_there] == 0)
    assert np.all(found.score >= exact.score - 1e-4)
    towards = rotate(rotations, [0.0, 0.0, 1.0])[found.rotation[searched_there]]
    axis = cones.axis[cones.nearest[searched_there]]
    angle = np.rad2deg(np.arccos(np.clip((towards * axis).sum(1), -1, 1)))
    assert angle.max() <= 45 + 14
    inside = angle <= 45
    assert 0.1 < inside.mean() < 0.9
    np.testing.assert_allclose(
        found.score[searched_there][inside], exact.score[searched_there][inside], atol=1e-4
    )
    # As many tests as rotations were tried: no fewer than allowed, far fewer than there are.
    assert exact.tests <= found.tests < 0.3 * searched_there.sum() * len(rotations)


def test_cones_and_a_region_are_both_held_to():
    template, volume = lumpy_template(9), centred(noise(SHAPE))
    region = np.zeros(SHAPE, bool)
    region[5:12, 5:30, 15:25] = True
    cones = cones_of(60)
    found = searched(
        volume, bank_of(template, None), rotations=ROTATIONS, cones=cones, region=region
    )
    np.testing.assert_array_equal(found.rotation >= 0, region & (cones.nearest >= 0))


def test_cones_without_rotations_are_an_error():
    template, volume = lumpy_template(9), centred(noise(SHAPE))
    with pytest.raises(InputError, match="cones need the rotations"):
        searched(volume, bank_of(template, None, max_rank=3), cones=cones_of(30))


def test_flat_volumes_score_nothing():
    template = lumpy_template(9)
    volume = np.zeros(SHAPE, np.float32)
    bank = bank_of(template, None)
    for first in (None, first_round(bank)):
        found = searched(volume, bank, first=first)
        assert np.all(found.score == 0)
        assert np.all(found.rotation >= 0)
        assert found.variance == 0


class StopSearchError(Exception):
    pass


@pytest.mark.parametrize("two_rounds", [False, True])
def test_a_search_is_taken_up_again_with_the_same_result(tmp_path, monkeypatch, two_rounds):
    monkeypatch.setattr(best_maps, "_SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    template, volume = lumpy_template(9), centred(noise((40, 44, 48)))
    bank = bank_of(template, None, max_rank=30)
    options = {"first": first_round(bank) if two_rounds else None}
    little = 33_000 * (bank.rank * 4 + 40)
    plain = searched(volume, bank, means=Means(memory_bytes=little), **options)
    tiles = []
    search_tile = module._search_tile
    monkeypatch.setattr(
        module, "_search_tile",
        lambda search, tile: tiles.append(tile) or search_tile(search, tile),
    )  # fmt: skip

    def stop_in_the_middle(fraction):
        if fraction > 0.5:
            raise StopSearchError

    def go(progress, seen=volume):
        tiles.clear()
        means = Means(memory_bytes=little, checkpoints=tmp_path, progress=progress)
        return searched(seen, bank, means=means, **options)

    with pytest.raises(StopSearchError):
        go(stop_in_the_middle)
    before = len(tiles)
    told = []
    same(plain, go(told.append))
    assert told[-1] == 1.0
    assert before >= 4
    # Each tile once, but for none: the one that was told last had been entered.
    assert len(tiles) < before + len(told)
    assert len(tiles) == len(told)
    same(plain, go(told.append))
    assert tiles == []
    # Another volume finds nothing of its own in the folder.
    other = centred(noise((40, 44, 48), seed=9))
    kept = go(told.append, other)
    same(kept, searched(other, bank, means=Means(memory_bytes=little), **options))


@pytest.mark.parametrize("symmetry", ["C1", "C4", "D2"])
def test_thinned_rows_cover_the_list(symmetry):
    rotations = rotation_grid(12, symmetry=symmetry)
    rows = thinned_rows(rotations, step_deg=17.4)
    assert np.all(np.diff(rows) > 0)
    assert 0.3 < len(rows) / len(rotations) < 0.6
    some = rotations[np.random.default_rng(0).choice(len(rotations), 200, replace=False)]
    group = point_group(symmetry)
    distance = np.min(
        [angle_between_deg(multiply(some, g)[:, None], rotations[rows]) for g in group], axis=(0, 2)
    )
    assert distance.max() < 17.4
    assert distance.mean() < 8


@pytest.mark.gpu
def test_another_device_finds_the_same():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    template, volume = lumpy_template(12), centred(noise(SHAPE, smooth=0.7))
    bank = bank_of(template, wedge(12))
    for first in (None, first_round(bank)):
        one, other = (
            searched(volume, bank, first=first, means=Means(device=device))
            for device in ("cpu", "cuda:0")
        )
        assert np.mean(np.abs(one.score - other.score) > 1e-4) < 1e-3
        assert np.mean(one.rotation != other.rotation) < 5e-3
