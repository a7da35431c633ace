"""The CTF against wave optics: a wave is sent through the lens, and its intensity is looked at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import constants

from cryopick.model import Defocus, Optics
from cryopick.ops.ctf import (
    ctf_curve,
    ctf_image,
    ctf_zeros_per_angstrom,
    electron_wavelength_angstrom,
    interaction_constant_rad_per_v_angstrom,
)
from shared_data import shared

VOLTAGES = [80.0, 100.0, 120.0, 200.0, 300.0, 1000.0]


@pytest.mark.parametrize("voltage_kv", VOLTAGES)
def test_wavelength_follows_from_the_constants_of_nature(voltage_kv):
    energy = constants.e * voltage_kv * 1e3
    rest = constants.m_e * constants.c**2
    momentum = np.sqrt(2 * constants.m_e * energy * (1 + energy / (2 * rest)))
    wavelength = constants.h / momentum * 1e10
    assert electron_wavelength_angstrom(voltage_kv) == pytest.approx(wavelength, rel=1e-6)


@pytest.mark.parametrize("voltage_kv", VOLTAGES)
def test_interaction_constant_is_that_of_the_relativistic_mass(voltage_kv):
    """``2 π m e λ / h²`` with the moving electron's mass: another form of the same number."""
    gamma = 1 + constants.e * voltage_kv * 1e3 / (constants.m_e * constants.c**2)
    wavelength = electron_wavelength_angstrom(voltage_kv) * 1e-10
    sigma = 2 * np.pi * gamma * constants.m_e * constants.e * wavelength / constants.h**2
    got = interaction_constant_rad_per_v_angstrom(voltage_kv)
    assert got == pytest.approx(sigma * 1e-10, rel=1e-6)


def through_the_lens(phase, pixel, optics, defocus_um):
    """Intensity that a lens gives which is focused ``defocus_um`` upstream of a weak object.

    Free space turns the phase of a wave of frequency k by -π λ z k². A lens too weak by z sees the
    wave as it would have been z earlier (underfocus); its aberration adds -π/2 Cs λ³ k⁴.
    """
    n = len(phase)
    wavelength = electron_wavelength_angstrom(optics.voltage_kv)
    k = np.fft.fftfreq(n, pixel)
    k2 = k[:, None] ** 2 + k[None, :] ** 2
    aberration = 0.5 * np.pi * optics.cs_mm * 1e7 * wavelength**3 * k2**2
    chi = np.pi * wavelength * defocus_um * 1e4 * k2 - aberration
    # Absorption with the ratio of amplitude contrast dims the wave where its phase is shifted.
    ratio = optics.amplitude_contrast / np.sqrt(1 - optics.amplitude_contrast**2)
    turned = phase * np.sqrt(1 - optics.amplitude_contrast**2)
    exit_wave = np.exp(1j * turned - ratio * turned)
    wave = np.fft.ifft2(np.fft.fft2(exit_wave) * np.exp(1j * chi))
    return np.abs(wave) ** 2


@pytest.mark.parametrize("n", [64, 63])
@pytest.mark.parametrize("defocus_um", [0.6, 2.0, -1.0])
@pytest.mark.parametrize("amplitude_contrast", [0.0, 0.1])
def test_weak_objects_are_imaged_as_twice_the_ctf_says(n, defocus_um, amplitude_contrast):
    optics = Optics(voltage_kv=200.0, cs_mm=2.0, amplitude_contrast=amplitude_contrast)
    phase = 1e-4 * np.random.default_rng(n).normal(size=(n, n))
    intensity = through_the_lens(phase, 3.0, optics, defocus_um)
    defocus = Defocus(u_um=defocus_um, v_um=defocus_um)
    ctf = ctf_image((n, n), 3.0, optics=optics, defocus=defocus)
    linear = 1 + 2 * np.fft.irfft2(np.fft.rfft2(phase) * ctf, s=(n, n))
    np.testing.assert_allclose(intensity - 1, linear - 1, atol=2e-6)


def test_a_phase_object_is_dark_at_underfocus_and_bright_at_overfocus():
    axis = np.arange(64) - 32
    phase = 0.02 * np.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / 50)
    optics = Optics(amplitude_contrast=0.0)
    under, over = (through_the_lens(phase, 5.0, optics, d)[32, 32] for d in (1.0, -1.0))
    assert under < 1 < over


@pytest.mark.parametrize(("voltage_kv", "cs_mm"), [(100.0, 2.0), (200.0, 1.2), (300.0, 2.7)])
def test_scherzer_focus_passes_all_to_scherzer_resolution(voltage_kv, cs_mm):
    """Spence: at 1.2 √(Cs λ) no sign changes up to 1.5 Cs^-1/4 λ^-3/4, most of it near -1."""
    wavelength, cs = electron_wavelength_angstrom(voltage_kv), cs_mm * 1e7
    optics = Optics(voltage_kv=voltage_kv, cs_mm=cs_mm, amplitude_contrast=0.0)
    limit = 1.5 * cs**-0.25 * wavelength**-0.75
    k = np.linspace(0.5, 0.9, 30) * limit
    curve = ctf_curve(k, optics, defocus_um=1.2 * np.sqrt(cs * wavelength) / 1e4)
    assert curve.max() < -0.6
    beyond = ctf_curve(
        np.array([1.05]) * limit, optics, defocus_um=1.2 * np.sqrt(cs * wavelength) / 1e4
    )
    assert beyond[0] > 0


@given(
    st.floats(0.3, 5.0),
    st.floats(0.0, 0.3),
    st.sampled_from([100.0, 200.0, 300.0]),
    st.floats(0.0, 150.0),
)
def test_zeros_ascend_and_every_second_one_turns_dark_again(defocus, amplitude, voltage, shift):
    optics = Optics(voltage_kv=voltage, amplitude_contrast=amplitude)
    zeros = ctf_zeros_per_angstrom(optics, defocus_um=defocus, n=6, phase_shift_deg=shift)
    assert np.all(np.diff(zeros) > 0)
    at = ctf_curve(zeros, optics, defocus_um=defocus, phase_shift_deg=shift)
    np.testing.assert_allclose(at, 0, atol=1e-6)
    if len(zeros) > 1:
        middle = np.sqrt((zeros[:-1] ** 2 + zeros[1:] ** 2) / 2)
        between = ctf_curve(middle, optics, defocus_um=defocus, phase_shift_deg=shift)
        assert np.all(between[::2] > 0)
        assert np.all(between[1::2] < 0)


@given(st.floats(0.5, 4.0), st.floats(0.0, 0.8), st.floats(-180, 180))
def test_the_names_of_the_two_defoci_may_be_swapped_with_a_quarter_turn(mean, half, angle):
    one = Defocus(u_um=mean + half, v_um=mean - half, astigmatism_angle_deg=angle)
    two = Defocus(u_um=mean - half, v_um=mean + half, astigmatism_angle_deg=angle + 90)
    first, second = (ctf_image((17, 16), 4.0, optics=Optics(), defocus=d) for d in (one, two))
    np.testing.assert_allclose(first, second, atol=1e-5)


@given(st.floats(0.5, 4.0), st.floats(-180, 180), st.integers(-7, 7), st.integers(0, 7))
def test_each_direction_has_its_own_defocus(mean, angle, row, column):
    """``df(α) = mean + half cos 2(α - α₀)``, written with the angle."""
    defocus = Defocus(u_um=mean + 0.4, v_um=mean - 0.4, astigmatism_angle_deg=angle)
    image = ctf_image((16, 16), 4.0, optics=Optics(), defocus=defocus)
    ky, kx = row / 64.0, column / 64.0
    direction = np.arctan2(ky, kx) - np.deg2rad(angle)
    own = mean + 0.4 * np.cos(2 * direction)
    wanted = ctf_curve(np.array([np.hypot(kx, ky)]), Optics(), defocus_um=own)[0]
    assert image[row, column] == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("df_um", [1.0, 1.6])
def test_an_independent_generator_of_test_images_has_the_same_ctf(df_um):
    """``shared/tools``: its CTF is a sum of sine and cosine, its wavelength of other digits."""
    source = shared("../tools/synthetic/gen2d.py").read_text()
    start, stop = source.index("def ctf("), source.index("p,w=blob_model")
    scope = {"np": np}
    exec(source[start:stop], scope)  # only the function: the rest of the script makes images
    other = scope["ctf"]((48, 40), df_um * 1e4, bf=0.0)
    mine = ctf_image(
        (48, 40),
        1.0,
        optics=Optics(voltage_kv=300.0, cs_mm=2.7, amplitude_contrast=0.1),
        defocus=Defocus(u_um=df_um, v_um=df_um),
    )
    np.testing.assert_allclose(mine, other, atol=2e-3)
