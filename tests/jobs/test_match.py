"""``match`` from files to files: particles found, maps kept, killed and resumed, dry runs."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cryopick.cli.main import main
from cryopick.errors import JobError
from cryopick.geometry.rotation import angle_between_deg, from_axis_angle, multiply, rotate
from cryopick.io.images import open_image, write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import load_picks
from cryopick.io.picks.registry import read_picks, write_picks
from cryopick.jobs.match import JOB, plan
from cryopick.model import Picks, active
from cryopick.pick.matching.pool import load_pool
from cryopick.pick.matching.search_facts import load_facts
from cryopick.run import resume_job, run_job
from cryopick.run.inline import InlineExecutor
from cryopick.run.record import read_record
from small_match import (
    DIAMETER,
    PIXEL,
    PLACES,
    match,
    params_for,
    particle,
    rotations_of,
    write_files,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("match"))


@pytest.fixture(scope="module")
def done(files):
    folder = files.folder / "job"
    return folder, match(files, folder)


def item(folder):
    (found,) = (folder / "items").iterdir()
    return found


def same_results(first, second):
    """Scores, angles and picks, bit for bit."""
    for name in ("scores.mrc", "angles.mrc"):
        a, b = (open_image(item(f) / name).read() for f in (first, second))
        np.testing.assert_array_equal(a, b)
    a, b = (load_picks(item(f) / "picks.npz") for f in (first, second))
    for name in ("position_angstrom", "score", "orientation", "state", "reason"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_all_particles_are_found_and_nothing_else(done):
    folder, outcome = done
    assert outcome.sentence == "4 picks from 1 tomogram"
    picks = active(load_picks(item(folder) / "picks.npz"))
    away = np.linalg.norm(picks.position_angstrom[:, None] / PIXEL - np.array(PLACES), axis=2)
    assert sorted(away.argmin(axis=1)) == [0, 1, 2, 3]
    assert away.min(axis=1).max() < 0.4
    turned = angle_between_deg(picks.orientation, rotations_of()[away.argmin(axis=1)])
    assert turned.max() < 6
    assert set(picks.label.tolist()) == {"particle"}


def test_picks_can_be_read_by_relion(done):
    folder, _ = done
    frame = Frame(default_grid=open_image(folder.parent / "TS_01.mrc").grid)
    got = read_picks(folder / "picks.star", frame, name="relion5").picks
    mine = active(load_picks(item(folder) / "picks.npz"))
    np.testing.assert_allclose(got.position_angstrom, mine.position_angstrom, atol=0.01)
    np.testing.assert_allclose(got.score, mine.score, atol=1e-4)
    assert angle_between_deg(got.orientation, mine.orientation).max() < 0.01
    assert set(got.image.tolist()) == {"TS_01"}


def test_maps_tell_score_and_rotation_of_every_voxel(done):
    folder, _ = done
    scores, angles = (open_image(item(folder) / n) for n in ("scores.mrc", "angles.mrc"))
    assert scores.grid.shape == angles.grid.shape == (40, 64, 64)
    assert scores.grid.pixel_size_angstrom == pytest.approx(PIXEL)
    assert scores.data.dtype == np.float32
    with np.load(item(folder) / "rotations.npz") as kept:
        rotations, counts = kept["rotations"], kept["counts"]
    index = angles.read().astype(int)
    assert counts.tolist() == [len(rotations)]
    assert (index.min(), index.max() < len(rotations)) == (0, True)
    for (x, y, z), truth in zip(PLACES, rotations_of(), strict=True):
        assert scores.data[z, y, x] > 0.5
        # The list is 30° wide; its nearest rotation is what the voxel was given.
        assert angle_between_deg(rotations[index[z, y, x]], truth) < 30


def test_what_the_search_leaves_for_candidates(done):
    folder, _ = done
    facts = load_facts(item(folder) / "search.json")
    assert (facts.image, facts.engine, facts.angular_step_deg) == ("TS_01", "bank", 30.0)
    (template,) = facts.templates
    assert (template.name, template.diameter_angstrom) == ("particle", DIAMETER)
    assert template.tests == 40 * 64 * 64 * 576
    pool = load_pool(item(folder) / "pool.npz")
    assert len(pool) >= len(active(load_picks(item(folder) / "picks.npz")))
    notes = json.loads((item(folder) / "notes.json").read_text("utf-8"))
    assert any("bank of" in line for line in notes)


def test_candidates_that_were_not_taken_are_kept_with_their_reasons(done):
    folder, outcome = done
    every = load_picks(item(folder) / "picks.npz")
    gone = every[every.state == "deleted"]
    assert len(gone) > 5
    assert set(gone.reason.tolist()) <= {"below threshold", "edge", "duplicate", "outside mask"}
    assert sum(outcome.summary["discarded"].values()) == len(gone)
    assert gone.score[gone.reason == "below threshold"].max() < active(every).score.min()


def test_stopped_half_way_and_resumed_it_is_the_same(files, done):
    told = []

    def until_half(item_, params, worker):
        def progress(fraction):
            told.append(fraction)
            if fraction > 0.5:
                raise OSError("the disk is gone")

        JOB.work(item_, params, replace(worker, progress=progress))

    folder = files.folder / "stopped"
    one = InlineExecutor(cores=1, memory_bytes=2 * 2**30)
    with pytest.raises(JobError, match="the disk is gone"):
        run_job(
            replace(JOB, work=until_half), params_for(files), folder, executor=one, device="cpu",
            seed=0,
        )  # fmt: skip
    assert told
    assert told == sorted(told)
    assert not (folder / "picks.star").exists()
    resume_job(JOB, folder, executor=one, device="cpu")
    same_results(done[0], folder)
    assert not (folder / "checkpoints").exists()


def test_progress_runs_from_0_to_1(files, tmp_path):
    told = []

    def listened(item_, params, worker):
        JOB.work(item_, params, replace(worker, progress=told.append))

    run_job(
        replace(JOB, work=listened), params_for(files), tmp_path / "a",
        executor=InlineExecutor(cores=1), device="cpu",
    )  # fmt: skip
    assert told == sorted(told)
    assert 0 <= told[0] < 0.2
    assert told[-1] == pytest.approx(1.0)


def test_a_mask_and_a_range_keep_the_search_inside(files, tmp_path):
    inside = np.zeros((20, 32, 32), np.float32)
    inside[:, :16] = 1  # y below 32
    write_mrc(tmp_path / "half.mrc", inside, 2 * PIXEL)
    outcome = match(
        files, tmp_path / "job", tomogram_mask=str(tmp_path / "half.mrc"), search_x_px=(30, 64),
        refine=False, half_precision=True, noise_correction="smooth", max_picks=3,
    )  # fmt: skip
    scores = open_image(item(tmp_path / "job") / "scores.mrc")
    assert scores.data.dtype == np.float16
    values = scores.read()
    assert (values[:, 33:] == 0).all()
    assert (values[:, :, :30] == 0).all()
    assert (values[:39, :31, 30:63] != 0).all()
    picks = load_picks(item(tmp_path / "job") / "picks.npz")
    best = picks.position_angstrom[int(np.argmax(picks.score))]
    np.testing.assert_allclose(best / PIXEL, PLACES[1], atol=1.0)
    assert outcome.summary["picks"] <= 3
    # `candidates` takes the mask over from here.
    record = read_record(tmp_path / "job")
    assert record.items[0].inputs["mask"] == str(tmp_path / "half.mrc")


def test_each_particle_goes_to_its_own_template(tmp_path):
    two = [particle(), particle(seed=9, name="other")]
    files = write_files(tmp_path, templates=two)
    outcome = match(
        files, tmp_path / "job", templates=[str(files.template), str(tmp_path / "other.mrc")]
    )
    which = open_image(item(tmp_path / "job") / "templates.mrc").read()
    assert [which[z, y, x] for x, y, z in PLACES] == [0, 1, 0, 1]
    picks = active(load_picks(item(tmp_path / "job") / "picks.npz"))
    away = np.linalg.norm(picks.position_angstrom[:, None] / PIXEL - np.array(PLACES), axis=2)
    assert away.min(axis=0).max() < 0.5
    labels = picks.label[away.argmin(axis=0)]
    assert labels.tolist() == ["particle", "other", "particle", "other"]
    assert set(outcome.summary["thresholds"]) == {"TS_01: particle", "TS_01: other"}
    with np.load(item(tmp_path / "job") / "rotations.npz") as kept:
        assert kept["counts"].tolist() == [576, 576]
    facts = load_facts(item(tmp_path / "job") / "search.json")
    assert [template.name for template in facts.templates] == ["particle", "other"]


def test_cones_keep_orientations_near_their_priors(files, tmp_path):
    """A prior that is upside down gets no pick in its true orientation."""
    grid = open_image(files.tomogram).grid
    turned = rotations_of()
    over = multiply(turned[1], from_axis_angle([1.0, 0, 0], 180.0))
    priors = Picks.of(
        np.array(PLACES[:2]) * PIXEL, image="TS_01", orientation=np.stack([turned[0], over])
    )
    write_picks(priors, tmp_path / "priors.star", Frame(grids={"TS_01": grid}), name="relion5")
    match(
        files, tmp_path / "job", cone=(str(tmp_path / "priors.star"), 30.0),
        cone_distance_angstrom=300.0,
    )  # fmt: skip
    every = load_picks(item(tmp_path / "job") / "picks.npz")
    axis = rotate(every.orientation, [0.0, 0, 1])
    allowed = rotate(priors.orientation, [0.0, 0, 1])
    away = np.linalg.norm(every.position_angstrom[:, None] - priors.position_angstrom, axis=2)
    off = np.rad2deg(np.arccos(np.clip((axis * allowed[away.argmin(axis=1)]).sum(1), -1, 1)))
    assert away.min(axis=1).max() < 300 + 3 * PIXEL
    assert (off[every.reason == "outside cone"] > 30).all()
    taken = every.state != "deleted"
    assert off[taken].max() <= 30 + 1e-3
    best = int(np.argmax(np.where(taken, every.score, -1)))
    np.testing.assert_allclose(every.position_angstrom[best] / PIXEL, PLACES[0], atol=0.5)
    assert off[best] < 5


@pytest.mark.parametrize("refine", [True, False])
def test_faint_particles_at_their_priors_are_found(tmp_path, refine):
    """Where all that is searched is particle, the spread of the scores is not that of noise."""
    files = write_files(tmp_path, noise=1.2)
    grid = open_image(files.tomogram).grid
    priors = Picks.of(np.array(PLACES) * PIXEL, image="TS_01", orientation=rotations_of())
    write_picks(priors, tmp_path / "priors.star", Frame(grids={"TS_01": grid}), name="relion5")
    match(
        files, tmp_path / "job", cone=(str(tmp_path / "priors.star"), 20.0),
        cone_distance_angstrom=2 * PIXEL, refine=refine,
    )  # fmt: skip
    picks = active(load_picks(item(tmp_path / "job") / "picks.npz"))
    away = np.linalg.norm(picks.position_angstrom[:, None] / PIXEL - np.array(PLACES), axis=2)
    # Without refinement one of them is not lifted above the noise.
    assert len(picks) == (4 if refine else 3)
    assert away.min(axis=1).max() < 1.5
    # What the search itself takes for its spread would have hidden all of them.
    (template,) = load_facts(item(tmp_path / "job") / "search.json").templates
    assert template.sigma > 2 * template.sigma_refined


def test_the_plan_names_what_will_be_done(files):
    (one,) = plan(params_for(files, tilts=str(files.tilts), defocus="2.5"))
    assert one.id == one.inputs["name"] == "TS_01"
    tilts = one.inputs["tilts"]
    assert (tilts["tilts"], tilts["from_deg"], tilts["to_deg"]) == (13, -60.0, 60.0)
    assert tilts["defocus_um"] == 2.5
    assert one.cost.seconds > 0
    assert one.cost.memory_bytes > 4 * 40 * 64 * 64


# The command line


def words(files, *more):
    given = ["match", files.tomogram, "--template", files.template, "--mask", files.mask]
    given += ["--particle-diameter", DIAMETER, "--angular-step", 30, "--screen-step", 30]
    given += ["--min-distance", DIAMETER, *more]
    return [str(word) for word in given]


def test_a_dry_run_writes_nothing_and_tells_memory_and_time(files, tmp_path, capsys):
    assert main(words(files, "--tilts=-60,60", "-o", tmp_path / "out", "--dry-run")) == 0
    printed = capsys.readouterr().out
    assert "TS_01" in printed
    assert "memory" in printed
    assert "time" in printed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "no file of tilts beside it"),
        (["--tilts=-60,60", "--relion-star", "t.star"], "expected one of|tell it; leave it out"),
        (["--tilts=-60,60", "--tomogram-ctf-model", "phase-flip"], "needs the single tilts"),
        (["--tilts=-60,60", "--cutoff", "0.3", "--false-positives", "1"], "give one"),
        (["--tilts=-60,60", "--symmetry", "Z9"], "Z9"),
        (["--tilts=60,-60"], "expected the smallest and the largest tilt"),
        (["--tilts=-60,60", "--tomogram-mask", "absent.mrc"], "absent.mrc: no such file"),
    ],
)
def test_contradictions_end_in_one_line(files, tmp_path, capsys, more, message):
    import re

    assert main(words(files, *more, "-o", tmp_path / "out")) == 2
    err = capsys.readouterr().err.strip()
    assert re.search(message, err)
    assert err.count("\n") == 0
    assert not (tmp_path / "out").exists()


def test_from_the_command_line_it_is_the_same(files, done, tmp_path, capsys):
    odd = tmp_path / "a b"
    odd.mkdir()
    (odd / "007.mrc").write_bytes(files.tomogram.read_bytes())
    given = words(files, "--tilts=-60,60", "--first-round-kept", 1, "-o", odd / "out", "--seed", 0)
    given[1] = str(odd / "007.mrc")
    assert main(given) == 0
    assert "4 picks from 1 tomogram" in capsys.readouterr().out
    mine = read_picks(
        odd / "out" / "picks.star", Frame(default_grid=open_image(files.tomogram).grid)
    )
    assert set(mine.picks.image.tolist()) == {"007"}
    np.testing.assert_allclose(
        mine.picks.position_angstrom,
        active(load_picks(item(done[0]) / "picks.npz")).position_angstrom,
        atol=0.05 * PIXEL,
    )
