"""Micrographs measured as a microscopist would: noise spectra, rings, astigmatism, exposure."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from cryopick.model import Defocus, Optics
from cryopick.ops.ctf import ctf_curve, interaction_constant_rad_per_v_angstrom
from cryopick.simulate.detector import noise_transfer, signal_transfer
from cryopick.simulate.maps import PROTEIN_CONTRAST_V, SpeciesMap, load_map
from cryopick.simulate.micrographs import MicrographRecipe, simulate_micrograph

PIXEL = 4.0
BARE = MicrographRecipe(
    size_px=(256, 256), pixel_size_angstrom=PIXEL, particles=(0,), ice_noise=0.0, noise="gaussian"
)


def make(recipe, name="apoferritin", seed=0):
    species = load_map(name, recipe.pixel_size_angstrom)
    return simulate_micrograph([species], recipe, name="mic", rng=np.random.default_rng(seed))


def ring_power(image, edges):
    """Mean power per frequency ring, in units of the variance per pixel; ``edges`` of Nyquist."""
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2 / image.size
    k = 2 * np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in image.shape), indexing="ij"))
    return np.array([power[(k >= a) & (k < b)].mean() for a, b in pairwise(edges)])


@pytest.mark.parametrize("noise", ["poisson", "gaussian"])
@pytest.mark.parametrize("at_nyquist", [0.2, 0.6])
def test_counting_noise_has_the_spectrum_of_the_detector(noise, at_nyquist):
    recipe = replace(BARE, noise=noise, mtf_at_nyquist=at_nyquist, exposure_e_per_a2=20.0)
    image = make(recipe).image.data
    electrons = 20.0 * PIXEL**2
    assert image.mean() == pytest.approx(electrons, rel=2e-3)
    edges = np.linspace(0.05, 1, 9)
    middle = (edges[1:] + edges[:-1]) / 2
    wanted = electrons * noise_transfer(middle, at_nyquist=at_nyquist) ** 2
    np.testing.assert_allclose(ring_power(image, edges), wanted, rtol=0.08)


def test_a_perfect_detector_counts_whole_electrons():
    image = make(replace(BARE, mtf_at_nyquist=1.0, noise="poisson")).image.data
    np.testing.assert_allclose(image, np.round(image), atol=1e-2)
    assert image.var() == pytest.approx(image.mean(), rel=0.05)


def test_noise_of_one_pixel_tells_nothing_of_the_next_for_a_perfect_detector():
    image = make(replace(BARE, mtf_at_nyquist=1.0)).image.data
    image = image - image.mean()
    for step in ((0, 1), (1, 0), (1, 1), (0, 5)):
        shifted = np.roll(image, step, axis=(0, 1))
        assert abs((image * shifted).mean() / image.var()) < 0.02


def one_particle(recipe, seed=0):
    """A micrograph nearly without noise, with one small solid ball; contrast and its place."""
    n = 16
    z, y, x = np.indices((n, n, n)) - n // 2
    ball = np.exp(-(x**2 + y**2 + z**2) / (2 * 2.0**2)).astype(np.float32)
    species = SpeciesMap(
        name="ball",
        density=ball,
        pixel_size_angstrom=PIXEL,
        diameter_angstrom=8 * PIXEL,
        height_angstrom=4 * PIXEL,
    )
    recipe = replace(recipe, particles=(1,), exposure_e_per_a2=1e9)
    made = simulate_micrograph([species], recipe, name="mic", rng=np.random.default_rng(seed))
    image = made.image.data.astype(np.float64)
    return image / (1e9 * PIXEL**2) - 1, made.truth.position_angstrom[0] / PIXEL


@pytest.mark.parametrize("defocus_um", [0.8, 2.2])
@pytest.mark.parametrize("at_nyquist", [0.3, 1.0])
def test_one_particle_is_its_phase_through_the_whole_microscope(defocus_um, at_nyquist):
    """By hand: phase of a Gaussian of 2.3 V, twice the CTF, envelope, MTF."""
    defocus = Defocus(u_um=defocus_um, v_um=defocus_um)
    recipe = replace(BARE, defocus=defocus, mtf_at_nyquist=at_nyquist, b_factor_a2=100.0)
    contrast, (px, py) = one_particle(recipe)
    ky, kx = (np.fft.fftfreq(256, PIXEL)[:, None], np.fft.fftfreq(256, PIXEL)[None, :])
    k = np.hypot(ky, kx)
    sigma = 2.0 * PIXEL
    phase = PROTEIN_CONTRAST_V * interaction_constant_rad_per_v_angstrom(300.0)
    spectrum = phase * (2 * np.pi * sigma**2) ** 1.5 * np.exp(-2 * np.pi**2 * sigma**2 * k**2)
    spectrum = spectrum * np.exp(-2j * np.pi * PIXEL * (kx * px + ky * py)) / PIXEL**2
    response = ctf_curve(k, Optics(), defocus_um=defocus_um) * np.exp(-100.0 / 4 * k**2)
    response = response * signal_transfer(2 * PIXEL * k, at_nyquist=at_nyquist)
    response[0, 0] = 0
    wanted = np.fft.ifft2(2 * spectrum * response).real
    y, x = np.indices(contrast.shape)
    near = np.hypot(x - px, y - py) < 20
    np.testing.assert_allclose(contrast[near], wanted[near], atol=0.03 * np.abs(wanted).max())
    assert contrast[round(py), round(px)] < 0


def test_a_phase_plate_makes_particles_darker():
    depths = [
        one_particle(replace(BARE, defocus=Defocus(u_um=0.5, v_um=0.5, phase_shift_deg=p)))[0].min()
        for p in (0.0, 90.0)
    ]
    assert depths[1] < 2 * depths[0] < 0


@pytest.mark.parametrize("angle_deg", [30.0, 75.0, 120.0])
def test_rings_are_longest_where_the_defocus_is_least(angle_deg):
    """The direction of astigmatism, found in the power spectrum alone."""
    defocus = Defocus(u_um=2.4, v_um=1.6, astigmatism_angle_deg=angle_deg)
    recipe = replace(BARE, defocus=defocus, ice_noise=80.0, mtf_at_nyquist=1.0, b_factor_a2=0.0)
    image = make(recipe).image.data
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2
    ky, kx = np.meshgrid(*(np.fft.fftfreq(256, PIXEL),) * 2, indexing="ij")
    k, direction = np.hypot(ky, kx), np.arctan2(ky, kx)
    band = (k > 0.012) & (k < 0.05)
    power = power * (1 + (15 * k) ** 2)
    scores = {}
    for guess in range(0, 180, 15):
        own = 2.0 + 0.4 * np.cos(2 * (direction - np.deg2rad(guess)))
        ctf2 = ctf_curve(k[band], Optics(), defocus_um=own[band]) ** 2
        scores[guess] = np.corrcoef(ctf2, power[band])[0, 1]
    assert max(scores, key=scores.get) == angle_deg


@pytest.mark.parametrize("defocus_um", [1.2, 2.1])
def test_defocus_can_be_found_again_from_the_rings(defocus_um):
    defocus = Defocus(u_um=defocus_um, v_um=defocus_um)
    image = make(replace(BARE, defocus=defocus, ice_noise=80.0, b_factor_a2=0.0)).image.data
    edges = np.linspace(0.08, 0.6, 60)
    rings = ring_power(image, edges)
    k = (edges[1:] + edges[:-1]) / 2 / (2 * PIXEL)
    rings = rings * (1 + (15 * k) ** 2)
    guesses = np.arange(0.8, 2.6, 0.05)
    fits = [np.corrcoef(ctf_curve(k, Optics(), defocus_um=g) ** 2, rings)[0, 1] for g in guesses]
    assert guesses[np.argmax(fits)] == pytest.approx(defocus_um, abs=0.06)
    assert max(fits) > 0.8


@pytest.mark.parametrize("ice_noise", [0.5, 4.0])
def test_ice_adds_its_share_of_variance_before_the_detector(ice_noise):
    quiet = make(replace(BARE, mtf_at_nyquist=1.0)).image.data
    icy = make(replace(BARE, mtf_at_nyquist=1.0, ice_noise=ice_noise)).image.data
    assert icy.var() / quiet.var() - 1 == pytest.approx(ice_noise, rel=0.1)


def test_counts_grow_with_exposure_and_pixel_area():
    counts = [
        make(replace(BARE, exposure_e_per_a2=e, pixel_size_angstrom=p)).image.data.mean()
        for e, p in ((10.0, 4.0), (20.0, 4.0), (10.0, 8.0))
    ]
    np.testing.assert_allclose(counts, [160, 320, 640], rtol=0.01)


@pytest.mark.parametrize("size", [(101, 96), (96, 101), (130, 67)])
def test_any_size_holds_its_particles_and_no_wrapped_copies(size):
    """A particle at one edge must not show at the opposite edge."""
    recipe = replace(BARE, size_px=size, defocus=Defocus(u_um=0.5, v_um=0.5))
    contrast, (px, py) = one_particle(recipe, seed=2)
    assert contrast.shape == size[::-1]
    y, x = np.indices(contrast.shape)
    far = np.hypot(x - px, y - py) > 40
    assert np.abs(contrast[far]).max() < 0.05 * np.abs(contrast).max()


def test_signal_to_noise_does_not_depend_on_where_the_particles_fell():
    ratios = [
        make(replace(BARE, particles=(12,), size_px=(400, 400)), "ribosome", s).signal_to_noise
        for s in range(3)
    ]
    np.testing.assert_allclose(ratios, np.mean(ratios), rtol=0.2)


def test_asking_for_a_ratio_changes_contrast_and_not_noise():
    recipe = replace(BARE, particles=(4,))
    images = [make(replace(recipe, signal_to_noise=s)).image.data for s in (1e-9, 0.5, 2.0)]
    one, two = (i - images[0] for i in images[1:])
    # Gaussian noise grows a little with the local mean, so the ratio is not exact.
    assert np.std(two) / np.std(one) == pytest.approx(2.0, rel=0.1)
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.95
