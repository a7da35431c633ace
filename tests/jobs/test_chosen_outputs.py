"""What is written for one tomogram is what is joined for all."""

import json

import numpy as np
import pytest

from cryopick.io.images import open_image, write_mrc
from cryopick.io.picks.npz import load_picks
from cryopick.jobs.chosen_outputs import collect_chosen, save_chosen
from cryopick.pick.matching.candidate_settings import CandidateSettings
from cryopick.pick.matching.candidates import choose_candidates
from cryopick.pick.matching.pool import Pool
from cryopick.run.job import Cost, Item
from score_sets import GRID, facts_of, labelled_scores, pool_of, template_facts

SETTINGS = CandidateSettings(border_angstrom=0.0)


@pytest.fixture
def tomogram(tmp_path):
    data = np.random.default_rng(0).normal(size=(20, 30, 30)).astype(np.float32)
    write_mrc(tmp_path / "TS_1.mrc", data, 100.0)
    return open_image(tmp_path / "TS_1.mrc")


def chosen_of(score, template=0, *, templates=()):
    rng = np.random.default_rng(1)
    place = rng.uniform(0, 1900, (len(score), 3)) * [1.5, 1.5, 1.0]
    pool = pool_of(score, place, template=template)
    return choose_candidates(pool, facts_of(*templates), SETTINGS)


def usual_scores():
    rng = np.random.default_rng(2)
    return labelled_scores("gaussian", background=1500, particles=100, mean=9, rng=rng)[0]


def item_of(tmp_path, name="TS_1"):
    inputs = {
        "name": name, "path": str(tmp_path / "TS_1.mrc"), "pixel_size_angstrom": None, "ndim": 3,
    }  # fmt: skip
    return Item(id=name, inputs=inputs, cost=Cost(memory_bytes=1, seconds=1))


def save(chosen, tomogram, folder, name="TS_1"):
    place = folder / "items" / name
    place.mkdir(parents=True)
    save_chosen(chosen, tomogram, place)
    return place


def test_one_tomogram_in_files(tmp_path, tomogram):
    chosen = chosen_of(usual_scores())
    place = save(chosen, tomogram, tmp_path / "out")
    again = load_picks(place / "picks.npz")
    np.testing.assert_array_equal(again.reason, chosen.picks.reason)
    np.testing.assert_array_equal(again.extra["p_value"], chosen.picks.extra["p_value"])
    verdicts = json.loads((place / "verdicts.json").read_text())
    assert verdicts["ribosome"]["cut_off"] == chosen.verdicts["ribosome"].cut_off
    names = {path.name for path in (place / "figures").iterdir()}
    assert names == {"0-scores.svg", "0-curve.svg", "slices.png"}


def test_all_tomograms_are_joined(tmp_path, tomogram):
    chosen = chosen_of(usual_scores())
    save(chosen, tomogram, tmp_path / "out")
    missing = item_of(tmp_path, "TS_2")
    outcome = collect_chosen(
        tmp_path / "out", [item_of(tmp_path), missing], next_command="cryopick serve"
    )
    taken = int((chosen.picks.state != "deleted").sum())
    assert outcome.summary["picks"] == taken
    assert outcome.summary["picks_per_template"] == {"ribosome": taken}
    assert outcome.summary["thresholds"] == {"TS_1": chosen.verdicts["ribosome"].cut_off}
    assert outcome.next_command == "cryopick serve"
    assert [plot.title for plot in outcome.plots][:3] == [
        "TS_1: scores of ribosome",
        "TS_1: estimated precision and recall of ribosome",
        "TS_1: slices with picks",
    ]
    assert (tmp_path / "out" / "discarded.star").is_file()


def test_several_templates_have_their_own_figures_and_cut_offs(tmp_path, tomogram):
    templates = (template_facts(), template_facts("20S", diameter_angstrom=150.0))
    score = usual_scores()
    which = np.arange(len(score)) % 2
    rng = np.random.default_rng(3)
    place = rng.uniform(0, 1900, (len(score), 3))
    pool = Pool.joined([
        pool_of(score[which == k], place[which == k], template=k) for k in (0, 1)
    ])  # fmt: skip
    chosen = choose_candidates(pool, facts_of(*templates), SETTINGS)
    save(chosen, tomogram, tmp_path / "out")
    outcome = collect_chosen(tmp_path / "out", [item_of(tmp_path)], next_command="")
    assert set(outcome.summary["thresholds"]) == {"TS_1: ribosome", "TS_1: 20S"}
    assert set(outcome.summary["picks_per_template"]) == {"ribosome", "20S"}
    assert "TS_1: scores of 20S" in [plot.title for plot in outcome.plots]


def test_notes_become_warnings(tmp_path, tomogram):
    save(chosen_of([9.0, 8.0]), tomogram, tmp_path / "out")
    outcome = collect_chosen(tmp_path / "out", [item_of(tmp_path)], next_command="")
    assert any("TS_1: ribosome: 2 candidates are too few" in line for line in outcome.warnings)


def test_nothing_found(tmp_path, tomogram):
    chosen = choose_candidates(Pool.joined([]), facts_of(), SETTINGS)
    save(chosen, tomogram, tmp_path / "out")
    outcome = collect_chosen(tmp_path / "out", [item_of(tmp_path)], next_command="")
    assert outcome.summary["picks"] == 0
    assert "no picks in TS_1" in outcome.warnings


def test_the_grid_of_the_sets_is_larger_than_the_tomogram_of_this_test(tomogram):
    """Positions of these pools lie in the search's frame, so slices must bear any of them."""
    assert GRID.extent_angstrom[0] >= tomogram.grid.extent_angstrom[0]
