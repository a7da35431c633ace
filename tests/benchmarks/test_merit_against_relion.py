"""How maps are compared, on maps whose agreement is known."""

import numpy as np
import pytest

from cryopick.model import Grid
from cryopick.pick.merit.maps import MeritMaps
from merit_against_relion import agreement

N = 64
PLACES_PX = np.array([[1024.0, 2048.0], [3000.0, 500.0]])


def maps_of(merit, psi_deg):
    flat = np.zeros(merit.shape[1:], np.float32)
    return MeritMaps(
        merit=merit, psi_deg=psi_deg, reference=np.zeros(merit.shape, np.int16), mean=flat, sd=flat,
        grid=Grid(shape=merit.shape[1:], pixel_size_angstrom=64.0), step_px=64.0,
        particle_diameter_angstrom=180.0, box_angstrom=256.0, expected=np.ones(len(merit)),
    )  # fmt: skip


@pytest.fixture
def theirs():
    return np.random.default_rng(0).normal(size=(2, N, N)).astype(np.float32)


def test_the_same_map_in_another_unit_correlates_wholly(theirs):
    psi = np.full(theirs.shape, 175.0, np.float32)
    found = agreement(theirs, psi, maps_of(1.2 * theirs + 3, psi - 360), PLACES_PX)
    assert found["least_correlation"] == 1.0
    assert found["references"][0]["slope"] == pytest.approx(1.2, abs=1e-4)
    assert found["references"][1]["same_psi"] == 1.0


def test_the_worst_reference_counts(theirs):
    ours = theirs.copy()
    ours[1] = np.random.default_rng(1).normal(size=(N, N))
    psi = np.zeros(theirs.shape, np.float32)
    found = agreement(theirs, psi, maps_of(ours, psi), PLACES_PX)
    assert abs(found["least_correlation"]) < 0.1
    assert found["references"][0]["correlation"] == 1.0


def test_the_border_is_left_out(theirs):
    ours = theirs.copy()
    ours[:, :2] = 1e3
    psi = np.zeros(theirs.shape, np.float32)
    assert agreement(theirs, psi, maps_of(ours, psi), PLACES_PX)["least_correlation"] == 1.0


def test_angles_are_those_at_the_particles(theirs):
    psi = np.zeros(theirs.shape, np.float32)
    ours = np.full(theirs.shape, 90.0, np.float32)
    ours[:, 32, 16] = 5.0
    found = agreement(theirs, psi, maps_of(theirs, ours), PLACES_PX)
    assert [row["same_psi"] for row in found["references"]] == [0.5, 0.5]
