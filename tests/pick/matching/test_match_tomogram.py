"""A whole search: what is found in a small tomogram, and what must not change it."""

from dataclasses import replace

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.geometry.rotation import angle_between_deg, random_rotations, rotate
from cryopick.geometry.so3_grid import rotation_grid
from cryopick.model import Grid, Image
from cryopick.ops.fourier import fourier_resample
from cryopick.pick.matching import best_maps, refine
from cryopick.pick.matching.imaging import Band, Imaging
from cryopick.pick.matching.match_tomogram import match_tomogram
from cryopick.pick.matching.search import Cones, Means
from cryopick.pick.matching.settings import MatchSettings
from cryopick.pick.matching.template import TurnedTemplates
from pick.matching.cases import lumpy_template
from pick.matching.worlds import particle

SHAPE, PIXEL, N = (48, 64, 64), 10.0, 16
PLACES = np.array([[14, 15, 13], [46, 17, 30], [30, 34, 21], [13, 48, 33], [50, 47, 16]])
WEDGE = Imaging(wedge_deg=(-60, 60))
# Whole voxels, and between them.
OFFSET = np.array([[0, 0, 0], [0.4, -0.3, 0.2], [0, 0, 0], [-0.45, 0.1, 0.3], [0.2, 0.4, -0.4]])
QUICK = {
    "engine": "bank", "screen_step_deg": 30.0, "screen_pixel_angstrom": PIXEL, "pool_size": 7,
    "band": Band(low_pass_angstrom=25), "fill_gold": False,
}  # fmt: skip


def template(seed=5, name="particle"):
    return replace(lumpy_template(N, seed=seed, smooth=1.0, radius=6.0), name=name)


ROTATIONS = random_rotations(5, rng=np.random.default_rng(8))


def world(templates=None, *, noise=2.0, seed=0):
    """Five particles at `PLACES` + `OFFSET`, in noise; the templates in turn."""
    templates = templates or [template()]
    volume = np.zeros(SHAPE, np.float32)
    for index, (place, rotation) in enumerate(zip(PLACES, ROTATIONS, strict=True)):
        turned = TurnedTemplates(templates[index % len(templates)], None)
        box = turned.weighted(rotation[None], shift_px=OFFSET[index : index + 1])[0].numpy()
        x, y, z = place - N // 2
        volume[z : z + N, y : y + N, x : x + N] += box
    level = noise * float(template().density.std())
    return volume + level * np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)


def image(volume, *, pixel=PIXEL, **options):
    return Image(
        data=volume, grid=Grid(shape=volume.shape, pixel_size_angstrom=pixel, **options), name="t"
    )


def matched(volume, tmp_path, *, templates=None, means=None, pixel=PIXEL, imaging=WEDGE, **options):
    given = {n: options.pop(n) for n in ("region", "cones", "rotations") if n in options}
    return match_tomogram(
        image(volume, pixel=pixel), templates or [template()], imaging=imaging,
        settings=MatchSettings(**{**QUICK, **options}), means=means or Means(),
        scratch=tmp_path / "scratch", **given,
    )  # fmt: skip


def errors(pool, *, rotations=ROTATIONS, shift_angstrom=(0, 0, 0)):
    """Of the best five: distance in voxels and angle to the particle there, and which it is."""
    truth = (PLACES + OFFSET) * PIXEL + shift_angstrom
    found = pool.position_angstrom[:5]
    distance = np.linalg.norm(found[:, None] - truth, axis=-1) / PIXEL
    which = distance.argmin(axis=1)
    angle = angle_between_deg(pool.orientation[:5], rotations[which])
    return distance.min(axis=1), angle, which


def same(one, other):
    for name in ("position_angstrom", "orientation", "score", "map_score", "background"):
        np.testing.assert_array_equal(getattr(one.pool, name), getattr(other.pool, name))
    np.testing.assert_array_equal(one.score, other.score)
    np.testing.assert_array_equal(one.rotation, other.rotation)
    assert one.facts == other.facts


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return matched(world(), tmp_path_factory.mktemp("plain"))


def test_all_particles_come_first_where_they_are_and_as_they_lie(plain):
    distance, angle, which = errors(plain.pool)
    assert sorted(which) == [0, 1, 2, 3, 4]
    assert distance.max() < 0.5
    assert angle.max() < 8
    assert plain.pool.final_score[4] > 1.2 * plain.pool.final_score[5]
    assert np.all(np.diff(plain.pool.final_score) <= 0)
    assert plain.pool.refined.all()
    assert len(plain.pool) == 7
    assert len(plain.outside_cone) == 0


def test_orientations_of_a_smooth_particle_are_told_apart(tmp_path):
    """Nine tenths of its energy are the same in poses half a turn apart."""
    templates = [particle(N)]
    found = matched(world(templates, noise=1.0), tmp_path, templates=templates)
    distance, angle, which = errors(found.pool)
    assert sorted(which) == [0, 1, 2, 3, 4]
    assert distance.max() < 0.5
    assert angle.max() < 8


def test_what_it_tells_of_the_search(plain):
    facts = plain.facts
    assert (facts.image, facts.engine, facts.angular_step_deg) == ("t", "bank", 30.0)
    assert facts.grid == facts.score_grid == Grid(shape=SHAPE, pixel_size_angstrom=PIXEL)
    (one,) = facts.templates
    assert (one.name, one.diameter_angstrom, one.symmetry) == ("particle", 120.0, "C1")
    assert one.tests == np.prod(SHAPE) * len(plain.rotations[0])
    # One trial scores far below the best of many, and the map above the trials.
    assert 0.02 < one.sigma < 0.2
    assert one.sigma_refined == pytest.approx(one.sigma, rel=0.3)
    assert 1.5 * one.sigma < np.median(plain.score) < 5 * one.sigma
    assert plain.template is None
    assert plain.beads == 0
    assert any("bank of" in sentence for sentence in plain.sentences)


def test_the_maps_hold_the_best_rotation_at_the_particles(plain):
    np.testing.assert_array_equal(plain.rotations[0], rotation_grid(30))
    for place, rotation in zip(PLACES, ROTATIONS, strict=True):
        x, y, z = place
        around = plain.score[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2]
        peak = np.unravel_index(around.argmax(), around.shape)
        row = plain.rotation[tuple(peak + place[::-1] - 1)]
        assert angle_between_deg(plain.rotations[0][row], rotation) < 30
        assert around.max() > 5 * plain.facts.templates[0].sigma


def test_it_is_the_same_twice_on_any_number_of_cores_and_progress_is_told(plain, tmp_path):
    told = []
    means = Means(cores=2, progress=told.append)
    same(plain, matched(world(), tmp_path, means=means))
    assert told[0] == 0
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


@pytest.mark.parametrize("engine", ["bank", "exact"])
def test_a_specimen_that_moves_moves_the_picks_by_exactly_that(plain, tmp_path, engine):
    options = {"engine": engine}
    still = plain
    if engine == "exact":
        options["rotations"] = np.concatenate([ROTATIONS, rotation_grid(60)[::4]])
        still = matched(world(), tmp_path, **options)
    moved = np.roll(world(), (2, 3, -4), axis=(0, 1, 2))
    found = match_tomogram(
        image(moved, origin_angstrom=(100.0, 0.0, -20.0)), [template()], imaging=WEDGE,
        settings=MatchSettings(**{**QUICK, "engine": engine}), means=Means(),
        scratch=tmp_path / "other", rotations=options.get("rotations"),
    )  # fmt: skip
    shift = np.array([-40 + 100, 30, 20 - 20])
    one, other = (np.lexsort(m.pool.position_angstrom[:5].T) for m in (still, found))
    np.testing.assert_allclose(
        found.pool.position_angstrom[other],
        still.pool.position_angstrom[one] + shift, atol=0.02,
    )  # fmt: skip
    np.testing.assert_allclose(found.pool.score[other], still.pool.score[one], atol=1e-4)
    turned = angle_between_deg(found.pool.orientation[other], still.pool.orientation[one])
    assert turned.max() < 0.2
    assert errors(still.pool)[0].max() < 0.5


def test_positions_in_angstrom_do_not_depend_on_the_binning(plain, tmp_path):
    fine = fourier_resample(world(), 0.5)
    found = matched(fine, tmp_path, pixel=PIXEL / 2)
    assert found.facts.grid.pixel_size_angstrom == PIXEL / 2
    assert found.facts.score_grid.pixel_size_angstrom == PIXEL
    distance, angle, which = errors(found.pool)
    assert sorted(which) == [0, 1, 2, 3, 4]
    assert distance.max() < 0.5
    assert angle.max() < 8
    one, other = (np.lexsort(m.pool.position_angstrom[:5].T) for m in (plain, found))
    np.testing.assert_allclose(
        found.pool.position_angstrom[other], plain.pool.position_angstrom[one], atol=2.0
    )


def test_of_two_templates_each_candidate_goes_to_its_own(tmp_path):
    templates = [template(), template(seed=6, name="other")]
    found = matched(world(templates), tmp_path, templates=templates)
    assert [facts.name for facts in found.facts.templates] == ["particle", "other"]
    truth = (PLACES + OFFSET) * PIXEL
    for index, own in ((0, [0, 2, 4]), (1, [1, 3])):
        pool = found.pool[found.pool.template == index]
        best = pool.position_angstrom[: len(own)]
        distance = np.linalg.norm(best[:, None] - truth, axis=-1) / PIXEL
        assert sorted(distance.argmin(axis=1)) == own
        assert distance.min(axis=1).max() < 0.5
    for place, (x, y, z) in enumerate(PLACES):
        assert found.template[z, y, x] == place % 2
        near = np.linalg.norm(found.pool.position_angstrom - truth[place], axis=1) < 2 * PIXEL
        best = np.flatnonzero(near)[found.pool.final_score[near].argmax()]
        assert found.pool.template[best] == place % 2
    assert len(found.rotations) == len(found.facts.templates) == 2


def test_an_own_list_of_rotations_is_all_that_is_tried(tmp_path):
    own = np.concatenate([ROTATIONS[::-1], rotation_grid(60)[::3]])
    for engine in ("exact", "bank"):
        found = matched(world(), tmp_path, engine=engine, rotations=own, refine=False)
        np.testing.assert_array_equal(found.rotations[0], own)
        assert found.rotation.max() < len(own)
        _, angle, which = errors(found.pool)
        assert sorted(which) == [0, 1, 2, 3, 4]
        assert angle.max() < 1e-4
        assert not found.pool.refined.any()
        assert found.facts.templates[0].sigma_refined is None


@pytest.mark.parametrize("noise", ["smooth", "pytom"])
def test_the_background_is_taken_off(plain, tmp_path, noise):
    found = matched(world(), tmp_path, noise=noise)
    distance, angle, which = errors(found.pool)
    assert sorted(which) == [0, 1, 2, 3, 4]
    assert distance.max() < 0.5
    assert angle.max() < 8
    pool = found.pool
    np.testing.assert_allclose(pool.final_score, pool.score - pool.background)
    assert np.any(pool.background != 0)
    # What was taken off has mean 0, and is smooth or not.
    taken = plain.score - found.score
    assert abs(taken.mean()) < 1e-4
    rough = np.abs(np.diff(taken, axis=2)).mean() / taken.std()
    assert rough < 0.1 if noise == "smooth" else rough > 0.2


def test_the_background_of_a_short_list_of_rotations(tmp_path):
    for engine in ("exact", "bank"):
        found = matched(
            world(), tmp_path, engine=engine, rotations=ROTATIONS, noise="smooth", refine=False
        )
        assert sorted(errors(found.pool)[2]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("level", [0.0, 7.0, -1e6])
@pytest.mark.parametrize("engine", ["bank", "exact"])
def test_a_flat_volume_holds_nothing(tmp_path, level, engine):
    volume = np.full((24, 24, 24), level, np.float32)
    own = ROTATIONS if engine == "exact" else None
    found = matched(volume, tmp_path, engine=engine, rotations=own, fill_gold=True)
    assert len(found.pool) == 0
    assert np.all(found.score == 0)
    assert found.facts.templates[0].sigma == 1


def test_voxels_that_are_no_numbers_are_filled(tmp_path):
    volume = world()
    volume[:4] = np.nan
    volume[40:44, 20:30, 20:30] = np.inf
    found = matched(volume, tmp_path)
    distance, _, which = errors(found.pool)
    assert sorted(which) == [0, 1, 2, 3, 4]
    assert distance.max() < 0.5
    assert np.isfinite(found.score).all()
    with pytest.raises(InputError, match="no finite value"):
        matched(np.full((16, 16, 16), np.nan, np.float32), tmp_path)


def test_only_the_region_is_searched(tmp_path):
    def region(grid):
        inside = np.zeros(grid.shape, bool)
        inside[:, :, : round(320 / grid.pixel_size_angstrom)] = True
        return inside

    found = matched(world(), tmp_path, region=region)
    assert found.pool.position_angstrom[:, 0].max() < 330
    assert np.all(found.rotation[:, :, 32:] == -1)
    distance = np.linalg.norm(
        found.pool.position_angstrom[:3, None] - (PLACES + OFFSET) * PIXEL, axis=-1
    )
    assert sorted(distance.argmin(axis=1)) == [0, 2, 3]
    nowhere = matched(world(), tmp_path, region=lambda grid: np.zeros(grid.shape, bool))
    assert len(nowhere.pool) == 0


def test_candidates_that_leave_their_cones_are_kept_apart(tmp_path):
    up = rotate(ROTATIONS, [0.0, 0.0, 1.0])
    # Of the last particle the cone points the other way.
    axis = up * np.array([1, 1, 1, 1, -1])[:, None]

    def cones(grid):
        index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)
        place = grid.to_angstrom(index[..., ::-1])
        distance = np.linalg.norm(place[..., None, :] - PLACES * PIXEL, axis=-1)
        nearest = np.where(distance.min(axis=-1) < 50, distance.argmin(axis=-1), -1)
        return Cones(axis=axis, nearest=nearest.astype(np.int32), half_angle_deg=30)

    found = matched(world(), tmp_path, cones=cones)
    _, angle, which = errors(found.pool)
    assert sorted(which[:4]) == [0, 1, 2, 3]
    assert angle[:4].max() < 8
    for pool, inside in ((found.pool, True), (found.outside_cone, False)):
        towards = rotate(pool.orientation, [0.0, 0.0, 1.0])
        place = np.rint(pool.position_angstrom / PIXEL).astype(int)
        nearest = cones(found.facts.grid).nearest[tuple(place[:, ::-1].T)]
        cosine = (towards * axis[nearest]).sum(axis=1)
        kept = (nearest >= 0) & (cosine >= np.cos(np.deg2rad(30)) - 1e-9)
        np.testing.assert_array_equal(kept, inside)


def test_gold_is_filled_and_left_out(tmp_path):
    volume = world()
    z, y, x = np.indices(SHAPE)
    bead = (z - 40) ** 2 + (y - 34) ** 2 + (x - 57) ** 2 < 3.5**2
    volume[bead] -= 60 * volume.std()
    found = matched(volume, tmp_path, fill_gold=True)
    assert found.beads == 1
    assert np.all(found.rotation[bead] == -1)
    assert any("1 gold beads" in sentence for sentence in found.sentences)
    distance, _, which = errors(found.pool)
    assert sorted(which) == [0, 1, 2, 3, 4]
    assert distance.max() < 0.5


class StopSearchError(Exception):
    pass


def test_killed_in_the_search_and_in_the_refinement_it_ends_with_the_same_result(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(best_maps, "_SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    monkeypatch.setattr(refine, "_BATCH", 3)
    little = 4_000_000
    plain = matched(world(), tmp_path / "plain", means=Means(memory_bytes=little))
    told = []

    def go(limit):
        def progress(done):
            told.append(done)
            if done > limit:
                raise StopSearchError

        means = Means(memory_bytes=little, checkpoints=tmp_path / "kept", progress=progress)
        return matched(world(), tmp_path / "killed", means=means)

    for limit in (0.3, 0.9):
        with pytest.raises(StopSearchError):
            go(limit)
    assert len([done for done in told if done <= 0.3]) > 2
    told.clear()
    same(plain, go(2.0))
    # The search was done, and part of the refinement.
    assert not [done for done in told if 0.1 < done < 0.7]


def test_without_a_template_there_is_nothing_to_do(tmp_path):
    with pytest.raises(InputError, match="no template"):
        match_tomogram(
            image(world()), [], imaging=WEDGE, settings=MatchSettings(), means=Means(),
            scratch=tmp_path,
        )  # fmt: skip
