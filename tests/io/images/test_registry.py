"""Opening and describing images by content, whatever they are called."""

import json
import os
import shutil

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.images import describe_image, open_image, recognise_image, write_image
from cryopick.io.images.registry import MODULES, image_formats
from cryopick.model import Image, ImageStack

SUFFIXES = {"mrc": "mrc", "tif": "tiff", "png": "raster", "hdf": "hdf", "zarr": "ome_zarr",
            "spi": "spider", "em": "em"}  # fmt: skip


def _written(folder, suffix):
    dtype = "uint8" if suffix == "png" else "float32"
    path = folder / f"image.{suffix}"
    write_image(path, np.arange(30.0).reshape(5, 6), 2.0, dtype=dtype)
    return path


@pytest.mark.parametrize(("suffix", "name"), SUFFIXES.items())
def test_every_format_is_recognised_by_content(tmp_path, suffix, name):
    path = _written(tmp_path, suffix)
    assert recognise_image(path).name == name
    image = open_image(path, pixel_size_angstrom=2.0)
    assert isinstance(image, Image)
    assert image.read().tolist() == np.arange(30.0).reshape(5, 6).tolist()
    assert (image.name, image.path) == ("image", path)


@pytest.mark.parametrize("suffix", [s for s in SUFFIXES if s not in ("em", "zarr")])
@pytest.mark.parametrize("other", [".mrc", ".dat", ".png", ".tif", ".hdf", ".spi"])
def test_a_wrong_suffix_does_not_mislead(tmp_path, suffix, other):
    path = shutil.move(_written(tmp_path, suffix), tmp_path / f"b{other}")
    assert recognise_image(path).name == SUFFIXES[suffix]


def test_every_module_declares_its_own_format():
    formats = image_formats()
    assert list(formats) == list(MODULES)
    suffixes = [s for f in formats.values() for s in f.suffixes]
    assert len(suffixes) == len(set(suffixes))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_descriptions_are_json_and_agree_with_what_is_opened(tmp_path, suffix):
    path = _written(tmp_path, suffix)
    described = describe_image(path)
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    image = open_image(path)
    assert described["size_px"] == [6, 5]
    assert described["kind"] == "image"
    assert described["dtype"] == image.data.dtype.name
    assert described["warnings"] == list(image.warnings)
    assert described["pixel_size_known"] == image.facts["pixel_size_known"]
    assert described["pixel_size_angstrom"] in (2.0, None)


def test_statistics_that_are_not_numbers_are_described_as_nothing(tmp_path):
    write_image(tmp_path / "a.mrc", np.full((4, 4), np.nan), 2.0)
    described = describe_image(tmp_path / "a.mrc")
    json.dumps(described, allow_nan=False)
    assert "min" not in described


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_a_pixel_size_that_is_none_is_refused(tmp_path, size):
    with pytest.raises(InputError, match="expected a length above 0"):
        open_image(_written(tmp_path, "mrc"), pixel_size_angstrom=size)


def test_kinds_can_be_chosen(tmp_path):
    pixels = np.arange(60.0).reshape(3, 4, 5)
    write_image(tmp_path / "a.mrc", pixels, 2.0)
    stack = open_image(tmp_path / "a.mrc", kind="stack")
    assert isinstance(stack, ImageStack)
    assert np.array_equal(stack.data[1], pixels[1])
    write_image(tmp_path / "b.mrc", pixels[0], 2.0)
    volume = open_image(tmp_path / "b.mrc", kind="volume")
    assert volume.grid.shape == (1, 4, 5)
    assert np.array_equal(volume.plane("z", 0), pixels[0])
    assert len(open_image(tmp_path / "b.mrc", kind="stack")) == 1
    with pytest.raises(InputError, match="kind picture: expected volume or stack"):
        open_image(tmp_path / "b.mrc", kind="picture")
    write_image(tmp_path / "c.mrc", np.zeros((2, 3, 4, 5)), 2.0, stack=True)
    with pytest.raises(InputError, match="stack of volumes"):
        open_image(tmp_path / "c.mrc", kind="volume")


def test_what_is_missing_empty_or_a_folder(tmp_path):
    with pytest.raises(MissingFileError, match="no such file"):
        open_image(tmp_path / "a.mrc")
    (tmp_path / "a.mrc").touch()
    with pytest.raises(FormatError, match=r"a\.mrc: is empty"):
        open_image(tmp_path / "a.mrc")
    with pytest.raises(FormatError, match="is a folder without OME-Zarr metadata"):
        open_image(tmp_path)


@pytest.mark.parametrize("content", [b"<html>" * 500, b"\0" * 4096, "tömo\n".encode() * 900])
@pytest.mark.parametrize("suffix", ["", ".txt", ".mrc", ".em", ".spi", ".tif", ".png", ".hdf"])
def test_what_is_no_image_is_refused_with_its_name(tmp_path, content, suffix):
    path = tmp_path / f"thing{suffix}"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=f"thing{suffix}: "):
        open_image(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = _written(tmp_path, "mrc")
    path.chmod(0)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        open_image(path)


def test_a_damaged_gzip_without_a_header_is_refused(tmp_path):
    (tmp_path / "a.mrc.gz").write_bytes(b"\x1f\x8b\x08" + bytes(50))
    with pytest.raises(FormatError, match=r"a\.mrc\.gz: "):
        open_image(tmp_path / "a.mrc.gz")
