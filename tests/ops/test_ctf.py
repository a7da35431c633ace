"""The CTF against textbook numbers and against itself."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.model import Defocus, Optics
from cryopick.ops.ctf import (
    ctf_curve,
    ctf_image,
    ctf_tensor,
    ctf_zeros_per_angstrom,
    electron_wavelength_angstrom,
    interaction_constant_rad_per_v_angstrom,
)


@pytest.mark.parametrize(
    ("voltage_kv", "wavelength"), [(100, 0.03701), (120, 0.03349), (200, 0.02508), (300, 0.01969)]
)
def test_wavelengths_are_those_of_the_tables(voltage_kv, wavelength):
    assert electron_wavelength_angstrom(voltage_kv) == pytest.approx(wavelength, abs=6e-6)


@pytest.mark.parametrize(
    ("voltage_kv", "sigma"), [(100, 9.244e-4), (200, 7.288e-4), (300, 6.526e-4)]
)
def test_interaction_constants_are_those_of_the_tables(voltage_kv, sigma):
    assert interaction_constant_rad_per_v_angstrom(voltage_kv) == pytest.approx(sigma, rel=1e-3)


def test_underfocus_starts_dark_and_grows_darker():
    optics = Optics(amplitude_contrast=0.07)
    k = np.linspace(0, 0.02, 50)
    curve = ctf_curve(k, optics, defocus_um=1.5)
    assert curve[0] == pytest.approx(-0.07)
    assert np.all(np.diff(curve) < 0)


def test_overfocus_turns_bright():
    assert ctf_curve(np.array([0.03]), Optics(), defocus_um=-1.5)[0] > 0


def test_without_aberration_and_absorption_zeros_lie_at_the_root_of_n_over_lambda_defocus():
    optics = Optics(cs_mm=0.0, amplitude_contrast=0.0)
    zeros = ctf_zeros_per_angstrom(optics, defocus_um=2.0, n=5)
    wavelength = electron_wavelength_angstrom(300)
    # The zero at k = 0 is the first of the series n = 0, 1, ...: it carries no frequency.
    expected = np.sqrt(np.arange(1, 5) / (wavelength * 2e4))
    np.testing.assert_allclose(zeros, expected, rtol=1e-12)


@pytest.mark.parametrize("defocus_um", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("phase_shift_deg", [0.0, 90.0])
def test_the_ctf_vanishes_at_its_zeros_and_changes_sign(defocus_um, phase_shift_deg):
    optics = Optics(voltage_kv=200, cs_mm=2.0, amplitude_contrast=0.1)
    k = ctf_zeros_per_angstrom(optics, defocus_um=defocus_um, n=4, phase_shift_deg=phase_shift_deg)
    at = ctf_curve(k, optics, defocus_um=defocus_um, phase_shift_deg=phase_shift_deg)
    np.testing.assert_allclose(at, 0, atol=1e-9)
    before, after = (
        ctf_curve(k * f, optics, defocus_um=defocus_um, phase_shift_deg=phase_shift_deg)
        for f in (0.995, 1.005)
    )
    assert np.all(before * after < 0)


def test_a_phase_plate_of_a_quarter_turn_gives_full_contrast_at_zero():
    curve = ctf_curve(
        np.zeros(1), Optics(amplitude_contrast=0.0), defocus_um=1.0, phase_shift_deg=90
    )
    assert curve[0] == pytest.approx(-1)


def test_zeros_of_an_overfocused_image_are_refused():
    with pytest.raises(InputError, match=r"above 0 µm, got -1"):
        ctf_zeros_per_angstrom(Optics(), defocus_um=-1.0, n=3)


@pytest.mark.parametrize("shape", [(64, 64), (63, 65), (64, 33), (31, 64)])
def test_torch_and_numpy_agree(shape):
    optics = Optics(voltage_kv=200, cs_mm=2.7, amplitude_contrast=0.1)
    defocus = Defocus(u_um=2.4, v_um=1.9, astigmatism_angle_deg=33, phase_shift_deg=20)
    plain = ctf_image(shape, 1.1, optics=optics, defocus=defocus)
    fast = ctf_tensor(shape, 1.1, optics=optics, defocus=defocus).numpy()
    assert plain.shape == fast.shape == (shape[0], shape[1] // 2 + 1)
    np.testing.assert_allclose(fast, plain, atol=2e-6)


def test_torch_stays_exact_where_chi_has_hundreds_of_turns():
    optics, defocus = Optics(), Defocus(u_um=5.0, v_um=5.0)
    fast = ctf_tensor((600, 8), 0.5, optics=optics, defocus=defocus).numpy()[:, 0]
    k = np.abs(np.fft.fftfreq(600, 0.5))
    np.testing.assert_allclose(fast, ctf_curve(k, optics, defocus_um=5.0), atol=1e-5)


@pytest.mark.parametrize(("angle_deg", "along_x", "along_y"), [(0, 3.0, 1.0), (90, 1.0, 3.0)])
def test_astigmatism_turns_from_x_towards_y(angle_deg, along_x, along_y):
    optics = Optics()
    defocus = Defocus(u_um=3.0, v_um=1.0, astigmatism_angle_deg=angle_deg)
    image = ctf_image((128, 128), 2.0, optics=optics, defocus=defocus)
    k = np.fft.rfftfreq(128, 2.0)
    np.testing.assert_allclose(image[0], ctf_curve(k, optics, defocus_um=along_x), atol=1e-5)
    np.testing.assert_allclose(image[:65, 0], ctf_curve(k, optics, defocus_um=along_y), atol=1e-5)


def test_astigmatism_at_45_degrees_lies_on_the_diagonal_where_x_and_y_grow_together():
    optics = Optics()
    defocus = Defocus(u_um=3.0, v_um=1.0, astigmatism_angle_deg=45)
    image = ctf_image((128, 128), 2.0, optics=optics, defocus=defocus)
    k = np.fft.rfftfreq(128, 2.0)[:64] * np.sqrt(2)
    diagonal = image[np.arange(64), np.arange(64)]
    np.testing.assert_allclose(diagonal, ctf_curve(k, optics, defocus_um=3.0), atol=1e-5)
    other = image[-np.arange(64), np.arange(64)]
    np.testing.assert_allclose(other, ctf_curve(k, optics, defocus_um=1.0), atol=1e-5)


def test_bad_arguments_are_named():
    with pytest.raises(InputError, match="shape"):
        ctf_image((0, 4), 1.0, optics=Optics(), defocus=Defocus(u_um=1, v_um=1))
    with pytest.raises(InputError, match="pixel size above 0 Å, got 0"):
        ctf_tensor((4, 4), 0.0, optics=Optics(), defocus=Defocus(u_um=1, v_um=1))
