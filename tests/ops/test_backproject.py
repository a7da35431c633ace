"""Back-projection: places, the ramp, the wedge."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.ops.backproject import backproject, backprojection_matrix, ramp_filter
from cryopick.ops.project_tilts import project_tilts

TILTS = np.arange(-60, 61, 3.0)


@pytest.mark.parametrize(("nz", "nx"), [(32, 64), (33, 63)])
@pytest.mark.parametrize(("x", "z"), [(0, 0), (11, 5), (-14, -7)])
def test_a_point_comes_back_to_its_voxel(nz, nx, x, z):
    volume = np.zeros((nz, 5, nx), np.float32)
    volume[nz // 2 + z, 2, nx // 2 + x] = 1
    again = backproject(project_tilts(volume, TILTS), TILTS, nz=nz)
    assert np.unravel_index(again.argmax(), again.shape) == (nz // 2 + z, 2, nx // 2 + x)


def test_the_ramp_sharpens_what_plain_back_projection_blurs():
    volume = np.zeros((32, 3, 64), np.float32)
    volume[16, 1, 32] = 1
    images = project_tilts(volume, TILTS)

    def width(weighting):
        row = backproject(images, TILTS, nz=32, weighting=weighting)[16, 1]
        return int((row > 0.2 * row.max()).sum())

    assert width(True) < width(False)


def test_the_missing_wedge_is_that_of_the_tilts():
    rng = np.random.default_rng(0)
    volume = rng.normal(size=(48, 4, 48)).astype(np.float32)
    again = backproject(project_tilts(volume, TILTS), TILTS, nz=48)
    power = (np.abs(np.fft.fftn(again)) ** 2).sum(axis=1)
    k = np.fft.fftfreq(48)
    kz, kx = np.meshgrid(k, k, indexing="ij")
    radius = np.hypot(kz, kx)
    # A tilt of 60 degrees fills slices up to 60 degrees from the kx axis.
    angle = np.rad2deg(np.arctan2(np.abs(kz), np.abs(kx)))
    ring = (radius > 0.15) & (radius < 0.4)
    filled = power[ring & (angle < 50)].mean()
    missing = power[ring & (angle > 70)].mean()
    assert missing < 0.05 * filled


def test_correlation_with_the_truth_is_high_where_the_tilts_reach():
    rng = np.random.default_rng(1)
    z, y, x = np.meshgrid(*(np.arange(n) for n in (40, 24, 40)), indexing="ij")
    volume = np.zeros((40, 24, 40), np.float32)
    for _ in range(6):
        c = rng.uniform((10, 6, 10), (30, 18, 30))
        volume += np.exp(-((z - c[0]) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2) / 8)
    again = backproject(project_tilts(volume, TILTS), TILTS, nz=40)
    k = [np.fft.fftfreq(n) for n in volume.shape]
    inside = np.abs(k[0])[:, None, None] <= np.tan(np.deg2rad(55)) * np.abs(k[2])[None, None, :]
    radius = np.sqrt(k[0][:, None, None] ** 2 + k[1][None, :, None] ** 2 + k[2] ** 2)
    # Below 1 / (thickness * increment) ramps and finite tilts differ most.
    band = inside & (radius > 0.05) & (radius < 0.25)
    a, b = np.fft.fftn(volume)[band], np.fft.fftn(again)[band]
    shell = (a * b.conj()).real.sum() / np.sqrt((abs(a) ** 2).sum() * (abs(b) ** 2).sum())
    assert shell > 0.9


def test_forward_and_backward_matrices_see_the_same_geometry():
    """A voxel's own image column is where the ray through it is densest."""
    back = backprojection_matrix(37.0, nz=20, nx=30).toarray()
    voxel = (10 + 4) * 30 + (15 - 6)
    expected = -6 * np.cos(np.deg2rad(37)) + 4 * np.sin(np.deg2rad(37)) + 15
    columns = np.flatnonzero(back[voxel])
    assert columns.tolist() == [int(np.floor(expected)), int(np.floor(expected)) + 1]
    assert back[voxel] @ np.arange(30) == pytest.approx(expected)


def test_the_ramp_is_linear_then_flat_and_zero_at_zero():
    weight = ramp_filter(64, TILTS, thickness_px=100.0)
    middle = weight[20]
    overlap = 1 / (100 * np.deg2rad(3.0))
    k = np.fft.rfftfreq(64)
    np.testing.assert_allclose(middle, np.minimum(k / overlap, 1), atol=1e-6)
    assert middle[0] == 0


def test_denser_tilts_count_less_each():
    weight = ramp_filter(8, [0.0, 10.0, 12.0, 14.0, 24.0], thickness_px=1e6)
    assert weight[2, -1] == pytest.approx(2 / 10)
    assert weight[0, -1] == pytest.approx(1)


def test_the_ramp_does_not_care_about_order():
    mixed = np.array([3.0, -6, 0, 6, -3])
    weight = ramp_filter(16, mixed, thickness_px=40.0)
    order = np.argsort(mixed)
    np.testing.assert_array_equal(weight[order], ramp_filter(16, mixed[order], thickness_px=40.0))


def test_chunks_along_y_make_no_difference(monkeypatch):
    import cryopick.ops.backproject as module

    images = np.random.default_rng(2).normal(size=(3, 5, 16)).astype(np.float32)
    whole = backproject(images, [-20, 0, 20], nz=6)
    monkeypatch.setattr(module, "_CHUNK_BYTES", 1)
    np.testing.assert_allclose(backproject(images, [-20, 0, 20], nz=6), whole, atol=1e-6)


def test_one_tilt_alone_is_smeared_along_z():
    image = np.random.default_rng(3).normal(size=(1, 4, 12)).astype(np.float32)
    volume = backproject(image, [0.0], nz=5, weighting=False)
    np.testing.assert_allclose(volume, np.broadcast_to(image, (5, 4, 12)), atol=1e-6)


def test_wrong_numbers_of_tilts_and_bad_thickness_are_named():
    with pytest.raises(InputError, match="expected 2 images"):
        backproject(np.ones((3, 2, 4), np.float32), [0.0, 1.0], nz=3)
    with pytest.raises(InputError, match="thickness: expected more than 0 px"):
        ramp_filter(8, [0.0], thickness_px=0)
    with pytest.raises(InputError, match="list of angles"):
        ramp_filter(8, [], thickness_px=3)
