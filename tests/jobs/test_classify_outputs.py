import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from class_states import small_state
from cryopick.curate.classes.ranking import ClassRanking, rank_classes
from cryopick.geometry.euler import psi_deg_from_quaternion
from cryopick.io.metadata.relion_classes import read_classes
from cryopick.io.metadata.relion_model_write import noise_power_of_white, write_model
from cryopick.io.particles import read_particles, write_particles
from cryopick.io.star import read_star
from cryopick.jobs.classify_outputs import (
    _course,
    class_entries,
    class_model,
    classified,
    collect_classes,
    named_from_here,
    ring_power,
)
from cryopick.jobs.classify_params import ClassifyParams
from cryopick.jobs.classify_state import STATE, save_state
from cryopick.model import Optics
from cryopick.run.job import Cost, Item
from particle_sets import particle_set

N = 7


def ranking_of(scores, keep):
    scores = np.array(scores)
    return ClassRanking(
        score=scores,
        keep=np.array(keep),
        order=np.argsort(-scores),
        features=np.zeros((len(scores), 9)),
    )


RANKING = ranking_of([0.2, 0.9, 0.6], [False, True, True])


@pytest.fixture(scope="module")
def particles(tmp_path_factory):
    path, _, _ = particle_set(tmp_path_factory.mktemp("set"), N)
    return read_particles(path)


def test_the_course_shows_every_iteration_and_both_axes():
    history = [
        {"iteration": i, "changed": 1 / i, "used_resolution_angstrom": None if i == 1 else 40 / i}
        for i in range(1, 6)
    ]
    svg = _course(history).svg
    # The first iteration used no detail that could be named.
    assert svg.count("<circle") == 9
    for text in ("iteration", "changed class (%)", "detail used (Å)", "100", "5"):
        assert f">{text}</text>" in svg
    falling = np.array(re.findall(r'cy="([\d.]+)"', svg), dtype=float)[:5]
    assert (np.diff(falling) > 0).all()


def test_particles_get_class_angle_shift_and_half(particles):
    state = small_state()
    found = classified(particles, state)
    assert found.picks.label.tolist() == ["1", "1", "2", "3", "3", "3", ""]
    np.testing.assert_allclose(
        psi_deg_from_quaternion(found.picks.orientation), state.psi_deg, atol=1e-9
    )
    np.testing.assert_allclose(found.shift_angstrom, state.shift_px * 4.0)
    np.testing.assert_array_equal(found.half, state.half)
    np.testing.assert_array_equal(found.picks.score, particles.picks.score)
    # A particle that no iteration looked at says so as RELION does.
    likelihood = found.picks.extra["rlnLogLikeliContribution"]
    assert likelihood[-1] == -999
    np.testing.assert_array_equal(likelihood[:-1], state.log_likelihood[:-1])
    assert found.picks.extra["rlnMaxValueProbDistribution"][-1] == 0


def test_they_come_back_from_the_file(particles, tmp_path):
    found = classified(particles, small_state())
    write_particles(tmp_path / "p.star", found)
    back = read_particles(tmp_path / "p.star")
    np.testing.assert_array_equal(back.picks.label, found.picks.label)
    np.testing.assert_allclose(back.shift_angstrom, found.shift_angstrom, atol=1e-5)


def test_entries_say_size_resolution_and_proposal():
    entries = class_entries(small_state(), RANKING, "c/class_averages.mrcs")
    assert [e.image for e in entries] == [f"00000{k}@c/class_averages.mrcs" for k in (1, 2, 3)]
    assert [e.fraction for e in entries] == pytest.approx([2 / 6, 1 / 6, 3 / 6])
    assert [e.resolution_angstrom for e in entries] == [12.0, None, 9.5]
    assert [(e.score, e.keep) for e in entries] == [(0.2, False), (0.9, True), (0.6, True)]


def test_the_model_is_in_relions_units(particles, tmp_path):
    state = small_state()
    entries = class_entries(state, RANKING, "c.mrcs")
    model = class_model(state, entries, particles, 2.0)
    np.testing.assert_allclose(model.noise_power, state.noise_power * noise_power_of_white(1.0, 16))
    assert model.shift_sd_angstrom == 6.0
    assert model.log_likelihood == pytest.approx(state.log_likelihood[:-1].sum())
    assert model.mean_best_probability == pytest.approx(state.probability[:-1].mean())
    assert model.group_sizes == {"mic1.mrc": 4, "mic2.mrc": 3}
    assert model.optics_groups == {"opticsGroup1": N}
    write_model(tmp_path / "m.star", model)
    back = read_classes(tmp_path / "m.star")
    assert [(e.number, e.image, e.score, e.keep) for e in back] == [
        (e.number, e.image, e.score, e.keep) for e in entries
    ]


def test_optics_groups_of_one_name_are_told_apart(particles):
    optics = (Optics(), Optics(voltage_kv=200.0))
    two = replace(particles, optics=optics, optics_group=np.array([0, 0, 1, 1, 1, 1, 1]))
    entries = class_entries(small_state(), RANKING, "c.mrcs")
    model = class_model(small_state(), entries, two, 2.0)
    assert model.optics_groups == {"opticsGroup1": 2, "opticsGroup2": 5}


def test_power_on_rings_adds_up():
    rng = np.random.default_rng(0)
    white = rng.normal(scale=2.0, size=(600, 16, 16)).astype(np.float32)
    power = ring_power(white)
    assert power.shape == (600, 9)
    # White noise has the same power everywhere, and that is what the noise of a model says.
    np.testing.assert_allclose(power.mean(0)[1:], noise_power_of_white(4.0, 16), rtol=0.1)


def test_files_are_named_from_where_commands_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert named_from_here(tmp_path / "Class2D" / "a.mrcs") == "Class2D/a.mrcs"
    assert named_from_here(Path("Class2D/a.mrcs")) == "Class2D/a.mrcs"
    outside = tmp_path.parent / "a.mrcs"
    assert named_from_here(outside) == str(outside)


def collected(folder, state, particles, **changes):
    place = folder / "items" / "classes"
    place.mkdir(parents=True)
    if state is not None:
        save_state(state, place / STATE)
    write_particles(folder / "given.star", particles)
    params = ClassifyParams(particles=str(folder / "given.star"), classes=3, **changes)
    item = Item(
        id="classes",
        inputs={"ctf": "ignore", "mask_diameter_angstrom": 50.0},
        cost=Cost(memory_bytes=1, seconds=1.0),
    )
    return collect_classes(folder, item, params)


def test_the_outcome_names_its_files_and_what_to_keep(tmp_path, particles):
    state = small_state()
    outcome = collected(tmp_path, state, particles)
    keep = rank_classes(state, mask_diameter_angstrom=50.0).keep
    assert outcome.summary["classes_to_keep"] == (np.flatnonzero(keep) + 1).tolist()
    assert outcome.summary["particles"] == N
    assert outcome.summary["class_table"]["2"]["resolution_angstrom"] is None
    assert {(tmp_path / name).is_file() for name in outcome.files.values()} == {True}
    assert outcome.files["model"] == "run_it003_model.star"
    assert "--min-class-score 0.5" in outcome.next_command


def test_all_are_rejected_where_more_is_asked_than_any_class_has(tmp_path, particles):
    outcome = collected(tmp_path, small_state(), particles, min_class_score=1.0)
    assert outcome.summary["classes_to_keep"] == []
    assert "no class scores well enough" in outcome.warnings[0]
    assert [plot.title for plot in outcome.plots] == ["Classes to reject"]
    flags = read_star(tmp_path / "class_averages.star").blocks[0].number("rlnSelected")
    assert flags.tolist() == [0, 0, 0]


def test_empty_classes_are_said(tmp_path, particles):
    state = small_state(class_index=(0, 0, 0, 2, 2, 2, 2))
    outcome = collected(tmp_path, state, particles)
    assert any("without any particles: 1;" in line for line in outcome.warnings)
    assert outcome.summary["class_table"]["2"]["proposal"] == "reject"


def test_without_a_state_there_are_no_classes(tmp_path, particles):
    outcome = collected(tmp_path, None, particles)
    assert outcome.summary["classes"] == 0
    assert outcome.files == {}
