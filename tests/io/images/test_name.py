"""The name of an image: file name without folders and suffix (conventions, 15)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.io.images.name import (
    IMAGE_SUFFIXES,
    image_name,
    referenced_name,
    referenced_names,
)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("mic1.mrc", "mic1"),
        ("folder.mrc/mic1.mrcs", "mic1"),
        ("May08_03.05.02.bin_avg.png", "May08_03.05.02.bin_avg"),
        ("007", "007"),
        ("007.rec", "007"),
        ("1e5.mrc", "1e5"),
        ("TS_01.mrc.gz", "TS_01"),
        ("TS_01.map.bz2", "TS_01"),
        ("TS_01.ome.zarr", "TS_01"),
        ("TS_01.zarr", "TS_01"),
        ("TS_01.ome.tif", "TS_01"),
        ("TS_01.PREALI", "TS_01"),
        ("a.b.c.ST", "a.b.c"),
        ("noise.txt", "noise.txt"),
        (".mrc", ".mrc"),
        ("x.mrc.mrc", "x.mrc"),
        ("/abs/path/y.jpeg", "y"),
    ],
)
def test_folders_and_one_image_suffix_are_cut(path, name):
    assert image_name(path) == name


@given(
    stem=st.text("abcXYZ019_-", min_size=1, max_size=12),
    suffix=st.sampled_from(IMAGE_SUFFIXES),
    compressed=st.sampled_from(["", ".gz", ".bz2"]),
)
def test_any_suffix_in_any_case_is_cut(stem, suffix, compressed):
    assert image_name(f"d/{stem}{suffix}{compressed}") == stem
    assert image_name(f"{stem}{suffix.upper()}{compressed}") == stem


@given(st.text("abc019_-", min_size=1, max_size=12))
def test_a_name_is_its_own_name(stem):
    assert image_name(stem) == stem
    assert image_name(image_name(f"{stem}.mrc")) == stem


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("MotionCorr/job002/m.1.mrc", "m.1"),
        ("TS_17.tomostar", "TS_17"),
        ("20211007_tomo10.mrc.tomostar", "20211007_tomo10"),
        ("tomograms/TS_001_aligned.st:mrc", "TS_001_aligned"),
        ("sub/TS_1_aligned.st:mrcs", "TS_1_aligned"),
        (r" D:\data\TS_2.mrc ", "TS_2"),
        ("1e5", "1e5"),
        ("007", "007"),
        ("", ""),
    ],
)
def test_names_in_files_of_other_programs(text, name):
    assert referenced_name(text) == name
    assert referenced_names(np.array([text, "x.mrc", text])).tolist() == [name, "x", name]
