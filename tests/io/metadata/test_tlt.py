"""Tilt lists, order lists, and the exposure that follows from an order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import FormatError, InputError
from cryopick.io.metadata.tlt import (
    prior_exposure,
    read_order_list,
    read_tilts,
    write_tilts,
)
from shared_data import shared


@pytest.mark.parametrize(
    ("file", "n", "first", "last"),
    [
        ("pytom_match_pick/test_angles.rawtlt", 35, -51.0, 51.0),
        ("cryocat_ts017/017.tlt", 60, -52.01, 65.97),
        ("imod/cryoet_alignment/tilt_1.xtilt", 59, 0.0, 0.0),
        ("czportal_alignments/TS_run1.rawtlt", 4, -4.38, 2.013),
    ],
)
def test_genuine_lists(file, n, first, last):
    tilts = read_tilts(shared(f"formats/{file}"))
    assert len(tilts) == n
    assert tilts[0] == pytest.approx(first, abs=0.011)
    assert tilts[-1] == pytest.approx(last, abs=0.011)


def test_genuine_file_of_two_columns():
    path = shared("formats/pytom_match_pick/test_angles_multi_column.rawtlt")
    with pytest.raises(FormatError, match="got 2 columns; name the column"):
        read_tilts(path)
    plain = read_tilts(shared("formats/pytom_match_pick/test_angles.rawtlt"))
    np.testing.assert_array_equal(read_tilts(path, column=0), plain)


def test_a_column_of_something_else_is_refused(tmp_path):
    path = tmp_path / "a.tlt"
    path.write_text("-60\n1567301525373690323140608.00\n")
    with pytest.raises(FormatError, match=r"a.tlt: tilt: 1.5673e\+24° is not possible"):
        read_tilts(path)


@settings(max_examples=30, deadline=None)
@given(tilts=st.lists(st.floats(-90, 90), min_size=1, max_size=70))
def test_round_trip(tmp_path_factory, tilts):
    path = tmp_path_factory.mktemp("tlt") / "a.tlt"
    write_tilts(path, tilts)
    np.testing.assert_allclose(read_tilts(path), tilts, atol=0.005001)
    write_tilts(path, tilts, decimals=6)
    np.testing.assert_allclose(read_tilts(path), tilts, atol=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "1,0\n2,3\n3,-3\n",
        "ImageNumber, TiltAngle\n1, 0.0\n2, 3.0\n3, -3.0\n",
        "# a comment\n\n1 0\n2 3\n3 -3\n",
        "0 0\n1 3\n2 -3\n",
    ],
)
def test_order_lists(tmp_path, text):
    path = tmp_path / "order_list.csv"
    path.write_text(text)
    found = read_order_list(path)
    assert found.order.tolist() == [1, 2, 3]
    assert found.tilt_deg.tolist() == [0, 3, -3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,0,5\n", "line 1: expected order and tilt, got 3 values"),
        ("1,0\n1,3\n", "each place must come once"),
        ("1,0\nx,3\n", "line 2: 'x' is not a number"),
        ("1.5,0\n", "line 1: '1.5' is not a whole number"),
        ("order,tilt\n", "holds no rows of order and tilt"),
        ("1,200\n", "tilt: 200° is not possible"),
    ],
)
def test_bad_order_lists(tmp_path, text, message):
    path = tmp_path / "order_list.csv"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_order_list(path)


def test_prior_exposure_of_a_dose_symmetric_series_by_hand():
    # stack order -6 -3 0 3 6, taken 0 3 -3 -6 6, 2 e/Å² each
    order = np.array([4, 3, 1, 2, 5])
    assert prior_exposure(2.0, order).tolist() == [6.0, 4.0, 0.0, 2.0, 8.0]


def test_prior_exposure_refuses_ties():
    with pytest.raises(InputError, match="at the same moment"):
        prior_exposure([1.0, 1.0], np.array([1.0, 1.0]))


@settings(max_examples=50, deadline=None)
@given(doses=st.lists(st.floats(0.1, 10), min_size=1, max_size=60), seed=st.integers(0, 99))
def test_prior_exposure_counts_each_earlier_image_once(doses, seed):
    order = np.random.default_rng(seed).permutation(len(doses)) + 1
    prior = prior_exposure(doses, order)
    for place in range(len(doses)):
        earlier = sum(d for d, when in zip(doses, order, strict=True) if when < order[place])
        assert prior[place] == pytest.approx(earlier)
