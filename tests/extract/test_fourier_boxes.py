import numpy as np
import pytest

from cryopick.extract.fourier_boxes import ctf_multiplier, filter_boxes
from cryopick.model import Defocus, Optics
from cryopick.ops.ctf import ctf_image

OPTICS = Optics(voltage_kv=300, cs_mm=2.7, amplitude_contrast=0.1)
DEFOCUS = Defocus(u_um=1.6, v_um=1.4, astigmatism_angle_deg=25.0)


def blob(n=32, x=0.0, y=0.0, sd=2.0):
    yy, xx = np.indices((n, n)) - n // 2
    return np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * sd**2)).astype(np.float32)[np.newaxis]


def multiplier(kind, n=64, pixel=2.0):
    return ctf_multiplier((n, n), pixel, kind=kind, optics=OPTICS, defocus=DEFOCUS)


def test_the_multiplier_keeps_the_sign_of_low_frequencies():
    assert multiplier("phase-flip")[0, 0] == 1
    assert multiplier("premultiply")[0, 0] == pytest.approx(0.1)
    np.testing.assert_array_equal(multiplier("phase-flip"), np.sign(multiplier("premultiply")))


def test_flipping_a_recorded_image_leaves_no_negative_frequency():
    """Density 1 at one point, recorded with the CTF: dark. Flipped it stays dark, all in phase."""
    spot = np.zeros((1, 64, 64), np.float32)
    spot[0, 32, 32] = 1
    recorded = filter_boxes(
        spot, multiplier=ctf_image((64, 64), 2.0, optics=OPTICS, defocus=DEFOCUS)
    )
    flipped = filter_boxes(recorded, multiplier=multiplier("phase-flip"))
    spectrum = np.fft.rfft2(np.fft.ifftshift(flipped[0]))
    assert np.max(spectrum.real[:, :-1]) < 1e-4
    assert flipped.argmin() == spot.argmax()
    premultiplied = filter_boxes(recorded, multiplier=multiplier("premultiply"))
    spectrum = np.fft.rfft2(np.fft.ifftshift(premultiplied[0]))
    # The last column holds both signs of one frequency, for which an astigmatic CTF differs.
    expected = multiplier("premultiply")[:, :-1] ** 2
    np.testing.assert_allclose(-spectrum.real[:, :-1], expected, atol=1e-4)


@pytest.mark.parametrize("n", [31, 32])
def test_content_moves_by_parts_of_a_pixel(n):
    shift = np.array([[0.3, -1.25], [2.0, 0.5]])
    found = filter_boxes(np.concatenate([blob(n), blob(n)]), shift_px=shift)
    for one, (x, y) in zip(found, shift, strict=True):
        np.testing.assert_allclose(one, blob(n, x, y)[0], atol=2e-4)


def test_a_whole_shift_is_a_roll_even_of_noise():
    noise = np.random.default_rng(0).normal(size=(2, 16, 17)).astype(np.float32)
    found = filter_boxes(noise, shift_px=np.array([[3.0, -2.0], [0.0, 0.0]]))
    np.testing.assert_allclose(found[0], np.roll(noise[0], (-2, 3), (0, 1)), atol=1e-5)
    np.testing.assert_allclose(found[1], noise[1], atol=1e-5)


def test_each_image_may_have_its_own_multiplier():
    both = np.concatenate([blob(), blob()])
    factors = np.stack([np.full((32, 17), 2.0), np.full((32, 17), -1.0)]).astype(np.float32)
    found = filter_boxes(both, multiplier=factors)
    np.testing.assert_allclose(found[0], 2 * both[0], atol=1e-5)
    np.testing.assert_allclose(found[1], -both[1], atol=1e-5)


def test_shift_and_multiplier_are_applied_together():
    factor = multiplier("phase-flip", n=32)
    shift = np.array([[0.4, 0.7]])
    at_once = filter_boxes(blob(), multiplier=factor, shift_px=shift)
    one_by_one = filter_boxes(filter_boxes(blob(), multiplier=factor), shift_px=shift)
    np.testing.assert_allclose(at_once, one_by_one, atol=1e-4)
    assert at_once.dtype == np.float32
