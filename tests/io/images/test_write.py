"""Writing by suffix: the right format, whole or not at all."""

import numpy as np
import pytest

from cryopick.errors import InputError, MissingFileError
from cryopick.io.images import open_image, recognise_image, write_image, write_opened

RNG = np.random.default_rng(11)


@pytest.mark.parametrize(
    ("name", "format_name"),
    [("a.mrc", "mrc"), ("a.map", "mrc"), ("a.REC", "mrc"), ("a.tiff", "tiff"), ("a.vol", "spider"),
     ("a.em", "em"), ("a.h5", "hdf"), ("a.ome.zarr", "ome_zarr")],
)  # fmt: skip
def test_the_suffix_names_the_format(tmp_path, name, format_name):
    write_image(tmp_path / name, np.zeros((3, 4, 5)), 2.0)
    assert recognise_image(tmp_path / name).name == format_name


@pytest.mark.parametrize("name", ["a", "a.txt", "a.mrc.gz", "a.star"])
def test_other_suffixes_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="no image format is written under it"):
        write_image(tmp_path / name, np.zeros((4, 5)), 2.0)


@pytest.mark.parametrize("name", ["a.mrc", "a.tif", "a.em", "a.spi", "a.hdf", "a.png"])
def test_a_folder_that_is_missing_is_named(tmp_path, name):
    with pytest.raises(MissingFileError, match="make the folder first"):
        write_image(tmp_path / "none" / name, np.zeros((4, 5)), 2.0, dtype=_dtype(name))


@pytest.mark.parametrize("name", ["a.mrc", "a.tif", "a.em", "a.spi", "a.hdf", "a.png", "a.zarr"])
def test_writing_twice_replaces_and_leaves_nothing_else(tmp_path, name):
    for value in (1, 2):
        write_image(tmp_path / name, np.full((4, 5), value), 2.0, dtype=_dtype(name))
    assert open_image(tmp_path / name).read().mean() == 2
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["b.mrc", "b.hdf", "b.zarr"])
@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 6)])
def test_an_opened_image_keeps_its_place(tmp_path, name, shape):
    pixels = RNG.normal(size=shape).astype(np.float32)
    origin = (1.0, 2.0, 3.0)[: len(shape)]
    write_image(tmp_path / "a.mrc", pixels, 2.5, origin_angstrom=origin)
    write_opened(tmp_path / name, open_image(tmp_path / "a.mrc"))
    copied = open_image(tmp_path / name)
    assert np.array_equal(copied.read(), pixels)
    assert copied.grid == open_image(tmp_path / "a.mrc").grid


@pytest.mark.parametrize("name", ["b.mrcs", "b.hdf", "b.stk"])
def test_an_opened_stack_stays_a_stack(tmp_path, name):
    pixels = RNG.normal(size=(3, 4, 6)).astype(np.float32)
    write_image(tmp_path / "a.mrcs", pixels, 2.5, stack=True)
    write_opened(tmp_path / name, open_image(tmp_path / "a.mrcs"))
    copied = open_image(tmp_path / name)
    assert copied.facts["kind"] == "stack"
    assert copied.pixel_size_angstrom == 2.5
    assert np.array_equal(copied.data[...], pixels)


def _dtype(name):
    return "uint8" if name.endswith(".png") else "float32"
