"""The candidates command on the folder of a search, made by hand."""

import json

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.geometry.so3_grid import rotation_grid
from cryopick.io.images import write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import load_picks
from cryopick.io.picks.registry import read_picks
from cryopick.jobs import candidates
from cryopick.jobs.candidates import JOB, CandidatesParams, plan
from cryopick.model import Grid, active
from cryopick.pick.matching.candidate_settings import CandidateSettings
from cryopick.pick.matching.candidates import choose_candidates
from cryopick.pick.matching.pool import load_pool, save_pool
from cryopick.pick.matching.search_facts import SearchFacts, load_facts, save_facts
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor
from cryopick.run.job import Cost, Item, Worker
from cryopick.run.record import new_record, write_record
from score_sets import labelled_scores, pool_of, template_facts

GRID = Grid(shape=(50, 80, 90), pixel_size_angstrom=20.0)
BALL = template_facts("ball", diameter_angstrom=100.0, tests=1e8)
CENTRES = np.array([(20, 22, 18), (45, 30, 25), (60, 50, 42), (30, 60, 12)])


def search_folder(tmp_path, names=("007",), *, mask=None):
    """Make the folder of a search of some tomograms, and the tomograms."""
    folder = tmp_path / "match"
    items = []
    for seed, name in enumerate(names):
        rng = np.random.default_rng(seed)
        path = tmp_path / f"{name}.mrc"
        write_mrc(path, rng.normal(size=GRID.shape).astype(np.float32), 20.0)
        place = folder / "items" / name
        place.mkdir(parents=True)
        score, _ = labelled_scores("gaussian", background=900, particles=40, mean=9.0, rng=rng)
        # Candidates on a lattice: farther apart than the least distance.
        z, y, x = np.unravel_index(rng.permutation(7 * 12 * 13)[:940], (7, 12, 13))
        save_pool(pool_of(score, 120.0 * np.c_[x, y, z] + 100.0), place / "pool.npz")
        facts = SearchFacts(
            image=name, grid=GRID, score_grid=GRID, angular_step_deg=15, engine="bank",
            templates=(BALL,),
        )  # fmt: skip
        save_facts(facts, place / "search.json")
        inputs = {"name": name, "path": str(path), "pixel_size_angstrom": None, "ndim": 3}
        if mask is not None:
            inputs["mask"] = str(mask)
        items.append(Item(id=name, inputs=inputs, cost=Cost(memory_bytes=1, seconds=1)))
    params = CandidatesParams(job="x")
    record = new_record(
        JOB, params, items, seed=0, device="cpu", devices=["cpu"], executor="local", workers=1
    )
    write_record(folder, record.model_copy(update={"job": "match"}))
    return folder


@pytest.fixture
def searched(tmp_path):
    return search_folder(tmp_path)


def run(tmp_path, folder, **given):
    """Run the job; gives its outcome and its summary."""
    outcome = run_job(
        JOB, CandidatesParams(job=str(folder), **given), tmp_path / "out", executor=InlineExecutor()
    )
    return outcome, json.loads((tmp_path / "out" / "summary.json").read_text())


@pytest.fixture
def choose(monkeypatch, tmp_path):
    """Do the work of the job without its figures; gives what was chosen for each tomogram."""

    def chosen(folder, **given):
        params, caught = CandidatesParams(job=str(folder), **given), []
        monkeypatch.setattr(candidates, "save_chosen", lambda *what: caught.append(what[0]))
        for item in plan(params):
            JOB.work(item, params, Worker(folder=tmp_path, device="cpu", seed=0))
        return caught

    return chosen


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole run on two tomograms."""
    tmp_path = tmp_path_factory.mktemp("whole")
    outcome, summary = run(tmp_path, search_folder(tmp_path, ("007", "1e5")))
    return outcome, summary, tmp_path / "out"


def count(chosen, reason):
    return int(np.sum(np.asarray(chosen.picks.reason) == reason))


def test_the_defaults_are_those_of_the_settings():
    assert CandidatesParams(job="x").settings() == CandidateSettings()
    declared = CandidatesParams(job="x").model_dump()
    assert set(CandidateSettings.__dataclass_fields__) <= set(declared)


def test_picks_of_all_tomograms_end_in_one_star(whole):
    outcome, summary, folder = whole
    assert summary["images"] == 2
    assert 76 <= summary["picks"] <= 84
    assert f"{summary['picks']} picks from 2 tomograms" in outcome.sentence
    frame = Frame(grids={"007": GRID, "1e5": GRID})
    picks = read_picks(folder / "picks.star", frame).picks
    assert sorted(set(picks.image.tolist())) == ["007", "1e5"]
    assert len(picks) == summary["picks"]
    np.testing.assert_allclose((picks.position_angstrom - 100) % 120, 0, atol=1e-3)
    text = (folder / "picks.star").read_text()
    for column in ("rlnTomoName", "rlnLCCmax", "rlnAngleTilt", "p_value", "map_score"):
        assert f"_{column}" in text


def test_the_summary_tells_cut_offs_estimates_and_reasons(whole):
    _, summary, _ = whole
    assert summary["picks_per_template"] == {"ball": summary["picks"]}
    assert sum(summary["discarded"].values()) == 2 * 940 - summary["picks"]
    for name in ("007", "1e5"):
        verdict = summary["verdicts"][name]["ball"]
        assert summary["thresholds"][name] == pytest.approx(verdict["cut_off"])
        assert verdict["estimated_particles"] == pytest.approx(40, abs=6)
        assert verdict["estimated_precision"] > 0.9


def test_figures_are_in_the_report(whole):
    outcome, _, folder = whole
    titles = [plot.title for plot in outcome.plots]
    for words in ("scores of ball", "estimated precision and recall of ball", "slices with picks"):
        assert f"007: {words}" in titles
    html = (folder / "report.html").read_text()
    assert "007: slices with picks" in html


def test_each_rule_for_the_cut_off(choose, searched):
    rules = ({"cutoff": 8.0}, {"false_positives": 1.0}, {"fdr": 0.3})
    found = [choose(searched, **given)[0].verdicts["ball"] for given in rules]
    assert [v.rule for v in found] == ["manual", "gaussian", "false discovery rate"]
    assert found[0].cut_off == 8.0
    with pytest.raises(InputError, match="different rules"):
        plan(CandidatesParams(job=str(searched), cutoff=8.0, fdr=0.1))


def test_only_the_best_so_many(choose, searched):
    (chosen,) = choose(searched, max_picks=10)
    taken = active(chosen.picks)
    assert len(taken) == 10
    assert taken.score.min() >= np.sort(chosen.picks.score)[-12]


def half_mask(tmp_path, name="mask"):
    data = np.zeros(GRID.shape, np.int8)
    data[:, :, 45:] = 1
    write_mrc(tmp_path / f"{name}.mrc", data, 20.0, dtype="int8")
    return tmp_path / f"{name}.mrc"


def test_a_mask_for_all_and_one_for_each(tmp_path, choose):
    folder = search_folder(tmp_path, ("007", "1e5"))
    mask = half_mask(tmp_path)
    masked = choose(folder, tomogram_mask=[str(mask)])
    for chosen in masked:
        outside = chosen.picks.position_angstrom[:, 0] < 890
        assert count(chosen, "outside mask") == outside.sum() > 300
    each = [str(half_mask(tmp_path, "007_mask")), str(half_mask(tmp_path, "1e5_mask"))]
    by_name = choose(folder, tomogram_mask=each)
    assert [c.picks.reason.tolist() for c in by_name] == [c.picks.reason.tolist() for c in masked]
    others = [str(half_mask(tmp_path, "a_mask")), str(half_mask(tmp_path, "b_mask"))]
    with pytest.raises(InputError, match="none is called 007 or 007_mask"):
        plan(CandidatesParams(job=str(folder), tomogram_mask=others))


def test_a_mask_of_bytes_with_the_wrong_sign(tmp_path, choose):
    folder = search_folder(tmp_path)
    (right,) = choose(folder, tomogram_mask=[str(half_mask(tmp_path))])
    for number, (outside, inside) in enumerate(((-128, -127), (0, -1))):
        data = np.full(GRID.shape, outside, np.int8)
        data[:, :, 45:] = inside
        path = tmp_path / f"odd{number}.mrc"
        write_mrc(path, data, 20.0, dtype="int8")
        (odd,) = choose(folder, tomogram_mask=[str(path)])
        assert odd.picks.reason.tolist() == right.picks.reason.tolist()


def test_the_mask_of_the_search_holds_unless_it_is_ignored(tmp_path, choose):
    folder = search_folder(tmp_path, mask=half_mask(tmp_path))
    assert count(choose(folder)[0], "outside mask") > 300
    assert count(choose(folder, ignore_mask=True)[0], "outside mask") == 0
    with pytest.raises(InputError, match="--ignore-mask and --tomogram-mask"):
        plan(CandidatesParams(job=str(folder), ignore_mask=True, tomogram_mask=["m.mrc"]))


def write_maps(place, rotations):
    """Maps of a search: bumps on quiet noise, in the place of the pool."""
    rng = np.random.default_rng(0)
    score = rng.normal(3.5, 0.2, GRID.shape).astype(np.float32)
    index = rng.integers(0, len(rotations), GRID.shape).astype(np.float32)
    for x, y, z in CENTRES:
        score[z, y, x] = 9.0
    write_mrc(place / "scores.mrc", score, 20.0)
    write_mrc(place / "angles.mrc", index, 20.0)
    np.savez(place / "rotations.npz", rotations=rotations)
    (place / "pool.npz").unlink()
    return index


def test_maps_will_do_where_no_pool_was_kept(tmp_path, choose, searched):
    rotations = rotation_grid(40.0)
    index = write_maps(searched / "items" / "007", rotations)
    taken = active(choose(searched, cutoff=8.0)[0].picks)
    assert len(taken) == len(CENTRES)
    found = GRID.to_px(taken.position_angstrom)
    order = np.argsort(found[:, 0])
    np.testing.assert_allclose(found[order], CENTRES[np.argsort(CENTRES[:, 0])], atol=0.1)
    for place, got in zip(np.rint(found).astype(int), taken.orientation, strict=True):
        np.testing.assert_allclose(got, rotations[int(index[place[2], place[1], place[0]])])


def test_the_top_hat_reads_the_score_map(tmp_path, choose, searched):
    write_maps(searched / "items" / "007", rotation_grid(40.0))
    (chosen,) = choose(searched, cutoff=1.0, tophat=True, tophat_connectivity=3)
    assert count(chosen, "not sharp") > 100
    assert len(active(chosen.picks)) >= len(CENTRES)


def test_planarity_reads_the_tomogram(tmp_path, choose, searched):
    data = np.random.default_rng(0).normal(size=GRID.shape).astype(np.float32)
    data[:, :, 40:43] += 15
    write_mrc(tmp_path / "007.mrc", data, 20.0)
    assert 50 < count(choose(searched, cutoff=3.0, planarity=0.8)[0], "membrane") < 300


@pytest.mark.parametrize("name", ["pool.npz", "search.json"])
def test_a_damaged_file_is_named(choose, searched, name):
    (searched / "items" / "007" / name).write_bytes(b"{")
    with pytest.raises(FormatError, match=name):
        choose(searched)


def test_neither_pool_nor_maps(choose, searched):
    (searched / "items" / "007" / "pool.npz").unlink()
    with pytest.raises(MissingFileError, match=r"scores\.mrc"):
        choose(searched)


def test_maps_that_do_not_fit(searched):
    place = searched / "items" / "007"
    write_maps(place, rotation_grid(40.0))
    write_mrc(place / "angles.mrc", np.zeros((4, 5, 6), np.float32), 20.0)
    facts = load_facts(place / "search.json")
    with pytest.raises(FormatError, match="does not fit the scores"):
        candidates._pool_of_maps(place, facts)
    write_mrc(place / "angles.mrc", np.zeros(GRID.shape, np.float32), 20.0)
    (place / "rotations.npz").write_bytes(b"nothing")
    with pytest.raises(FormatError, match="is no list of rotations"):
        candidates._pool_of_maps(place, facts)
    (place / "rotations.npz").unlink()
    with pytest.raises(MissingFileError):
        candidates._pool_of_maps(place, facts)


def test_folders_that_are_no_search(tmp_path, searched):
    with pytest.raises(MissingFileError):
        plan(CandidatesParams(job=str(tmp_path / "nowhere")))
    (searched / "items" / "007" / "search.json").unlink()
    with pytest.raises(InputError, match="no tomogram of this job has been searched"):
        plan(CandidatesParams(job=str(searched)))


def test_a_process_of_its_own_gives_the_same(tmp_path, searched):
    params = CandidatesParams(job=str(searched))
    run_job(JOB, params, tmp_path / "out", workers=1)
    again = load_picks(tmp_path / "out" / "items" / "007" / "picks.npz")
    pool = load_pool(searched / "items" / "007" / "pool.npz")
    facts = load_facts(searched / "items" / "007" / "search.json")
    direct = choose_candidates(pool, facts, CandidateSettings()).picks
    np.testing.assert_array_equal(again.position_angstrom, direct.position_angstrom)
    assert again.reason.tolist() == direct.reason.tolist()


def test_what_reads_whole_volumes_is_planned_with_more(searched):
    plain, hat, flat = (
        plan(CandidatesParams(job=str(searched), **given))[0].cost
        for given in ({}, {"tophat": True}, {"planarity": 0.8})
    )
    assert hat.seconds > plain.seconds
    assert flat.seconds > plain.seconds
    assert flat.memory_bytes > plain.memory_bytes
