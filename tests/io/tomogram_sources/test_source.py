"""Names of a batch, and tilt series cut to the images that were used."""

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.io.tomogram_sources.source import (
    TomogramSource,
    check_finite,
    chosen,
    gaps,
    left_out,
    listed,
    natural_order,
    only_used,
    refuse_missing,
)
from cryopick.model import Optics, TiltSeries


def series(**columns):
    return TiltSeries(
        name="TS_1",
        tilt_deg=[-3.0, 0.0, 3.0],
        exposure_e_per_a2=[6.0, 0.0, 3.0],
        image=["a", "b", "c"],
        optics=Optics(voltage_kv=200),
        handedness=-1,
        **columns,
    )


def test_names_stay_text_and_sort_as_people_count():
    names = ["TS_10", "TS_9", "007", "7", "Position_1_2", "Position_1", "b", "1e5"]
    assert natural_order(names) == [
        "1e5", "007", "7", "Position_1", "Position_1_2", "TS_9", "TS_10", "b",
    ]  # fmt: skip
    assert natural_order(["²", "1"]) == ["1", "²"]


def test_include_and_exclude_are_wildcards():
    names = ["TS_1", "TS_2", "TS_10", "bad_1"]
    assert chosen(names, include=["TS_*"], where="a") == ["TS_1", "TS_2", "TS_10"]
    assert chosen(names, include=["TS_?", "bad*"], exclude=["*_2"], where="a") == ["TS_1", "bad_1"]
    assert chosen(names, exclude=["TS_[12]"], where="a") == ["TS_10", "bad_1"]
    assert chosen([], where="a") == []


def test_wildcards_that_match_nothing_are_told():
    with pytest.raises(InputError, match=r"a.star: --include ts_\* matches none of TS_1, TS_2$"):
        chosen(["TS_2", "TS_1"], include=["ts_*"], where="a.star")
    with pytest.raises(InputError, match=r"leave no tomogram of TS_1, TS_2; name fewer"):
        chosen(["TS_2", "TS_1"], exclude=["*"], where="a.star")


def test_missing_things_are_told_in_one_line():
    refuse_missing([], 3, what="no volume", remedy="copy them")
    with pytest.raises(
        InputError, match=r"^6 of 9 tomograms: no volume: 0, 1, 2, 3, 4 and 1 more; copy them$"
    ):
        refuse_missing(list("012345"), 9, what="no volume", remedy="copy them")
    assert listed(["a"]) == "a"


def test_excluded_images_leave_every_column():
    kept, said = only_used(series(excluded=[False, True, False], defocus_u_um=[1.0, 2.0, 3.0]))
    assert kept.tilt_deg.tolist() == [-3.0, 3.0]
    assert kept.exposure_e_per_a2.tolist() == [6.0, 3.0]
    assert kept.defocus_u_um.tolist() == [1.0, 3.0]
    assert kept.image.tolist() == ["a", "c"]
    assert (kept.optics, kept.handedness, kept.name) == (Optics(voltage_kv=200), -1, "TS_1")
    assert kept.excluded is None
    assert said == ("1 of 3 tilt images left out (excluded): 0°",)


def test_nothing_is_said_where_all_images_are_used():
    kept, said = only_used(series(excluded=[False] * 3))
    assert len(kept) == 3
    assert (kept.excluded, said) == (None, ())
    assert only_used(series())[1] == ()
    kept, said = only_used(series(), np.array([True, False, True]), why="dark")
    assert said == ("1 of 3 tilt images left out (dark): 0°",)


def test_a_series_without_images_is_refused():
    with pytest.raises(InputError, match=r"tilt series TS_1: all 3 images are excluded"):
        only_used(series(excluded=[True] * 3))


def test_many_tilts_are_counted():
    assert left_out([1, 2, 3, 4, 5, 6.5, 7], of=9, why="dark") == (
        "7 of 9 tilt images left out (dark): 1°, 2°, 3°, 4°, 5° and 2 more"
    )


def test_a_number_that_is_missing_names_its_row_and_column():
    check_finite(series(), Path("a.star"))
    with pytest.raises(FormatError, match=r"a.star: tilt 2: defocus_u_um is nan; correct the row"):
        check_finite(series(defocus_u_um=[1.0, np.nan, 2.0]), Path("a.star"))


def test_gaps_are_told():
    bare = TiltSeries(name="a", tilt_deg=[0.0])
    assert [text.partition(" ")[0] for text in gaps(bare)] == ["exposure", "defocus"]
    assert gaps(series(defocus_u_um=[1.0, 1.0, 1.0])) == ()


def test_a_source_says_no_more_than_is_known():
    source = TomogramSource(name="007", path=Path("007.mrc"))
    assert (source.tilts, source.wedge_deg, source.mask, source.warnings) == (None, None, None, ())
