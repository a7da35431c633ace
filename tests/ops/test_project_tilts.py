"""Tilted projections: geometry, path lengths, and the repeated slab."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.ops.project_tilts import project_tilts, projection_matrix

TILTS = np.arange(-60, 61, 15.0)


def spot(shape, zyx, sigma=1.3):
    grids = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    distance = sum((g - c) ** 2 for g, c in zip(grids, zyx, strict=True))
    return np.exp(-distance / (2 * sigma**2)).astype(np.float32)


def test_at_zero_tilt_it_is_the_sum_along_z():
    volume = np.random.default_rng(0).normal(size=(7, 3, 12)).astype(np.float32)
    np.testing.assert_allclose(project_tilts(volume, [0.0])[0], volume.sum(axis=0), atol=1e-5)


@pytest.mark.parametrize(("nz", "nx"), [(24, 64), (25, 63)])
def test_a_point_goes_where_an_active_turn_about_y_takes_it(nz, nx):
    x, z = 9.0, 6.0
    volume = spot((nz, 5, nx), (nz // 2 + z, 2, nx // 2 + x))
    images = project_tilts(volume, TILTS)
    for tilt, image in zip(np.deg2rad(TILTS), images, strict=True):
        expected = x * np.cos(tilt) + z * np.sin(tilt)
        near = np.arange(nx) - nx // 2
        row = image[2] * (np.abs(near - expected) < 6)
        assert (row * near).sum() / row.sum() == pytest.approx(expected, abs=0.03)
        # y is the axis: nothing moves along it.
        assert image.sum(axis=1).argmax() == 2


@pytest.mark.parametrize("tilt", [-60.0, 0.0, 30.0, 60.0])
def test_the_path_through_a_slab_grows_with_the_cosine(tilt):
    slab = np.ones((20, 2, 48), np.float32)
    image = project_tilts(slab, [tilt])[0]
    np.testing.assert_allclose(image, 20 / np.cos(np.deg2rad(tilt)), rtol=0.01)


def test_the_slab_repeats_along_x_and_ends_along_z():
    volume = np.zeros((8, 1, 40), np.float32)
    volume[4, 0, 38] = 1
    near = project_tilts(volume, [50.0])[0, 0]
    # 18 pixels to the right of the centre, and 22 to the left of it one period on.
    for x in (18, -22):
        assert near[20 + round(x * np.cos(np.deg2rad(50)))] > 0.3


def test_the_order_of_tilts_is_the_order_of_images():
    volume = np.random.default_rng(1).normal(size=(6, 2, 16)).astype(np.float32)
    both = project_tilts(volume, [30.0, -10.0])
    np.testing.assert_array_equal(both[1], project_tilts(volume, [-10.0])[0])


def test_turning_the_specimen_end_for_end_mirrors_the_image():
    rng = np.random.default_rng(2)
    volume = rng.normal(size=(7, 3, 21)).astype(np.float32)
    there = project_tilts(volume, [25.0])[0]
    # Odd sizes: mirroring x about its centre voxel turns tilt into minus tilt.
    back = project_tilts(volume[:, :, ::-1], [-25.0])[0]
    np.testing.assert_allclose(there, back[:, ::-1], atol=1e-4)


def test_chunks_along_y_make_no_difference(monkeypatch):
    import cryopick.ops.project_tilts as module

    volume = np.random.default_rng(3).normal(size=(5, 7, 12)).astype(np.float32)
    whole = project_tilts(volume, [20.0])
    monkeypatch.setattr(module, "_CHUNK_BYTES", 1)
    np.testing.assert_allclose(project_tilts(volume, [20.0]), whole, atol=1e-6)


def test_every_ray_weighs_its_path():
    matrix = projection_matrix(40.0, nz=30, nx=20)
    assert matrix.shape == (20, 600)
    weights = np.asarray(matrix.sum(axis=1)).ravel()
    np.testing.assert_allclose(weights, 30 / np.cos(np.deg2rad(40)), rtol=0.01)


def test_tilts_beyond_80_degrees_and_flat_arrays_are_refused():
    with pytest.raises(InputError, match=r"-80.0 to 80.0 deg, got 85"):
        project_tilts(np.ones((2, 2, 2), np.float32), [85.0])
    with pytest.raises(InputError, match=r"\(z, y, x\)"):
        project_tilts(np.ones((2, 2), np.float32), [0.0])
