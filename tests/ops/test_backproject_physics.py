"""Back-projection of waves and of known shapes: what is kept, what is lost, what is mirrored."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.ops.backproject import backproject, backprojection_matrix, ramp_filter
from cryopick.ops.project_tilts import project_tilts, projection_matrix

TILTS = np.arange(-60, 61, 3.0)


def blob(shape, centre, sigma=2.5):
    """A Gaussian at ``x, y, z`` from the centre ``n // 2``."""
    parts = [
        np.exp(-((np.arange(n) - n // 2 - c) ** 2) / (2 * sigma**2))
        for n, c in zip(shape, centre[::-1], strict=True)
    ]
    return np.einsum("i,j,k->ijk", *parts).astype(np.float32)


@pytest.mark.parametrize("tilt", [-55.0, -20.0, 0.0, 40.0])
@pytest.mark.parametrize("shape", [(32, 9, 64), (33, 8, 65)])
def test_a_gaussian_casts_the_shadow_of_a_gaussian(tilt, shape):
    at = np.array([7.0, 1.0, -4.0])
    image = project_tilts(blob(shape, at), [tilt])[0]
    angle = np.deg2rad(tilt)
    x = at[0] * np.cos(angle) + at[2] * np.sin(angle)
    across = np.exp(-((np.arange(shape[2]) - shape[2] // 2 - x) ** 2) / (2 * 2.5**2))
    along = np.exp(-((np.arange(shape[1]) - shape[1] // 2 - at[1]) ** 2) / (2 * 2.5**2))
    wanted = 2.5 * np.sqrt(2 * np.pi) * np.outer(along, across)
    # The next copy of the endless slab is in sight at high tilt: look at this one only.
    near = np.abs(np.arange(shape[2]) - shape[2] // 2 - x) < 10
    np.testing.assert_allclose(image[:, near], wanted[:, near], atol=0.03 * wanted.max())


@settings(max_examples=15, deadline=None)
@given(st.floats(-70, 70), st.integers(0, 2**31))
def test_no_matter_is_lost_or_made_by_tilting(tilt, seed):
    """The slab repeats along x, so each image holds all of it, spread over a shorter period."""
    at = np.random.default_rng(seed).uniform([-6, 0, -5], [6, 0, 5])
    volume = blob((30, 3, 80), at, sigma=2.0)
    angle = np.deg2rad(tilt)
    x = np.arange(80) - 40
    row = project_tilts(volume, [tilt])[0, 1]
    near = np.abs(x - at[0] * np.cos(angle) - at[2] * np.sin(angle)) < 11
    assert row[near].sum() == pytest.approx(volume[:, 1].sum(), rel=0.01)


@settings(max_examples=15, deadline=None)
@given(st.floats(-75, 75), st.integers(4, 20), st.integers(8, 40))
def test_each_voxel_takes_one_value_from_each_image(tilt, nz, nx):
    """Weights of a voxel sum to 1 where it lies over the image, to less only at its ends."""
    weight = np.asarray(backprojection_matrix(tilt, nz=nz, nx=nx).sum(axis=1)).reshape(nz, nx)
    angle = np.deg2rad(tilt)
    z, x = np.meshgrid(np.arange(nz) - nz // 2, np.arange(nx) - nx // 2, indexing="ij")
    place = x * np.cos(angle) + z * np.sin(angle) + nx // 2
    over = (place >= 0) & (place <= nx - 1)
    np.testing.assert_allclose(weight[over], 1, atol=1e-5)
    assert not weight[(place <= -1) | (place >= nx)].any()


def test_both_matrices_are_near_transposes_of_each_other():
    """The inner product of a projection with an image is that of the volume with its smear."""
    nz, nx = 24, 120
    density = sum(
        weight * blob((nz, 1, nx), (x, 0.0, z))[:, 0]
        for weight, x, z in ((1.0, 9.0, 3.0), (-0.8, -6.0, -4.0), (0.6, 2.0, 1.0))
    )
    axis = np.arange(nx) - nx // 2
    # Within reach of the blobs, out of reach of the next copy of the endless slab.
    for tilt in (-55.0, -10.0, 30.0):
        row = np.exp(-((axis - 4) ** 2) / 90.0)
        there = projection_matrix(tilt, nz=nz, nx=nx) @ density.ravel()
        back = backprojection_matrix(tilt, nz=nz, nx=nx) @ row
        scale = np.linalg.norm(there) * np.linalg.norm(row)
        assert abs(there @ row) > 0.1 * scale
        assert there @ row == pytest.approx(density.ravel() @ back, abs=0.01 * scale)


@pytest.mark.parametrize("wave_deg", [0.0, 30.0, -45.0])
def test_waves_within_the_tilts_come_back_and_others_do_not(wave_deg):
    """A plane wave across a slab lies in the slice of one tilt; 80 degrees lies in the wedge."""
    nz, nx = 64, 64

    def kept(angle_deg):
        angle = np.deg2rad(angle_deg)
        z, x = np.meshgrid(np.arange(nz) - 32, np.arange(nx) - 32, indexing="ij")
        wave = np.cos(2 * np.pi * 0.15 * (x * np.cos(angle) + z * np.sin(angle)))
        window = np.exp(-(x**2 + z**2) / (2 * 8.0**2))
        volume = (wave * window)[:, None, :].astype(np.float32)
        again = backproject(project_tilts(volume, TILTS), TILTS, nz=nz)
        return float((again * volume).sum() / (volume**2).sum())

    assert kept(wave_deg) > 10 * abs(kept(82.0))


def test_a_mirrored_series_gives_the_mirrored_volume():
    volume = blob((21, 3, 41), (8.0, 0.0, 4.0)) + 0.5 * blob((21, 3, 41), (-5.0, 0.0, -6.0))
    images = project_tilts(volume, TILTS)
    there = backproject(images, TILTS, nz=21)
    wrong_hand = backproject(images, -TILTS, nz=21)
    np.testing.assert_allclose(wrong_hand, there[::-1], atol=1e-3 * there.max())
    assert np.corrcoef(there.ravel(), volume.ravel())[0, 1] > 0.7
    assert np.corrcoef(wrong_hand.ravel(), volume.ravel())[0, 1] < 0.4


def test_reconstruction_is_linear_and_does_not_mix_planes_of_y():
    rng = np.random.default_rng(3)
    images = rng.normal(size=(3, 4, 24)).astype(np.float32)
    more = rng.normal(size=(3, 4, 24)).astype(np.float32)
    tilts = [-20.0, 5.0, 30.0]
    both = backproject(images + 2 * more, tilts, nz=10)
    parts = backproject(images, tilts, nz=10) + 2 * backproject(more, tilts, nz=10)
    np.testing.assert_allclose(both, parts, atol=1e-4)
    images[:, 1:] = 0
    assert not backproject(images, tilts, nz=10)[:, 1:].any()


def test_the_order_of_the_tilts_does_not_matter():
    images = np.random.default_rng(4).normal(size=(5, 2, 20)).astype(np.float32)
    tilts = np.array([-40.0, -10, 0, 20, 50])
    order = np.array([3, 0, 4, 2, 1])
    np.testing.assert_allclose(
        backproject(images[order], tilts[order], nz=8), backproject(images, tilts, nz=8), atol=1e-5
    )


@given(
    st.lists(st.floats(-70, 70), min_size=1, max_size=12),
    st.floats(1, 1e4),
    st.integers(2, 60),
)
def test_ramps_grow_from_zero_to_at_most_one(tilts, thickness, nx):
    weight = ramp_filter(nx, tilts, thickness_px=thickness)
    assert weight.shape == (len(tilts), nx // 2 + 1)
    assert np.isfinite(weight).all()
    assert np.all(weight[:, 0] == 0)
    assert np.all(np.diff(weight, axis=1) >= 0)
    assert weight.max() <= 1


def test_a_thicker_specimen_needs_more_of_the_ramp():
    thin, thick = (ramp_filter(256, TILTS, thickness_px=t)[20] for t in (20.0, 200.0))
    assert np.all(thick >= thin)
    assert thick[3] > 2 * thin[3]


@pytest.mark.parametrize("shape", [(4, 5), (3, 2, 4, 5)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(InputError, match=r"expected 3 images \(n, y, x\), got shape"):
        backproject(np.zeros(shape, np.float32), [0.0, 1.0, 2.0], nz=4)
