"""Names of tomograms in lists that know them by number."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import FormatError, InputError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.numbered_lists import (
    finite_scores,
    image_names,
    image_numbers,
    map_beside,
    numbered,
    read_tomogram_map,
    whole_numbers,
    write_tomogram_map,
)
from shared_data import shared


def test_genuine_table_map():
    found = read_tomogram_map(shared("formats/dynamo/tmap_complex.doc"))
    assert len(found) == 48
    assert found["1"] == "tomo_ts01.mrc_15.00Apx"
    assert found["20"] == "tomo_ts28.mrc_15.00Apx"


def test_genuine_volume_list():
    found = read_tomogram_map(shared("formats/dynamo/tomograms.vll"))
    assert len(found) == 13
    assert (found["1"], found["7"]) == ("TS_001_rec", "TS_008_rec")


def test_volume_list_with_settings(tmp_path):
    path = tmp_path / "a.vll"
    path.write_text("a/T1.mrc\n* label = first\n> folder\n\n# note\nb\\T2.rec\n")
    assert read_tomogram_map(path) == {"1": "T1", "2": "T2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one T1.mrc\n", "line 1: expected a number and a file"),
        ("1\n", "line 1: expected a number and a file"),
        ("1 a.mrc\n1 b.mrc\n", "line 2: tomogram 1 has two names"),
        ("1 " + "x" * 300 + "\n", "is no name of a tomogram"),
    ],
)
def test_bad_maps(tmp_path, text, message):
    path = tmp_path / "a.doc"
    path.write_text(text)
    with pytest.raises(FormatError, match=rf"a.doc: .*{message}"):
        read_tomogram_map(path)


def test_which_map_belongs_to_a_list(tmp_path):
    path = tmp_path / "crop.tbl"
    assert map_beside(path) is None
    (tmp_path / "indices_column20.doc").write_text("1 T1.mrc\n")
    assert map_beside(path).name == "indices_column20.doc"
    (tmp_path / "crop.doc").write_text("1 T1.mrc\n")
    assert map_beside(path).name == "crop.doc"


def test_names_come_from_the_map_then_the_frame_then_the_number(tmp_path):
    path = tmp_path / "crop.tbl"
    one, two = np.array(["24", "24"]), np.array(["24", "7"])
    assert image_names(two, path=path, frame=Frame(image_name="T"))[0].tolist() == ["24", "7"]
    assert image_names(one, path=path, frame=Frame(image_name="T"))[0].tolist() == ["T", "T"]
    (tmp_path / "crop.doc").write_text("24 TS/TS_24_rec.mrc\n7 007.mrc\n")
    names, assumed = image_names(two, path=path, frame=Frame(image_name="T"))
    assert names.tolist() == ["TS_24_rec", "007"]
    assert assumed == ("tomogram names from crop.doc",)
    with pytest.raises(FormatError, match=r"crop.doc: has no tomogram 3, which crop.tbl"):
        image_names(np.array(["3"]), path=path, frame=Frame())


def test_no_picks_need_no_names(tmp_path):
    (tmp_path / "a.doc").write_text("1 T1.mrc\n")
    names, _ = image_names(np.zeros(0, "<U1"), path=tmp_path / "a.tbl", frame=Frame())
    assert names.shape == (0,)


def test_plain_numbers_need_no_map(tmp_path):
    numbers, assumed = image_numbers(np.array(["24", "7", "24"]), path=tmp_path / "a.tbl")
    assert (numbers.tolist(), assumed) == ([24, 7, 24], [])
    assert list(tmp_path.iterdir()) == []


def test_a_map_that_lies_there_already_is_made_to_fit(tmp_path):
    (tmp_path / "a.doc").write_text("24 other.mrc\n")
    image_numbers(np.array(["24"]), path=tmp_path / "a.tbl")
    names, _ = image_names(np.array(["24"]), path=tmp_path / "a.tbl", frame=Frame())
    assert names.tolist() == ["24"]


@settings(max_examples=40, deadline=None)
@given(names=st.lists(st.sampled_from(["007", "7", "1e5", "TS_1.b4", "24", "é 1"]), max_size=9))
def test_names_survive(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("map") / "a.tbl"
    image = np.array(names, dtype="<U8")
    numbers, _ = image_numbers(image, path=path)
    found, _ = image_names(numbers.astype(np.str_), path=path, frame=Frame())
    assert found.tolist() == names
    assert len(np.unique(numbers)) == len(set(names))


def test_names_with_line_breaks_are_refused(tmp_path):
    with pytest.raises(InputError, match="a name with a line break"):
        image_numbers(np.array(["a\nb"]), path=tmp_path / "a.tbl")


def test_whole_numbers():
    assert whole_numbers(np.array([24.0, -1.0]), column="c", path=Path("a")).tolist() == [
        "24",
        "-1",
    ]
    for bad in (1.5, np.nan, np.inf, 1e300):
        with pytest.raises(FormatError, match=r"a: row 2, c: .* is not a whole number"):
            whole_numbers(np.array([1.0, bad]), column="c", path=Path("a"))


def test_numbered_classes():
    assert numbered(None, n=2, what="classes")[0].tolist() == [0, 0]
    numbers, said = numbered(np.array(["x", "", "x"]), n=3, what="classes")
    assert numbers.tolist() == [1, 2, 1]
    assert said == ["classes are numbered: x is 1, (none) is 2"]


def test_missing_scores_are_0():
    assert finite_scores(None, n=2).tolist() == [0, 0]
    assert finite_scores(np.array([np.nan, 0.5, np.inf]), n=3).tolist() == [0, 0.5, 0]


@pytest.mark.parametrize("suffix", [".doc", ".vll"])
def test_a_map_of_tomograms_survives(tmp_path, suffix):
    files = {"1": "TS_01/rec 1.mrc", "2": "007.mrc", "3": "1e5.mrc"}
    write_tomogram_map(tmp_path / f"a{suffix}", files)
    assert read_tomogram_map(tmp_path / f"a{suffix}") == {"1": "rec 1", "2": "007", "3": "1e5"}


def test_numbers_with_gaps_need_a_doc(tmp_path):
    files = {"7": "a.mrc", "9": "b.mrc"}
    write_tomogram_map(tmp_path / "a.doc", files)
    assert read_tomogram_map(tmp_path / "a.doc") == {"7": "a", "9": "b"}
    with pytest.raises(InputError, match=r"counts 1, 2, \.\.\.; write a \.doc"):
        write_tomogram_map(tmp_path / "a.vll", files)


@pytest.mark.parametrize("files", [{"x": "a.mrc"}, {"1": " "}, {"1": "a\nb"}])
def test_maps_that_could_not_be_read_back_are_refused(tmp_path, files):
    with pytest.raises(InputError, match="expected a number and a file"):
        write_tomogram_map(tmp_path / "a.doc", files)
    assert list(tmp_path.iterdir()) == []
