"""Masks of tomograms: their place, their sign, their shape."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import write_mrc
from cryopick.jobs.tomogram_masks import mask_grid, read_tomogram_mask
from cryopick.model import Grid, Image


def image_of(shape, pixel=10.0, origin=(0.0, 0.0, 0.0)):
    grid = Grid(shape=shape, pixel_size_angstrom=pixel, origin_angstrom=origin)
    return Image(data=np.zeros(shape, np.float32), grid=grid, name="a")


def test_a_mask_of_another_binning_covers_the_same_place(tmp_path):
    image = image_of((40, 64, 64))
    small = np.zeros((20, 32, 32), np.float32)
    small[5:10, 8:16, 4:6] = 1
    write_mrc(tmp_path / "small.mrc", small, 3.0)  # its header may say anything
    mask = read_tomogram_mask(tmp_path / "small.mrc", image)
    assert mask.grid.pixel_size_angstrom == 20.0
    np.testing.assert_array_equal(mask.data, small > 0)
    assert mask_grid(tmp_path / "small.mrc", image).shape == (20, 32, 32)


def test_a_mask_of_the_same_shape_lies_as_the_tomogram_does(tmp_path):
    image = image_of((4, 6, 8), origin=(5.0, 5.0, 5.0))
    write_mrc(tmp_path / "mask.mrc", np.ones((4, 6, 8), np.float32), 99.0)
    assert read_tomogram_mask(tmp_path / "mask.mrc", image).grid == image.grid


@pytest.mark.parametrize("pair", [(-128, -127), (0, -1), (0, 1), (0, 100)])
def test_bytes_without_a_sign(tmp_path, pair):
    """Masks of 0 and 1, or 0 and 255, that a program wrote as bytes with another sign."""
    inside = np.zeros((4, 6, 8), bool)
    inside[1:3] = True
    values = np.where(inside, pair[1], pair[0]).astype(np.int8)
    write_mrc(tmp_path / "mask.mrc", values, 10.0, dtype="int8")
    found = read_tomogram_mask(tmp_path / "mask.mrc", image_of((4, 6, 8)))
    np.testing.assert_array_equal(found.data, inside)


def test_a_mask_of_another_field_is_refused(tmp_path):
    write_mrc(tmp_path / "mask.mrc", np.ones((20, 32, 16), np.float32), 10.0)
    with pytest.raises(InputError, match="has 16 x 32 x 20 voxels, its tomogram 64 x 64 x 40"):
        read_tomogram_mask(tmp_path / "mask.mrc", image_of((40, 64, 64)))
    write_mrc(tmp_path / "flat.mrc", np.ones((20, 32), np.float32), 10.0)
    with pytest.raises(InputError, match="is not a volume, as a tomogram mask must be"):
        mask_grid(tmp_path / "flat.mrc", image_of((40, 64, 64)))
