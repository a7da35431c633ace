"""Whitening: the spectrum of what was measured becomes flat."""

import numpy as np
import pytest
from scipy import fft

from cryopick.errors import InputError
from cryopick.pick.matching.imaging import Imaging
from cryopick.pick.matching.wedge import wedge_weight
from cryopick.pick.matching.whitening import Whitening, whitening_profile

SIZE = 10.0


def coloured(shape, slope, seed=0, wedge=(-90, 90)):
    """Noise whose amplitude falls as ``exp(-slope k)``, with a missing wedge."""
    noise = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    kz, ky, kx = (np.fft.fftfreq(shape[0])[:, None, None], np.fft.fftfreq(shape[1])[None, :, None],
                  np.fft.rfftfreq(shape[2])[None, None, :])  # fmt: skip
    weight = np.exp(-slope * np.sqrt(kz**2 + ky**2 + kx**2))
    weight *= wedge_weight(kz, kx, wedge_deg=wedge, edge=1 / 64)
    return fft.irfftn(fft.rfftn(noise) * weight, s=shape).astype(np.float32)


def test_the_gain_is_interpolated_and_ends_with_the_measurement():
    gain = Whitening(
        frequency_per_angstrom=np.array([0.0, 0.1, 0.2]), gain=np.array([0.0, 1.0, 0.4])
    )
    np.testing.assert_allclose(
        gain.at(np.array([0.0, 0.05, 0.15, 0.2, 0.21])), [0, 0.5, 0.7, 0.4, 0]
    )


@pytest.mark.parametrize("wedge", [(-90, 90), (-50, 60)])
def test_the_gain_is_the_inverse_of_the_amplitude(wedge):
    volume = coloured((64, 96, 96), 6.0, wedge=wedge)
    found = whitening_profile(
        volume, box_px=32, imaging=Imaging(wedge_deg=wedge), pixel_size_angstrom=SIZE
    )
    k = found.frequency_per_angstrom * SIZE
    assert k[-1] == pytest.approx(0.5)
    middle = (k > 0.1) & (k < 0.44)
    wanted = np.exp(6.0 * k[middle])
    ratio = found.gain[middle] / wanted
    np.testing.assert_allclose(ratio / ratio.mean(), 1, atol=0.1)


def test_it_starts_at_zero_ends_at_zero_and_peaks_at_one():
    found = whitening_profile(
        coloured((40, 40, 40), 3.0), box_px=16, imaging=Imaging(), pixel_size_angstrom=SIZE
    )
    assert found.gain[0] == 0
    assert found.gain[-1] == pytest.approx(0)
    assert found.gain.max() == 1
    assert len(found.gain) == 21  # no wider than the volume


def test_a_few_bright_patches_do_not_count():
    volume = coloured((64, 256, 256), 6.0)
    bright = volume.copy()
    bright[20:26, 20:26, 20:26] += 200  # gold
    made = [
        whitening_profile(v, box_px=32, imaging=Imaging(), pixel_size_angstrom=SIZE).gain
        for v in (volume, bright)
    ]
    np.testing.assert_allclose(made[0][2:-4], made[1][2:-4], rtol=0.1)


def test_empty_patches_do_not_count_and_an_empty_tomogram_is_refused():
    volume = coloured((64, 64, 192), 6.0)
    padded = np.concatenate([volume, np.zeros_like(volume)], axis=2)
    a, b = (
        whitening_profile(v, box_px=32, imaging=Imaging(), pixel_size_angstrom=SIZE).gain
        for v in (volume, padded)
    )
    np.testing.assert_allclose(a[3:-4], b[3:-4], rtol=0.15)
    with pytest.raises(InputError, match="constant"):
        whitening_profile(
            np.zeros((16, 16, 16), np.float32),
            box_px=8, imaging=Imaging(), pixel_size_angstrom=SIZE,
        )  # fmt: skip
    with pytest.raises(InputError, match="4 voxels or more"):
        whitening_profile(
            np.zeros((2, 16, 16), np.float32),
            box_px=8, imaging=Imaging(), pixel_size_angstrom=SIZE,
        )  # fmt: skip


def test_a_resolution_that_is_not_there_is_not_raised_without_end():
    shape = (48, 48, 48)
    volume = coloured(shape, 200.0)
    found = whitening_profile(volume, box_px=16, imaging=Imaging(), pixel_size_angstrom=SIZE)
    assert found.gain[1] > 0.5e-3
