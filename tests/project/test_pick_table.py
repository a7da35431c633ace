"""Picks in and out of the table: every column, at every size, with ids."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.model import Picks, delete
from cryopick.model.sets import Dataset, Member, SetKind
from cryopick.project.edits import PickRow
from cryopick.project.pick_table import (
    insert_picks,
    new_ids,
    picks_from_records,
    read_picks_of,
    record_from_row,
    row_from_record,
    rows_of_image,
)
from cryopick.project.store import create_project
from project_maker import IMAGES, pick_set, project_with_picks, some_picks


def tomogram_set() -> Dataset:
    members = (Member(name="007", count=0), Member(name="1e5", count=0))
    return Dataset(name="deep", kind=SetKind.PICKS, ndim=3, members=members)


def full_picks(n: int = 7) -> Picks:
    rng = np.random.default_rng(3)
    turns = rng.normal(size=(n, 4))
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    return Picks(
        position_angstrom=rng.normal(size=(n, 3)) * 1e3,
        image=np.array(["007", "1e5"])[np.arange(n) % 2],
        orientation=turns,
        score=rng.normal(size=n),
        label=np.array([f"species {i}" for i in range(n)]),
        source=np.full(n, "log"),
        state=np.full(n, "auto"),
        reason=np.full(n, ""),
        group=np.array([f"00{i}" for i in range(n)]),
        diameter_angstrom=rng.uniform(1, 9, n),
        extra={
            "tube": np.arange(n),
            "length": rng.normal(size=n),
            "name": np.array([f"{i:04d}" for i in range(n)]),
            "flag": np.arange(n) % 3 == 0,
        },
    )


def test_every_column_comes_back_exactly(tmp_path: Path):
    picks = full_picks()
    with create_project(tmp_path / "p") as project:
        insert_picks(project, tomogram_set(), picks)
        found = read_picks_of(project, "deep")
    for name in ("position_angstrom", "image", "orientation", "score", "label", "source", "group"):
        np.testing.assert_array_equal(getattr(found, name), getattr(picks, name))
    np.testing.assert_array_equal(found.diameter_angstrom, picks.diameter_angstrom)
    for name, values in picks.extra.items():
        np.testing.assert_array_equal(found.extra[name], values)
        assert found.extra[name].dtype.kind == values.dtype.kind
    assert len(set(found.extra["id"].tolist())) == len(picks)


def test_columns_not_known_stay_not_known(tmp_path: Path):
    bare = Picks.of([[1.0, 2.0], [3.0, 4.0]], image=["007", "mic_a"])
    with project_with_picks(tmp_path / "p") as project:
        insert_picks(project, pick_set("bare"), bare)
        found = read_picks_of(project, "bare")
    for name in ("orientation", "score", "label", "source", "group", "diameter_angstrom"):
        assert getattr(found, name) is None
    assert found.state is not None
    assert found.state.tolist() == ["auto", "auto"]
    assert list(found.extra) == ["id"]


def test_numbers_missing_for_some_are_nan(tmp_path: Path):
    picks = replace(
        some_picks(4),
        score=np.array([0.5, np.nan, -1.0, np.nan]),
        extra={"weight": np.array([1.5, np.nan, np.inf, 2.0])},
    )
    with project_with_picks(tmp_path / "p") as project:
        insert_picks(project, pick_set("some"), picks)
        found = read_picks_of(project, "some")
    np.testing.assert_array_equal(found.score, picks.score)
    np.testing.assert_array_equal(found.extra["weight"], [1.5, np.nan, np.nan, 2.0])


def test_nothing_found_is_an_empty_set(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        insert_picks(project, pick_set("none"), Picks.empty(2))
        found = read_picks_of(project, "none")
        assert (len(found), found.ndim) == (0, 2)
        assert len(project.get("none")) == 0
        assert rows_of_image(project, "none", "007") == []


def test_counts_leave_deleted_picks_out(tmp_path: Path):
    picks = some_picks(8)
    picks = delete(picks, picks.image == "007", reason="edge")
    with project_with_picks(tmp_path / "p") as project:
        counted = insert_picks(project, pick_set("some"), picks)
        assert {m.name: m.count for m in counted.members} == {
            "007": 0, "1e5": 2, "mic_a": 2, "mic_b": 2, "mic_c": 0,
        }  # fmt: skip
        assert project.get("some") == counted
        assert len(read_picks_of(project, "some")) == 8


def test_picks_of_one_image(tmp_path: Path):
    with project_with_picks(tmp_path / "p") as project:
        every = read_picks_of(project, "picks")
        one = read_picks_of(project, "picks", "1e5")
        np.testing.assert_array_equal(
            one.position_angstrom, every[every.image == "1e5"].position_angstrom
        )
        assert [r.id for r in rows_of_image(project, "picks", "1e5")] == one.extra["id"].tolist()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_positions_must_be_finite(tmp_path: Path, bad: float):
    picks = some_picks(4)
    picks.position_angstrom[2, 1] = bad
    with (
        project_with_picks(tmp_path / "p") as project,
        pytest.raises(InputError, match="set x: expected finite coordinates"),
    ):
        insert_picks(project, pick_set("x"), picks)


def test_dimensions_must_agree(tmp_path: Path):
    with (
        project_with_picks(tmp_path / "p") as project,
        pytest.raises(InputError, match="set x: expected 2D picks, got 3D picks"),
    ):
        insert_picks(project, pick_set("x"), Picks.empty(3))


def test_ids_are_uuids_that_rise():
    ids = new_ids(10_000)
    assert len(set(ids)) == 10_000
    assert ids == sorted(ids)
    assert {len(i) for i in ids} == {32}
    assert {i[12] for i in ids} == {"7"}
    assert {i[16] for i in ids} <= set("89ab")
    assert new_ids(0) == []
    assert not set(ids) & set(new_ids(10_000))


numbers = st.floats(-1e12, 1e12)
rows = st.builds(
    PickRow,
    id=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=5),
    image=st.sampled_from(IMAGES),
    position_angstrom=st.one_of(st.tuples(numbers, numbers), st.tuples(numbers, numbers, numbers)),
    orientation=st.sampled_from([None, (1.0, 0.0, 0.0, 0.0), (0.5, 0.5, 0.5, 0.5)]),
    score=st.none() | numbers,
    label=st.text(st.characters(exclude_categories=("Cs",)), max_size=5),
    group=st.sampled_from(["", "007", "1e5"]),
    diameter_angstrom=st.none() | numbers,
    extra=st.dictionaries(st.text(max_size=3), st.none() | numbers | st.text(max_size=3)),
    rev=st.integers(0, 2**40),
)


@given(rows)
@settings(max_examples=200)
def test_a_row_survives_the_table(row: PickRow):
    assert row_from_record(record_from_row(row)) == row


@given(st.lists(rows.filter(lambda row: len(row.position_angstrom) == 2), max_size=5))
@settings(max_examples=50)
def test_columns_agree_with_rows(found: list[PickRow]):
    picks = picks_from_records([record_from_row(row) for row in found], 2)
    assert len(picks) == len(found)
    assert picks.position_angstrom.tolist() == [list(row.position_angstrom) for row in found]
    if picks.group is not None:
        assert picks.group.tolist() == [row.group for row in found]
    else:
        assert all(row.group == "" for row in found)
