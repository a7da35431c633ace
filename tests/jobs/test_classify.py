import json
import shlex
from dataclasses import replace

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import open_image
from cryopick.io.metadata.relion_classes import read_classes
from cryopick.io.particles import read_particles, write_particles
from cryopick.jobs.classify import ITEM, JOB, plan, work
from cryopick.jobs.classify_params import ClassifyParams
from cryopick.jobs.classify_state import HISTORY, STATE, load_state, read_history
from cryopick.jobs.pick_references import load_references
from cryopick.run import run_job
from cryopick.run.job import Worker
from particle_sets import BOX, PIXEL, particle_set


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return particle_set(tmp_path_factory.mktemp("set"), 60, noise_sd=0.3)


def params(path, **changes):
    known = {
        "particles": str(path),
        "classes": 3,
        "iterations": 3,
        "mask_diameter_angstrom": 110.0,
        "psi_step_deg": 15.0,
        "precision": "float32",
    }
    return ClassifyParams(**{**known, **changes})


@pytest.fixture(scope="module")
def done(stack, tmp_path_factory):
    out = tmp_path_factory.mktemp("job") / "out"
    # Whatever three iterations are worth: no class that holds particles is rejected.
    outcome = run_job(JOB, params(stack[0], min_class_score=0.0), out, workers=1)
    return out, outcome, json.loads((out / "summary.json").read_text("utf-8"))


def worker(folder, checkpoints, progress=lambda fraction: None, seed=4):
    folder.mkdir()
    return Worker(
        folder=folder, device="cpu", seed=seed, checkpoints=checkpoints, progress=progress
    )


def test_the_plan_says_what_will_be_done(stack):
    (item,) = plan(params(stack[0]))
    assert item.id == ITEM
    assert item.inputs == {
        "particles": 60,
        "box_px": BOX,
        "pixel_size_angstrom": PIXEL,
        "ctf": "ignore",
        "mask_diameter_angstrom": 110.0,
    }
    (longer,) = plan(params(stack[0], iterations=30))
    assert longer.cost.seconds > 2 * item.cost.seconds
    assert item.cost.memory_bytes > 60 * BOX**2 * 4


def test_a_stack_that_is_gone_is_named_before_any_work(stack, tmp_path):
    _, truth, _ = stack
    gone = replace(truth, file=np.full(60, str(tmp_path / "gone.mrcs")))
    write_particles(tmp_path / "p.star", gone)
    with pytest.raises(InputError, match=r"p\.star: names .*gone\.mrcs, which is not there"):
        plan(params(tmp_path / "p.star"))


def test_every_output_is_there_and_agrees(done, stack):
    out, outcome, summary = done
    assert outcome.sentence.startswith("60 particles in 3 classes; ")
    for name in summary["files"].values():
        assert (out / name).is_file(), name
    classes = read_classes(out / "class_averages.star")
    assert read_classes(out / "run_it003_model.star") == classes
    assert sum(c.fraction for c in classes) == pytest.approx(1, abs=1e-5)
    averages = open_image(out / "class_averages.mrcs")
    assert averages.data.shape == (3, BOX, BOX)
    assert averages.pixel_size_angstrom == pytest.approx(PIXEL)
    assert classes[2].image == f"000003@{out / 'class_averages.mrcs'}"
    particles = read_particles(out / "particles.star")
    size = {k: v["particles"] for k, v in summary["class_table"].items()}
    found = dict(zip(*np.unique(particles.picks.label, return_counts=True), strict=True))
    assert found == {k: v for k, v in size.items() if v}
    keep = [c.number for c in classes if c.keep]
    assert keep == summary["classes_to_keep"]
    assert summary["particles_to_keep"] == sum(size[str(k)] for k in keep)
    assert [c.score for c in classes] == pytest.approx(
        [v["score"] for v in summary["class_table"].values()], abs=1e-4
    )


def test_particles_keep_what_was_known_of_them(done, stack):
    particles, truth = read_particles(done[0] / "particles.star"), stack[1]
    data = read_particles(done[0] / "run_it003_data.star")
    for one in (particles, data):
        np.testing.assert_array_equal(one.index, truth.index)
        np.testing.assert_allclose(
            one.picks.position_angstrom, truth.picks.position_angstrom, atol=1e-4
        )
        np.testing.assert_allclose(one.picks.score, truth.picks.score, atol=1e-5)
        np.testing.assert_array_equal(one.picks.image, truth.picks.image)
        assert set(one.half.tolist()) == {1, 2}
        best = one.picks.extra["rlnMaxValueProbDistribution"].astype(float)
        assert ((best > 0) & (best <= 1.0001)).all()


def test_averages_are_the_means_of_their_aligned_particles(done, stack):
    # By the poses in the file: rotate and shift each image back as they say, and sum.
    from scipy import ndimage

    from cryopick.geometry.rotation import to_matrix
    from cryopick.io.particles import read_particle_images

    out = done[0]
    particles = read_particles(out / "particles.star")
    averages = np.asarray(open_image(out / "class_averages.mrcs").data[...])
    images = read_particle_images(particles)
    turn = to_matrix(particles.picks.orientation)[:, :2, :2]
    y, x = np.mgrid[:BOX, :BOX] - BOX // 2
    inside = x**2 + y**2 < 11**2
    for number in np.unique(particles.picks.label):
        total = np.zeros((BOX, BOX))
        for row in np.flatnonzero(particles.picks.label == number):
            # Where the template's pixel lies in the image.
            xy = np.stack([x, y], axis=-1) @ turn[row].T
            xy -= particles.shift_angstrom[row] / PIXEL
            total += ndimage.map_coordinates(
                images[row], [xy[..., 1] + BOX // 2, xy[..., 0] + BOX // 2], order=1
            )
        average = averages[int(number) - 1]
        assert np.corrcoef(total[inside], average[inside])[0, 1] > 0.93, number


def test_the_report_shows_the_classes_by_rank(done):
    out, _, summary = done
    titles = [plot["title"] for plot in summary["plots"]]
    assert titles[-1] == "Course of the classification"
    assert set(titles[:-1]) <= {"Classes to keep", "Classes to reject"}
    assert titles[:-1]
    assert "Classes to" in (out / "report.html").read_text("utf-8")
    # RELION-like names of the last iteration; pictures of each lie in the item.
    assert (out / "items" / ITEM / "classes_it003.png").is_file()
    assert not (out / "checkpoints").exists()


def test_pick_template_takes_the_classes_that_are_to_be_kept(done):
    out, _, summary = done
    found = load_references(str(out / "class_averages.star"), None, angstrom_per_px=1.0)
    assert found.references.pixel_size_angstrom == pytest.approx(PIXEL)
    assert [int(name) for name in found.names] == summary["classes_to_keep"]
    averages = np.asarray(open_image(out / "class_averages.mrcs").data[...])
    kept = np.array(summary["classes_to_keep"]) - 1
    np.testing.assert_array_equal(found.references.images, averages[kept])
    model = load_references(str(out / "run_it003_model.star"), None, angstrom_per_px=1.0)
    assert model.references.pixel_size_angstrom == pytest.approx(PIXEL)


def test_the_next_command_is_a_command(done):
    words = shlex.split(done[2]["next_command"])
    assert words[:2] == ["cryopick", "select"]


@pytest.mark.filterwarnings("ignore:the defocus")
def test_a_classification_that_was_stopped_goes_on_to_the_same_classes(stack, tmp_path):
    given = params(stack[0], iterations=3, batch_size=40)
    (item,) = plan(given)
    whole = worker(tmp_path / "whole", tmp_path / "a")
    work(item, given, whole)

    def stop(fraction):
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(item, given, worker(tmp_path / "first", tmp_path / "b", stop))
    assert load_state(tmp_path / "b" / STATE).iteration == 2
    heard = []
    work(item, given, worker(tmp_path / "second", tmp_path / "b", heard.append))
    assert heard == pytest.approx([2 / 3, 1.0])
    one, other = (load_state(tmp_path / name / STATE) for name in ("whole", "second"))
    for name, value in one.arrays().items():
        np.testing.assert_array_equal(value, other.arrays()[name], err_msg=name)
    assert read_history(tmp_path / "second" / HISTORY) == read_history(tmp_path / "whole" / HISTORY)
    assert {p.name for p in (tmp_path / "second").iterdir()} == {
        p.name for p in (tmp_path / "whole").iterdir()
    }


@pytest.mark.filterwarnings("ignore:the defocus")
def test_nothing_is_classified_again_when_only_the_end_is_missing(stack, tmp_path):
    given = params(stack[0], iterations=2)
    (item,) = plan(given)
    work(item, given, worker(tmp_path / "one", tmp_path / "c"))
    heard = []
    work(item, given, worker(tmp_path / "two", tmp_path / "c", heard.append))
    assert heard == [1.0]
    assert (tmp_path / "two" / STATE).is_file()


@pytest.mark.filterwarnings("ignore:the defocus")
def test_other_seeds_start_otherwise(stack, tmp_path):
    given = params(stack[0], iterations=1)
    (item,) = plan(given)
    states = []
    for seed in (1, 1, 2):
        place = tmp_path / str(len(states))
        work(item, given, worker(place, place / "c", seed=seed))
        states.append(load_state(place / STATE).average)
    np.testing.assert_array_equal(states[0], states[1])
    assert not np.array_equal(states[0], states[2])


def test_unknown_defocus_is_said(stack, tmp_path):
    given = params(stack[0], iterations=1)
    (item,) = plan(given)
    with pytest.warns(UserWarning, match="defocus of the particles is not known"):
        work(item, given, worker(tmp_path / "w", tmp_path / "c"))


def test_optics_that_the_file_does_not_state_are_said(stack, tmp_path):
    particles = read_particles(stack[0])
    known = replace(particles, defocus=np.tile([1.0, 1.0, 0.0, 0.0], (len(particles), 1)))
    write_particles(tmp_path / "stated.star", known)
    text = (tmp_path / "stated.star").read_text("utf-8")
    silent = text.replace("_rlnSphericalAberration", "_someoneElsesNumber")
    (tmp_path / "silent.star").write_text(silent, "utf-8")
    with pytest.warns(UserWarning, match=r"taken: rlnSphericalAberration 2.7 mm$"):
        plan(params(tmp_path / "silent.star"))
    plan(params(tmp_path / "stated.star"))
