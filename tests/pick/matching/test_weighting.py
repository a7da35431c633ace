"""What imaging leaves of a template: against reconstructions and against loops over voxels."""

from dataclasses import replace

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.model import Optics, TiltSeries
from cryopick.ops.backproject import backproject
from cryopick.ops.ctf import ctf_curve
from cryopick.ops.dose import exposure_filter
from cryopick.ops.project_tilts import project_tilts
from cryopick.pick.matching.imaging import Band, Imaging
from cryopick.pick.matching.wedge import wedge_weight
from cryopick.pick.matching.weighting import band_weight, template_weight, tomogram_transfer
from cryopick.pick.matching.whitening import Whitening
from cryopick.simulate.tilt_series import defocus_slope_um_per_px

OPEN = Band()
FLAT = Whitening(frequency_per_angstrom=np.array([0.0, 1.0]), gain=np.array([1.0, 1.0]))


def series(tilts=(-40, -20, 0, 20, 40), **columns):
    return TiltSeries(name="t", tilt_deg=np.asarray(tilts, float), **columns)


def per_tilt(tilts, **settings):
    wedge = (float(tilts.tilt_deg.min()), float(tilts.tilt_deg.max()) + 1e-6)
    return Imaging(wedge_deg=wedge, tilts=tilts, per_tilt=True, **settings)


def frequencies(n, size=10.0):
    along = np.fft.fftfreq(n)
    kz, ky, kx = np.meshgrid(along, along, np.fft.rfftfreq(n), indexing="ij")
    return kz, ky, kx, np.sqrt(kz**2 + ky**2 + kx**2) / size


@pytest.mark.parametrize("n", [8, 9])
def test_the_band_leaves_half_at_its_limits_and_keeps_the_corners(n):
    band = Band(low_pass_angstrom=25.0)
    weight = template_weight(n, 10.0, imaging=Imaging(), band=band)
    assert weight.shape == (n, n, n // 2 + 1)
    assert weight.dtype == np.float32
    q = frequencies(n)[3] * 25.0
    np.testing.assert_allclose(weight, 0.5 ** (q**2), rtol=1e-5)
    assert weight[n // 2, n // 2, n // 2] > 0


def test_a_high_pass_removes_the_mean_only_at_the_origin():
    band = Band(high_pass_angstrom=300.0)
    weight = template_weight(8, 10.0, imaging=Imaging(), band=band)
    assert weight[0, 0, 0] == 0
    assert weight[4, 4, 4] == pytest.approx(1)
    assert band_weight(np.array([1 / 300]), band) == pytest.approx(0.5)


def test_without_tilts_the_weight_is_the_soft_wedge():
    weight = template_weight(16, 10.0, imaging=Imaging(wedge_deg=(-40, 60)), band=OPEN)
    kz, _, kx, _ = frequencies(16)
    np.testing.assert_allclose(
        weight, wedge_weight(kz, kx, wedge_deg=(-40, 60), edge=1 / 16), atol=1e-7
    )
    # A plane tilted by +50 degrees is there, its mirror image is not.
    assert weight[5, 0, 4] == 1
    assert weight[-5, 0, 4] < 0.5


def test_the_middle_tilt_gives_its_ctf_where_tilts_are_not_weighted():
    optics = Optics(amplitude_contrast=0.1)
    tilts = series(defocus_u_um=np.array([9, 9, 3.0, 9, 9]), defocus_v_um=[9, 9, 2.0, 9, 9])
    weight = {
        flipped: template_weight(
            12, 8.0, band=OPEN,
            imaging=Imaging(tilts=tilts, use_ctf=True, phase_flipped=flipped, optics=optics),
        )
        for flipped in (False, True)
    }  # fmt: skip
    wanted = -ctf_curve(frequencies(12, 8.0)[3], optics, defocus_um=2.5)
    np.testing.assert_allclose(weight[False], wanted, atol=1e-5)
    np.testing.assert_allclose(weight[True], np.abs(wanted), atol=1e-5)
    assert weight[False][0, 0, 0] == pytest.approx(0.1)
    assert weight[False].min() < -0.5


@pytest.mark.parametrize("defocus", [2.0, -2.0])
def test_low_frequencies_keep_the_contrast_of_the_template(defocus):
    optics = Optics(amplitude_contrast=0.07)
    imaging = Imaging(
        tilts=series(defocus_u_um=np.full(5, defocus)),
        use_ctf=True, phase_flipped=False, optics=optics,
    )  # fmt: skip
    weight = template_weight(64, 8.0, imaging=imaging, band=OPEN)
    assert weight[0, 0, 14] > 0.5  # 37 Å, before the first zero at 20 Å of either sign


def test_slices_are_those_of_a_loop_over_voxels():
    n, size = 11, 12.0
    tilts = series(
        (-37, -10, 4, 31, 60),
        exposure_e_per_a2=np.array([30.0, 10, 0, 20, 40]),
        defocus_u_um=np.array([3.1, 3.0, 2.9, 3.2, 3.3]),
        phase_shift_deg=np.array([0.0, 5, 10, 20, 40]),
        excluded=np.array([False, True, False, False, False]),
    )
    imaging = per_tilt(tilts, use_ctf=True, phase_flipped=False, handedness=-1)
    place = (900.0, -400.0)
    band = Band(low_pass_angstrom=30)
    weight = template_weight(n, size, imaging=imaging, band=band, position_angstrom=place)
    increments = np.deg2rad([41.0, 34.0, 28.0, 29.0])
    used = [0, 2, 3, 4]
    kz, ky, kx = (k * n for k in frequencies(n)[:3])
    rng = np.random.default_rng(1)
    checked = 0
    for at in zip(*(rng.integers(0, s, 400) for s in weight.shape), strict=True):
        total = 0.0
        for step, i in zip(increments, used, strict=True):
            tilt = np.deg2rad(tilts.tilt_deg[i])
            across = kx[at] * np.cos(tilt) + kz[at] * np.sin(tilt)
            away = kz[at] * np.cos(tilt) - kx[at] * np.sin(tilt)
            if abs(away) >= 1:
                continue
            ramp = abs(across) if abs(across) >= 1 else across**2 - abs(across) ** 3 / 3 + 1 / 3
            k = np.linalg.norm([kx[at], ky[at], kz[at]]) / (n * size)
            height = place[1] * np.cos(tilt) - place[0] * np.sin(tilt)
            ctf = -ctf_curve(
                np.array(np.hypot(across, ky[at]) / (n * size)),
                imaging.optics,
                defocus_um=tilts.defocus_u_um[i] - height * 1e-4,
                phase_shift_deg=tilts.phase_shift_deg[i],
            )
            value = (1 - abs(away)) * min(1, ramp * step) * np.cos(tilt) * float(ctf)
            total += value * float(exposure_filter(np.array(k), tilts.exposure_e_per_a2[i]))
        total *= 0.5 ** ((k * 30) ** 2) if total else 1
        assert weight[at] == pytest.approx(total, abs=2e-6)
        checked += total != 0
    assert checked > 150


def test_slices_follow_a_reconstruction_of_a_point():
    """Power of a point that was projected and reconstructed, against the weight, away from y."""
    n, wide = 24, 96
    tilts = np.arange(-20.0, 61.0, 4.0)
    point = np.zeros((wide, 1, wide), np.float32)
    point[wide // 2, 0, wide // 2] = 1
    volume = backproject(project_tilts(point, tilts), tilts, nz=n)[:, 0]
    seen = np.fft.rfft2(np.fft.ifftshift(volume[:, wide // 2 - n // 2 :][:, :n])).real
    weight = template_weight(n, 10.0, imaging=per_tilt(series(tilts)), band=OPEN)[:, 0]
    k = frequencies(n)[3][:, 0]
    counted = (k < 0.035) & (k > 0)
    agreement = np.corrcoef(seen[counted], weight[counted])[0, 1]
    mirrored = np.roll(weight[::-1], 1, axis=0)
    assert agreement > 0.85
    assert np.corrcoef(seen[counted], mirrored[counted])[0, 1] < agreement - 0.3


def test_exposure_dims_fine_detail_and_excluded_tilts_are_absent():
    fresh = per_tilt(series(exposure_e_per_a2=np.zeros(5)))
    old = per_tilt(series(exposure_e_per_a2=np.full(5, 60.0)))
    a, b = (template_weight(16, 5.0, imaging=i, band=OPEN) for i in (fresh, old))
    assert b[0, 0, 1] > 0.6 * a[0, 0, 1] > 0
    assert b[0, 0, 7] < 0.2 * a[0, 0, 7]
    gone = series((-40, 0, 40), excluded=np.array([False, True, False]))
    assert template_weight(32, 10.0, imaging=per_tilt(gone), band=OPEN)[0, 0, 12] == 0


def test_the_place_counts_only_where_the_handedness_is_known():
    tilts = series(defocus_u_um=np.full(5, 3.0))
    weight = {
        (hand, place): template_weight(
            16, 8.0, band=OPEN, position_angstrom=place,
            imaging=per_tilt(tilts, use_ctf=True, handedness=hand),
        )
        for hand in (0, 1, -1) for place in (None, (3000.0, 0.0), (-3000.0, 0.0))
    }  # fmt: skip
    np.testing.assert_array_equal(weight[0, None], weight[0, (3000.0, 0.0)])
    np.testing.assert_array_equal(weight[1, (3000.0, 0.0)], weight[-1, (-3000.0, 0.0)])
    assert np.abs(weight[1, (3000.0, 0.0)] - weight[1, None]).max() > 0.05


@pytest.mark.parametrize("hand", [-1, 1])
def test_the_defocus_at_a_place_is_that_of_the_simulation(hand):
    """A particle at x in the plane z = 0 is seen at x cos θ, where the simulated defocus is known."""
    tilts = series(defocus_u_um=np.full(5, 3.0), handedness=hand, pixel_size_angstrom=8.0)
    x = 4000.0
    seen_px = x * np.cos(np.deg2rad(tilts.tilt_deg)) / 8.0
    slopes = np.array([defocus_slope_um_per_px(tilts, i) for i in range(5)])
    there = replace(tilts, defocus_u_um=3.0 + slopes * seen_px)
    assert np.ptp(there.defocus_u_um) > 0.5
    weight = [
        template_weight(
            16, 8.0, band=OPEN, position_angstrom=place,
            imaging=per_tilt(given, use_ctf=True, handedness=hand),
        )
        for given, place in ((tilts, (x, 0.0)), (there, None))
    ]  # fmt: skip
    np.testing.assert_allclose(*weight, atol=1e-6)


def test_a_tomogram_gets_band_and_wedge_but_never_a_ctf():
    tilts = series(defocus_u_um=np.full(5, 3.0))
    plain = Imaging(wedge_deg=(-50, 60))
    full = Imaging(wedge_deg=(-50, 60), tilts=tilts, per_tilt=True, use_ctf=True)
    band = Band(low_pass_angstrom=30, high_pass_angstrom=500)
    rng = np.random.default_rng(2)
    k = rng.uniform(-0.5, 0.5, (3, 200))
    given = [
        tomogram_transfer(i, band, pixel_size_angstrom=8.0, whitening=w)(*k)
        for i in (plain, full) for w in (None, FLAT)
    ]  # fmt: skip
    assert given[0].dtype == np.float32
    for other in given[1:]:
        np.testing.assert_array_equal(given[0], other)
    wanted = band_weight(np.linalg.norm(k, axis=0) / 8.0, band)
    inside = wedge_weight(k[0], k[2], wedge_deg=(-50, 60), edge=1 / 64)
    np.testing.assert_allclose(given[0], wanted * inside, atol=1e-6)


def test_slabs_of_a_tomogram_join():
    keep = tomogram_transfer(
        Imaging(wedge_deg=(-60, 60)), Band(low_pass_angstrom=40), pixel_size_angstrom=10.0
    )
    kz, ky, kx = (
        np.fft.fftfreq(12)[:, None, None],
        np.fft.fftfreq(10)[None, :, None],
        np.fft.rfftfreq(14)[None, None, :],
    )
    whole = keep(kz, ky, kx)
    assert whole.shape == (12, 10, 8)
    np.testing.assert_array_equal(whole[5:], keep(kz[5:], ky, kx))


def test_whitening_multiplies_both_weights():
    gain = Whitening(
        frequency_per_angstrom=np.array([0.0, 0.05, 0.1]), gain=np.array([0.0, 1.0, 0.5])
    )
    with_it = template_weight(10, 10.0, imaging=Imaging(), band=OPEN, whitening=gain)
    k = frequencies(10)[3]
    np.testing.assert_allclose(with_it, gain.at(k), atol=1e-6)
    assert with_it[0, 0, 5] == pytest.approx(1)  # 0.05 / Å
    assert with_it[5, 5, 5] == pytest.approx(gain.at(np.array([0.0866]))[0], abs=1e-3)


def test_bad_values_are_one_line():
    with pytest.raises(InputError, match="box of 2 voxels"):
        template_weight(1, 10.0, imaging=Imaging(), band=OPEN)
    with pytest.raises(InputError, match="pixel size above 0"):
        tomogram_transfer(Imaging(), OPEN, pixel_size_angstrom=0.0)
    none = series(excluded=np.ones(5, bool))
    with pytest.raises(InputError, match="no tilt is left of 5"):
        template_weight(8, 10.0, imaging=per_tilt(none), band=OPEN)
