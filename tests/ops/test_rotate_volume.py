"""Turning small volumes: against exact permutations, scipy's splines and the closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cryopick.errors import InputError
from cryopick.geometry.rotation import (
    from_axis_angle,
    inverse,
    multiply,
    random_rotations,
    rotate,
    to_matrix,
)
from cryopick.ops import rotate_volume as module
from cryopick.ops.rotate_volume import rotate_volume

IDENTITY = np.array([[1.0, 0.0, 0.0, 0.0]])
QUARTERS = {axis: from_axis_angle(np.eye(3)["xyz".index(axis)], 90.0)[None] for axis in "xyz"}


def blob(n, at_xyz=(0.0, 0.0, 0.0), sigma=1.8):
    axis = np.arange(n) - n // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    ax, ay, az = at_xyz
    return np.exp(-((x - ax) ** 2 + (y - ay) ** 2 + (z - az) ** 2) / (2 * sigma**2)).astype("f4")


def smooth(n, seed=0, sigma=2.0):
    noise = np.random.default_rng(seed).normal(size=(n, n, n))
    axis = np.arange(n) - n // 2
    radius = np.sqrt(sum(a**2 for a in np.meshgrid(axis, axis, axis)))
    inside = 1 / (1 + np.exp((radius - n / 3) / 1.0))
    return (ndimage.gaussian_filter(noise, sigma) * inside).astype(np.float32)


def centre_of_mass(volume):
    index = np.array(ndimage.center_of_mass(volume)) - len(volume) // 2
    return index[::-1]


@pytest.mark.parametrize("n", [7, 8, 12, 13])
def test_the_identity_changes_nothing(n):
    volume = np.random.default_rng(n).normal(size=(n, n, n)).astype(np.float32)
    [out] = rotate_volume(volume, IDENTITY)
    np.testing.assert_allclose(out, volume, atol=2e-5)
    assert out.dtype == np.float32


@pytest.mark.parametrize("axis", "xyz")
def test_quarter_turns_of_odd_boxes_are_permutations(axis):
    """About z, (x, y, z) goes to (-y, x, z): array axes swapped and one of them reversed."""
    n = 9
    volume = np.random.default_rng(1).normal(size=(n, n, n)).astype(np.float32)
    z, y, x = np.meshgrid(*[np.arange(n)] * 3, indexing="ij")
    expected = np.empty_like(volume)
    about = np.stack([x, y, z], -1) - n // 2
    matrix = np.round(to_matrix(QUARTERS[axis][0])).astype(int)
    to = about @ matrix.T + n // 2
    expected[to[..., 2], to[..., 1], to[..., 0]] = volume
    [out] = rotate_volume(volume, QUARTERS[axis])
    np.testing.assert_allclose(out, expected, atol=2e-5)


@pytest.mark.parametrize("n", [8, 10])
def test_half_turns_of_even_boxes_leave_out_the_first_plane(n):
    """Index ``n // 2`` stays: what lay at index 0 would go to index ``n``, outside the box."""
    volume = np.random.default_rng(2).normal(size=(n, n, n)).astype(np.float32)
    [out] = rotate_volume(volume, from_axis_angle([0, 0, 1], 180.0)[None])
    np.testing.assert_allclose(out[:, 1:, 1:], volume[:, :0:-1, :0:-1], atol=2e-5)
    assert np.abs(out[:, 0, :]).max() < 1e-4
    assert np.abs(out[:, :, 0]).max() < 1e-4


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_blob_goes_where_the_rotation_takes_it(seed):
    pose = random_rotations(1, rng=np.random.default_rng(seed))
    place = np.array([4.0, -2.0, 1.0])
    [out] = rotate_volume(blob(25, place), pose)
    np.testing.assert_allclose(centre_of_mass(out), rotate(pose[0], place), atol=0.02)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_the_shift_comes_after_the_rotation(seed, shift):
    pose = random_rotations(1, rng=np.random.default_rng(seed))
    place = np.array([3.0, 1.0, -2.0])
    [out] = rotate_volume(blob(29, place), pose, shift_px=np.array([shift]))
    np.testing.assert_allclose(centre_of_mass(out), rotate(pose[0], place) + shift, atol=0.02)


def test_there_and_back_is_nothing_but_blur():
    volume = smooth(24)
    pose = random_rotations(3, rng=np.random.default_rng(4))
    for one, turned in zip(pose, rotate_volume(volume, pose), strict=True):
        [back] = rotate_volume(turned, inverse(one)[None])
        assert np.corrcoef(back.ravel(), volume.ravel())[0, 1] > 0.985


def test_two_turns_are_the_product():
    volume = smooth(24, seed=3, sigma=3.0)
    first, second = random_rotations(2, rng=np.random.default_rng(5))
    [once] = rotate_volume(volume, first[None])
    [twice] = rotate_volume(once, second[None])
    [direct] = rotate_volume(volume, multiply(second, first)[None])
    assert np.corrcoef(twice.ravel(), direct.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("n", [15, 16])
def test_it_agrees_with_the_plain_reference(n):
    """scipy's linear interpolation, whose matrix maps output to input indices in ``zyx``."""
    volume = smooth(n, seed=6)
    for pose in random_rotations(4, rng=np.random.default_rng(7)):
        back = to_matrix(pose).T[::-1, ::-1]
        centre = np.full(3, n // 2)
        expected = ndimage.affine_transform(
            volume, back, offset=centre - back @ centre, order=1, mode="grid-constant"
        )
        [out] = rotate_volume(volume, pose[None])
        np.testing.assert_allclose(out, expected, atol=3e-5)


def test_many_at_once_are_those_one_by_one(monkeypatch):
    volume = smooth(12)
    poses = random_rotations(7, rng=np.random.default_rng(8))
    shifts = np.random.default_rng(9).uniform(-2, 2, (7, 3))
    whole = rotate_volume(volume, poses, shift_px=shifts)
    monkeypatch.setattr(module, "_CHUNK_VOXELS", 2 * 12**3)
    np.testing.assert_array_equal(rotate_volume(volume, poses, shift_px=shifts), whole)
    for one, pose, shift in zip(whole, poses, shifts, strict=True):
        [alone] = rotate_volume(volume, pose, shift_px=shift)
        np.testing.assert_allclose(alone, one, atol=1e-6)


@pytest.mark.parametrize(("n", "box"), [(16, 24), (16, 9), (15, 20), (15, 6)])
def test_another_box_keeps_the_centre(n, box):
    [out] = rotate_volume(blob(n), IDENTITY, box_px=box)
    assert out.shape == (box, box, box)
    assert np.unravel_index(out.argmax(), out.shape) == (box // 2,) * 3
    low, wide = (np.array(s) // 2 for s in (n, box))
    inner = min(low, wide) - 1
    cut = [slice(c - inner, c + inner) for c in (box // 2,)] * 3
    of = [slice(c - inner, c + inner) for c in (n // 2,)] * 3
    np.testing.assert_allclose(out[tuple(cut)], blob(n)[tuple(of)], atol=2e-5)


@pytest.mark.parametrize(("n", "over", "box"), [(24, 2.0, 12), (25, 2.0, 13), (30, 1.5, 20)])
def test_a_finer_template_gives_coarser_boxes(n, over, box):
    """A blob 5 fine voxels from the centre lies 5 / oversampling voxels from it."""
    [out] = rotate_volume(blob(n, (5.0, 0, 0), 2.0), IDENTITY, oversampling=over)
    assert out.shape == (box, box, box)
    np.testing.assert_allclose(centre_of_mass(out), [5.0 / over, 0, 0], atol=0.03)


def test_what_is_outside_is_zero():
    """A full cube turned by 45 degrees has empty corners, and its edges stay where they were."""
    [out] = rotate_volume(np.ones((17, 17, 17), "f4"), from_axis_angle([0, 0, 1], 45.0)[None])
    assert out[8, 0, 0] == out[8, 16, 16] == 0
    assert out[8, 8, 8] == pytest.approx(1)
    assert out[:, 8, 8].min() == pytest.approx(1)


def test_no_orientation_is_no_box():
    assert rotate_volume(blob(8), np.zeros((0, 4))).shape == (0, 8, 8, 8)


@pytest.mark.parametrize("shape", [(4, 4, 5), (4, 4), (3, 4, 4)])
def test_only_cubes(shape):
    with pytest.raises(InputError, match="expected a cube"):
        rotate_volume(np.zeros(shape, np.float32), IDENTITY)
