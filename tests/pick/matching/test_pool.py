"""The pool: local maxima of a map in one pass, and their file."""

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.geometry.so3_grid import rotation_grid
from cryopick.model import Grid
from cryopick.pick.matching import pool as pool_module
from cryopick.pick.matching.pool import Pool, load_pool, pool_from_map, save_pool
from score_sets import places, pool_of

ROTATIONS = rotation_grid(60.0)
SHAPE = (24, 30, 34)
GRID = Grid(shape=SHAPE, pixel_size_angstrom=12.0, origin_angstrom=(6.0, 6.0, 6.0))
USUAL = {"grid": GRID, "floor": 0.3, "min_distance_px": 3.0, "max_candidates": 50}


def bumps(centres, *, heights=None, shape=SHAPE, width=1.6):
    """A map of Gaussian bumps at x, y, z, and a map of rotation indices."""
    heights = np.linspace(1.0, 0.6, len(centres)) if heights is None else heights
    z, y, x = np.indices(shape, dtype=float)
    score = np.zeros(shape)
    for (cx, cy, cz), height in zip(centres, heights, strict=True):
        squared = (x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2
        score = np.maximum(score, height * np.exp(-squared / (2 * width**2)))
    index = np.random.default_rng(0).integers(0, len(ROTATIONS), shape)
    return score.astype(np.float32), index.astype(np.float32)


CENTRES = np.array([(8.3, 9.0, 7.0), (20.0, 10.2, 12.0), (25.0, 22.0, 16.8), (10.0, 20.0, 18.0)])


def test_every_bump_is_found_between_voxels_best_first():
    score, index = bumps(CENTRES)
    pool = pool_from_map(score, index, ROTATIONS, **USUAL)
    np.testing.assert_allclose(GRID.to_px(pool.position_angstrom), CENTRES, atol=0.08)
    assert (np.diff(pool.map_score) < 0).all()
    assert not pool.refined.any()
    np.testing.assert_array_equal(pool.final_score, pool.map_score)


def test_the_orientation_is_that_of_the_voxel():
    score, index = bumps(CENTRES)
    pool = pool_from_map(score, index, ROTATIONS, template=3, **USUAL)
    voxel = np.rint(CENTRES).astype(int)
    expected = ROTATIONS[index[voxel[:, 2], voxel[:, 1], voxel[:, 0]].astype(int)]
    np.testing.assert_allclose(pool.orientation, expected)
    assert set(pool.template) == {3}


def test_slabs_of_any_thickness_give_the_same(monkeypatch):
    rng = np.random.default_rng(1)
    score = rng.normal(size=SHAPE).astype(np.float32)
    index = rng.integers(0, len(ROTATIONS), SHAPE)
    settings = USUAL | {"floor": 1.0, "max_candidates": 500}
    whole = pool_from_map(score, index, ROTATIONS, **settings)
    for planes in (1, 2, 5):
        monkeypatch.setattr(pool_module, "_SLAB_VOXELS", planes * SHAPE[1] * SHAPE[2])
        part = pool_from_map(score, index, ROTATIONS, **settings)
        np.testing.assert_array_equal(part.position_angstrom, whole.position_angstrom)
        np.testing.assert_array_equal(part.orientation, whole.orientation)


def test_a_memory_map_gives_the_same_as_an_array(tmp_path):
    score, index = bumps(CENTRES)
    np.save(tmp_path / "score.npy", score)
    mapped = np.load(tmp_path / "score.npy", mmap_mode="r")
    one = pool_from_map(mapped, index, ROTATIONS, **USUAL)
    other = pool_from_map(score, index, ROTATIONS, **USUAL)
    np.testing.assert_array_equal(one.position_angstrom, other.position_angstrom)


@pytest.mark.parametrize("hole", [np.nan, -np.inf, np.inf])
def test_what_is_not_finite_is_not_searched(hole):
    score, index = bumps(CENTRES)
    score[:2] = hole
    score[7, 9, 10] = hole
    pool = pool_from_map(score, index, ROTATIONS, **USUAL)
    assert len(pool) == 4
    assert np.isfinite(pool.position_angstrom).all()
    assert np.isfinite(pool.map_score).all()
    nothing = pool_from_map(np.full(SHAPE, hole, np.float32), index, ROTATIONS, **USUAL)
    assert len(nothing) == 0


def test_floor_distance_number_and_region():
    score, index = bumps(CENTRES)
    best = pool_from_map(score, index, ROTATIONS, **USUAL | {"max_candidates": 2})
    np.testing.assert_allclose(GRID.to_px(best.position_angstrom), CENTRES[:2], atol=0.08)
    high = pool_from_map(score, index, ROTATIONS, **USUAL | {"floor": 0.8})
    assert (high.map_score > 0.8).all()
    assert len(high) == 2
    far = pool_from_map(score, index, ROTATIONS, **USUAL | {"min_distance_px": 100.0})
    assert len(far) == 1
    region = np.zeros(SHAPE, bool)
    region[:, :, 15:] = True
    inside = pool_from_map(score, index, ROTATIONS, region=region, **USUAL)
    np.testing.assert_allclose(GRID.to_px(inside.position_angstrom), CENTRES[1:3], atol=0.08)


def test_voxels_that_were_not_searched_are_no_candidates():
    score, index = bumps(CENTRES)
    index[:, :15] = -1
    assert len(pool_from_map(score, index, ROTATIONS, **USUAL)) == 2


def test_the_best_stay_however_many_there_are():
    """The short way (the best few first) gives what all of them would give."""
    rng = np.random.default_rng(2)
    score = rng.normal(size=(30, 40, 40)).astype(np.float32)
    grid = Grid(shape=score.shape, pixel_size_angstrom=1.0)
    settings = {"grid": grid, "floor": 0.0, "min_distance_px": 6.0}
    few = pool_from_map(score, score * 0, ROTATIONS, max_candidates=20, **settings)
    many = pool_from_map(score, score * 0, ROTATIONS, max_candidates=100_000, **settings)
    assert len(few) == 20 < len(many)
    np.testing.assert_array_equal(few.position_angstrom, many.position_angstrom[:20])


def test_a_list_of_rotations_that_does_not_fit_the_map():
    score, index = bumps(CENTRES)
    with pytest.raises(InputError, match="the list has only 2"):
        pool_from_map(score, index * 0 + 7, ROTATIONS[:2], **USUAL)
    with pytest.raises(InputError, match="floor"):
        pool_from_map(score, index, ROTATIONS, **USUAL | {"floor": float("nan")})


def test_the_final_score_is_the_refined_one_less_the_background():
    pool = Pool(
        position_angstrom=np.zeros((2, 3)), orientation=np.tile([1.0, 0, 0, 0], (2, 1)),
        score=np.array([0.5, np.nan]), map_score=np.array([0.3, 0.2]),
        background=np.array([0.1, 0.1]), template=np.array([0, 0]),
    )  # fmt: skip
    np.testing.assert_allclose(pool.final_score, [0.4, 0.1])


def test_columns_must_have_one_length():
    with pytest.raises(InputError, match="column orientation"):
        Pool(
            position_angstrom=np.zeros((2, 3)), orientation=np.zeros((1, 4)), score=np.zeros(2),
            map_score=np.zeros(2), background=np.zeros(2), template=np.zeros(2, int),
        )  # fmt: skip


def test_pools_are_joined_and_selected():
    rng = np.random.default_rng(3)
    one, other = pool_of([3.0, 2.0], places(2, rng)), pool_of([5.0], places(1, rng), template=1)
    both = Pool.joined([one, other])
    assert both.score.tolist() == [3.0, 2.0, 5.0]
    assert both[both.template == 1].score.tolist() == [5.0]
    assert len(Pool.joined([])) == 0


def test_a_file_gives_back_every_column(tmp_path):
    rng = np.random.default_rng(4)
    pool = pool_of([3.0, np.nan, 2.0], places(3, rng))
    save_pool(pool, tmp_path / "pool.npz")
    again = load_pool(tmp_path / "pool.npz")
    for name in ("position_angstrom", "orientation", "score", "map_score", "template"):
        np.testing.assert_array_equal(getattr(again, name), getattr(pool, name))


def test_files_that_are_none(tmp_path):
    with pytest.raises(MissingFileError):
        load_pool(tmp_path / "pool.npz")
    (tmp_path / "pool.npz").write_bytes(b"PK nothing")
    with pytest.raises(FormatError, match="not a whole archive of candidates"):
        load_pool(tmp_path / "pool.npz")
    np.savez(tmp_path / "pool.npz", position_angstrom=np.zeros((1, 3)))
    with pytest.raises(FormatError, match="run match again"):
        load_pool(tmp_path / "pool.npz")
