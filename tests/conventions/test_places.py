"""Lines 2, 5 and 6 of ``docs/conventions.md``: pixels, centres of boxes, the direction of y."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.geometry.rotation import from_axis_angle, random_rotations, rotate
from cryopick.io.images import open_image, write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, write_picks
from cryopick.model import Grid, Picks
from cryopick.ops.project import project, transform_volume
from cryopick.ops.rotate_volume import rotate_volume

BOXES = [8, 9, 16, 17]


def knob(n, offset_xyz, sigma=1.0):
    """A smooth blob at an offset ``x, y, z`` from index ``n // 2`` of a cube."""
    axis = np.arange(n) - n // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    ox, oy, oz = offset_xyz
    squares = (x - ox) ** 2 + (y - oy) ** 2 + (z - oz) ** 2
    return np.exp(-squares / (2 * sigma**2)).astype(np.float32)


def centre_of_mass(pixels):
    """``x, y(, z)`` of an image, from index ``n // 2``."""
    total = pixels.sum()
    index = [
        (i * pixels).sum() / total - n // 2
        for i, n in zip(np.indices(pixels.shape), pixels.shape, strict=True)
    ]
    return np.array(index[::-1])


@pytest.mark.parametrize("n", BOXES)
def test_5_turning_a_volume_leaves_index_half_of_n_alone(n):
    volume = np.zeros((n, n, n), np.float32)
    volume[n // 2, n // 2, n // 2] = 1
    turned = rotate_volume(volume, random_rotations(6, rng=np.random.default_rng(n)))
    for one in turned:
        assert np.unravel_index(one.argmax(), one.shape) == (n // 2,) * 3
        assert one.max() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("n", [24, 25])
def test_5_and_7_a_knob_goes_where_the_rotation_takes_it(n):
    offset = np.array([4.0, 0.0, 0.0])
    poses = random_rotations(5, rng=np.random.default_rng(2))
    for pose, turned in zip(poses, rotate_volume(knob(n, offset, 1.5), poses), strict=True):
        np.testing.assert_allclose(centre_of_mass(turned), rotate(pose, offset), atol=0.05)


@pytest.mark.parametrize("n", [24, 25])
def test_5_a_projection_is_centred_where_its_volume_is(n):
    """Along z: x and y of the turned knob are left, about index ``n // 2`` of the image."""
    offset = np.array([4.0, 1.0, -2.0])
    poses = np.stack([from_axis_angle([0, 0, 1], 90.0), from_axis_angle([1, 0, 0], 90.0)])
    images = project(transform_volume(knob(n, offset, 1.5)), poses)
    for pose, image in zip(poses, np.asarray(images), strict=True):
        y, x = np.unravel_index(image.argmax(), image.shape)
        np.testing.assert_allclose([x - n // 2, y - n // 2], rotate(pose, offset)[:2], atol=1e-9)


def test_5_by_hand_a_quarter_turn_about_z_takes_x_to_y():
    [turned] = rotate_volume(knob(17, (4, 0, 0)), from_axis_angle([0, 0, 1], 90.0)[None])
    assert np.unravel_index(turned.argmax(), turned.shape) == (8, 8 + 4, 8)


@given(st.integers(2, 40), st.integers(2, 40), st.floats(0.3, 20))
def test_2_a_pixel_covers_half_a_pixel_to_each_side(ny, nx, size):
    grid = Grid(shape=(ny, nx), pixel_size_angstrom=size)
    last = np.array([[nx - 1, ny - 1]])
    rim = np.array([[nx - 0.5 - 1e-6, ny - 0.5 - 1e-6]])
    assert grid.contains(grid.to_angstrom(last)).all()
    assert grid.contains(grid.to_angstrom(rim)).all()
    assert not grid.contains(grid.to_angstrom(rim + np.array([[1e-5, 0]]))).any()
    assert not grid.contains(grid.to_angstrom(rim + np.array([[0, 1e-5]]))).any()
    # N / 2 is an index, as every program takes it: half a pixel beyond the middle of the rims.
    middle = np.asarray(grid.extent_angstrom) / 2
    assert grid.to_px([middle])[0] == pytest.approx([nx / 2, ny / 2])


# 6. y points as the array index grows.


def marked(ny=5, nx=7):
    """An image whose pixel in row 1, column 5 stands out."""
    pixels = np.zeros((ny, nx), np.float32)
    pixels[1, 5] = 9
    return pixels


def write_tiff(path, pixels):
    import tifffile

    tifffile.imwrite(path, pixels)


def write_png(path, pixels):
    from PIL import Image as Pillow

    Pillow.fromarray(pixels.astype(np.uint8)).save(path)


def write_own(path, pixels):
    write_mrc(path, pixels, 2.0)


def write_peer(path, pixels):
    import mrcfile

    with mrcfile.new(path) as file:
        file.set_data(pixels)
        file.voxel_size = 2.0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the libraries that write
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.mrc", write_own),
        ("b.mrc", write_peer),
        ("a.tif", write_tiff),
        ("a.png", write_png),
    ],
)
def test_6_the_first_row_of_a_file_is_row_0(tmp_path, name, write):
    """What a program shows at the top or at the bottom is its own affair."""
    write(tmp_path / name, marked())
    image = open_image(tmp_path / name, pixel_size_angstrom=2.0)
    assert np.unravel_index(image.read().argmax(), image.grid.shape) == (1, 5)


@pytest.mark.parametrize("height", [40, 41])
@pytest.mark.parametrize("box", [10, 11])
def test_6_old_eman_boxes_count_y_from_the_last_row(tmp_path, height, box):
    """Corner (6, 3): its centre is 3 + box // 2 rows above the last one."""
    (tmp_path / "m.box").write_text(f"6\t3\t{box}\t{box}\t-3\n")
    grid = Grid(shape=(height, 50), pixel_size_angstrom=2.0)
    frame = Frame(default_grid=grid)
    plain = read_picks(tmp_path / "m.box", frame, name="eman-box").picks
    flipped = read_picks(tmp_path / "m.box", frame, name="eman-box-flipped").picks
    assert grid.to_px(plain.position_angstrom).tolist() == [[6 + box // 2, 3 + box // 2]]
    row = height - 1 - (3 + box // 2)
    assert grid.to_px(flipped.position_angstrom).tolist() == [[6 + box // 2, row]]


@pytest.mark.parametrize("name", ["eman-box", "cryosparc"])
@pytest.mark.parametrize("height", [40, 41])
def test_6_a_flip_mirrors_about_the_middle_row_and_twice_is_nothing(tmp_path, name, height):
    grid = Grid(shape=(height, 50), pixel_size_angstrom=2.0)
    frame = Frame(default_grid=grid, box_size_px=10)
    suffix = ".box" if name == "eman-box" else ".cs"
    start = Picks.of(grid.to_angstrom([[10, 7], [30, 39]]), image="m", score=[1.0, 2.0])
    write_picks(start, tmp_path / f"m{suffix}", frame, name=name)
    once = read_picks(tmp_path / f"m{suffix}", frame, name=f"{name}-flipped").picks
    rows = np.sort(grid.to_px(once.position_angstrom)[:, 1])
    assert rows == pytest.approx(sorted([height - 1 - 7, height - 1 - 39]), abs=1e-3)
    write_picks(once, tmp_path / f"n{suffix}", frame, name=f"{name}-flipped")
    again = read_picks(tmp_path / f"n{suffix}", frame, name=name).picks
    np.testing.assert_allclose(
        np.sort(again.position_angstrom, axis=0),
        np.sort(start.position_angstrom, axis=0),
        atol=1e-3,
    )
