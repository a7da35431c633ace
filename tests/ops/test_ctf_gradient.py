"""Filtering at a defocus that changes across the image."""

import numpy as np
import pytest

from cryopick.model import Defocus, Optics
from cryopick.ops.ctf import ctf_image
from cryopick.ops.ctf_gradient import filter_with_gradient

SHAPE = (48, 64)


def transfer(mean_um):
    return ctf_image(SHAPE, 8.0, optics=Optics(), defocus=Defocus(u_um=mean_um, v_um=mean_um))


def plain(image, mean_um):
    return np.fft.irfft2(np.fft.rfft2(image) * transfer(mean_um), s=SHAPE)


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def test_without_slope_it_is_one_plain_filter(image):
    got = filter_with_gradient(image, transfer, defocus_um=3.0, slope_um_per_px=0.0)
    np.testing.assert_allclose(got, plain(image, 3.0), atol=1e-5)


@pytest.mark.parametrize("column", [0, 17, 32, 63])
def test_each_column_is_filtered_at_its_own_defocus(image, column):
    slope = 0.01
    got = filter_with_gradient(image, transfer, defocus_um=3.0, slope_um_per_px=slope)
    own = plain(image, 3.0 + slope * (column - 32))
    np.testing.assert_allclose(got[:, column], own[:, column], atol=0.02)
    wrong = plain(image, 3.0 - slope * (column - 32) + 0.3)
    assert np.abs(got[:, column] - wrong[:, column]).max() > 0.1


def test_a_complex_transfer_shifts(image):
    kx = np.fft.rfftfreq(SHAPE[1])[None, :]
    ramp = np.exp(-2j * np.pi * kx * 5).astype(np.complex64)
    got = filter_with_gradient(image, lambda _: ramp, defocus_um=1.0, slope_um_per_px=0.0)
    np.testing.assert_allclose(got, np.roll(image, 5, axis=1), atol=1e-4)
