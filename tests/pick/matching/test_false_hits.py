"""The tests for false hits on a simulated tomogram with membranes: true particles must pass."""

import numpy as np
import pytest

from cryopick.pick.matching.rejection import planarity, prominence
from cryopick.simulate.maps import load_map
from cryopick.simulate.specimen import SpecimenRecipe
from cryopick.simulate.tilt_series import TiltRecipe
from cryopick.simulate.tomograms import simulate_tomogram

PIXEL = 24.0


@pytest.fixture(scope="module")
def crowded():
    """Ribosomes between two sheets and two vesicles."""
    species = load_map("ribosome", PIXEL)
    recipe = SpecimenRecipe(
        size_px=(120, 120, 50), pixel_size_angstrom=PIXEL, ice_angstrom=1150.0, particles=(45,),
        vesicles=2, sheets=2, vesicle_radius_angstrom=(250.0, 400.0),
    )  # fmt: skip
    tilts = TiltRecipe(tilt_step_deg=6)
    made = simulate_tomogram([species], recipe, tilts, name="t", rng=np.random.default_rng(3))
    return made, species.diameter_angstrom


def on_membranes(made, rng, n):
    """Places on the membranes: bright in the specimen, far from all particles."""
    density = np.asarray(made.density)
    bright = np.argwhere(density > 0.4 * np.quantile(density, 0.99))[:, ::-1]
    place = made.image.grid.to_angstrom(bright)
    truth = made.truth.position_angstrom
    nearest = np.min(np.linalg.norm(place[:, None] - truth[None], axis=-1), axis=1)
    clear = place[nearest > 250]
    return clear[rng.choice(len(clear), n, replace=False)]


def test_particles_look_less_flat_than_membranes(crowded):
    made, diameter = crowded
    truth = made.truth.position_angstrom
    assert len(truth) >= 30
    sheets = on_membranes(made, np.random.default_rng(0), 100)
    true = planarity(truth, made.image, diameter_angstrom=diameter)
    false = planarity(sheets, made.image, diameter_angstrom=diameter)
    assert (true < 0.7).mean() >= 0.98
    assert (false > 0.7).mean() > 0.4


def test_particles_with_noise_around_them_are_prominent(crowded):
    made, diameter = crowded
    rng = np.random.default_rng(1)
    truth = made.truth.position_angstrom
    noise = rng.uniform(0, 1, (1200, 3)) * np.array(made.image.grid.extent_angstrom)
    score = np.r_[rng.normal(8.5, 0.7, len(truth)), rng.gumbel(4.5, 0.3, len(noise))]
    height = prominence(np.vstack([truth, noise]), score, diameter_angstrom=diameter)
    assert (height[: len(truth)] > 3).mean() >= 0.98
    assert (height[len(truth) :] > 3).mean() < 0.1
