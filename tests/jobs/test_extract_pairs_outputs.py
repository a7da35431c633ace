"""How the method is told, and what is said when nothing came out."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryopick.jobs.extract_pairs_outputs import (
    collect_particle_pairs,
    method_in_words,
    stack_name,
)
from cryopick.run.job import Cost, Item


def item(*, untilted: str = "none", tilted: str = "none", **changes: object) -> Item:
    sides = {}
    for side, ctf in (("untilted", untilted), ("tilted", tilted)):
        settings = {
            "image_px": 64,
            "downsampling": 1.0,
            "dust_sd": 3.5,
            "invert": True,
            "normalise": "ramp",
            "ctf": ctf,
            **changes,
        }
        sides[side] = {"settings": settings, "pixel_size_angstrom": 2.0}
    return Item(id="a", inputs=sides, cost=Cost(memory_bytes=1, seconds=1))


@pytest.mark.parametrize(
    ("untilted", "tilted", "words"),
    [
        ("none", "none", None),
        ("phase-flip", "phase-flip", "phases of both sides were flipped"),
        ("phase-flip", "none", "phases of the untilted side only were flipped"),
        ("none", "phase-flip", "phases of the tilted side only were flipped"),
    ],
)
def test_whose_phases_were_flipped(untilted: str, tilted: str, words: str | None) -> None:
    told = method_in_words([item(untilted=untilted, tilted=tilted)], 3, from_other=False)
    assert ("flipped" not in told) if words is None else (words in told)


def test_every_step_is_told() -> None:
    told = method_in_words([item(downsampling=2.0)], 1204, from_other=True)
    assert told == (
        "1,204 particle pairs were cut from other micrographs than those picked in boxes of 64 px "
        "(4 Å/px), down-sampled by 2; pixels beyond 3.5 sd were replaced; contrast was inverted; "
        "normalised by ramp."
    )
    bare = item(dust_sd=None, invert=False, normalise="none")
    assert method_in_words([bare], 2, from_other=False).endswith("boxes of 64 px (2 Å/px).")


def test_nothing_done_is_no_crash(tmp_path: Path) -> None:
    outcome = collect_particle_pairs(
        tmp_path, [item()], from_other=False, are_dark=False, warnings=[]
    )
    assert outcome.summary["pairs"] == 0
    assert outcome.sentence == "0 particle pairs from 0 tilt pairs"
    assert outcome.next_command == ""
    assert outcome.warnings


def test_stacks_of_two_sides_have_two_names() -> None:
    assert stack_name("m", "untilted") != stack_name("m", "tilted")
