"""What imaging does to references: contrast, CTF up to its first peak or whole, and low-pass."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.model import Defocus, Optics
from cryopick.ops.ctf import ctf_curve, ctf_image
from cryopick.pick.merit.settings import MeritSettings
from cryopick.pick.merit.transfer import transfer

SHAPE, PIXEL = (128, 96), 2.0
OPTICS = Optics(amplitude_contrast=0.1)
DEFOCUS = Defocus(u_um=1.8, v_um=1.2, astigmatism_angle_deg=25.0)


def factors(*, defocus=DEFOCUS, optics=OPTICS, **changes):
    settings = MeritSettings(**{"low_pass_angstrom": None, **changes})
    return transfer(SHAPE, PIXEL, settings, optics=optics, defocus=defocus).numpy()


def lengths():
    ky, kx = np.fft.fftfreq(SHAPE[0], PIXEL), np.fft.rfftfreq(SHAPE[1], PIXEL)
    return np.hypot(ky[:, None], kx[None])


WITHIN = lengths() < 0.5 / PIXEL * (1 - 1e-6)


@pytest.mark.parametrize(
    ("reference", "particle", "sign"),
    [("bright", "dark", 1), ("dark", "dark", -1), ("bright", "bright", -1), ("dark", "bright", 1)],
)
def test_a_bright_reference_of_a_dark_particle_gets_the_ctf_of_the_image(reference, particle, sign):
    found = factors(ctf="full", reference_contrast=reference, particle_contrast=particle)
    wave = ctf_image(SHAPE, PIXEL, optics=OPTICS, defocus=DEFOCUS)
    np.testing.assert_allclose(found[WITHIN], sign * wave[WITHIN], atol=1e-4)
    # Protein is dark in an underfocused image.
    assert np.sign(found[1, 1]) == (-sign if sign > 0 else 1)


def test_without_a_ctf_only_the_contrast_counts():
    assert set(np.unique(factors(ctf="none")[WITHIN])) == {-1.0}
    assert set(np.unique(factors(ctf="none", particle_contrast="bright")[WITHIN])) == {1.0}


def test_the_low_pass_and_the_corners_are_cut():
    found = factors(ctf="none", low_pass_angstrom=10.0)
    np.testing.assert_array_equal(found != 0, lengths() <= 0.1)
    np.testing.assert_array_equal(factors(ctf="none") != 0, WITHIN)


def test_before_the_first_peak_the_ctf_is_left_out():
    """Along every direction: 1 up to where the CTF first reaches 1, and the CTF from there."""
    whole = factors(ctf="full", particle_contrast="bright", reference_contrast="bright")
    cut = factors(ctf="after first peak", particle_contrast="bright", reference_contrast="bright")
    k = lengths()
    fine = np.linspace(0, 0.2, 4000)
    peaks = [fine[np.argmax(ctf_curve(fine, OPTICS, defocus_um=df) < -0.9999)] for df in (1.8, 1.2)]
    low, high = k < min(peaks) * 0.99, (k > max(peaks) * 1.01) & WITHIN
    assert (cut[low] == 1).all()
    np.testing.assert_array_equal(cut[high], whole[high])
    # Between both, the direction decides.
    between = (k > min(peaks)) & (k < max(peaks))
    assert {True, False} == set((cut[between] == 1).tolist())


def test_the_first_peak_of_an_astigmatic_image_follows_its_axes():
    defocus = Defocus(u_um=3.0, v_um=1.0, astigmatism_angle_deg=0.0)
    cut = factors(ctf="after first peak", defocus=defocus, reference_contrast="dark")
    along_x, along_y = cut[0, :], cut[: SHAPE[0] // 2, 0]
    reach_x = np.argmax(along_x != 1) / (SHAPE[1] * PIXEL)
    reach_y = np.argmax(along_y != 1) / (SHAPE[0] * PIXEL)
    # The defocus along x is three times as strong, so its first peak comes earlier by the root.
    assert reach_y / reach_x == pytest.approx(np.sqrt(3), rel=0.15)


def test_a_phase_plate_leaves_nothing_before_its_peak():
    defocus = Defocus(u_um=1.0, v_um=1.0, phase_shift_deg=90.0)
    np.testing.assert_array_equal(
        factors(ctf="after first peak", defocus=defocus), factors(ctf="full", defocus=defocus)
    )


def test_a_ctf_needs_a_defocus():
    with pytest.raises(InputError, match="no defocus is known; give --ctf"):
        factors(ctf="full", defocus=None)
    assert factors(ctf="none", defocus=None).any()


def test_usual_optics_are_taken_where_none_are_known():
    np.testing.assert_array_equal(factors(optics=None), factors(optics=Optics()))
