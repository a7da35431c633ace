import json
import shlex
from dataclasses import replace

import numpy as np
import pytest

from cryopick.cli.main import main
from cryopick.errors import InputError, MissingFileError
from cryopick.io.images import write_mrc
from cryopick.io.particles import read_particles
from cryopick.jobs import sort
from cryopick.jobs.sort import JOB, load_references, plan, sample_rows
from cryopick.jobs.sort_params import SortParams
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor
from toy_particles import PIXEL, RADIUS_PX, references, toy_particles, write_toy

N, JUNK = 90, 20
DIAMETER = 2 * RADIUS_PX * PIXEL


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    images, particles = toy_particles(N, junk=JUNK, noise=1.0, ctf=True, seed=1)
    placed = write_toy(folder, images, particles)
    write_mrc(folder / "refs.mrcs", references(), PIXEL, stack=True)
    return folder, placed


def params(toy, **more):
    folder, _ = toy
    given = {
        "particles": str(folder / "particles.star"),
        "references": str(folder / "refs.mrcs"),
        "particle_diameter_angstrom": DIAMETER,
        "shown": 10,
    }
    return SortParams(**{**given, **more})


def test_particles_come_out_best_first_with_every_column(toy, tmp_path):
    outcome = run_job(JOB, params(toy), tmp_path / "out", executor=InlineExecutor(cores=1))
    found = read_particles(tmp_path / "out" / "particles.star")
    _, before = toy
    assert sorted(found.index.tolist()) == list(range(N))
    score = found.picks.extra["cryopickScreeningScore"].astype(float)
    assert (np.diff(score) <= 0).all()
    junk = found.index >= N - JUNK
    assert np.mean(score[~junk, None] > score[None, junk]) > 0.95
    # What the particles had, they still have.
    back = np.argsort(found.index)
    np.testing.assert_allclose(found.defocus[back], before.defocus, atol=1e-5)
    np.testing.assert_allclose(found.shift_angstrom[back], before.shift_angstrom, atol=1e-4)
    assert found.picks.label[back].tolist() == before.picks.label.tolist()
    z = found.picks.extra["rlnParticleSelectZScore"].astype(float)
    assert z.min() >= 0
    assert outcome.summary["compared_with_references"] == N
    assert "junk" in outcome.sentence


def test_the_next_command_works(toy, tmp_path, monkeypatch, capsys):
    outcome = run_job(JOB, params(toy), tmp_path / "out", executor=InlineExecutor(cores=1))
    monkeypatch.chdir(tmp_path)
    words = shlex.split(outcome.next_command)
    assert words[:2] == ["cryopick", "select"]
    assert main(words[1:]) == 0
    capsys.readouterr()
    kept = read_particles(tmp_path / "select" / "particles.star")
    assert len(kept) == N - outcome.summary["below_proposed_cut"]


def test_several_items_give_what_one_gives(toy, tmp_path, monkeypatch):
    one = run_job(
        JOB, params(toy, order="none"), tmp_path / "one", executor=InlineExecutor(cores=1)
    )
    monkeypatch.setattr(sort, "_MOST_ROWS", 1)
    assert len(plan(params(toy))) == 2
    run_job(JOB, params(toy, order="none"), tmp_path / "two", executor=InlineExecutor(cores=1))
    first, second = (read_particles(tmp_path / n / "particles.star") for n in ("one", "two"))
    assert first.index.tolist() == second.index.tolist() == list(range(N))
    for name in ("rlnParticleSelectZScore", "cryopickScreeningScore"):
        np.testing.assert_allclose(
            first.picks.extra[name].astype(float),
            second.picks.extra[name].astype(float),
            atol=1e-3,
        )
    assert one.summary["particles"] == N


def test_without_references(toy, tmp_path):
    outcome = run_job(
        JOB, params(toy, references=None), tmp_path / "out", executor=InlineExecutor(cores=1)
    )
    found = read_particles(tmp_path / "out" / "particles.star")
    assert outcome.summary["compared_with_references"] == 0
    assert "cryopickReferenceCorrelation" not in found.picks.extra
    assert np.median(found.index[-10:]) > N - JUNK


def test_order_by_the_z_score(toy, tmp_path):
    run_job(JOB, params(toy, order="z-score"), tmp_path / "out", executor=InlineExecutor(cores=1))
    found = read_particles(tmp_path / "out" / "particles.star")
    z = found.picks.extra["rlnParticleSelectZScore"].astype(float)
    assert (np.diff(z) >= 0).all()


def test_references_are_brought_to_the_particles(toy, tmp_path):
    _, particles = toy
    fine = np.kron(-references(), np.ones((1, 2, 2), np.float32))
    write_mrc(tmp_path / "fine.mrcs", fine, 99.0, stack=True)
    given = params(
        toy,
        references=str(tmp_path / "fine.mrcs"),
        references_pixel_size_angstrom=PIXEL / 2,
        references_contrast="dark",
    )
    found = load_references(given, particles)
    assert found.shape == references().shape
    for mine, there in zip(found, references(), strict=True):
        assert np.corrcoef(mine.ravel(), there.ravel())[0, 1] > 0.98
    assert load_references(params(toy, references=None), particles) is None


def test_what_cannot_be_sorted_is_said_before_work_begins(toy, tmp_path):
    folder, particles = toy
    with pytest.raises(MissingFileError):
        plan(params(toy, particles=str(tmp_path / "none.star")))
    with pytest.raises(MissingFileError):
        plan(params(toy, references=str(tmp_path / "none.mrcs")))
    with pytest.raises(InputError, match="leave no background"):
        plan(params(toy, particle_diameter_angstrom=500.0))
    with pytest.raises(InputError, match="too few to look at"):
        plan(params(toy, particle_diameter_angstrom=6.0))
    write_mrc(tmp_path / "one.mrcs", references()[:1], PIXEL, stack=True)
    with pytest.raises(InputError, match="class 2: expected a number from 1 to 1"):
        plan(params(toy, references=str(tmp_path / "one.mrcs")))
    lost = replace(particles, file=np.full(N, str(folder / "gone.mrcs")))
    from cryopick.io.particles import write_particles

    write_particles(tmp_path / "lost.star", lost)
    with pytest.raises(MissingFileError, match=r"gone\.mrcs.*listed in"):
        plan(params(toy, particles=str(tmp_path / "lost.star")))
    write_particles(tmp_path / "two.star", particles[:2])
    with pytest.raises(InputError, match="2 particles cannot be compared"):
        plan(params(toy, particles=str(tmp_path / "two.star")))


def test_the_plan_covers_every_particle_once(toy):
    items = plan(params(toy))
    rows = [r for i in items for r in range(i.inputs["first"], i.inputs["stop"])]
    assert rows == list(range(N))
    assert all(i.cost.memory_bytes > 0 and i.cost.seconds > 0 for i in items)
    assert json.dumps([dict(i.inputs) for i in items])


@pytest.mark.parametrize(("n", "box"), [(3, 64), (100_000, 64), (100_000, 512)])
def test_the_sample_is_spread_over_the_set_and_small(n, box):
    rows = sample_rows(n, box)
    assert rows[0] == 0
    assert rows[-1] == n - 1
    assert len(rows) == len(np.unique(rows))
    assert len(rows) * box**2 * 4 <= max(1 << 25, 64 * box**2 * 4)
