"""Conventions 2 to 5, 15 and 18 to 20: positions, Grids, names and headers of images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.io.images import image_name, mrc_canvas, open_image, write_mrc
from cryopick.model import Grid, Image, ImageStack
from cryopick.ops.resample import resample_image

SIZES = st.floats(0.2, 30.0)
SHAPES = st.lists(st.integers(2, 50), min_size=2, max_size=3).map(tuple)


def test_1_arrays_are_zyx_and_tables_xyz():
    grid = Grid(shape=(3, 4, 5), pixel_size_angstrom=1.0)
    assert grid.size_px == (5, 4, 3)
    volume = Image(data=np.arange(60).reshape(3, 4, 5), grid=grid, name="a")
    x, y, z = 4, 2, 1
    assert volume.read()[z, y, x] == volume.plane("z", z)[y, x] == volume.plane("x", x)[z, y]


@given(SHAPES, SIZES)
def test_2_position_0_is_the_centre_of_the_first_pixel(shape, size):
    grid = Grid(shape=shape, pixel_size_angstrom=size)
    zero = np.zeros((1, len(shape)))
    assert grid.to_angstrom(zero) == pytest.approx(zero)
    assert grid.contains(zero - 0.499 * size).all()
    assert not grid.contains(zero - 0.501 * size).any()


@given(SHAPES, SIZES, st.integers(1, 4), st.data())
def test_3_a_position_is_the_same_in_every_binning(shape, size, factor, data):
    shape = tuple(n * factor for n in shape)
    fine = Grid(shape=shape, pixel_size_angstrom=size)
    coarse = fine.binned_by_mean(factor)
    index = np.array([[data.draw(st.integers(0, n - 1)) for n in coarse.size_px]])
    # The centre of a coarse pixel is the mean of the centres of the pixels it averages.
    corners = index * factor
    centre = fine.to_angstrom(corners + (factor - 1) / 2)
    assert coarse.to_angstrom(index) == pytest.approx(centre)
    assert coarse.to_px(fine.to_angstrom(corners)) == pytest.approx(
        index - (factor - 1) / (2 * factor), abs=1e-6
    )


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_4_mean_binning_moves_the_origin_and_fourier_cropping_does_not(factor):
    grid = Grid(shape=(24, 36), pixel_size_angstrom=1.5, origin_angstrom=(7.0, 8.0))
    image = Image(data=np.ones((24, 36)), grid=grid, name="a")
    shift = (factor - 1) / 2 * 1.5
    mean = resample_image(image, method="mean", factor=factor)
    assert mean.grid.origin_angstrom == (7.0 + shift, 8.0 + shift)
    assert resample_image(image, factor=factor).grid.origin_angstrom == (7.0, 8.0)


@pytest.mark.parametrize("shape", [(24, 36), (25, 35), (20, 22, 24)])
def test_4_a_particle_stays_where_it_is_through_all_resamplers(shape):
    at = np.array([n * 0.47 for n in shape])
    squares = sum((g - a) ** 2 for g, a in zip(np.indices(shape), at, strict=True))
    grid = Grid(shape=shape, pixel_size_angstrom=2.0)
    image = Image(data=np.exp(-squares / 8), grid=grid, name="a")
    for method, factor in (("mean", 2), ("fourier", 2), ("fourier", 1.5), ("fourier", 1.2345)):
        small = resample_image(image, method=method, factor=factor)
        pixels = small.read().astype(float)
        index = [(g * pixels).sum() / pixels.sum() for g in np.indices(pixels.shape)]
        found = small.grid.to_angstrom([index[::-1]])[0]
        assert found == pytest.approx(2.0 * at[::-1], abs=0.05), (method, factor)


@pytest.mark.parametrize("n", [8, 9])
def test_5_the_rotation_centre_is_index_half_of_n(n):
    # Turning by half a turn about N // 2 maps an image onto itself with the first row left out
    # where N is even, and whole where it is odd.
    image = np.zeros((n, n))
    image[n // 2, n // 2] = 1
    kept = image[1:, 1:] if n % 2 == 0 else image
    assert np.array_equal(kept[::-1, ::-1], kept)


def test_15_names_have_no_folders_and_no_image_suffix():
    assert image_name("Tomograms/TS_01.b4.mrc.gz") == "TS_01.b4"
    assert image_name("007.ome.zarr") == "007"


def patched(path, *changes):
    """Overwrite bytes of a file: pairs of place and array."""
    data = bytearray(path.read_bytes())
    for place, values in changes:
        data[place : place + values.nbytes] = values.tobytes()
    path.write_bytes(data)
    return path


NO_LABELS = (220, np.zeros(804, np.uint8))  # their count, and ten lines of 80 bytes


@pytest.mark.parametrize(("size", "words"), [(0.0, "no usable"), (1.0, "often a default")])
def test_18_a_voxel_size_of_0_or_1_is_used_only_with_a_warning(tmp_path, size, words):
    write_mrc(tmp_path / "a.mrc", np.zeros((4, 4)), 2.0)
    path = patched(tmp_path / "a.mrc", (40, np.full(3, 4 * size, "<f4")), NO_LABELS)
    image = open_image(path)
    assert any(words in w for w in image.warnings)
    assert image.facts["pixel_size_known"] is False
    assert image.grid.pixel_size_angstrom == 1.0
    given = open_image(path, pixel_size_angstrom=7.0)
    assert (given.warnings, given.grid.pixel_size_angstrom) == ((), 7.0)


def test_18_a_file_of_our_own_means_the_1_it_says(tmp_path):
    write_mrc(tmp_path / "a.mrc", np.zeros((4, 4)), 1.0)
    image = open_image(tmp_path / "a.mrc")
    assert (image.warnings, image.facts["pixel_size_known"]) == ((), True)


@pytest.mark.parametrize("header", [0.0, 1.0, 3.5])
def test_18_the_size_given_overrides_any_header(tmp_path, header):
    write_mrc(tmp_path / "a.mrc", np.zeros((3, 4, 4)), 2.0)
    path = patched(tmp_path / "a.mrc", (40, np.array([4, 4, 3], "<f4") * np.float32(header)))
    grid = open_image(path, pixel_size_angstrom=2.25).grid
    assert grid.pixel_size_angstrom == 2.25
    assert grid.to_angstrom([[1, 2, 2]]).tolist() == [[2.25, 4.5, 4.5]]


def test_19_origin_and_nstart_are_shown_and_move_nothing(tmp_path):
    write_mrc(tmp_path / "a.mrc", np.zeros((3, 4, 5)), 2.0, origin_angstrom=(1.5, 2.5, 3.5))
    data = bytearray((tmp_path / "a.mrc").read_bytes())
    data[16:28] = np.array([10, 20, 30], "<i4").tobytes()
    data[196:208] = np.array([100, 200, 300], "<f4").tobytes()
    (tmp_path / "a.mrc").write_bytes(data)
    image = open_image(tmp_path / "a.mrc")
    assert image.grid.origin_angstrom == (1.5, 2.5, 3.5)
    assert image.facts["start_px"] == [10, 20, 30]
    assert image.facts["header_origin"] == [100.0, 200.0, 300.0]
    assert "cryopick grid origin 1.5 2.5 3.5 A" in image.facts["labels"]


def test_19_a_canvas_carries_its_origin_too(tmp_path):
    with mrc_canvas(tmp_path / "a.mrc", (4, 4), 2.0, origin_angstrom=(3.0, 3.0)) as canvas:
        canvas[...] = 1
    assert open_image(tmp_path / "a.mrc").grid.origin_angstrom == (3.0, 3.0)


NX_NY_NZ_SAMPLED = 28  # mx, my, mz: how many samples the cell has along each axis
SPACE_GROUP = 88


@pytest.mark.parametrize(
    ("name", "group", "mz", "stack"),
    [
        ("a.mrcs", 1, 3, True),  # the suffix says it
        ("a.mrcs", 0, 1, True),
        ("a.mrc", 0, 1, True),  # space group 0, z not sampled
        ("a.st", 0, 3, True),  # not a suffix of volumes
        ("a.ali", 0, 3, True),
        ("a.mrc", 0, 3, False),  # an older program's volume
        ("a.map", 0, 3, False),
        ("a.rec", 0, 3, False),
        ("a.ccp4", 0, 3, False),
        ("a.mrc", 1, 3, False),
        ("a.rec", 1, 1, False),
        ("a.mrc", 401, 3, False),  # one volume in a stack of volumes
    ],
)
def test_20_what_is_a_stack(tmp_path, name, group, mz, stack):
    write_mrc(tmp_path / "w.mrc", np.zeros((3, 4, 5)), 2.0)
    path = (tmp_path / "w.mrc").rename(tmp_path / name)
    patched(
        path,
        (NX_NY_NZ_SAMPLED, np.array([5, 4, mz], "<i4")),
        (40, np.array([10, 8, 2 * mz], "<f4")),
        (SPACE_GROUP, np.array([group], "<i4")),
    )
    image = open_image(path)
    assert isinstance(image, ImageStack) == stack
    warned = any("space group 0" in line and "read as a volume" in line for line in image.warnings)
    assert warned == (group == 0 and not stack)


def test_20_space_group_401_is_a_stack_of_volumes(tmp_path):
    write_mrc(tmp_path / "a.mrc", np.arange(6 * 4 * 5).reshape(6, 4, 5) % 100, 2.0)
    patched(
        tmp_path / "a.mrc",
        (NX_NY_NZ_SAMPLED, np.array([5, 4, 3], "<i4")),
        (40, np.array([10, 8, 6], "<f4")),
        (SPACE_GROUP, np.array([401], "<i4")),
    )
    stack = open_image(tmp_path / "a.mrc")
    assert isinstance(stack, ImageStack)
    assert tuple(stack.data.shape) == (2, 3, 4, 5)
    assert stack.data[1][0, 0, 0] == 3 * 4 * 5 % 100
