"""What formats share: suffixes below compression, and pixel sizes that can be real."""

from pathlib import Path

import pytest

from cryopick.io.images.format import bare_suffix, usable_pixel_size


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.mrc", ".mrc"), ("a.MRC.GZ", ".mrc"), ("a.b.map.bz2", ".map"), ("a", ""), ("a.gz", ""),
     ("x.y/a.tif", ".tif")],
)  # fmt: skip
def test_suffixes_below_compression(name, suffix):
    assert bare_suffix(Path(name)) == suffix


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf"), 1e-30, 1e30])
def test_numbers_that_are_no_pixel_size(size):
    assert not usable_pixel_size(size)


@pytest.mark.parametrize("size", [0.05, 1.0, 1.35, 13.48, 5000.0])
def test_numbers_that_are(size):
    assert usable_pixel_size(size)
