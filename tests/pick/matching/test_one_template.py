"""The search for one template in a prepared tomogram: stages, strips, background, seeds."""

from dataclasses import replace

import numpy as np
import pytest

from cryopick.geometry.rotation import angle_between_deg, random_rotations
from cryopick.geometry.so3_grid import rotation_grid
from cryopick.model import Grid, TiltSeries
from cryopick.pick.matching import one_template, strips
from cryopick.pick.matching.exact import search_exact
from cryopick.pick.matching.hands import mirrored
from cryopick.pick.matching.imaging import Band, Imaging
from cryopick.pick.matching.one_template import TemplateSearch
from cryopick.pick.matching.prepare import Prepared
from cryopick.pick.matching.refine import refine_poses
from cryopick.pick.matching.search import Means
from cryopick.pick.matching.settings import MatchSettings
from cryopick.pick.matching.template import TurnedTemplates
from cryopick.pick.matching.weighting import template_weight
from pick.matching.cases import lumpy_template, noise

SHAPE, N = (32, 34, 44), 14
PLACES = np.array([[12, 15, 17], [31, 18, 15]])
ROTATIONS = random_rotations(2, rng=np.random.default_rng(4))
TEMPLATE = lumpy_template(N, seed=3, smooth=1.0)
WEDGE = Imaging(wedge_deg=(-60, 60))
QUICK = {
    "engine": "bank", "screen_step_deg": 30.0, "screen_pixel_angstrom": 10.0, "pool_size": 4,
    "band": Band(low_pass_angstrom=25), "fill_gold": False, "first_round_kept": 1.0,
}  # fmt: skip


def world(*, level=0.4):
    weight = template_weight(N, 10.0, imaging=WEDGE, band=QUICK["band"])
    boxes = TurnedTemplates(TEMPLATE, weight).weighted(ROTATIONS).numpy()
    volume = level * float(boxes.std()) * noise(SHAPE, smooth=0.8) / 0.3
    for (x, y, z), box in zip(PLACES - N // 2, boxes, strict=True):
        volume[z : z + N, y : y + N, x : x + N] += box
    return (volume - volume.mean()).astype(np.float32)


def search_in(volume, *, imaging=WEDGE, fine=None, region=None, rotations=None, **options):
    grid = Grid(shape=volume.shape, pixel_size_angstrom=10.0, origin_angstrom=(70.0, 0.0, -30.0))
    prepared = Prepared(
        fine=volume if fine is None else fine, screen=volume,
        fine_grid=grid, screen_grid=grid, gold=None, beads=0, whitening=None,
    )  # fmt: skip
    return TemplateSearch(
        prepared=prepared, imaging=imaging, settings=MatchSettings(**{**QUICK, **options}),
        region=region, rotations=rotations,
    )  # fmt: skip


def run(volume, *, means=None, template=TEMPLATE, index=0, **options):
    return search_in(volume, **options).run(template, index=index, means=means or Means())


def distances(pool):
    """Voxels from each candidate to each particle."""
    truth = PLACES * 10.0 + [70.0, 0.0, -30.0]
    return np.linalg.norm(pool.position_angstrom[:, None] - truth, axis=-1) / 10


def errors(pool):
    """Distance in voxels and angle of the best two to the particles, in the particles' order."""
    distance = distances(pool[:2])
    rows = distance.argmin(axis=0)
    return distance.min(axis=0), angle_between_deg(pool.orientation[rows], ROTATIONS)


@pytest.mark.parametrize("engine", ["bank", "exact"])
def test_every_particle_is_found_and_refined(engine):
    found = run(world(), engine=engine, angular_step_deg=45.0, screen_step_deg=45.0, index=3)
    distance, angle = errors(found.pool)
    assert distance.max() < 0.4
    assert angle.max() < 8
    assert found.plan.engine == engine
    assert np.all(found.pool.template == 3)
    assert len(found.pool) == 4
    assert found.pool.refined.all()
    assert np.all(np.diff(found.pool.final_score) <= 0)
    assert found.score.shape == SHAPE
    assert 0.3 < found.sigma_refined / found.result.sigma < 3
    np.testing.assert_array_equal(found.score, found.result.score)


def test_without_refinement_the_pool_is_that_of_the_map():
    found = run(world(), refine=False)
    assert not found.pool.refined.any()
    assert found.sigma_refined is None
    peak = found.pool.map_score[0]
    assert peak == pytest.approx(found.result.score.max(), abs=1e-6)
    rows = np.unique(found.result.rotation)
    assert rows.max() < len(found.plan.rotations)
    for orientation in found.pool.orientation:
        assert (np.abs(found.plan.rotations - orientation).max(axis=1) < 1e-12).any()


def test_what_is_refined_is_the_fine_volume():
    """The second particle is missing there: its score falls, the first one's stays."""
    volume = world()
    fine = volume.copy()
    x, y, z = PLACES[1]
    fine[z - 7 : z + 7, y - 7 : y + 7, x - 7 : x + 7] = noise((14, 14, 14), smooth=0.8)
    whole, found = run(volume), run(volume, fine=fine)
    np.testing.assert_array_equal(whole.result.score, found.result.score)
    before, after = (
        [run.pool.score[distances(run.pool)[:, which] < 2].max() for which in (0, 1)]
        for run in (whole, found)
    )
    assert after[0] == pytest.approx(before[0], abs=0.05)
    assert after[1] < before[1] - 0.2


def test_only_the_region_is_searched_and_nothing_where_it_is_empty():
    region = np.zeros(SHAPE, bool)
    region[:, :, 24:] = True
    found = run(world(), region=region)
    assert np.all(found.result.rotation[:, :, :24] == -1)
    assert found.result.tests == region.sum() * len(found.plan.rotations)
    assert found.pool.position_angstrom[0] == pytest.approx(PLACES[1] * 10.0 + [70, 0, -30], abs=4)
    for engine in ("bank", "exact"):
        nothing = run(world(), region=np.zeros(SHAPE, bool), engine=engine, rotations=ROTATIONS)
        assert len(nothing.pool) == 0
        assert (nothing.result.tests, nothing.sigma_refined) == (0, None)


@pytest.mark.parametrize(("kind", "engine"), [("smooth", "bank"), ("pytom", "exact")])
def test_score_and_background_are_kept_apart(kind, engine):
    volume, options = world(), {"engine": engine, "rotations": rotation_grid(60)}
    plain = run(volume, **options, refine=False)
    found = run(volume, **options, refine=False, noise=kind)
    np.testing.assert_array_equal(found.result.score, plain.result.score)
    background = found.result.score - found.score
    assert abs(background.mean()) < 1e-4
    assert background.std() > 1e-3
    pool = found.pool
    np.testing.assert_allclose(pool.final_score, pool.map_score - pool.background, atol=1e-6)
    z, y, x = np.rint((pool.position_angstrom - [70, 0, -30]) / 10).astype(int).T[::-1]
    np.testing.assert_allclose(pool.background, background[z, y, x], atol=1e-5)
    np.testing.assert_allclose(pool.final_score, found.score[z, y, x], atol=1e-5)
    other = run(volume, **options, refine=False, noise=kind)
    np.testing.assert_array_equal(other.score, found.score)


def test_refinement_starts_from_the_search_and_from_distinct_others(monkeypatch):
    seen = []

    def spy(volume, position, seeds, **options):
        seen.append((position, seeds, options))
        return refine_poses(volume, position, seeds, **options)

    monkeypatch.setattr(one_template, "refine_poses", spy)
    for engine in ("bank", "exact"):
        plan = run(
            world(), engine=engine, screen_step_deg=45.0, angular_step_deg=45.0, seeds=2
        ).plan
        position, seeds, options = seen.pop()
        assert seeds.shape == (len(position), 3, 4)
        assert options["step_deg"] == plan.step_deg == 45
        assert options["max_shift_px"] == 1.5
        assert np.isfinite(seeds[:, 0]).all()
        for one in seeds:
            held = one[np.isfinite(one[:, 0])]
            apart = angle_between_deg(held[:, None], held[None])
            assert apart[~np.eye(len(held), dtype=bool)].min(initial=180) >= 1.5 * 45 - 1e-6


def gradient(handedness):
    tilts = TiltSeries(
        name="t", tilt_deg=np.arange(-60, 61, 20.0), exposure_e_per_a2=np.arange(7) * 3.0,
        defocus_u_um=np.full(7, 3.0),
    )  # fmt: skip
    return Imaging(
        wedge_deg=(-60, 60), tilts=tilts, per_tilt=True, use_ctf=True, handedness=handedness,
    )  # fmt: skip


def test_each_strip_is_searched_with_its_own_defocus(monkeypatch):
    monkeypatch.setattr(strips, "_TOLERANCE_ANGSTROM", 100.0)
    imaging, rotations = gradient(1), rotation_grid(60)[::4]
    grid = Grid(shape=SHAPE, pixel_size_angstrom=10.0)
    cut = strips.strips_along_x(grid, imaging)
    assert len(cut) == 2
    volume = world()

    def exaggerated(*sizes, position_angstrom, **options):
        """Of so small a volume the gradient itself changes next to nothing."""
        far = None if position_angstrom is None else (150 * position_angstrom[0], 0.0)
        return template_weight(*sizes, position_angstrom=far, **options)

    monkeypatch.setattr(one_template, "template_weight", exaggerated)
    for engine in ("exact", "bank"):
        found = run(volume, imaging=imaging, rotations=rotations, engine=engine, energy=1.0)
        tests = 0
        for strip, other in zip(cut, cut[::-1], strict=True):
            own, wrong = (
                search_exact(
                    volume, TEMPLATE, rotations, means=Means(),
                    weight=exaggerated(
                        N, 10.0, imaging=imaging, band=QUICK["band"],
                        position_angstrom=part.place_angstrom,
                    ),
                ).score[:, :, strip.start : strip.stop]
                for part in (strip, other)
            )  # fmt: skip
            score = found.result.score[:, :, strip.start : strip.stop]
            # The products of the bank are rounded.
            np.testing.assert_allclose(score, own, atol=2e-6 if engine == "exact" else 0.01)
            assert np.abs(own - wrong).max() > 0.05
            tests += score.size * len(rotations)
        assert found.result.tests == tests
        assert found.pool.refined.all()


def test_progress_only_grows_and_every_stage_keeps_its_own_checkpoints(tmp_path):
    told = []
    means = Means(checkpoints=tmp_path, progress=told.append)
    options = {"noise": "smooth", "rotations": rotation_grid(60)}
    kept = run(world(), means=means, **options)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)
    assert {path.name for path in tmp_path.iterdir()} >= {"search", "noise", "refine"}
    plain = run(world(), **options)
    np.testing.assert_array_equal(plain.score, kept.score)
    np.testing.assert_array_equal(plain.pool.score, kept.pool.score)


def test_the_hand_of_the_template_is_told():
    volume = world()
    searched = search_in(volume)
    pool = searched.run(TEMPLATE, index=0, means=Means()).pool[:1]
    right = searched.hands(TEMPLATE, pool, means=Means())
    wrong = searched.hands(mirrored(TEMPLATE), pool, means=Means())
    assert right.difference > 0.05
    assert wrong.difference == pytest.approx(-right.difference, abs=0.02)


def test_a_template_of_another_voxel_is_brought_to_that_of_the_tomogram():
    other = replace(TEMPLATE, pixel_size_angstrom=5.0, diameter_angstrom=50.0)
    found = run(noise(SHAPE, smooth=1.0), template=other, refine=False, rotations=ROTATIONS)
    assert found.plan.template.pixel_size_angstrom == 10
    assert found.plan.template.box_px == 8
