import json
from dataclasses import replace

import numpy as np
import pytest

from cryopick.curate.difference_features import FEATURES
from cryopick.curate.junk import PROPOSED_CUT
from cryopick.curate.sorting import UNUSABLE_Z, ParticleFeatures, Ranking
from cryopick.io.images import write_mrc
from cryopick.io.particles import read_particles
from cryopick.jobs.sort import JOB
from cryopick.jobs.sort_outputs import collect_ranking, with_scores
from cryopick.jobs.sort_params import SortParams
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor
from toy_particles import PIXEL, RADIUS_PX, references, toy_particles, write_toy

N = 40


def sorted_toy(tmp_path, images, particles, **more):
    write_toy(tmp_path, images, particles)
    write_mrc(tmp_path / "refs.mrcs", references(), PIXEL, stack=True)
    given = {
        "particles": str(tmp_path / "particles.star"),
        "references": str(tmp_path / "refs.mrcs"),
        "particle_diameter_angstrom": 2 * RADIUS_PX * PIXEL,
        "shown": 5,
        **more,
    }
    return run_job(JOB, SortParams(**given), tmp_path / "out", executor=InlineExecutor(cores=1))


def test_every_score_is_a_column():
    _, particles = toy_particles(3)
    features = ParticleFeatures(
        descriptors=np.zeros((3, 2), np.float32),
        difference=np.arange(18, dtype=np.float32).reshape(3, 6),
        correlation=np.array([0.5, np.nan, 0.25], np.float32),
    )
    ranking = Ranking(
        z_score=np.array([0.1, -1.0, 0.3]),
        score=np.array([1.0, 2.0, 3.0]),
        groups={"power": np.array([0.0, 1.0, 2.0])},
    )
    extra = with_scores(particles, features, ranking).picks.extra
    assert extra["rlnParticleSelectZScore"].tolist() == [0.1, -1.0, 0.3]
    assert extra["cryopickScreeningScore"].tolist() == [1.0, 2.0, 3.0]
    assert extra["cryopickPowerOddness"].tolist() == [0.0, 1.0, 2.0]
    assert extra["cryopickReferenceCorrelation"][[0, 2]].tolist() == [0.5, 0.25]
    for i, name in enumerate(FEATURES):
        assert extra[f"cryopickDifference{name.capitalize()}"].tolist() == [i, 6 + i, 12 + i]


def test_bad_images_and_raw_stacks_are_said(tmp_path):
    images, particles = toy_particles(N, noise=1.0)
    images = images * 40 + 500
    images[4] = 7.0
    label = particles.picks.label.copy()
    label[6] = ""
    particles = replace(particles, picks=replace(particles.picks, label=label))
    outcome = sorted_toy(tmp_path, images, particles)
    assert outcome.summary["unusable_images"] == 1
    warned = "\n".join(outcome.warnings)
    assert "1 images are flat or not finite" in warned
    assert "not of mean 0 and standard deviation 1" in warned
    assert "1 particles name no class" in warned
    found = read_particles(tmp_path / "out" / "particles.star")
    assert found.index[-1] == 4
    z = dict(zip(found.index.tolist(), found.picks.extra["rlnParticleSelectZScore"], strict=True))
    assert float(z[4]) == UNUSABLE_Z
    assert float(z[6]) == -1.0


def test_the_report_shows_the_best_the_border_and_the_worst(tmp_path):
    images, particles = toy_particles(N, junk=9, noise=1.0)
    outcome = sorted_toy(tmp_path, images, particles)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    titles = [plot["title"] for plot in summary["plots"]]
    assert titles == [
        "Screening score", "rlnParticleSelectZScore", "Best particles",
        "Particles at the proposed cut", "Worst particles",
    ]  # fmt: skip
    assert summary["proposed_cut"] == PROPOSED_CUT
    quantiles = summary["screening_score"]
    assert quantiles["min"] < PROPOSED_CUT < quantiles["median"] < quantiles["max"]
    assert outcome.summary["below_proposed_cut"] >= 7
    assert any("sort once more after select" in line for line in outcome.warnings)
    histogram = (tmp_path / "out" / summary["plots"][0]["file"]).read_text("utf-8")
    assert f">proposed cut {PROPOSED_CUT:.4g}</text>".replace("-", "−") in histogram
    report = (tmp_path / "out" / "report.html").read_text()
    assert report.count("data:image/png") >= 3


def test_items_that_failed_are_left_out(tmp_path):
    images, particles = toy_particles(N, noise=1.0)
    sorted_toy(tmp_path, images, particles)
    params = SortParams(particles=str(tmp_path / "particles.star"))
    nothing = collect_ranking(tmp_path / "elsewhere", [], params)
    assert nothing.summary == {"particles": 0}


@pytest.mark.parametrize("dark", [False, True])
def test_scores_survive_being_sorted_again(tmp_path, dark):
    images, particles = toy_particles(N, noise=1.0)
    outcome = sorted_toy(
        tmp_path, -images if dark else images, replace(particles, dark=dark), order="none"
    )
    first = read_particles(tmp_path / "out" / "particles.star")
    again = SortParams(
        particles=str(tmp_path / "out" / "particles.star"),
        references=str(tmp_path / "refs.mrcs"),
        particle_diameter_angstrom=2 * RADIUS_PX * PIXEL,
        order="none",
        shown=5,
    )
    run_job(JOB, again, tmp_path / "again", executor=InlineExecutor(cores=1))
    second = read_particles(tmp_path / "again" / "particles.star")
    assert first.dark == second.dark == dark
    np.testing.assert_allclose(
        second.picks.extra["cryopickScreeningScore"].astype(float),
        first.picks.extra["cryopickScreeningScore"].astype(float),
        atol=1e-4,
    )
    assert outcome.summary["particles"] == N
    assert outcome.warnings == []
