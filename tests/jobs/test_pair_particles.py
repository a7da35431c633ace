"""Strict pairing of particles: rows stay rows, whatever is lost on either side."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.extract.particles import ExtractedParticles
from cryopick.jobs.pair_particles import joined_by_id, paired_rows
from cryopick.model import Picks, delete


def picks(n: int, name: str) -> Picks:
    place = np.column_stack([np.arange(n), np.arange(n)]).astype(float)
    ids = np.array([f"p{i}" for i in range(n)], dtype="<U8")
    return Picks(position_angstrom=place, image=np.full(n, name), extra={"id": ids})


def extracted(every: Picks, kept: list[int]) -> ExtractedParticles:
    """As `extract_particles` gives it: images that hold the row they were made of."""
    gone = ~np.isin(np.arange(len(every)), kept)
    row = np.array(kept, dtype=np.int64)
    return ExtractedParticles(
        images=np.broadcast_to(row[:, None, None], (len(row), 4, 4)).astype(np.float32),
        picks=every[row],
        shift_angstrom=np.column_stack([row, -row]).astype(float),
        defocus=np.repeat(row[:, None], 4, axis=1).astype(float),
        row=row,
        dropped=delete(every[gone], np.ones(int(gone.sum()), bool), reason="edge"),
        pixel_size_angstrom=2.0,
    )


@given(
    n=st.integers(0, 12),
    lost=st.tuples(st.sets(st.integers(0, 11)), st.sets(st.integers(0, 11))),
)
def test_dropping_one_side_always_drops_the_other(n: int, lost: tuple[set[int], set[int]]) -> None:
    every = (picks(n, "u"), picks(n, "t"))
    found = [
        extracted(p, [i for i in range(n) if i not in gone])
        for p, gone in zip(every, lost, strict=True)
    ]
    sides = paired_rows(*found, untilted_picks=every[0], tilted_picks=every[1])
    both = [i for i in range(n) if i not in lost[0] | lost[1]]
    for side, gone in zip(sides, lost, strict=True):
        assert side.row.tolist() == both
        assert side.images[:, 0, 0].tolist() == both
        assert side.picks.extra["id"].tolist() == [f"p{i}" for i in both]
        assert side.shift_angstrom[:, 0].tolist() == both
        assert side.defocus is not None
        assert side.defocus[:, 3].tolist() == both
        assert len(side.picks) + len(side.dropped) == n
        if len(side.dropped):
            reasons = np.asarray(side.dropped.reason)
            assert np.count_nonzero(reasons == "edge") == len(gone & set(range(n)))
            assert set(reasons) <= {"edge", "partner dropped"}


@given(order=st.permutations(range(6)), missing=st.sets(st.integers(0, 5)))
def test_ids_link_whatever_the_order(order: list[int], missing: set[int]) -> None:
    first, second = picks(6, "u"), picks(6, "t")[[i for i in order if i not in missing]]
    pairs, lost = joined_by_id(first, second, column="id")
    assert pairs.untilted.extra["id"].tolist() == pairs.tilted.extra["id"].tolist()
    assert pairs.untilted.extra["id"].tolist() == [f"p{i}" for i in range(6) if i not in missing]
    assert lost == len(missing)


def test_ids_must_be_there_and_be_different() -> None:
    bare = Picks.of([[1.0, 2.0]], image="u")
    with pytest.raises(InputError, match="column id is missing"):
        joined_by_id(bare, bare, column="id")
    twice = picks(3, "u")[[0, 1, 1]]
    with pytest.raises(InputError, match="p1 stands twice, in rows 2 and 3"):
        joined_by_id(twice, picks(3, "t"), column="id")
