"""Convolutions with small boxes, two per transform, against numpy's."""

import numpy as np
import pytest
import torch

from cryopick.pick.merit.box_correlation import centred, correlate, correlated_pair, full_plane


def image(shape=(24, 36), seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_the_full_plane_of_a_real_image():
    for shape in ((24, 36), (10, 8)):
        values = image(shape)
        half = torch.from_numpy(np.fft.rfft2(values).astype(np.complex64))
        np.testing.assert_allclose(full_plane(half, shape[1]), np.fft.fft2(values), atol=1e-4)


def test_a_shift_of_the_spectrum_moves_the_image_back():
    values = image()
    moved = centred(torch.from_numpy(np.fft.fft2(values).astype(np.complex64)), 5)
    back = np.fft.ifft2(moved.numpy()).real
    np.testing.assert_allclose(back, np.roll(values, (-5, -5), (0, 1)), atol=1e-5)


def convolved(values, box):
    large = np.zeros_like(values)
    large[: len(box), : len(box)] = box
    return np.fft.ifft2(np.fft.fft2(values) * np.fft.fft2(large)).real


@pytest.mark.parametrize("count", [1, 2])
def test_a_pair_is_convolved_at_once(count):
    values, boxes = image(), np.random.default_rng(1).standard_normal((count, 6, 6))
    spectrum = torch.from_numpy(np.fft.fft2(values).astype(np.complex64))
    pair = correlated_pair(spectrum, torch.from_numpy(boxes.astype(np.float32)))
    for part, box in zip((pair.real, pair.imag), boxes, strict=False):
        np.testing.assert_allclose(part, convolved(values, box), atol=1e-4)
    if count == 1:
        assert float(pair.imag.abs().max()) < 1e-4


def test_boxes_of_finer_pixels_lose_what_the_image_cannot_hold():
    """A smooth box on half pixels gives what its samples on whole pixels give, times 4."""
    values = image()
    line = np.arange(16) - 8
    fine = np.exp(-(line[:, None] ** 2 + line[None] ** 2) / (2 * 2.4**2))
    spectrum = torch.from_numpy(np.fft.fft2(values).astype(np.complex64))
    found = correlated_pair(
        spectrum, torch.from_numpy(fine[None].astype(np.float32)), oversampling=2
    )
    # Pixel 0 of the box is pixel 0 of the image in either.
    np.testing.assert_allclose(found.real, 4 * convolved(values, fine[::2, ::2]), atol=0.1)


@pytest.mark.parametrize("cores", [1, 2])
def test_an_odd_number_of_boxes_and_what_is_kept(cores):
    values, boxes = image(), np.random.default_rng(2).standard_normal((5, 4, 4))
    spectrum = torch.from_numpy(np.fft.fft2(values).astype(np.complex64))
    given = torch.from_numpy(boxes.astype(np.float32))
    found = correlate(spectrum, given, kept=(20, 30), cores=cores)
    assert found.shape == (5, 20, 30)
    for ours, box in zip(found, boxes, strict=True):
        np.testing.assert_allclose(ours, convolved(values, box)[:20, :30], atol=1e-4)
