"""Where tilts sample Fourier space: against reconstructions, symmetry, and the overlap of slices."""

import numpy as np
import pytest

from cryopick.ops.backproject import backproject
from cryopick.ops.project_tilts import project_tilts
from cryopick.pick.matching.wedge import (
    crowding_weight,
    slice_share,
    tilt_increments_rad,
    wedge_weight,
)


def directions(deg, length=0.3):
    """Frequencies of a plane that is tilted by so many degrees: kz, kx."""
    angle = np.deg2rad(np.asarray(deg, dtype=float))
    return length * np.sin(angle), length * np.cos(angle)


def test_between_the_limits_all_is_kept_and_beyond_them_nothing():
    kz, kx = directions([-39, -20, 0, 30, 59, 62, 80, 90, -80, -45])
    weight = wedge_weight(kz, kx, wedge_deg=(-40, 60), edge=1e-3)
    assert weight.tolist() == [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]


def test_a_frequency_and_its_mirror_image_weigh_the_same():
    rng = np.random.default_rng(0)
    kz, kx = rng.uniform(-0.5, 0.5, (2, 500))
    kx[:20] = 0
    weight = wedge_weight(kz, kx, wedge_deg=(-33, 71), edge=1 / 20)
    np.testing.assert_array_equal(weight, wedge_weight(-kz, -kx, wedge_deg=(-33, 71), edge=1 / 20))
    assert 0 < np.mean(weight == 0) < 1


def test_the_edge_is_as_wide_as_told_and_half_way_on_the_plane():
    angle = np.deg2rad(60)
    across = np.array([-0.06, -0.05, -0.025, 0, 0.025, 0.05, 0.06])
    kz = 0.3 * np.sin(angle) - across * np.cos(angle)
    kx = 0.3 * np.cos(angle) + across * np.sin(angle)
    weight = wedge_weight(kz, kx, wedge_deg=(-60, 60), edge=0.1)
    np.testing.assert_allclose(weight, [0, 0, 0.25, 0.5, 0.75, 1, 1], atol=1e-12)


def test_a_full_range_and_the_origin_lose_nothing():
    kz, kx = np.meshgrid([-0.5, 0, 0.2], [-0.1, 0, 0.4])
    assert np.all(wedge_weight(kz, kx, wedge_deg=(-90, 90), edge=0.1) == 1)
    assert float(wedge_weight(0.0, 0.0, wedge_deg=(-10, 10), edge=0.01)) == 1


@pytest.mark.parametrize("limits", [(-60, 20), (-10, 60)])
def test_the_wedge_is_that_of_a_reconstruction_from_such_tilts(limits):
    """The sign of the tilts: an asymmetric series samples one side of the beam more than the other."""
    n = 32
    point = np.zeros((n, 3, n), np.float32)
    point[n // 2, 1, n // 2] = 1
    tilts = np.arange(limits[0], limits[1] + 1, 2.0)
    volume = backproject(project_tilts(point, tilts), tilts, nz=n)[:, 1]
    power = np.abs(np.fft.rfft2(volume)) ** 2
    kz, kx = np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :]
    counted = np.hypot(kz, kx) < 0.4
    inside = wedge_weight(kz, kx, wedge_deg=limits, edge=1 / n) > 0.5
    mirrored = wedge_weight(-kz, kx, wedge_deg=limits, edge=1 / n) > 0.5
    assert power[counted & inside].sum() > 0.9 * power[counted].sum()
    assert power[counted & mirrored].sum() < 0.7 * power[counted].sum()


def test_slices_with_their_crowding_sum_to_one_until_they_part():
    tilts = np.arange(-60.0, 61.0, 3.0)
    increment = tilt_increments_rad(tilts)
    for radius, ripple in ((3.0, 0.06), (8.0, 0.06), (15.0, 0.13)):
        angle = np.deg2rad(np.arange(-40, 41, 0.7))
        kz, kx = radius * np.sin(angle), radius * np.cos(angle)
        total = np.zeros(len(angle))
        for tilt, step in zip(np.deg2rad(tilts), increment, strict=True):
            across = kx * np.cos(tilt) + kz * np.sin(tilt)
            total += slice_share(kz * np.cos(tilt) - kx * np.sin(tilt)) * crowding_weight(
                across, step
            )
        np.testing.assert_allclose(total, 1, atol=ripple)


def test_parted_slices_are_whole_and_leave_gaps():
    step = np.deg2rad(3.0)
    assert crowding_weight(60.0, step) == 1
    assert slice_share(60 * np.sin(step / 2)) == 0


def test_the_crowding_is_a_ramp_that_does_not_vanish_on_the_axis():
    across = np.linspace(-1.5, 1.5, 3001)
    weight = crowding_weight(across, 0.05)
    # The ramp averaged over a linear kernel of one voxel, by brute force.
    offset = np.linspace(-1, 1, 2001)
    kernel = 1 - np.abs(offset)
    kernel /= kernel.sum()
    wanted = (np.abs(across[::300, None] + offset) * kernel).sum(1) * 0.05
    np.testing.assert_allclose(weight[::300], wanted, atol=1e-6)
    np.testing.assert_allclose(weight, weight[::-1], atol=1e-15)


@pytest.mark.parametrize("tilts", [[0.0], [-3, 0, 3], [6, -6, 0, 3, -3], [0, 0, 3]])
def test_increments_belong_to_their_tilts(tilts):
    increment = tilt_increments_rad(tilts)
    assert increment.shape == (len(tilts),)
    assert np.all(increment >= 0)
    order = np.argsort(tilts, kind="stable")
    np.testing.assert_allclose(increment[order], tilt_increments_rad(np.asarray(tilts)[order]))
    if len(tilts) == 1:
        assert increment[0] == pytest.approx(np.pi)
