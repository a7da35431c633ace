"""What is kept of micrographs between the search and the choice of picks."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.io.images import write_mrc
from cryopick.jobs.merit_outputs import (
    MicrographFacts,
    check_peak_params,
    collect_merit,
    load_facts,
    peak_rules,
    save_candidates,
)
from cryopick.jobs.pick_template_params import PeakParams
from cryopick.pick.merit.peaks import PeakRules
from cryopick.pick.merit.pool import judge_pool
from cryopick.run.job import Cost, Item
from toy_merit import PIXEL, SHAPE, pool_of


def judged(name, count, *, seed=0):
    """A micrograph with so many particles of merit 1 among background of 0.1."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(100, 1100, (count + 60, 2))
    merit = np.r_[rng.normal(1, 0.02, count), rng.exponential(0.03, 60)]
    pool = pool_of(place, merit, name=name, scale=0.05)
    return judge_pool(pool, PeakRules(min_distance_angstrom=0.0))


def facts(name, folder, **changes):
    write_mrc(folder / f"{name}.mrc", np.random.default_rng(0).normal(size=SHAPE), PIXEL)
    fields = {
        "name": name, "path": str(folder / f"{name}.mrc"), "pixel_size_angstrom": None,
        "shape": SHAPE, "grid_pixel_angstrom": PIXEL, "origin_angstrom": (0.0, 0.0),
        "location": 0.0, "scale": 0.05, "defocus_um": None, "particle_diameter_angstrom": 120.0,
        "box_angstrom": 180.0,
    }  # fmt: skip
    return MicrographFacts(**(fields | changes))


def items_of(folder, batches):
    """Items of some micrographs each, worked on."""
    items = []
    for number, counts in enumerate(batches):
        place = folder / "items" / f"i{number}"
        place.mkdir(parents=True)
        known = [facts(name, folder, defocus_um=1.0 + n / 10) for name, n in counts.items()]
        save_candidates(place, [judged(name, n, seed=n) for name, n in counts.items()], known)
        items.append(Item(id=f"i{number}", inputs={}, cost=Cost(memory_bytes=1, seconds=1)))
    return items


def test_micrographs_of_several_items_are_joined_by_one_threshold(tmp_path):
    items = items_of(tmp_path, [{"a": 12, "b": 0}, {"c": 25}])
    outcome = collect_merit(tmp_path, items, PeakParams(), next_command="next")
    assert outcome.summary["picks_per_image"] == {"a": 12, "b": 0, "c": 25}
    assert len(set(outcome.summary["thresholds"].values())) == 1
    assert outcome.summary["estimated_precision_per_image"]["b"] is None
    assert outcome.summary["estimated_precision"] > 0.95
    assert outcome.summary["defocus_um"]["c"] == pytest.approx(3.5)
    assert outcome.next_command == "next"
    titles = [plot.title for plot in outcome.plots]
    assert titles[-2:] == ["Picks against defocus", "Background against defocus"]
    assert (tmp_path / "picks.star").is_file()
    assert (tmp_path / "discarded.star").is_file()


def test_items_that_failed_are_left_out(tmp_path):
    items = items_of(tmp_path, [{"a": 12}])
    items.append(replace(items[0], id="failed"))
    outcome = collect_merit(tmp_path, items, PeakParams(threshold=0.5), next_command="")
    assert outcome.summary["images"] == 1
    assert collect_merit(tmp_path, [items[1]], PeakParams(), next_command="").summary["picks"] == 0


def test_too_few_candidates_are_said_to_be(tmp_path):
    place = tmp_path / "items" / "i0"
    place.mkdir(parents=True)
    few = judge_pool(pool_of([[500.0, 500.0]], [3.0], name="a", scale=0.05), PeakRules())
    save_candidates(place, [few], [facts("a", tmp_path)])
    item = Item(id="i0", inputs={}, cost=Cost(memory_bytes=1, seconds=1))
    outcome = collect_merit(tmp_path, [item], PeakParams(), next_command="")
    assert outcome.summary["threshold_rule"] == "sd above background"
    assert outcome.summary["threshold"] == pytest.approx(0.25)
    assert "too few candidates" in outcome.warnings[-1]


def test_scores_that_the_usual_estimate_does_not_fit_are_said_to_be(tmp_path):
    rng = np.random.default_rng(0)
    place = rng.uniform(100, 1100, (340, 2))
    merit = np.r_[np.exp(rng.normal(1.3, 0.4, 220)), rng.exponential(0.05, 120)]
    crowd = judge_pool(
        pool_of(place, merit, name="a", scale=0.05), PeakRules(min_distance_angstrom=0.0)
    )
    folder = tmp_path / "items" / "i"
    folder.mkdir(parents=True)
    save_candidates(folder, [crowd], [facts("a", tmp_path)])
    item = Item(id="i", inputs={}, cost=Cost(memory_bytes=1, seconds=1))
    outcome = collect_merit(tmp_path, [item], PeakParams(), next_command="next")
    assert outcome.summary["threshold_rule"] == "two groups"
    assert outcome.summary["estimated_particles"] is None
    assert any("into two groups" in line for line in outcome.warnings)
    given = collect_merit(tmp_path, [item], PeakParams(threshold=1.0), next_command="next")
    assert not any("two groups" in line for line in given.warnings)


def test_facts_to_disk_and_back(tmp_path):
    known = facts("a", tmp_path, labels=("3", "5"), mask="mask.mrc")
    save_candidates(tmp_path, [judged("a", 3)], [known])
    (again,) = load_facts(tmp_path)
    assert again.grid == known.grid
    assert (list(again.labels), again.mask) == (["3", "5"], "mask.mrc")
    assert load_facts(tmp_path / "nowhere") == []
    (tmp_path / "micrographs.json").write_text(json.dumps([{"name": "a"}]))
    with pytest.raises(FormatError, match="does not describe micrographs"):
        load_facts(tmp_path)


def test_damaged_samples(tmp_path):
    items = items_of(tmp_path, [{"a": 12}])
    (tmp_path / "items" / "i0" / "samples.npz").write_bytes(b"nonsense")
    with pytest.raises(FormatError, match="no archive of scores"):
        collect_merit(tmp_path, items, PeakParams(), next_command="")


def test_the_threshold_is_left_to_the_set_but_for_relion():
    assert peak_rules(PeakParams(threshold=0.3)).threshold == float("-inf")
    relion = PeakParams(suppression="relion", max_noise_sd=1.2, max_picks=3)
    assert peak_rules(relion).threshold == 0.05
    assert peak_rules(relion).max_noise_sd == 1.2
    assert peak_rules(relion).max_picks is None
    assert peak_rules(PeakParams(suppression="relion", threshold=0.4)).threshold == 0.4


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"threshold": 0.1, "fdr": 0.1}, "give one of them"),
        ({"suppression": "relion", "fdr": 0.1}, "--fdr: goes with"),
        ({"suppression": "relion", "normalise_scores": True}, "--normalise-scores: goes with"),
    ],
)
def test_rules_that_contradict_each_other(fields, text):
    check_peak_params(PeakParams())
    with pytest.raises(InputError, match=text):
        check_peak_params(PeakParams(**fields))
