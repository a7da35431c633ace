import numpy as np
import pytest

from cryopick.io.picks.relion_output import (
    class_columns,
    extra_columns,
    full_names,
    optics_block,
    optics_groups,
    or_missing,
    unwritable_extras,
)
from cryopick.model import Picks


def picks_with(n=3, **columns):
    return Picks.of(np.arange(2.0 * n).reshape(n, 2), image="m", **columns)


def lists(columns):
    return {name: values.tolist() for name, values in columns.items()}


def test_missing_numbers_are_minus_999():
    assert or_missing(None, 2).tolist() == [-999, -999]
    assert or_missing(np.array([1.0, np.nan, np.inf]), 3).tolist() == [1, -999, -999]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["1", "20", "3"], {"rlnClassNumber": [1, 20, 3]}),
        (["1", "", "3"], {"rlnClassNumber": [1, -999, 3]}),
        (["b", "a", "b"], {"rlnClassNumber": [2, 1, 2], "cryopickLabel": ["b", "a", "b"]}),
        (["0", "1", "007"], {"rlnClassNumber": [1, 3, 2], "cryopickLabel": ["0", "1", "007"]}),
    ],
)
def test_labels_are_classes_where_they_are_numbers(labels, expected):
    assert lists(class_columns(picks_with(label=labels))) == expected


def test_without_labels_the_class_says_whether_a_program_picked():
    assert lists(class_columns(picks_with()))["rlnClassNumber"] == [-999] * 3
    assert lists(class_columns(picks_with(score=[1, 2, 3])))["rlnClassNumber"] == [0] * 3


@pytest.mark.parametrize(
    ("groups", "name"),
    [
        (["1", "2", "2"], "rlnHelicalTubeID"),
        (["1", "", "2"], "cryopickGroup"),
        (["a", "b", "b"], "cryopickGroup"),
        (["007", "1", "1"], "cryopickGroup"),
    ],
)
def test_groups_are_tubes_where_they_are_numbers(groups, name):
    columns = class_columns(picks_with(group=groups))
    assert [str(v) for v in columns[name].tolist()] == groups


def test_the_state_is_written_only_where_it_says_something():
    assert "cryopickState" not in class_columns(picks_with(state=["auto"] * 3))
    state = ["auto", "manual", "edited"]
    assert lists(class_columns(picks_with(state=state)))["cryopickState"] == state


def test_names_go_back_to_the_file_they_came_from():
    kept = np.array(["Movies/m.tif", "Movies/other.tif", "m"])
    named = picks_with(extra={"rlnMicrographName": kept})
    # The second pick was given to another image since: its old file is not its file.
    assert full_names(named, "rlnMicrographName").tolist() == ["Movies/m.tif", "m.mrc", "m"]
    assert full_names(picks_with(), "rlnMicrographName").tolist() == ["m.mrc"] * 3
    numbers = picks_with(extra={"rlnMicrographName": np.arange(3)})
    assert full_names(numbers, "rlnMicrographName").tolist() == ["m.mrc"] * 3


def test_extra_columns_that_star_can_hold():
    picks = picks_with(
        extra={
            "rlnDefocusU": np.array([1.0, np.nan, 3.0]),
            "count": np.arange(3),
            "a name": np.zeros(3),
            "written": np.zeros(3),
            "rlnOriginX": np.zeros(3),
            "wide": np.zeros((3, 2)),
        }
    )
    columns = extra_columns(picks, {"written": 0}, ("rlnOriginX",))
    assert lists(columns) == {"rlnDefocusU": [1, -999, 3], "count": [0, 1, 2]}
    assert unwritable_extras(picks) == (
        "columns not written, as STAR cannot hold them: a name, wide",
    )
    assert unwritable_extras(picks_with()) == ()


def test_optics_groups():
    assert optics_groups(picks_with()).tolist() == ["1", "1", "1"]
    kept = picks_with(extra={"rlnOpticsGroup": np.array(["2", "7", "2"])})
    assert optics_groups(kept).tolist() == ["2", "7", "2"]
    odd = picks_with(extra={"rlnOpticsGroup": np.array(["2", "x", "2"])})
    assert optics_groups(odd).tolist() == ["1", "1", "1"]
    block = optics_block(optics_groups(kept), {"rlnTomoTiltSeriesPixelSize": np.array([1, 2, 3])})
    assert lists(block.columns) == {
        "rlnOpticsGroup": ["2", "7"],
        "rlnOpticsGroupName": ["opticsGroup2", "opticsGroup7"],
        "rlnTomoTiltSeriesPixelSize": [1, 2],
    }
    assert len(optics_block(np.zeros(0, dtype="<U1"), {})) == 1
