"""Convolutions with small boxes, and with factors of a spectrum, against numpy's."""

import numpy as np
import pytest
import torch

from cryopick.pick.merit.box_correlation import (
    centred,
    centred_transform,
    correlate,
    correlated_pair,
    full_plane,
)


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


def halves(boxes, *, odd=False):
    """Images that are even, or odd, around pixel ``n // 2``."""
    turned = np.roll(boxes[..., ::-1, ::-1], (1, 1), axis=(-2, -1))
    return (boxes - turned if odd else boxes + turned).astype(np.float32)


@pytest.mark.parametrize("oversampling", [1, 2])
def test_a_centred_transform_is_that_of_the_box_around_pixel_0(oversampling):
    box = np.random.default_rng(3).standard_normal((8, 8)).astype(np.float32)
    found = centred_transform(torch.from_numpy(box), (12, 16), oversampling=oversampling)
    large = np.zeros((12 * oversampling, 16 * oversampling))
    large[:8, :8] = box
    full = np.fft.fft2(np.roll(large, (-4, -4), (0, 1)))
    rows = np.r_[np.arange(6), np.arange(-6, 0)]
    np.testing.assert_allclose(found, full[rows][:, :9], atol=1e-4)


def test_even_boxes_have_real_transforms_and_odd_ones_imaginary():
    box = np.random.default_rng(4).standard_normal((8, 8))
    box[0], box[:, 0] = 0, 0
    for odd in (False, True):
        given = torch.from_numpy(halves(box, odd=odd))
        found = centred_transform(given, (24, 36))
        none, all_of_it = (found.real, found.imag) if odd else (found.imag, found.real)
        assert float(none.abs().max()) < 1e-4 < float(all_of_it.abs().max())


@pytest.mark.parametrize("cores", [1, 2])
def test_many_factors_and_what_is_kept(cores):
    values, factors = image(), np.random.default_rng(2).standard_normal((5, 24, 19))
    spectrum = np.fft.rfft2(values)
    found = torch.empty(5, 20, 30)
    correlate(
        torch.from_numpy(spectrum.astype(np.complex64)),
        torch.from_numpy(factors.astype(np.float32)),
        out=found,
        cores=cores,
    )
    for ours, factor in zip(found, factors, strict=True):
        wanted = np.fft.irfft2(factor * spectrum, s=(24, 36))[:20, :30]
        np.testing.assert_allclose(ours, wanted, atol=1e-4)
