"""Another pixel size: waves stay waves, centres stay centres, nothing aliases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.simulate.rescale import interpolation_matrix, rescale_volume


@settings(max_examples=40, deadline=None)
@given(st.integers(9, 40), st.floats(0.4, 2.5), st.integers(0, 4), st.floats(0, 6.28))
def test_a_wave_below_both_limits_is_evaluated_exactly(n, ratio, order, phase):
    """Rows are taken as sums of waves, so a wave of the box comes through without any error."""
    if order > (n - 1) // 2 or order >= n / (2 * ratio):
        order = 0
    row = np.cos(2 * np.pi * order * (np.arange(n) - n // 2) / n + phase)
    box = int(n / ratio)
    matrix = interpolation_matrix(n, box, ratio=ratio)
    place = (np.arange(box) - box // 2) * ratio
    wanted = np.cos(2 * np.pi * order * place / n + phase) * (np.abs(place) <= n / 2)
    np.testing.assert_allclose(matrix @ row, wanted, atol=2e-5)


@pytest.mark.parametrize("n", [24, 25])
def test_waves_beyond_the_new_nyquist_frequency_vanish(n):
    for order in range(n // 4 + 1, (n - 1) // 2 + 1):
        row = np.cos(2 * np.pi * order * np.arange(n) / n)
        coarse = interpolation_matrix(n, n // 2, ratio=2.0) @ row
        assert np.abs(coarse).max() < 1e-5


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.0])
def test_the_nyquist_wave_of_an_even_row_is_left_out(ratio):
    """Whether it is a cosine or a sine that vanishes at every sample, nobody knows."""
    row = np.where(np.arange(12) % 2, 1.0, -1.0)
    assert np.abs(interpolation_matrix(12, 16, ratio=ratio) @ row).max() < 1e-5


@given(st.integers(4, 40), st.integers(4, 40), st.floats(0.3, 3.0))
def test_a_constant_stays_constant_and_beyond_the_box_there_is_nothing(n, box, ratio):
    got = interpolation_matrix(n, box, ratio=ratio).sum(axis=1)
    inside = np.abs((np.arange(box) - box // 2) * ratio) <= n / 2
    np.testing.assert_allclose(got[inside], 1, atol=1e-5)
    assert not got[~inside].any()


@pytest.mark.parametrize(("n", "box"), [(16, 32), (17, 32), (16, 31), (17, 31)])
def test_the_centre_voxel_keeps_its_value(n, box):
    rng = np.random.default_rng(n)
    spectrum = np.zeros(n, complex)
    spectrum[1:5] = rng.normal(size=4) + 1j * rng.normal(size=4)
    row = np.fft.ifft(spectrum).real
    got = interpolation_matrix(n, box, ratio=0.5) @ row
    assert got[box // 2] == pytest.approx(row[n // 2], abs=1e-6)
    for j in range(box):
        old, odd = divmod(j - box // 2, 2)
        if not odd and 0 <= n // 2 + old < n:
            assert got[j] == pytest.approx(row[n // 2 + old], abs=1e-5)


def test_there_and_back_is_the_same_volume():
    n = 15
    k = np.fft.fftfreq(n, 1 / n)
    low = np.abs(k) <= 3
    noise = np.random.default_rng(0).normal(size=(n, n, n))
    band = low[:, None, None] & low[None, :, None] & low[None, None, :]
    volume = np.fft.ifftn(np.fft.fftn(noise) * band).real.astype(np.float32)
    fine = rescale_volume(volume, pixel_size_angstrom=3.0, new_pixel_size_angstrom=1.0, box_px=45)
    back = rescale_volume(fine, pixel_size_angstrom=1.0, new_pixel_size_angstrom=3.0, box_px=15)
    np.testing.assert_allclose(back, volume, atol=1e-4)


def test_axes_are_not_mixed_up():
    """A volume that varies along one axis does so afterwards."""
    wave = np.cos(2 * np.pi * 2 * (np.arange(16) - 8) / 16)
    for axis in range(3):
        shape = [1, 1, 1]
        shape[axis] = 16
        volume = np.broadcast_to(wave.reshape(shape), (16, 16, 16)).astype(np.float32)
        out = rescale_volume(volume, pixel_size_angstrom=2.0, new_pixel_size_angstrom=1.0)
        assert out.shape == (32, 32, 32)
        others = tuple(a for a in range(3) if a != axis)
        assert np.ptp(out, axis=others[0]).max() < 1e-4
        assert np.ptp(out, axis=others[1]).max() < 1e-4
        assert np.ptp(out, axis=axis).min() > 1.9


@pytest.mark.parametrize(
    ("n", "old", "new", "edge"),
    [(100, 2.0, 4.0, 50), (101, 2.0, 4.0, 52), (10, 3.0, 7.0, 6), (8, 3, 2, 12)],
)
def test_the_new_box_covers_the_old_extent_and_is_even(n, old, new, edge):
    volume = np.zeros((n,) * 3, np.float32) if n < 50 else np.broadcast_to(np.float32(0), (n,) * 3)
    out = rescale_volume(np.asarray(volume), pixel_size_angstrom=old, new_pixel_size_angstrom=new)
    assert out.shape == (edge,) * 3
    assert out.dtype == np.float32


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 5)])
def test_only_cubes_are_rescaled(shape):
    with pytest.raises(InputError, match=r"volume: expected a cube"):
        rescale_volume(
            np.zeros(shape, np.float32), pixel_size_angstrom=1, new_pixel_size_angstrom=2
        )


@pytest.mark.parametrize("size", [float("inf"), -2.0])
def test_the_old_pixel_size_is_checked_as_well(size):
    with pytest.raises(InputError, match="pixel size: expected more than 0 Å"):
        rescale_volume(
            np.zeros((4, 4, 4), np.float32), pixel_size_angstrom=size, new_pixel_size_angstrom=1.0
        )
