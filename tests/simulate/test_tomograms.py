"""Tomograms: matter where the truth says, the wedge of the tilts, contrast, ratio, determinism."""

from dataclasses import replace

import numpy as np
import pytest

from cryopick.ops.rotate_volume import rotate_volume
from cryopick.simulate.maps import load_map
from cryopick.simulate.specimen import SpecimenRecipe
from cryopick.simulate.tilt_series import TiltRecipe
from cryopick.simulate.tomograms import simulate_tomogram

PIXEL = 14.0
SPECIMEN = SpecimenRecipe(
    size_px=(96, 96, 40),
    pixel_size_angstrom=PIXEL,
    ice_angstrom=500.0,
    particles=(8,),
    texture=0.05,
)
TILTS = TiltRecipe(tilt_step_deg=5.0, alignment_error_angstrom=0.0)


def make(specimen=SPECIMEN, tilts=TILTS, seed=0):
    return simulate_tomogram(
        [load_map("ribosome", PIXEL)], specimen, tilts, name="tomo", rng=np.random.default_rng(seed)
    )


def score(volume, truth, offset=(0, 0, 0), turn=None):
    """Mean correlation of the tomogram with the (dark) template at each true pose."""
    species = load_map("ribosome", PIXEL)
    half = len(species.density) // 2
    values = []
    orientation = truth.orientation if turn is None else turn
    place = truth.position_angstrom / PIXEL + np.asarray(offset)
    whole = np.round(place).astype(int)
    boxes = rotate_volume(species.density, orientation, shift_px=place - whole)
    for box, (x, y, z) in zip(boxes, whole, strict=True):
        start = np.array([z, y, x]) - half
        stop = start + len(species.density)
        if np.any(start < 0) or np.any(stop > volume.shape):
            continue
        window = volume[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
        values.append(-np.corrcoef(box.ravel(), window.ravel())[0, 1])
    assert len(values) >= 3
    return np.mean(values)


@pytest.fixture(scope="module")
def made():
    return make()


def test_matter_is_dark_at_the_true_poses_and_nowhere_else(made):
    volume = made.image.data
    here = score(volume, made.truth)
    assert here > 0.3
    for offset in ((2, 0, 0), (0, -2, 0), (0, 0, 2), (-2, 0, 0), (0, 2, 0), (0, 0, -2)):
        assert score(volume, made.truth, offset) < here - 0.03
    others = np.roll(made.truth.orientation, 1, axis=0)
    assert score(volume, made.truth, turn=others) < here


def test_it_is_not_mirrored(made):
    """The truth with z turned over, about the centre, does not fit: handedness is right."""
    volume = made.image.data
    nz = volume.shape[0]
    turned = np.roll(volume[::-1], 2 * (nz // 2) + 1 - nz, axis=0)
    assert score(volume, made.truth) > score(turned, made.truth) + 0.2


def test_grid_and_scale(made):
    assert made.image.data.shape == (40, 96, 96)
    assert made.image.grid.pixel_size_angstrom == PIXEL
    assert made.image.data.mean() == pytest.approx(0, abs=1e-3)
    assert made.image.data.std() == pytest.approx(1, rel=1e-3)


def test_the_missing_wedge_is_in_the_power_spectrum(made):
    power = (np.abs(np.fft.fftn(made.image.data)) ** 2).sum(axis=1)
    kz, kx = np.meshgrid(np.fft.fftfreq(40), np.fft.fftfreq(96), indexing="ij")
    radius = np.hypot(kz, kx)
    angle = np.rad2deg(np.arctan2(np.abs(kz), np.abs(kx)))
    ring = (radius > 0.1) & (radius < 0.3)
    assert power[ring & (angle > 75)].mean() < 0.1 * power[ring & (angle < 50)].mean()


def test_a_wider_range_fills_more_of_the_wedge():
    def share(limit):
        tilts = replace(TILTS, tilt_min_deg=-limit, tilt_max_deg=limit)
        power = (np.abs(np.fft.fftn(make(tilts=tilts).image.data)) ** 2).sum(axis=1)
        kz, kx = np.meshgrid(np.fft.fftfreq(40), np.fft.fftfreq(96), indexing="ij")
        angle = np.rad2deg(np.arctan2(np.abs(kz), np.abs(kx)))
        between = (angle > 47) & (angle < 57) & (np.hypot(kz, kx) > 0.1)
        return power[between].sum() / power.sum()

    assert share(60.0) > 3 * share(40.0)


@pytest.mark.parametrize("wanted", [0.05, 1.0])
def test_the_signal_to_noise_ratio_is_the_one_asked_for(wanted):
    made = make(tilts=replace(TILTS, signal_to_noise=wanted, noise="gaussian"))
    assert made.recorded.signal_to_noise == pytest.approx(wanted, rel=1e-4)
    flat = int(np.argmin(np.abs(made.recorded.tilts.tilt_deg)))
    image = made.recorded.images[flat]
    inside = np.zeros(image.shape, bool)
    y, x = np.indices(image.shape) * PIXEL
    for (px, py, _), d in zip(
        made.truth.position_angstrom, made.truth.diameter_angstrom, strict=True
    ):
        inside |= np.hypot(x - px, y - py) <= d / 2
    # Counting noise of that mean, after the detector's noise transfer.
    empty = make(replace(SPECIMEN, particles=(), texture=1e-6), replace(TILTS, noise="gaussian"))
    still = empty.recorded.images[flat]
    noise = (still / still.mean()).var()
    got = (image[inside] / image.mean()).var() / noise - 1
    assert got == pytest.approx(wanted, rel=0.25, abs=0.03)


def test_more_noise_makes_a_worse_tomogram():
    scores = [
        score(t.image.data, t.truth)
        for t in (make(tilts=replace(TILTS, signal_to_noise=s)) for s in (0.02, 2.0))
    ]
    assert scores[1] > scores[0] + 0.1


def test_alignment_errors_blur(made):
    blurred = make(tilts=replace(TILTS, alignment_error_angstrom=60.0))
    assert score(blurred.image.data, blurred.truth) < score(made.image.data, made.truth) - 0.05


def test_ignoring_the_ctf_would_be_worse():
    """At high defocus and fine pixels flipping matters; here it must at least not harm."""
    made = make(tilts=replace(TILTS, signal_to_noise=5.0))
    assert score(made.image.data, made.truth) > 0.4


def test_the_same_seed_gives_the_same_tomogram(made):
    again = make()
    np.testing.assert_array_equal(made.image.data, again.image.data)
    np.testing.assert_array_equal(made.truth.position_angstrom, again.truth.position_angstrom)
    assert not np.array_equal(made.image.data, make(seed=1).image.data)


def test_odd_sizes_work():
    made = make(replace(SPECIMEN, size_px=(65, 63, 35), ice_angstrom=420.0, particles=(2,)))
    assert made.image.data.shape == (35, 63, 65)
    assert len(made.truth) == 2


def test_gold_does_not_count_as_signal_of_the_particles():
    """Beads are ten times as dense: their own variance must not pass for that of the particles."""
    ratios = []
    for gold in (0, 12):
        made = make(replace(SPECIMEN, gold_beads=gold), replace(TILTS, tilt_step_deg=60.0))
        assert len(made.gold) == gold
        ratios.append(made.recorded.signal_to_noise)
    assert ratios[1] == pytest.approx(ratios[0], rel=0.25)
