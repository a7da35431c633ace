"""Tilt series measured: defocus across the tilt, damage, ice, scheme, reconstruction."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.model import Defocus, Grid, Optics, Picks
from cryopick.ops.ctf import ctf_curve, interaction_constant_rad_per_v_angstrom
from cryopick.ops.dose import critical_exposure_e_per_a2, exposure_filter
from cryopick.simulate.maps import PROTEIN_CONTRAST_V
from cryopick.simulate.specimen import Specimen
from cryopick.simulate.tilt_series import (
    TiltRecipe,
    dose_symmetric_tilts,
    plan_tilts,
    record_tilts,
)
from cryopick.simulate.tomograms import reconstruct

PIXEL = 12.0
# Small enough for four rings of the CTF below the Nyquist frequency.
FINE = 5.0
QUIET = TiltRecipe(
    defocus_jitter_um=0.0,
    alignment_error_angstrom=0.0,
    exposure_e_per_a2=1e7,
    b_factor_a2=0.0,
    mtf_at_nyquist=1.0,
    noise="gaussian",
)


def specimen(density, pixel=PIXEL):
    return Specimen(
        density=density.astype(np.float32),
        grid=Grid(shape=density.shape, pixel_size_angstrom=pixel),
        truth=Picks.empty(3),
        gold=Picks.empty(3),
        membranes={},
    )


def record(what, recipe, seed=0):
    return record_tilts(what, recipe, name="t", rng=np.random.default_rng(seed))


def at(tilts, deg):
    return int(np.argmin(np.abs(tilts.tilt_deg - deg)))


def fitted_defocus_um(strip, guesses):
    """Defocus of a strip that holds a line along x, whose spectrum is white: the rings remain."""
    row = strip.mean(axis=1)
    power = np.abs(np.fft.fft(row - row.mean())) ** 2
    k = np.abs(np.fft.fftfreq(len(strip), FINE))
    keep = (k > 0.012) & (k < 0.07)
    # Damage in the middle of the second of two images.
    left = exposure_filter(k[keep], 22.5) ** 2
    fits = [
        np.corrcoef(left * ctf_curve(k[keep], Optics(), defocus_um=g) ** 2, power[keep])[0, 1]
        for g in guesses
    ]
    return guesses[int(np.argmax(fits))]


@pytest.mark.parametrize("handedness", [-1, 1])
def test_one_side_of_a_tilted_image_is_further_from_focus_as_the_hand_says(handedness):
    """A line along x, wide enough for a gradient that the rings of its spectrum show."""
    nz, ny, nx = 4, 400, 1200
    density = np.zeros((nz, ny, nx), np.float32)
    density[2, ny // 2] = 30.0
    recipe = replace(
        QUIET,
        tilt_min_deg=0.0,
        tilt_max_deg=45.0,
        tilt_step_deg=45.0,
        handedness=handedness,
        defocus=Defocus(u_um=3.0, v_um=3.0),
        exposure_e_per_a2=30.0,
    )
    made = record(specimen(density, FINE), recipe)
    image = made.images[at(made.tilts, 45.0)]
    image = image / image.mean() - 1
    guesses = np.arange(2.2, 3.8, 0.02)
    left = fitted_defocus_um(image[:, :60], guesses)
    right = fitted_defocus_um(image[:, -60:], guesses)
    # The strips lie 570 px from the axis; there z' = -x' tan 45°.
    height = 570 * FINE * 1e-4
    assert right == pytest.approx(3.0 - handedness * height, abs=0.1)
    assert left == pytest.approx(3.0 + handedness * height, abs=0.1)
    flat = made.images[at(made.tilts, 0.0)]
    flat = flat / flat.mean() - 1
    for strip in (flat[:, :60], flat[:, -60:]):
        assert fitted_defocus_um(strip, guesses) == pytest.approx(3.0, abs=0.1)


def test_damage_dims_a_wave_as_the_curve_of_the_paper_says():
    """A wave of 40 Å along y, at 0 degrees early and late (three tilts hardly apart)."""
    ny = 80
    density = np.zeros((4, ny, 200), np.float32)
    density[2] = 5 * np.cos(2 * np.pi * 24 * np.arange(ny) / ny)[:, None]
    recipe = replace(
        QUIET,
        defocus=Defocus(u_um=1.0, v_um=1.0),
        tilt_min_deg=0.0,
        tilt_max_deg=0.2,
        tilt_step_deg=0.1,
        exposure_e_per_a2=150.0,
    )
    made = record(specimen(density), recipe)
    order = np.argsort(made.tilts.exposure_e_per_a2)
    waves = [
        np.abs(np.fft.fft((made.images[i] / made.images[i].mean()).mean(axis=1))[24]) for i in order
    ]
    critical = critical_exposure_e_per_a2(np.array([1 / 40.0]))[0]
    wanted = np.exp(-50.0 / (2 * critical))
    assert waves[1] / waves[0] == pytest.approx(wanted, rel=0.05)
    assert waves[2] / waves[1] == pytest.approx(wanted, rel=0.05)
    # The first image itself: damaged as in the middle of its exposure, by hand from the phase.
    phase = 5 * PROTEIN_CONTRAST_V * PIXEL * interaction_constant_rad_per_v_angstrom(300.0)
    ctf = abs(ctf_curve(np.array([1 / 40.0]), Optics(), defocus_um=1.0)[0])
    wanted = 2 * phase * ctf * np.exp(-25.0 / (2 * critical)) * ny / 2
    assert waves[0] == pytest.approx(wanted, rel=0.03)


@given(st.floats(-70, -1), st.floats(1, 70), st.floats(1, 15), st.floats(1, 300))
def test_exposure_before_the_image_follows_the_scheme(low, high, step, total):
    recipe = TiltRecipe(
        tilt_min_deg=low, tilt_max_deg=high, tilt_step_deg=step, exposure_e_per_a2=total
    )
    tilts = plan_tilts(
        specimen(np.zeros((2, 2, 2))), recipe, name="t", rng=np.random.default_rng(0)
    )
    n = len(tilts)
    assert np.all(np.diff(tilts.tilt_deg) > 0)
    by_time = tilts.tilt_deg[np.argsort(tilts.exposure_e_per_a2)]
    np.testing.assert_array_equal(by_time, dose_symmetric_tilts(low, high, step))
    np.testing.assert_allclose(np.sort(tilts.exposure_e_per_a2), np.arange(n) * total / n)


@given(st.integers(1, 20), st.floats(0.5, 4))
def test_a_symmetric_scheme_goes_out_in_pairs(steps, step):
    """Every two images one step further out, so damage grows evenly on both sides."""
    taken = dose_symmetric_tilts(-steps * step, steps * step, step)
    out = np.abs(taken) / step
    np.testing.assert_allclose(out, (np.arange(len(taken)) + 1) // 2, atol=1e-6)
    # One change of side per step out: the stage goes through zero as seldom as it can.
    sides = np.sign(taken[1:])
    assert np.count_nonzero(np.diff(sides)) <= steps


def test_seen_from_above_the_image_is_the_specimen_through_the_ctf():
    rng = np.random.default_rng(1)
    n = 48
    density = np.zeros((8, n, n), np.float32)
    for x, y in rng.uniform(12, 36, (5, 2)):
        grid = np.hypot(np.arange(n)[:, None] - y, np.arange(n)[None, :] - x)
        density[4] += 20 * np.exp(-(grid**2) / 8).astype(np.float32)
    recipe = replace(QUIET, tilt_min_deg=0.0, tilt_max_deg=0.0, exposure_e_per_a2=100.0)
    image = record(specimen(density), recipe).images[0]
    k = np.hypot(np.fft.fftfreq(n, PIXEL)[:, None], np.fft.fftfreq(n, PIXEL)[None])
    seen = np.fft.ifft2(np.fft.fft2(density.sum(0)) * ctf_curve(k, Optics(), defocus_um=3.0)).real
    assert np.corrcoef(seen.ravel(), image.ravel())[0, 1] > 0.8
    assert np.corrcoef(density.sum(0).ravel(), image.ravel())[0, 1] < -0.1


def test_jitter_of_the_defocus_is_in_the_series_and_its_own_for_each_tilt():
    recipe = replace(QUIET, defocus_jitter_um=0.2, tilt_step_deg=1.0)
    tilts = plan_tilts(
        specimen(np.zeros((2, 2, 2))), recipe, name="t", rng=np.random.default_rng(3)
    )
    off = tilts.defocus_u_um - 3.0
    assert off.std() == pytest.approx(0.2, rel=0.2)
    assert abs(np.corrcoef(off[:-1], off[1:])[0, 1]) < 0.3
    np.testing.assert_array_equal(tilts.defocus_u_um, tilts.defocus_v_um)


@pytest.mark.parametrize("shape", [(24, 40, 48), (25, 41, 47)])
def test_reconstruction_puts_a_dark_bead_where_it_was(shape):
    density = np.zeros(shape, np.float32)
    z, y, x = shape[0] // 2 + 5, shape[1] // 2 - 6, shape[2] // 2 + 8
    density[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] = 8.0
    made = record(specimen(density), replace(QUIET, exposure_e_per_a2=200.0, tilt_step_deg=4.0))
    volume = reconstruct(made, nz=shape[0])
    assert np.unravel_index(volume.argmin(), shape) == (z, y, x)
    assert volume.min() < -5


def test_reconstruction_needs_the_tilts_of_its_images():
    """Read with the sign of the tilts turned, depth is mirrored: the bead is on the other side."""
    density = np.zeros((24, 32, 48), np.float32)
    density[16:19, 15:18, 22:25] = 8.0
    made = record(specimen(density), replace(QUIET, exposure_e_per_a2=200.0, tilt_step_deg=4.0))
    turned = replace(made, tilts=replace(made.tilts, tilt_deg=-made.tilts.tilt_deg, handedness=1))
    volume = reconstruct(turned, nz=24)
    assert np.unravel_index(volume.argmin(), volume.shape)[0] == 12 - 5
