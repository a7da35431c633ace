"""`Picks`: a structure of arrays whose columns stay together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.model import Picks, active, concatenate, delete, deleted
from cryopick.model.picks import REASONS


def _picks(n=4, **columns):
    position = np.arange(2.0 * n).reshape(n, 2)
    return Picks.of(position, image=[f"m{i}" for i in range(n)], **columns)


def test_strings_stay_strings():
    picks = Picks.of([[1, 2]], image="007", label="1e5", group="000")
    assert (picks.image[0], picks.label[0], picks.group[0]) == ("007", "1e5", "000")
    picks = Picks.of([[1, 2]], image=["007"], group=[7])
    assert picks.group[0] == "7"


def test_one_string_stands_for_every_pick():
    picks = Picks.of(np.zeros((3, 3)), image="TS_1", source="log")
    assert picks.image.tolist() == ["TS_1"] * 3
    assert picks.source.tolist() == ["log"] * 3
    assert picks.ndim == 3


@pytest.mark.parametrize("index", [[True, False, True, False], slice(1, 3), [3, 0], 2, np.int64(1)])
def test_columns_are_selected_together(index):
    picks = _picks(
        score=[0.1, 0.2, 0.3, 0.4],
        orientation=np.tile([1.0, 0, 0, 0], (4, 1)),
        extra={"fom": np.arange(4)},
    )
    wanted = np.atleast_1d(np.arange(4)[np.asarray(index) if isinstance(index, list) else index])
    chosen = picks[np.asarray(index) if isinstance(index, list) else index]
    assert len(chosen) == len(wanted)
    assert chosen.image.tolist() == [f"m{i}" for i in wanted]
    assert chosen.extra["fom"].tolist() == wanted.tolist()
    assert chosen.orientation.shape == (len(wanted), 4)
    assert chosen.label is None


@pytest.mark.parametrize("ndim", [2, 3])
def test_nothing_found_is_an_empty_set(ndim):
    picks = Picks.empty(ndim)
    assert (len(picks), picks.ndim) == (0, ndim)
    assert len(active(picks)) == len(deleted(picks)) == 0
    assert len(concatenate([picks, picks])) == 0


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"score": [1.0]}, r"column score of shape \(4,\), got \(1,\)"),
        ({"orientation": np.zeros((4, 3))}, r"column orientation of shape \(4, 4\)"),
        ({"label": ["a", "b"]}, "column label"),
        ({"extra": {"fom": np.zeros(3)}}, "expected 4 values in column fom, got 3"),
    ],
)
def test_columns_of_another_length_are_named(columns, text):
    with pytest.raises(InputError, match=text):
        _picks(**columns)


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 4), (2, 2, 2)])
def test_positions_of_another_shape_are_refused(shape):
    with pytest.raises(InputError, match="expected positions"):
        Picks(position_angstrom=np.zeros(shape), image=np.full(4, "a"))


def test_no_positions_do_not_say_their_dimension():
    with pytest.raises(InputError, match=r"use Picks\.empty"):
        Picks.of([], image="a")


def test_joining_fills_what_one_side_does_not_know():
    first = _picks(2, score=[0.5, 0.6], extra={"fom": np.array([1.0, 2.0])})
    second = _picks(1, label="virus", state="manual", extra={"note": np.array(["x"])})
    joined = concatenate([first, second])
    assert len(joined) == 3
    assert joined.score[:2].tolist() == [0.5, 0.6]
    assert np.isnan(joined.score[2])
    assert joined.label.tolist() == ["", "", "virus"]
    assert joined.state.tolist() == ["auto", "auto", "manual"]
    assert np.isnan(joined.extra["fom"][2])
    assert joined.extra["note"].tolist() == ["", "", "x"]
    assert joined.orientation is None


def test_a_missing_orientation_becomes_the_identity():
    turned = _picks(1, orientation=[[0.0, 1.0, 0.0, 0.0]])
    joined = concatenate([_picks(1), turned])
    assert joined.orientation.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0]]


def test_joining_needs_one_dimension_and_something():
    with pytest.raises(InputError, match="at least one"):
        concatenate([])
    with pytest.raises(InputError, match="all in 2D or all in 3D"):
        concatenate([Picks.empty(2), Picks.empty(3)])


@pytest.mark.parametrize("reason", REASONS)
def test_deleting_keeps_the_pick_and_its_reason(reason):
    picks = delete(_picks(), np.array([True, False, False, True]), reason=reason)
    assert len(picks) == 4
    assert len(active(picks)) == 2
    assert deleted(picks).reason.tolist() == [reason] * 2
    assert active(picks).reason.tolist() == [""] * 2


def test_the_first_reason_stays():
    once = delete(_picks(), np.array([True, False, False, False]), reason="edge")
    twice = delete(once, np.ones(4, bool), reason="below threshold")
    assert twice.reason.tolist() == ["edge"] + ["below threshold"] * 3
    assert len(active(twice)) == 0


def test_picks_without_states_are_all_active():
    assert len(active(_picks())) == 4
    assert len(deleted(_picks())) == 0


@given(st.integers(1, 20), st.data())
def test_active_and_deleted_are_all_of_them(n, data):
    which = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    picks = delete(_picks(n), which, reason="manual")
    assert len(active(picks)) == (~which).sum()
    joined = concatenate([active(picks), deleted(picks)])
    assert sorted(joined.image) == sorted(_picks(n).image)


@given(st.integers(1, 12), st.integers(1, 12))
def test_joining_then_selecting_gives_the_parts_back(n, m):
    joined = concatenate([_picks(n), _picks(m)])
    assert np.array_equal(joined[:n].position_angstrom, _picks(n).position_angstrom)
    assert joined[n:].image.tolist() == _picks(m).image.tolist()
