"""Every genuine image is read as the index of the shared data says."""

import re

import numpy as np
import pytest

from cryopick.io.images import describe_image, open_image
from shared_data import ROOT

_ROW = re.compile(r"^\| (?P<file>[^|]+?) \| [^|]* \| (?P<read>[^|]*?) \|")
# Shown by their permuted axes: the index counts columns, rows and sections as stored.
_PERMUTED = {"EMD-3001.map"}


def _rows():
    index = ROOT / "INDEX.md"
    folder, rows = "", []
    for line in index.read_text("utf-8").splitlines() if index.exists() else ():
        if line.startswith("## "):
            folder = line[3:].strip()
        elif found := _ROW.match(line):
            rows.append((f"{folder}/{found['file']}", found["read"]))
    return rows


def _select(pattern):
    return [(name, found) for name, read in _rows() if (found := re.fullmatch(pattern, read))]


_MRC = _select(r"(\d+)x(\d+)(?:x(\d+))? \(xyz\) (\w+) voxel ([\d.]+) A")
_PICTURE = _select(r"(\d+)x(\d+) (L|I;16|RGB)")
_TIFF = _select(r"\((\d+(?:, \d+)+)\) (uint8)")
_EM = _select(r"(\d+)x(\d+)x(\d+) EM dtype code (\d+)")
_HERE = pytest.mark.skipif(not ROOT.exists(), reason="shared data not beside the checkout")


@_HERE
def test_the_index_lists_images_of_each_sort():
    assert len(_MRC) > 40
    assert len(_PICTURE) > 20
    assert len(_TIFF) == 3
    assert len(_EM) >= 12


@_HERE
@pytest.mark.parametrize(("name", "read"), _MRC, ids=[name for name, _ in _MRC])
def test_mrc(name, read):
    described = describe_image(ROOT / name)
    size = [int(n) for n in read.group(1, 2, 3) if n]
    shown = described["size_px"]
    if name.rsplit("/", 1)[-1] in _PERMUTED:
        assert sorted(shown) == sorted(size)
        assert described["axis_order"] == [3, 1, 2]
    else:
        assert shown == size
    assert described["dtype"] == read[4]
    voxel = float(read[5])
    assert described["header_pixel_size_angstrom"][0] == pytest.approx(voxel, rel=2e-4)
    if voxel in (0.0, 1.0):
        assert described["pixel_size_known"] is False
        assert any("--pixel-size" in w for w in described["warnings"])
    pixels = np.asarray(open_image(ROOT / name).data[...])
    assert list(pixels.shape[::-1]) == shown
    assert np.isfinite(pixels).all()


@_HERE
@pytest.mark.parametrize(("name", "read"), _PICTURE, ids=[name for name, _ in _PICTURE])
def test_pictures(name, read):
    described = describe_image(ROOT / name)
    assert described["size_px"] == [int(read[1]), int(read[2])]
    assert described["mode"] == read[3]
    assert described["pixel_size_angstrom"] is None


@_HERE
@pytest.mark.parametrize(("name", "read"), _TIFF, ids=[name for name, _ in _TIFF])
def test_tiff(name, read):
    described = describe_image(ROOT / name)
    assert described["size_px"][::-1] == [int(n) for n in read[1].split(", ")]
    assert described["dtype"] == read[2]


@_HERE
@pytest.mark.parametrize(("name", "read"), _EM, ids=[name for name, _ in _EM])
def test_em(name, read):
    described = describe_image(ROOT / name)
    size = [int(n) for n in read.group(1, 2, 3)]
    assert described["size_px"] == (size if size[2] > 1 else size[:2])
    assert described["mode"] == int(read[4])


@_HERE
def test_files_that_are_no_images_are_not_taken_for_one():
    from cryopick.errors import CryopickError

    images = (".mrc", ".mrcs", ".map", ".em", ".tif", ".png", ".jpg", ".spi", ".stk", ".vol",
              ".mrc.gz", ".map.gz", ".map.bz2")  # fmt: skip
    taken = []
    for path in sorted((ROOT / "formats").rglob("*")):
        if not path.is_file() or path.name.endswith(images):
            continue
        try:
            describe_image(path)
        except CryopickError as error:
            assert path.name in str(error)
        else:
            taken.append(path.name)
    assert taken == []
