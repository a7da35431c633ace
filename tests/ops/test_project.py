"""Projections: where a blob lands, what is conserved, and agreement with real space."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.geometry.rotation import from_axis_angle, random_rotations, rotate
from cryopick.ops.project import project, project_reference, transform_volume
from cryopick.ops.rotate_volume import rotate_volume

IDENTITY = np.array([[1.0, 0, 0, 0]])


def blobs(n, positions, sigma=1.8):
    axis = np.arange(n) - n // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    out = np.zeros((n, n, n))
    for weight, (px, py, pz) in enumerate(positions, 1):
        out += weight * np.exp(-((x - px) ** 2 + (y - py) ** 2 + (z - pz) ** 2) / (2 * sigma**2))
    return out.astype(np.float32)


def peak(image):
    """Sub-pixel place of the highest point, from the centre, ``x, y(, z)``."""
    index = np.array(np.unravel_index(image.argmax(), image.shape))
    out = []
    for axis, i in enumerate(index):
        line = np.take(image, [i - 1, i, i + 1], axis=axis)
        rest = [v for a, v in enumerate(index) if a != axis]
        a, b, c = np.moveaxis(line, axis, -1)[tuple(rest)]
        out.append(i + 0.5 * (a - c) / (a - 2 * b + c) - image.shape[axis] // 2)
    return np.array(out[::-1])


@pytest.mark.parametrize("n", [32, 33])
@pytest.mark.parametrize("which", range(6))
def test_a_blob_lands_where_the_rotation_says(n, which):
    at = np.array([8.0, 3.0, -5.0])
    quaternion = random_rotations(6, rng=np.random.default_rng(2))[which : which + 1]
    volume = blobs(n, [at])
    expected = rotate(quaternion[0], at)
    image = project(transform_volume(volume), quaternion)[0]
    np.testing.assert_allclose(peak(image), expected[:2], atol=0.05)
    turned = rotate_volume(volume, quaternion)[0]
    np.testing.assert_allclose(peak(turned), expected, atol=0.1)


@pytest.mark.parametrize("n", [24, 25])
def test_the_centre_stays(n):
    quaternions = random_rotations(5, rng=np.random.default_rng(3))
    volume = blobs(n, [(0, 0, 0)])
    for image in project(transform_volume(volume), quaternions):
        np.testing.assert_allclose(peak(image), 0, atol=1e-3)
    for turned in rotate_volume(volume, quaternions):
        np.testing.assert_allclose(peak(turned), 0, atol=1e-3)


def test_a_quarter_turn_about_z_takes_x_to_y():
    volume = blobs(32, [(9, 0, 0)])
    quarter = from_axis_angle([0, 0, 1], 90)[None]
    np.testing.assert_allclose(
        peak(project(transform_volume(volume), quarter)[0]), [0, 9], atol=0.05
    )


def test_unturned_it_is_the_sum_along_z():
    volume = blobs(32, [(6, -3, 4), (-5, 2, -2)])
    image = project(transform_volume(volume), IDENTITY)[0]
    # On the axes nothing is interpolated, so the correction for it overshoots away from the centre.
    np.testing.assert_allclose(image, volume.sum(axis=0), atol=0.05 * volume.sum(axis=0).max())
    finer = project(transform_volume(volume, padding=4.0), IDENTITY)[0]
    np.testing.assert_allclose(finer, volume.sum(axis=0), atol=0.015 * volume.sum(axis=0).max())


@pytest.mark.parametrize("n", [32, 31])
def test_fourier_and_real_space_agree(n):
    volume = blobs(n, [(6, 0, 0), (0, 5, 2), (-3, -2, -6)])
    quaternions = random_rotations(4, rng=np.random.default_rng(5))
    fast = project(transform_volume(volume), quaternions)
    slow = project_reference(volume, quaternions)
    for a, b in zip(fast, slow, strict=True):
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.9995
        assert np.abs(a - b).max() < 0.02 * b.max()


def test_more_padding_is_more_exact():
    volume = blobs(24, [(7, 0, 0), (0, 6, 2)])
    quaternions = random_rotations(3, rng=np.random.default_rng(6))
    slow = project_reference(volume, quaternions)
    errors = [
        np.abs(project(transform_volume(volume, padding=p), quaternions) - slow).max()
        for p in (1.0, 2.0)
    ]
    assert errors[1] < errors[0] / 2


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-4, 4), st.floats(-4, 4))
def test_shifts_move_the_image_by_exactly_that(seed, dx, dy):
    transform = transform_volume(blobs(24, [(4, 0, 0), (0, 3, 1)]))
    quaternion = random_rotations(1, rng=np.random.default_rng(seed))
    still = project(transform, quaternion)[0]
    moved = project(transform, quaternion, shift_px=np.array([[dx, dy]]))[0]
    ky, kx = np.fft.fftfreq(24)[:, None], np.fft.rfftfreq(24)[None]
    # Nyquist lines have no phase of their own; the projections hold nothing there.
    wanted = np.fft.irfft2(
        np.fft.rfft2(still) * np.exp(-2j * np.pi * (kx * dx + ky * dy)), s=(24, 24)
    )
    np.testing.assert_allclose(moved, wanted, atol=2e-3 * still.max())


def test_the_integral_is_conserved():
    volume = blobs(28, [(5, 1, 0), (-4, 2, 3)])
    images = project(transform_volume(volume), random_rotations(6, rng=np.random.default_rng(8)))
    np.testing.assert_allclose(images.sum(axis=(1, 2)), volume.sum(), rtol=1e-4)


def test_projections_along_a_symmetry_axis_are_alike():
    volume = blobs(28, [(6, 0, 0)]) + blobs(28, [(-6, 0, 0)])
    half_turn = from_axis_angle([0, 0, 1], 180)[None]
    transform = transform_volume(volume)
    np.testing.assert_allclose(
        project(transform, IDENTITY), project(transform, half_turn), atol=0.01 * volume.sum(0).max()
    )


def test_none_at_all_is_no_projection():
    assert project(transform_volume(blobs(16, [(0, 0, 0)])), np.zeros((0, 4))).shape == (0, 16, 16)


def test_a_flat_and_an_empty_volume_do_not_fail():
    assert np.all(project(transform_volume(np.zeros((8, 8, 8), np.float32)), IDENTITY) == 0)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 5)])
def test_only_cubes_are_projected(shape):
    with pytest.raises(InputError, match="cube"):
        transform_volume(np.zeros(shape, np.float32))
    with pytest.raises(InputError, match="cube"):
        rotate_volume(np.zeros(shape, np.float32), IDENTITY)


def test_padding_is_bounded():
    with pytest.raises(InputError, match=r"padding: expected 1 to 8, got 0\.5"):
        transform_volume(np.zeros((8, 8, 8), np.float32), padding=0.5)


def test_read_only_volumes_are_taken():
    volume = blobs(16, [(0, 0, 0)])
    volume.setflags(write=False)
    assert project(transform_volume(volume), IDENTITY).shape == (1, 16, 16)
    assert rotate_volume(volume, IDENTITY).shape == (1, 16, 16, 16)


def test_rotating_by_nothing_and_shifting_by_whole_voxels_is_exact():
    volume = np.random.default_rng(0).normal(size=(9, 9, 9)).astype(np.float32)
    np.testing.assert_allclose(rotate_volume(volume, IDENTITY)[0], volume, atol=1e-5)
    moved = rotate_volume(volume, IDENTITY, shift_px=np.array([[2.0, 0, -1]]))[0]
    np.testing.assert_allclose(moved[:-1, :, 2:], volume[1:, :, :-2], atol=1e-5)


@pytest.mark.parametrize(("fine", "coarse"), [(32, 16), (34, 17)])
def test_an_oversampled_template_gives_the_coarse_one(fine, coarse):
    template = blobs(fine, [(6, 0, 2)], sigma=4.0)
    got = rotate_volume(template, IDENTITY, oversampling=2.0)[0]
    assert got.shape == (coarse,) * 3
    np.testing.assert_allclose(got, blobs(coarse, [(3, 0, 1)], sigma=2.0), atol=1e-5)
