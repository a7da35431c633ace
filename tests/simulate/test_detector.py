"""Detector: transfer functions and counting statistics."""

import numpy as np
import pytest

from cryopick.simulate.detector import count_electrons, noise_transfer, signal_transfer


@pytest.mark.parametrize("at_nyquist", [0.2, 0.4, 1.0])
def test_transfer_starts_at_one_and_reaches_its_value_at_nyquist(at_nyquist):
    k = np.linspace(0, 1, 11)
    mtf = signal_transfer(k, at_nyquist=at_nyquist)
    assert mtf[0] == 1
    assert mtf[-1] == pytest.approx(at_nyquist)
    assert np.all(np.diff(mtf) <= 0)


def test_the_dqe_falls_as_signal_falls_faster_than_noise():
    k = np.linspace(0, 1, 11)
    dqe = (signal_transfer(k) / noise_transfer(k)) ** 2
    assert dqe[0] == 1
    assert np.all(np.diff(dqe) < 0)


@pytest.mark.parametrize("noise", ["poisson", "gaussian"])
@pytest.mark.parametrize("mean", [4.0, 50.0])
def test_counts_have_the_mean_and_variance_of_electrons(noise, mean):
    counts = count_electrons(
        np.full((256, 256), mean, np.float32), np.random.default_rng(0), noise=noise
    )
    assert counts.dtype == np.float32
    assert counts.mean() == pytest.approx(mean, rel=0.01)
    assert counts.var() == pytest.approx(mean, rel=0.03)


def test_poisson_counts_are_whole_and_never_negative():
    counts = count_electrons(
        np.full((64, 64), 0.7, np.float32), np.random.default_rng(0), noise="poisson"
    )
    assert np.all(counts == np.round(counts))
    assert counts.min() == 0


@pytest.mark.parametrize("noise", ["poisson", "gaussian"])
def test_negative_expectations_give_no_electrons(noise):
    counts = count_electrons(
        np.full((8, 8), -3.0, np.float32), np.random.default_rng(0), noise=noise
    )
    assert np.all(counts == 0)
