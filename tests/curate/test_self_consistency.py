import numpy as np
import pytest
import torch

from cryopick.curate.self_consistency import (
    GROUPS,
    NAMES,
    background_standardised,
    descriptors,
    mean_particle,
)
from cryopick.errors import InputError
from toy_particles import BOX, RADIUS_PX, toy_particles


@pytest.fixture(scope="module")
def described():
    images, _ = toy_particles(60, noise=0.5, shift_px=0.0)
    tensor = torch.from_numpy(images)
    mean = mean_particle(background_standardised(tensor, radius_px=RADIUS_PX), radius_px=RADIUS_PX)
    return images, mean


def columns(images, mean, radius=RADIUS_PX):
    table = descriptors(torch.from_numpy(images.astype(np.float32)), mean, radius_px=radius)
    assert table.shape == (len(images), len(NAMES))
    assert torch.isfinite(table).all()
    return dict(zip(NAMES, table.numpy().T, strict=True))


def test_every_name_once():
    assert len(set(NAMES)) == len(NAMES) == sum(map(len, GROUPS.values()))


def test_the_background_becomes_standard_and_the_particle_keeps_its_height():
    images = torch.from_numpy(toy_particles(5, noise=0.4)[0]) * 7 + 3
    scaled = background_standardised(images, radius_px=RADIUS_PX)
    y, x = np.mgrid[:BOX, :BOX] - BOX // 2
    outside = torch.from_numpy(np.hypot(y, x) > RADIUS_PX)
    assert torch.allclose(scaled[:, outside].mean(1), torch.zeros(5), atol=1e-4)
    assert torch.allclose(scaled[:, outside].std(1, correction=0), torch.ones(5), atol=1e-4)
    assert float(scaled[:, BOX // 2, BOX // 2].min()) > 2


def test_scale_and_offset_of_the_images_show_only_in_the_background_deviation(described):
    images, mean = described
    before, after = columns(images, mean), columns(images * 4 - 20, mean)
    for name in NAMES:
        if name == "background_log_sd":
            np.testing.assert_allclose(after[name] - before[name], np.log(4), atol=1e-3)
        else:
            np.testing.assert_allclose(after[name], before[name], atol=5e-3, rtol=2e-3)


def test_turning_an_image_by_a_quarter_changes_nothing_round(described):
    images, mean = described
    odd = images[:, 1:, 1:]  # a box with a middle pixel turns onto itself
    small = torch.from_numpy(np.ascontiguousarray(mean.numpy()[1:, 1:]))
    before, after = columns(odd, small), columns(np.rot90(odd, axes=(1, 2)).copy(), small)
    for name in ("disc_mean", "disc_sd", "edge_energy", "direction", "ramp", "centre_correlation"):
        np.testing.assert_allclose(after[name], before[name], atol=2e-2, rtol=1e-2)
    for name in [f"ring_{i + 1}" for i in range(8)] + [f"band_{i + 1}" for i in range(8)]:
        np.testing.assert_allclose(after[name], before[name], atol=1e-3, rtol=1e-3)


def test_a_ramp_is_measured_as_its_slope():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(4, BOX, BOX))
    slope = 0.5 * np.arange(BOX)[None, None, :]
    mean = torch.zeros(BOX, BOX)
    tilted = columns(flat + slope, mean)
    even = columns(flat, mean)
    # In units of the background's own deviation, which the ramp widens.
    y, x = np.mgrid[:BOX, :BOX] - BOX // 2
    outside = np.hypot(y, x) > RADIUS_PX
    sd = (flat + slope)[:, outside].std(axis=1)
    np.testing.assert_allclose(tilted["ramp"], 0.5 * BOX / sd, rtol=0.05)
    assert tilted["ramp"].min() > 5 * even["ramp"].max()
    assert tilted["direction"].min() > even["direction"].max()


def test_off_centre_particles_are_found_where_they_are(described):
    images, mean = described
    moved = np.roll(images, (0, 6), axis=(1, 2))
    there, here = columns(moved, mean), columns(images, mean)
    assert np.median(here["peak_distance"]) < 0.2
    np.testing.assert_allclose(np.median(there["peak_distance"]), 6 / RADIUS_PX, atol=0.15)
    assert np.median(there["centre_correlation"]) < np.median(here["centre_correlation"]) - 0.2


def test_a_neighbour_shows_at_the_edge(described):
    images, mean = described
    y, x = np.mgrid[:BOX, :BOX] - BOX // 2
    neighbour = 4 * np.exp(-((x - 14) ** 2 + (y - 9) ** 2) / 8)
    crowded, alone = columns(images + neighbour, mean), columns(images, mean)
    assert np.median(crowded["edge_extreme"]) > 1.5 * np.median(alone["edge_extreme"])
    assert np.median(crowded["sector_mean_spread"]) > 2 * np.median(alone["sector_mean_spread"])


def test_the_mean_particle_is_round_and_cut_to_the_disc(described):
    _, mean = described
    y, x = np.mgrid[:BOX, :BOX] - BOX // 2
    assert float(mean[torch.from_numpy(np.hypot(y, x) > RADIUS_PX)].abs().max()) == 0
    assert torch.allclose(mean[16, 16 + 5], mean[16 + 5, 16])
    assert float(mean[16, 16]) > float(mean[16, 24])


@pytest.mark.parametrize("radius", [0.2, 16.0])
def test_a_disc_without_background_is_refused(described, radius):
    images, mean = described
    with pytest.raises(InputError, match="particle radius"):
        columns(images, mean, radius)
