import json

import numpy as np
import pytest

from cryopick.curate.recentre import mass_centre_px
from cryopick.io.images import open_image
from cryopick.io.metadata.relion_classes import read_classes
from cryopick.io.particles import read_particles
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.io.star import read_star
from cryopick.jobs.pick_references import load_references
from cryopick.jobs.select import JOB
from cryopick.jobs.select_outputs import REASON, collect_selection
from cryopick.jobs.select_params import SelectParams
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor
from toy_particles import PIXEL, references
from toy_selection import N, write_micrograph_set, write_particle_set, write_pick_star


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    write_particle_set(folder)
    write_micrograph_set(folder)
    write_pick_star(folder)
    return folder


def run(files, folder, name="particles.star", **asked):
    params = SelectParams(input=str(files / name), shown=6, **asked)
    return run_job(JOB, params, folder, executor=InlineExecutor(cores=1))


def test_every_particle_is_in_one_of_two_files(files, tmp_path):
    outcome = run(files, tmp_path / "out", where=["rlnAutopickFigureOfMerit:0.4:"])
    kept = read_particles(tmp_path / "out" / "particles.star")
    gone = read_particles(tmp_path / "out" / "rejected.star")
    assert sorted([*kept.index, *gone.index]) == list(range(N))
    assert np.asarray(kept.picks.score).min() >= 0.4 > np.asarray(gone.picks.score).max()
    assert set(gone.picks.extra[REASON].tolist()) == {"below threshold"}
    assert REASON not in kept.picks.extra
    assert outcome.summary["particles"] == {
        "rows": N,
        "kept": len(kept),
        "rejected": {"below threshold": len(gone)},
    }
    assert outcome.sentence.startswith(f"{len(kept)} particles of {N} kept (rejected: {len(gone)}")


def test_rejected_particles_can_be_selected_back(files, tmp_path):
    run(files, tmp_path / "first", classes="1")
    run(tmp_path / "first", tmp_path / "second", "rejected.star", classes="2")
    back = read_particles(tmp_path / "second" / "particles.star")
    first = read_particles(tmp_path / "first" / "rejected.star")
    assert back.index.tolist() == first.index.tolist()
    assert REASON not in back.picks.extra
    assert not (tmp_path / "second" / "rejected.star").exists()


def test_parts_together_are_what_is_kept(files, tmp_path):
    outcome = run(files, tmp_path / "out", classes="1", split_parts=3)
    kept = read_particles(tmp_path / "out" / "particles.star").index.tolist()
    parts = [
        read_particles(tmp_path / "out" / f"particles_split{i}.star").index.tolist()
        for i in (1, 2, 3)
    ]
    assert sorted(index for part in parts for index in part) == sorted(kept)
    assert outcome.summary["parts"] == [len(p) for p in parts]
    assert not (tmp_path / "out" / "particles_split4.star").exists()


def test_chosen_averages_go_along_with_their_particles(files, tmp_path):
    averages = str(files / "class_averages.star")
    outcome = run(files, tmp_path / "out", class_averages=averages, min_class_score=0.5)
    [entry] = read_classes(tmp_path / "out" / "class_averages.star")
    assert (entry.number, entry.score) == (1, 0.9)
    assert entry.image.startswith("000001@")
    stack = open_image(tmp_path / "out" / "class_averages.mrcs", kind="stack")
    np.testing.assert_allclose(np.asarray(stack.data[...])[0], references()[0], atol=1e-6)
    assert outcome.summary["classes_kept"] == [1]
    titles = [plot.title for plot in outcome.plots]
    assert titles == ["Kept classes", "Rejected classes", "Kept particles", "Rejected particles"]


def test_a_kept_class_is_selected_whatever_its_ranking_proposed(files, tmp_path):
    averages = str(files / "class_averages.star")
    assert [entry.keep for entry in read_classes(averages)] == [True, False]
    run(files, tmp_path / "out", class_averages=averages, classes="2")
    [entry] = read_classes(tmp_path / "out" / "class_averages.star")
    assert (entry.number, entry.keep) == (2, True)
    found = load_references(
        str(tmp_path / "out" / "class_averages.star"), None, angstrom_per_px=1.0
    )
    assert found.names == ("2",)


def test_recentring_moves_averages_and_particles_together(files, tmp_path):
    """The difference of a particle and its reference is the same before and after."""
    from cryopick.curate.settings import SortSettings
    from cryopick.curate.sorting import Ground, particle_features
    from cryopick.io.particles import read_particle_images

    averages = str(files / "class_averages.star")
    outcome = run(files, tmp_path / "out", class_averages=averages, classes="1", recentre=True)
    moved = np.asarray(open_image(tmp_path / "out" / "class_averages.mrcs", kind="stack").data[...])
    assert np.abs(mass_centre_px(references()[:1])).max() > 0.8
    np.testing.assert_allclose(mass_centre_px(moved), 0, atol=0.1)
    assert outcome.summary["largest_recentring_angstrom"] > 0.8 * PIXEL
    after = read_particles(tmp_path / "out" / "particles.star")
    before = read_particles(files / "particles.star")[after.index]
    assert np.abs(after.shift_angstrom - before.shift_angstrom).max() > 0.5 * PIXEL
    images = read_particle_images(after)
    alike = []
    for particles, reference in ((before, references()[:1]), (after, moved)):
        ground = Ground(mean=images.mean(0), normalise=False, references=reference)
        found = particle_features(images, particles, ground, SortSettings())
        alike.append(found.correlation)
    np.testing.assert_allclose(alike[1], alike[0], atol=0.04)
    assert np.median(alike[1]) > 0.5


def test_averages_choose_their_particles(files, tmp_path):
    particles = str(files / "particles.star")
    outcome = run(
        files, tmp_path / "out", "class_averages.star", reject_classes="1", particles=particles
    )
    kept = read_particles(tmp_path / "out" / "particles.star")
    assert set(kept.picks.label.tolist()) == {"2"}
    gone = read_particles(tmp_path / "out" / "rejected.star")
    assert set(gone.picks.extra[REASON].tolist()) == {"class rejected"}
    assert set(outcome.summary) >= {"classes", "particles", "classes_kept"}


def test_groups_are_named(files, tmp_path):
    outcome = run(files, tmp_path / "out", regroup=2, where=["rlnAutopickFigureOfMerit:0.4:"])
    kept = read_particles(tmp_path / "out" / "particles.star")
    gone = read_particles(tmp_path / "out" / "rejected.star")
    names = kept.picks.extra["rlnGroupName"]
    assert set(names.tolist()) == {f"group_{i + 1}" for i in range(outcome.summary["groups"])}
    # What is not grouped stays with its micrograph.
    assert gone.picks.extra["rlnGroupName"].tolist() == gone.picks.image.tolist()


def test_micrographs_keep_every_column_and_their_optics(files, tmp_path):
    run(files, tmp_path / "out", "micrographs.star", where=["rlnDefocusU:12000:26000"])
    before, after = (read_star(p / "micrographs.star") for p in (files, tmp_path / "out"))
    assert [b.name for b in after.blocks] == [b.name for b in before.blocks]
    old, new = before.block("micrographs"), after.block("micrographs")
    assert list(new.columns) == list(old.columns)
    for column in old.columns:
        assert new.text(column).tolist() == old.text(column)[1:4].tolist()
    gone = read_star(tmp_path / "out" / "rejected.star").block("micrographs")
    assert gone.text(REASON).tolist() == ["below threshold", "above threshold"]


def test_picks_keep_their_text_and_their_columns(files, tmp_path):
    run(files, tmp_path / "out", "picks.star", min_distance_angstrom=30.0, pixel_size_angstrom=2.0)
    kept = read_star(tmp_path / "out" / "picks.star").blocks[0]
    assert kept.text("myOwnColumn").tolist() == ["008", "009", "010"]
    gone = read_star(tmp_path / "out" / "rejected.star").blocks[0]
    assert gone.text("myOwnColumn").tolist() == ["007"]
    assert gone.text(REASON).tolist() == ["duplicate"]


def test_picks_of_other_dialects_become_star(tmp_path):
    (tmp_path / "picks.csv").write_text("image,x,y,score\na,10,20,0.5\na,90,20,0.9\nb,30,40,0.25\n")
    run(tmp_path, tmp_path / "out", "picks.csv", where=["score:0.3:"], pixel_size_angstrom=2.0)
    frame = Frame(pixel_size_angstrom=2.0)
    kept = read_picks(tmp_path / "out" / "picks.star", frame).picks
    assert kept.position_angstrom.tolist() == [[20.0, 40.0], [180.0, 40.0]]
    gone = read_picks(tmp_path / "out" / "rejected.star", frame).picks
    assert gone.image.tolist() == ["b"]
    assert gone.extra[REASON].tolist() == ["below threshold"]


def test_nothing_kept_is_said(files, tmp_path):
    outcome = run(files, tmp_path / "out", where=["rlnAutopickFigureOfMerit:5:"])
    assert outcome.warnings == ["nothing of particles.star was kept"]
    assert outcome.next_command == ""
    table = read_star(tmp_path / "out" / "particles.star").block("particles")
    assert len(table) == 0
    report = (tmp_path / "out" / "summary.json").read_text()
    assert json.loads(report)["particles"]["kept"] == 0


def test_a_failed_selection_leaves_nothing(tmp_path):
    from cryopick.run.job import Cost, Item

    item = Item(id="selection", inputs={}, cost=Cost(memory_bytes=1, seconds=1))
    outcome = collect_selection(tmp_path, [item], SelectParams(input="x", classes="1"))
    assert outcome.summary == {"kept": 0}


def test_picks_of_tomograms(tmp_path):
    """Three dimensions, RELION 5: near in x and y is not near."""
    (tmp_path / "picks.star").write_text(
        "data_particles\nloop_\n_rlnTomoName\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n"
        "_rlnLCCmax\nTS_1 10 10 10 0.5\nTS_1 10 10 30 0.4\nTS_1 11 10 10 0.9\nTS_2 10 10 10 0.1\n"
    )
    outcome = run(
        tmp_path, tmp_path / "out", "picks.star",
        min_distance_angstrom=50.0, where=["rlnLCCmax:0.2:"], pixel_size_angstrom=10.0,
    )  # fmt: skip
    kept = read_star(tmp_path / "out" / "picks.star").block("particles")
    assert kept.number("rlnLCCmax").tolist() == [0.4, 0.9]
    gone = read_star(tmp_path / "out" / "rejected.star").block("particles")
    assert gone.text(REASON).tolist() == ["duplicate", "below threshold"]
    assert outcome.summary["picks"]["rejected"] == {"duplicate": 1, "below threshold": 1}
