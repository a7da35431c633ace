import json
import shlex

import numpy as np
import pytest

from cryopick.cli.main import main
from cryopick.errors import InputError, MissingFileError
from cryopick.io.particles import read_particles
from cryopick.jobs.select import JOB, plan
from cryopick.jobs.select_params import SelectParams
from cryopick.jobs.sort import JOB as SORT
from cryopick.jobs.sort_params import SortParams
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor
from toy_selection import N, write_micrograph_set, write_particle_set, write_pick_star


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    write_particle_set(folder)
    write_micrograph_set(folder)
    write_pick_star(folder)
    return folder


def params(files, name="particles.star", **asked):
    return SelectParams(input=str(files / name), **asked)


def test_the_plan_is_one_item_that_says_what_it_reads(files):
    [item] = plan(params(files, classes="1"))
    assert item.inputs["kind"] == "particles"
    assert item.inputs["rows"] == N
    assert json.dumps(dict(item.inputs))
    [read] = plan(params(files, max_image_deviation_sd=4.0))
    assert read.cost.seconds > item.cost.seconds


@pytest.mark.parametrize(
    ("name", "asked", "error", "problem"),
    [
        ("particles.star", {}, InputError, "nothing was asked for"),
        ("particles.star", {"where": ["foo:1:2"]}, InputError, "no column foo"),
        ("particles.star", {"where": ["rlnImageName:1:2"]}, InputError, "is not a number"),
        ("particles.star", {"where": ["score"]}, InputError, "expected COLUMN:MIN:MAX"),
        ("particles.star", {"classes": "1,x"}, InputError, "expected numbers and ranges"),
        ("particles.star", {"classes": "9"}, InputError, "there is no class 9"),
        ("particles.star", {"keep": "none.txt"}, MissingFileError, "none.txt"),
        ("particles.star", {"recentre": True}, InputError, "--recentre: give --class-averages"),
        ("particles.star", {"class_averages": "none.star"}, MissingFileError, "none.star"),
        ("none.star", {"classes": "1"}, MissingFileError, "none.star"),
        ("particles.star", {"classes": "1", "particles": "p"}, InputError, "an input of class av"),
    ],
)
def test_mistakes_are_said_before_work_begins(files, name, asked, error, problem):
    with pytest.raises(error, match=problem):
        plan(params(files, name, **asked))


def test_their_particles_must_be_particles(files):
    picks = str(files / "picks.star")
    with pytest.raises(InputError, match=r"picks\.star holds no particles"):
        plan(params(files, "class_averages.star", classes="1", particles=picks))


def test_the_command_line(files, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["select", str(files / "particles.star"), "--where", "rlnAutopickFigureOfMerit:0.5:"]
    words += ["--min-distance", "20", "--split-parts", "2", "--json", "-o", "out"]
    assert main(words) == 0
    result = json.loads(capsys.readouterr().out)
    kept = read_particles("out/particles.star")
    assert result["particles"]["kept"] == len(kept)
    assert np.asarray(kept.picks.score).min() >= 0.5
    assert main(["select", str(files / "particles.star"), "-o", "nothing"]) == 2
    message = capsys.readouterr().err
    assert "nothing was asked for" in message
    assert "Traceback" not in message


def test_what_comes_next_works(files, tmp_path, monkeypatch, capsys):
    """Averages that were chosen are what the kept particles are sorted against."""
    monkeypatch.chdir(tmp_path)
    given = params(files, class_averages=str(files / "class_averages.star"), min_class_score=0.5)
    outcome = run_job(JOB, given, "chosen", executor=InlineExecutor(cores=1))
    words = shlex.split(outcome.next_command)
    assert words[:2] == ["cryopick", "sort"]
    assert main([*words[1:], "--dry-run"]) == 0
    capsys.readouterr()
    again = SortParams(particles=words[2], references=words[words.index("--references") + 1])
    run_job(SORT, again, "sort", executor=InlineExecutor(cores=1))
    found = read_particles("sort/particles.star")
    assert len(found) == outcome.summary["particles"]["kept"]
    alike = found.picks.extra["cryopickReferenceCorrelation"].astype(float)
    assert np.median(alike) > 0.5


def test_the_same_seed_draws_the_same_parts(files, tmp_path):
    parts = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        given = params(files, split_parts=2, seed=seed)
        run_job(JOB, given, tmp_path / name, executor=InlineExecutor(cores=1))
        parts.append(read_particles(tmp_path / name / "particles_split1.star").index.tolist())
    assert parts[0] == parts[1] != parts[2]
