"""The crowd of the tomogram, and what one engine's search is scored by."""

from types import SimpleNamespace

import pytest

import match_bank_exact
from cryopick.model import Picks
from match_bank_exact import SIZE_PX, recipe_for, search
from measuring import own_match


def test_full_size_is_what_is_promised():
    recipe = recipe_for(SIZE_PX)
    assert recipe.size_px == (400, 400, 180)
    assert (recipe.targets, recipe.others, recipe.gold_beads, recipe.vesicles) == (80, 30, 8, 3)


@pytest.mark.parametrize("edge", [100, 200])
def test_smaller_ones_are_as_crowded_and_never_empty(edge):
    recipe = recipe_for((edge, edge, 96))
    assert recipe.targets == 80 * edge**2 // 400**2
    assert min(recipe.others, recipe.gold_beads, recipe.vesicles) >= 1
    assert recipe.ice_angstrom < 960


def test_both_lists_are_scored(monkeypatch, tmp_path):
    scene = SimpleNamespace(
        targets=Picks.of([[0.0, 0, 0], [500, 0, 0]], image="t"),
        others=None,
        tomogram=tmp_path / "t.mrc",
        diameter_angstrom=200.0,
    )
    asked = []
    long = Picks.of([[0, 0, 0], [500, 0, 0], [900, 0, 0]], image="t", score=[3, 1, 2])
    monkeypatch.setattr(
        own_match, "scene_words", lambda scene, engine, step_deg: [engine, step_deg]
    )
    monkeypatch.setattr(own_match, "match", lambda words, out: asked.append((words, out)) or "run")
    monkeypatch.setattr(own_match, "long_list", lambda *_, n, **__: long[:n])
    monkeypatch.setattr(own_match, "picks_in", lambda *_: long[:1])
    figures, run = search(scene, "bank", tmp_path, 14.0)
    assert run == "run"
    assert asked == [(["bank", 14.0], tmp_path / "bank")]
    assert figures["average_precision"] == pytest.approx((1 + 2 / 3) / 2, abs=1e-4)
    assert figures["at_default_cut_off"] == {"picks": 1, "precision": 1.0, "recall": 0.5}
    assert match_bank_exact.TARGET == "80S ribosome"
