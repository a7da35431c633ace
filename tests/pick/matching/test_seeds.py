"""Orientations to start from: the best, distinct, within the cone."""

import numpy as np
import pytest

from cryopick.geometry.rotation import angle_between_deg, multiply
from cryopick.geometry.so3_grid import rotation_grid
from cryopick.geometry.symmetry import point_group
from cryopick.pick.matching import seeds as module
from cryopick.pick.matching.bank import build_bank
from cryopick.pick.matching.search import Cones, Means
from cryopick.pick.matching.seeds import best_rotations
from pick.matching.cases import lumpy_template, noise, placed
from pick.matching.oracle import template_and_mask

ROTATIONS = rotation_grid(45)
SHAPE = (20, 22, 24)
TEMPLATE = lumpy_template(9)
BANK = build_bank(TEMPLATE, ROTATIONS, weight=None, max_rank=1000)
VOXELS = np.array([[10, 11, 12], [0, 0, 0], [19, 21, 23], [6, 15, 8]])


def found(volume, voxels=VOXELS, **options):
    settings = {"rotations": ROTATIONS, "count": 4, "apart_deg": 60.0, "means": Means(), **options}
    return best_rotations(volume, voxels, BANK, **settings)


def products(volume, voxel):
    """Of every template with the patch about a voxel."""
    patch = np.pad(volume, 5)[tuple(slice(v + 1, v + 10) for v in voxel)]
    return np.array([(template_and_mask(TEMPLATE, None, r)[0] * patch).sum() for r in ROTATIONS])


def between(one, other, symmetry="C1"):
    return min(angle_between_deg(multiply(one, g), other) for g in point_group(symmetry))


@pytest.mark.parametrize("symmetry", ["C1", "C2", "D2"])
def test_they_are_what_a_greedy_choice_of_the_scores_gives(symmetry):
    volume = noise(SHAPE, smooth=0.7)
    seeds = found(volume, symmetry=symmetry)
    assert seeds.shape == (4, 4, 4)
    for voxel, chosen in zip(VOXELS, seeds, strict=True):
        score = products(volume, voxel)
        wanted = []
        for row in np.argsort(-score):
            apart = [between(ROTATIONS[row], ROTATIONS[w], symmetry) for w in wanted]
            # The grid has pairs that lie just as far apart; rounding may decide these.
            assert all(abs(a - 60) > 1e-4 for a in apart)
            if all(a > 60 for a in apart):
                wanted.append(row)
            if len(wanted) == 4:
                break
        held = ~np.isnan(chosen[:, 0])
        np.testing.assert_allclose(chosen[held], ROTATIONS[wanted[: held.sum()]])
        assert held.sum() == len(wanted)


def test_they_differ_from_what_is_known_already():
    volume = noise(SHAPE, smooth=0.7)
    first = found(volume)[:, 0]
    seeds = found(volume, beside=first, count=3)
    np.testing.assert_array_equal(seeds, found(volume)[:, 1:])


def test_the_particle_comes_first():
    rotation, voxel = 33, (9, 11, 13)
    volume = placed(TEMPLATE, ROTATIONS[rotation], voxel, SHAPE, background=0.05)
    seeds = found(volume, np.array([voxel]))
    np.testing.assert_array_equal(seeds[0, 0], ROTATIONS[rotation])


def test_where_no_more_are_distinct_the_rest_is_nan():
    seeds = found(noise(SHAPE), count=9, apart_deg=150.0)
    held = np.isfinite(seeds).all(axis=-1)
    assert held[:, 0].all()
    assert not held[:, -1].any()
    # Once empty, empty to the end.
    assert np.all(np.diff(held.astype(int), axis=1) <= 0)


def test_cones_are_respected():
    nearest = np.zeros(SHAPE, np.int32)
    nearest[:, :, 12:] = 1
    nearest[6, 15, 8] = -1
    cones = Cones(axis=np.array([[0, 0, 1.0], [0, -1.0, 0]]), nearest=nearest, half_angle_deg=50)
    volume = noise(SHAPE, smooth=0.7)
    free, seeds = found(volume), found(volume, cones=cones)
    for voxel, chosen, anyhow in zip(VOXELS, seeds, free, strict=True):
        axis = nearest[tuple(voxel)]
        if axis < 0:
            np.testing.assert_array_equal(chosen, anyhow)
            continue
        allowed = cones.allowed(ROTATIONS)[axis]
        held = chosen[~np.isnan(chosen[:, 0])]
        rows = [int(np.flatnonzero((one == ROTATIONS).all(axis=1))[0]) for one in held]
        assert len(rows) > 0
        assert allowed[rows].all()
        score = np.where(allowed, products(volume, voxel), -np.inf)
        assert rows[0] == score.argmax()


def test_a_cone_without_any_rotation_gives_no_seed():
    cones = Cones(
        axis=np.array([[0.0, 0.1, 1.0]]), nearest=np.zeros(SHAPE, np.int32), half_angle_deg=0.1
    )
    assert np.isnan(found(noise(SHAPE), cones=cones)).all()


def test_few_voxels_at_a_time_give_the_same_and_progress_is_told(monkeypatch):
    volume, told = noise(SHAPE), []
    whole = found(volume)
    monkeypatch.setattr(module, "_VOXELS_AT_ONCE", 3)
    np.testing.assert_array_equal(found(volume, means=Means(progress=told.append)), whole)
    assert told == [0.75, 1.0]


def test_no_voxels_give_no_seeds():
    assert found(noise(SHAPE), VOXELS[:0]).shape == (0, 4, 4)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_scale_of_the_volume_does_not_matter(scale):
    volume = noise(SHAPE, smooth=0.7)
    np.testing.assert_array_equal(found(volume), found(np.float32(scale) * volume))
