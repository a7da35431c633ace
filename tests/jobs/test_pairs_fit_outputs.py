"""What ``pairs fit`` says of a set as a whole, and reading it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import write_mrc
from cryopick.io.picks.npz import save_picks
from cryopick.jobs.pairs_fit_outputs import collect_pairs, pairs_frame, read_pairs
from cryopick.jobs.pairs_linked import PAIR_ID
from cryopick.model import Picks
from cryopick.run.job import Cost, Item


def pair_facts(folder: Path, k: int, *, tilt: float = 50.0, axis: float = 90.0) -> dict[str, Any]:
    sides = {}
    for side in ("untilted", "tilted"):
        path = folder / f"m{k}_{side}.mrc"
        write_mrc(path, np.zeros((20, 30), np.float32), 2.0)
        sides[side] = {
            "name": path.stem,
            "path": str(path),
            "size_px": [30, 20],
            "pixel_size_angstrom": 2.0,
        }
    return {
        **sides,
        "pairs": 1,
        "predicted": 0,
        "untilted_without_partner": 2,
        "tilted_without_partner": 0,
        "diameter_angstrom": 10.0,
        "tolerance_angstrom": 3.0,
        "expected_by_chance": None,
        "fit": {
            "matrix": [[1, 0], [0, 0.6]],
            "shift_angstrom": [0, 0],
            "tilt_deg": tilt,
            "axis_untilted_deg": axis,
            "axis_tilted_deg": axis,
            "rms_residual_angstrom": 1.0 + k,
        },
        "warnings": [],
    }


def collected(folder: Path, facts: list[dict[str, Any]]) -> Any:
    items = []
    for k, each in enumerate(facts):
        place = folder / "items" / f"i{k}"
        place.mkdir(parents=True)
        (place / "pair.json").write_text(json.dumps(each))
        for side in ("untilted", "tilted"):
            one = Picks.of(
                [[10.0, 10.0]],
                image=each[side]["name"],
                extra={PAIR_ID: np.array([f"m{k}_00001"])},
            )
            save_picks(one, place / f"{side}.npz")
            save_picks(Picks.empty(2), place / f"{side}_left.npz")
        items.append(Item(id=f"i{k}", inputs={}, cost=Cost(memory_bytes=1, seconds=1)))
    failed = Item(id="failed", inputs={}, cost=Cost(memory_bytes=1, seconds=1))
    return collect_pairs(folder, [*items, failed], pixel_size_angstrom=None, warnings=["handed on"])


def test_odd_pairs_are_named(tmp_path: Path) -> None:
    facts = [pair_facts(tmp_path, k) for k in range(4)]
    facts[2]["fit"]["tilt_deg"] = 40.0
    facts[3]["fit"]["axis_tilted_deg"] = 120.0
    facts[1]["fit"]["axis_tilted_deg"] = 270.0  # the same axis from its other end
    outcome = collected(tmp_path, facts)
    odd = [line for line in outcome.warnings if "1 pairs only" not in line]
    assert odd[0] == "handed on"
    assert any(line.startswith("m2_untilted: tilt 40.0") for line in odd)
    assert any(line.startswith("m3_untilted: its tilt axis is") for line in odd)
    assert len(odd) == 3
    assert outcome.summary["without_partner"] == {"untilted": 8, "tilted": 0}
    assert outcome.sentence == "4 pick pairs from 4 tilt pairs, tilts 40.0 to 50.0 degrees"


def test_first_and_worst_pair_are_drawn(tmp_path: Path) -> None:
    outcome = collected(tmp_path, [pair_facts(tmp_path, k) for k in range(3)])
    assert [plot.title for plot in outcome.plots] == [
        "m0_untilted and m0_tilted",
        "m2_untilted and m2_tilted",
    ]


def test_pairs_without_a_geometry(tmp_path: Path) -> None:
    facts = pair_facts(tmp_path, 0)
    facts["fit"] = None
    facts["warnings"] = ["no geometry: too few"]
    outcome = collected(tmp_path, [facts])
    assert outcome.summary["axis_deg"] is None
    assert outcome.sentence == "1 pick pair from 1 tilt pair"
    assert "m0_untilted: no geometry: too few" in outcome.warnings


def test_nothing_done_is_no_crash(tmp_path: Path) -> None:
    outcome = collected(tmp_path, [])
    assert outcome.summary["pairs"] == 0
    assert outcome.next_command == ""


def test_it_is_read_back(tmp_path: Path) -> None:
    facts = [pair_facts(tmp_path, k) for k in range(2)]
    collected(tmp_path, facts)
    for given in (tmp_path, tmp_path / "pairs.json"):
        folder, found = read_pairs(given)
        assert folder == tmp_path
        assert found == facts
    frame = pairs_frame(found)
    assert frame.grids["m1_tilted"].shape == (20, 30)
    assert frame.files["m0_untilted"].endswith("m0_untilted.mrc")


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no pairs\.json in it"):
        read_pairs(tmp_path)
    (tmp_path / "pairs.json").write_text("[1]")
    with pytest.raises(InputError):
        read_pairs(tmp_path)
