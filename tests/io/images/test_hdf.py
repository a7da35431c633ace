"""HDF5: EMAN2's layout, and files with one array."""

import h5py
import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.io.images import describe_image, open_image, write_image
from cryopick.model import Image, ImageStack

RNG = np.random.default_rng(9)


def _eman(path, images, *, apix=2.5, first_id=0):
    """What EMAN2 writes, after the description of its format."""
    with h5py.File(path, "w") as file:
        root = file.create_group("MDF/images")
        root.attrs["imageid_max"] = np.int32(len(images) - 1)
        for i, image in enumerate(images):
            group = root.create_group(str(i + first_id))
            group.attrs["EMAN.apix_x"] = np.float32(apix)
            group.create_dataset("image", data=image)


@pytest.mark.parametrize("n", [1, 3, 12])
def test_images_and_stacks_of_eman2(tmp_path, n):
    images = [np.full((4, 5), i, dtype=np.float32) for i in range(n)]
    _eman(tmp_path / "a.hdf", images)
    opened = open_image(tmp_path / "a.hdf")
    if n == 1:
        assert isinstance(opened, Image)
        assert np.array_equal(opened.read(), images[0])
        assert opened.grid.pixel_size_angstrom == 2.5
    else:
        assert isinstance(opened, ImageStack)
        # Ids are numbers: image 10 comes after 9, not after 1.
        assert opened.data[:, 0, 0].tolist() == list(range(n))
        assert np.array_equal(opened.data[n - 1], images[-1])
        assert np.array_equal(opened.data[-1, 1:, 2], images[-1][1:, 2])
        assert np.array_equal(opened.data[...], np.stack(images))


def test_a_volume_is_read_plane_by_plane(tmp_path):
    volume = RNG.normal(size=(3, 4, 5)).astype(np.float32)
    _eman(tmp_path / "a.hdf", [volume])
    image = open_image(tmp_path / "a.hdf")
    for axis, place in (("z", 1), ("y", 3), ("x", 4)):
        assert np.array_equal(
            image.plane(axis, place), np.take(volume, place, axis="zyx".index(axis))
        )


def test_images_of_another_size_are_left_out_with_a_warning(tmp_path):
    _eman(tmp_path / "a.hdf", [np.zeros((4, 5)), np.zeros((4, 5)), np.zeros((6, 6))])
    stack = open_image(tmp_path / "a.hdf")
    assert len(stack) == 2
    assert "1 images of another size" in stack.warnings[0]


@pytest.mark.parametrize("apix", [0.0, 1.0, -2.0])
def test_pixel_sizes_that_are_not_trusted(tmp_path, apix):
    _eman(tmp_path / "a.hdf", [np.zeros((4, 5))], apix=apix)
    assert open_image(tmp_path / "a.hdf").facts["pixel_size_known"] is False


@pytest.mark.parametrize("shape", [(4, 6), (5, 7), (3, 4, 6), (3, 5, 7)])
@pytest.mark.parametrize("dtype", ["float32", "int16", "uint8", "float16"])
def test_round_trip_of_pixels_and_grid(tmp_path, shape, dtype):
    pixels = RNG.integers(0, 100, shape).astype(dtype)
    origin = (1.5, 2.5, 3.5)[: len(shape)]
    write_image(tmp_path / "a.hdf", pixels, 1.35, origin_angstrom=origin, dtype=dtype)
    image = open_image(tmp_path / "a.hdf")
    assert np.array_equal(image.data[...], pixels)
    assert image.grid.origin_angstrom == origin
    assert image.grid.pixel_size_angstrom == 1.35


@pytest.mark.parametrize("shape", [(3, 4, 6), (2, 3, 5, 7)])
def test_round_trip_of_stacks(tmp_path, shape):
    pixels = RNG.normal(size=shape).astype(np.float32)
    write_image(tmp_path / "a.hdf", pixels, 1.35, stack=True)
    assert np.array_equal(open_image(tmp_path / "a.hdf").data[...], pixels)


def test_a_file_with_one_array_is_that_image(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["deep/down/pixels"] = np.arange(24.0).reshape(2, 3, 4)
        file["names"] = ["a", "b"]
        file["list"] = np.arange(5)
    described = describe_image(tmp_path / "a.h5")
    assert (described["kind"], described["dataset"]) == ("volume", "deep/down/pixels")
    assert open_image(tmp_path / "a.h5").read()[1, 2, 3] == 23


@pytest.mark.parametrize("names", [(), ("a", "b")])
def test_none_or_several_arrays_are_refused(tmp_path, names):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in names:
            file[name] = np.zeros((3, 4))
    with pytest.raises(FormatError, match=f"holds {len(names)} arrays"):
        open_image(tmp_path / "a.h5")


def test_a_size_that_is_only_declared_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.hdf", "w") as file:
        file.create_dataset("MDF/images/0/image", shape=(4000, 4000, 4000), dtype="f4", chunks=True)
    with pytest.raises(FormatError, match="pixels declared, 0 bytes stored"):
        open_image(tmp_path / "a.hdf")


@pytest.mark.parametrize("content", [b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(3000)])
def test_damaged_files_are_format_errors(tmp_path, content):
    (tmp_path / "a.hdf").write_bytes(content)
    with pytest.raises(FormatError, match=r"not an HDF5 file that can be read"):
        open_image(tmp_path / "a.hdf")


def test_eman2_groups_without_images_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.hdf", "w") as file:
        file.create_group("MDF/images/0")
    with pytest.raises(FormatError, match="holds no image"):
        open_image(tmp_path / "a.hdf")
    with h5py.File(tmp_path / "b.hdf", "w") as file:
        file.create_group("MDF/images")
    with pytest.raises(FormatError, match="holds no images"):
        open_image(tmp_path / "b.hdf")


def test_what_hdf_does_not_hold_is_named(tmp_path):
    with pytest.raises(InputError, match="dtype complex64"):
        write_image(tmp_path / "a.hdf", np.zeros((2, 2)), 1.0, dtype="complex64")
    with pytest.raises(InputError, match="cannot write an array of shape"):
        write_image(tmp_path / "a.hdf", np.zeros((2, 2)), 1.0, stack=True)
