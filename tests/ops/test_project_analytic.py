"""Projections of Gaussians, whose every projection is known, and laws all projections obey."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cryopick.ops.project as module
from cryopick.geometry.rotation import from_axis_angle, multiply, random_rotations, rotate
from cryopick.ops.project import project, project_reference, transform_volume
from cryopick.ops.project_tilts import project_tilts
from cryopick.ops.rotate_volume import rotate_volume
from shared_data import shared

SIGMA = 1.9
POINTS = np.array([[6.0, 1.0, -2.0], [-3.0, 5.0, 4.0], [0.0, -6.0, 1.5], [2.0, 2.0, 6.0]])
WEIGHTS = np.array([1.0, 0.7, 1.3, 0.4])


def line(n, centre):
    return np.exp(-((np.arange(n) - n // 2 - centre) ** 2) / (2 * SIGMA**2))


def cloud(n, points=POINTS):
    """A cloud of Gaussians as a volume."""
    out = np.zeros((n, n, n))
    for weight, (x, y, z) in zip(WEIGHTS, points, strict=True):
        out += weight * np.einsum("i,j,k->ijk", line(n, z), line(n, y), line(n, x))
    return out.astype(np.float32)


def shadow(n, points):
    """Its projection along z, by hand: the integral over z of each Gaussian is σ √(2π)."""
    out = np.zeros((n, n))
    for weight, (x, y, _) in zip(WEIGHTS, points, strict=True):
        out += weight * SIGMA * np.sqrt(2 * np.pi) * np.outer(line(n, y), line(n, x))
    return out


@pytest.mark.parametrize("n", [36, 37])
def test_any_view_of_a_cloud_is_the_shadow_of_its_turned_points(n):
    turns = random_rotations(6, rng=np.random.default_rng(n))
    images = project(transform_volume(cloud(n)), turns)
    for turn, image in zip(turns, images, strict=True):
        wanted = shadow(n, rotate(turn, POINTS))
        np.testing.assert_allclose(image, wanted, atol=0.02 * wanted.max())


@pytest.mark.parametrize("n", [30, 31])
def test_the_slice_theorem(n):
    """The transform of a view is the plane through the volume's transform at right angles to it."""
    turn = random_rotations(1, rng=np.random.default_rng(2))
    image = project(transform_volume(cloud(n)), turn)[0]
    spectrum = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image)))
    axis = (np.arange(n) - n // 2) / n
    for ky, kx in ((0, 0), (2, 1), (-3, 2), (1, -4)):
        at = rotate(np.array([turn[0]]), POINTS)
        k2 = (kx**2 + ky**2) / n**2
        phase = np.exp(-2j * np.pi * (at[:, 0] * kx + at[:, 1] * ky) / n)
        envelope = (2 * np.pi * SIGMA**2) ** 1.5 * np.exp(-2 * np.pi**2 * SIGMA**2 * k2)
        got = spectrum[np.argmin(abs(axis - ky / n)), np.argmin(abs(axis - kx / n))]
        assert abs(got - (WEIGHTS * phase).sum() * envelope) < 0.01 * WEIGHTS.sum() * 108


@pytest.mark.parametrize("psi", [90.0, 180.0, 270.0])
def test_turning_in_the_plane_turns_the_image(psi):
    n = 33
    turn = random_rotations(1, rng=np.random.default_rng(7))[0]
    still, turned = project(
        transform_volume(cloud(n)),
        np.stack([turn, multiply(from_axis_angle([0, 0, 1], psi), turn)]),
    )
    # From x towards y is clockwise on an array whose rows count downwards: numpy's -k.
    np.testing.assert_allclose(turned, np.rot90(still, -round(psi / 90)), atol=0.01 * still.max())


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31))
def test_the_view_from_behind_is_the_mirror_image(seed):
    n = 25
    turn = random_rotations(1, rng=np.random.default_rng(seed))[0]
    behind = multiply(from_axis_angle([0, 1, 0], 180.0), turn)
    front, back = project(transform_volume(cloud(n, POINTS * 0.7)), np.stack([turn, behind]))
    np.testing.assert_allclose(back, front[:, ::-1], atol=0.01 * front.max())


def test_projection_is_linear():
    n = 24
    one, two = cloud(n, POINTS * 0.6), cloud(n, -POINTS * 0.5)
    turns = random_rotations(3, rng=np.random.default_rng(8))
    parts = project(transform_volume(one), turns) + 2 * project(transform_volume(two), turns)
    both = project(transform_volume(one + 2 * two), turns)
    np.testing.assert_allclose(both, parts, atol=2e-3 * both.max())


def test_all_ways_to_project_agree():
    """By slices, by splines, by turning the volume and adding up, and as a tilt series."""
    n, tilts = 33, np.array([-50.0, -20.0, 0.0, 35.0, 60.0])
    volume = cloud(n)
    turns = from_axis_angle([0, 1, 0], tilts)
    wanted = np.stack([shadow(n, rotate(turn, POINTS)) for turn in turns])
    top = wanted.max()
    # Turns about an axis of the box are the worst case of `project`: 4 %, as it says.
    np.testing.assert_allclose(project(transform_volume(volume), turns), wanted, atol=0.04 * top)
    np.testing.assert_allclose(project_reference(volume, turns), wanted, atol=0.01 * top)
    np.testing.assert_allclose(rotate_volume(volume, turns).sum(axis=1), wanted, atol=0.04 * top)
    # The series is of a slab without end: a wide one shows the cloud only once.
    wide = np.pad(volume, ((0, 0), (0, 0), (30, 30)))
    np.testing.assert_allclose(project_tilts(wide, tilts)[:, :, 30:-30], wanted, atol=0.04 * top)


def test_batches_make_no_difference(monkeypatch):
    transform = transform_volume(cloud(20, POINTS * 0.5))
    turns = random_rotations(5, rng=np.random.default_rng(1))
    shifts = np.random.default_rng(1).uniform(-3, 3, (5, 2))
    whole = project(transform, turns, shift_px=shifts)
    monkeypatch.setattr(module, "_CHUNK_POINTS", 800)
    np.testing.assert_allclose(project(transform, turns, shift_px=shifts), whole, atol=1e-4)


def test_the_kept_band_shrinks_with_smoothness():
    """A smooth volume needs a smaller transform; a rough one keeps all below Nyquist."""
    smooth = transform_volume(cloud(40))
    rough = transform_volume(np.random.default_rng(0).normal(size=(40,) * 3).astype(np.float32))
    assert smooth.limit < 0.8 * rough.limit
    assert rough.limit == 19
    assert smooth.value.shape[0] == 2 * int(np.ceil(2 * smooth.limit)) + 2
    assert smooth.total == pytest.approx(cloud(40).sum(dtype=float), rel=1e-6)


def test_an_independent_generator_makes_the_same_views():
    """``shared/tools`` renders points by itself, in 2D and in 3D, with scipy's rotations."""
    from scipy.spatial.transform import Rotation

    path = shared("../tools/synthetic/gen_common.py")
    spec = importlib.util.spec_from_file_location("gen_common", path)
    other = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(other)
    n = 48
    points, weights = other.blob_model(20, 60, 14.0)
    volume = other.render3d(points, weights, 2.0, n, (n // 2,) * 3)
    turns = random_rotations(4, rng=np.random.default_rng(5))
    for turn, image in zip(turns, project(transform_volume(volume), turns), strict=True):
        turned = Rotation.from_quat(np.roll(turn, -1)).apply(points)
        wanted = other.render2d(turned, weights, 2.0, n, (n // 2,) * 2) * 2.0 * np.sqrt(2 * np.pi)
        np.testing.assert_allclose(image, wanted, atol=0.02 * wanted.max())
