"""``candidates`` on the folder of a ``pick template`` job, made by hand."""

import json
import shlex

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.io.images import write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.jobs.candidates import JOB, CandidatesParams, plan
from cryopick.jobs.candidates_2d import extract_command, merged_rules
from cryopick.jobs.merit_outputs import MicrographFacts, save_candidates
from cryopick.jobs.pick_template_params import PickTemplateParams
from cryopick.model import Grid
from cryopick.pick.merit.map_files import save_maps
from cryopick.pick.merit.peaks import PeakRules
from cryopick.pick.merit.pool import judge_pool, save_pool
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor
from cryopick.run.job import Cost, Item
from cryopick.run.record import new_record, read_record, write_record
from toy_merit import DIAMETER, PIXEL, SHAPE, maps_of, peaks_map, pool_of

GRID = Grid(shape=SHAPE, pixel_size_angstrom=PIXEL)
# On a lattice, 130 Å apart and 60 Å or more from the edges.
LATTICE = np.array([(80 + 130 * i, 80 + 130 * j) for i in range(9) for j in range(8)], float)
PARTICLES = 20


def toy_pool(name, seed, **columns):
    rng = np.random.default_rng(seed)
    merit = rng.exponential(0.05, len(LATTICE))
    merit[:PARTICLES] = rng.normal(1.0, 0.05, PARTICLES)
    return pool_of(LATTICE, merit, name=name, scale=0.05, **columns)


def facts_of(name, path, pool, **changes):
    fields = {
        "name": name, "path": str(path), "pixel_size_angstrom": None, "shape": SHAPE,
        "grid_pixel_angstrom": PIXEL, "origin_angstrom": (0.0, 0.0), "location": pool.location,
        "scale": pool.scale, "defocus_um": 1.5, "particle_diameter_angstrom": DIAMETER,
        "box_angstrom": 180.0, "labels": ("4",),
    }  # fmt: skip
    return MicrographFacts(**(fields | changes))


def picked_folder(tmp_path, names=("007", "1e5"), *, rules=None, columns=None, **facts):
    """Make the folder of a finished pick template job, and its micrographs."""
    folder = tmp_path / "picked"
    items = []
    for seed, name in enumerate(names):
        path = tmp_path / f"{name}.mrc"
        write_mrc(path, np.random.default_rng(seed).normal(size=SHAPE), PIXEL)
        place = folder / "items" / name
        place.mkdir(parents=True)
        pool = toy_pool(name, seed, **(columns or {}))
        save_pool(pool, place / "pool.npz")
        known = facts_of(name, path, pool, **facts)
        save_candidates(place, [judge_pool(pool, PeakRules())], [known])
        inputs = {"name": name, "path": str(path), "pixel_size_angstrom": None, "ndim": 2}
        items.append(Item(id=name, inputs=inputs, cost=Cost(memory_bytes=1, seconds=1)))
    given = {"micrographs": [str(tmp_path)], "references": "r.mrcs"} | (rules or {})
    record = new_record(
        JOB, PickTemplateParams(**given), items, seed=0, device="cpu", devices=["cpu"],
        executor="local", workers=1,
    )  # fmt: skip
    write_record(folder, record.model_copy(update={"job": "pick template"}))
    return folder


def run(folder, tmp_path, out="out", **given):
    outcome = run_job(
        JOB, CandidatesParams(job=str(folder), **given), tmp_path / out, executor=InlineExecutor()
    )
    return outcome, json.loads((tmp_path / out / "summary.json").read_text())


def test_the_threshold_is_chosen_again(tmp_path):
    outcome, summary = run(picked_folder(tmp_path), tmp_path)
    assert 40 <= outcome.summary["picks"] <= 42
    assert summary["threshold_rule"] == "best F1"
    assert summary["estimated_precision"] > 0.95
    picks = read_picks(tmp_path / "out" / "picks.star", Frame(default_grid=GRID)).picks
    mine = picks[(picks.image == "1e5") & (picks.score > 0.7)]
    wanted = LATTICE[:PARTICLES]
    order = np.lexsort(mine.position_angstrom.T[::-1])
    np.testing.assert_allclose(
        mine.position_angstrom[order], wanted[np.lexsort(wanted.T[::-1])], atol=1e-3
    )
    assert set(mine.label) == {"4"}


def test_a_threshold_a_distance_and_a_number(tmp_path):
    folder = picked_folder(tmp_path)
    outcome, summary = run(folder, tmp_path, threshold=0.1)
    assert outcome.summary["picks"] > 40
    assert summary["threshold"] == 0.1
    outcome, _ = run(folder, tmp_path, "far", threshold=0.5, min_distance_angstrom=200.0)
    assert 4 <= outcome.summary["picks"] < 40
    outcome, _ = run(folder, tmp_path, "few", threshold=0.5, max_picks=7)
    assert outcome.summary["picks_per_image"] == {"007": 7, "1e5": 7}
    outcome, _ = run(folder, tmp_path, "wide", threshold=0.5, border_angstrom=200.0)
    assert outcome.summary["discarded"]["edge"] > 0


def test_cutoff_is_another_word_for_the_threshold(tmp_path):
    folder = picked_folder(tmp_path)
    _, summary = run(folder, tmp_path, cutoff=0.2)
    assert summary["threshold"] == 0.2
    with pytest.raises(InputError, match="mean the same"):
        plan(CandidatesParams(job=str(folder), cutoff=0.2, threshold=0.2))


def test_another_diameter_changes_what_follows_from_it(tmp_path):
    outcome, _ = run(
        picked_folder(tmp_path), tmp_path, particle_diameter_angstrom=300.0, threshold=0.5
    )
    assert outcome.summary["picks"] < 40


def test_noise_limits(tmp_path):
    sd = np.where(np.arange(len(LATTICE)) < 5, 1.5, 1.0).astype(np.float32)
    folder = picked_folder(tmp_path, columns={"noise_sd": sd})
    outcome, _ = run(folder, tmp_path, threshold=0.5, max_noise_sd=1.2)
    assert outcome.summary["picks"] == 30
    assert outcome.summary["discarded"]["noisy background"] == 10


def test_a_mask_and_the_jobs_own(tmp_path):
    left = np.zeros(SHAPE, np.int8)
    left[:, : SHAPE[1] // 2] = 1
    write_mrc(tmp_path / "left.mrc", left, PIXEL, dtype="int8")
    write_mrc(tmp_path / "none.mrc", 0 * left, PIXEL, dtype="int8")
    folder = picked_folder(tmp_path, mask=str(tmp_path / "none.mrc"))
    assert run(folder, tmp_path, threshold=0.1)[0].summary["picks"] == 0
    free = run(folder, tmp_path, "free", threshold=0.1, ignore_mask=True)[0].summary["picks"]
    half = run(folder, tmp_path, "half", threshold=0.1, mask=[str(tmp_path / "left.mrc")])[0]
    assert 0 < half.summary["picks"] < free
    with pytest.raises(InputError, match="give one of them"):
        plan(CandidatesParams(job=str(folder), ignore_mask=True, mask=["left.mrc"]))


def test_a_mask_that_the_job_found_lies_in_its_folder(tmp_path):
    folder = picked_folder(tmp_path, mask="mask.mrc")
    for name in ("007", "1e5"):
        write_mrc(folder / "items" / name / "mask.mrc", np.zeros(SHAPE, np.int8), PIXEL)
    assert run(folder, tmp_path, threshold=0.1)[0].summary["picks"] == 0


def test_rules_of_the_job_stay_unless_changed(tmp_path):
    folder = picked_folder(tmp_path, rules={"threshold": 0.7, "max_noise_sd": 1.1})
    record = read_record(folder)
    kept = merged_rules(CandidatesParams(job=str(folder)), record)
    assert (kept.threshold, kept.max_noise_sd) == (0.7, 1.1)
    changed = merged_rules(CandidatesParams(job=str(folder), fdr=0.1, max_noise_sd=1.3), record)
    assert (changed.threshold, changed.fdr, changed.max_noise_sd) == (None, 0.1, 1.3)
    broken = record.model_copy(update={"params": {"threshold": "high"}})
    with pytest.raises(FormatError, match="not those of pick template"):
        merged_rules(CandidatesParams(job=str(folder)), broken)


def test_many_micrographs_are_few_items(tmp_path):
    folder = picked_folder(tmp_path, names=[f"m{i:02d}" for i in range(27)])
    items = plan(CandidatesParams(job=str(folder), threshold=0.5))
    assert [len(item.inputs["micrographs"]) for item in items] == [25, 2]
    outcome, summary = run(folder, tmp_path, threshold=0.5)
    assert outcome.sentence == "540 picks from 27 micrographs"
    assert list(summary["picks_per_image"]) == [f"m{i:02d}" for i in range(27)]


def test_scores_normalised_against_defocus(tmp_path):
    _, summary = run(picked_folder(tmp_path), tmp_path, normalise_scores=True)
    assert summary["trend_of_background"]["centre_um"] == 1.5
    (tmp_path / "b").mkdir()
    folder = picked_folder(tmp_path / "b", defocus_um=None)
    with pytest.raises(InputError, match="give --ctf"):
        run(folder, tmp_path, "no", normalise_scores=True)


def test_suppression_of_relion_needs_the_maps_of_each_reference(tmp_path):
    folder = picked_folder(tmp_path, names=("007",), labels=("1", "2"))
    with pytest.raises(Exception, match="--keep-maps each"):
        run(folder, tmp_path, suppression="relion", threshold=0.5)
    merit = np.stack([peaks_map({(30, 40): 1.0}), peaks_map({(80, 90): 0.9}, seed=1)])
    save_maps(maps_of(merit), folder / "items" / "007")
    outcome, summary = run(folder, tmp_path, "each", suppression="relion", threshold=0.5)
    assert outcome.summary["picks"] == 2
    assert summary["threshold"] == 0.5
    picks = read_picks(tmp_path / "each" / "picks.star", Frame(default_grid=GRID)).picks
    assert sorted(picks.label) == ["1", "2"]


@pytest.mark.parametrize("field", ["tophat", "false_positives", "prominence", "tomogram_mask"])
def test_options_of_tomograms_are_refused(tmp_path, field):
    value = {"tophat": True, "tomogram_mask": ["m.mrc"]}.get(field, 1.5)
    with pytest.raises(InputError, match="is for match jobs"):
        plan(CandidatesParams(job=str(picked_folder(tmp_path)), **{field: value}))


def test_a_job_that_has_done_nothing(tmp_path):
    folder = picked_folder(tmp_path, names=("007",))
    (folder / "items" / "007" / "micrographs.json").unlink()
    with pytest.raises(InputError, match="no micrograph of this job has been searched"):
        plan(CandidatesParams(job=str(folder)))


def test_the_next_command_cuts_the_particles_out(tmp_path):
    outcome, _ = run(picked_folder(tmp_path), tmp_path, threshold=0.5)
    words = shlex.split(outcome.next_command)
    assert words[3:6] == [str(tmp_path / "out" / "picks.star"), "--micrographs", str(tmp_path)]
    inputs = {"micrographs": ["a b.mrc"], "pixel_size_angstrom": 1.5, "ctf": "c.star"}
    command = extract_command(tmp_path / "p.star", inputs)
    assert shlex.split(command)[5:] == [
        "a b.mrc", "--pixel-size", "1.5", "--ctf", "c.star", "-o", "particles",
    ]  # fmt: skip
