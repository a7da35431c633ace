"""Margins, lumps and film are found; particles are not taken for any of them."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import open_image
from cryopick.model import Grid, Image
from cryopick.pick.contamination import find_contamination, find_margins
from cryopick.simulate.maps import load_map
from cryopick.simulate.micrographs import MicrographRecipe, simulate_micrograph
from shared_data import shared

PIXEL, DIAMETER = 4.0, 120.0


def image_of(pixels, pixel=PIXEL):
    grid = Grid(shape=pixels.shape, pixel_size_angstrom=pixel)
    return Image(data=pixels.astype(np.float32), grid=grid, name="mic1")


def particles(shape=(400, 480), n=60, seed=0):
    """Dark discs in noise, and their centres."""
    rng = np.random.default_rng(seed)
    pixels = rng.normal(size=shape)
    y, x = np.indices(shape)
    centres = np.array([[y, x] for y in range(30, 400, 50) for x in range(30, 480, 50)])
    centres = rng.permutation(centres)[:n] + rng.uniform(-6, 6, (n, 2))
    for cy, cx in centres:
        pixels[(y - cy) ** 2 + (x - cx) ** 2 < 15**2] -= 1.0
    return pixels, centres


def allowed(found, rows_columns, pixel=PIXEL):
    """What the mask says at pixels of the image."""
    px = found.mask.grid.to_px(np.asarray(rows_columns)[:, ::-1] * pixel).round().astype(int)
    px = np.clip(px, 0, np.array(found.mask.grid.size_px) - 1)
    return found.mask.data[px[:, 1], px[:, 0]]


@pytest.mark.parametrize("seed", range(3))
def test_particles_are_left_alone(seed):
    pixels, centres = particles(seed=seed)
    found = find_contamination(image_of(pixels), DIAMETER)
    assert allowed(found, centres).mean() > 0.97
    assert (found.margin, found.film) == (0.0, 0.0)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("radius", [12, 40])
def test_lumps_darker_or_brighter_than_any_particle(sign, radius):
    pixels, centres = particles()
    y, x = np.indices(pixels.shape)
    inside = (y - 150) ** 2 + (x - 200) ** 2 < radius**2
    pixels[inside] += sign * 15
    found = find_contamination(image_of(pixels), DIAMETER)
    assert allowed(found, [[150, 200]]).tolist() == [0]
    far = np.hypot(*(centres - [150, 200]).T) > radius + 40
    assert allowed(found, centres[far]).mean() > 0.97
    assert 0.3 * inside.mean() < found.lumps < 5 * inside.mean()


@pytest.mark.parametrize("share", [0.04, 0.3])
def test_a_film_with_an_edge(share):
    pixels, _ = particles()
    y, x = np.indices(pixels.shape)
    film = x + 0.4 * y < share * pixels.shape[1] + 60
    pixels[film] -= 3
    found = find_contamination(image_of(pixels), DIAMETER)
    inside, outside = np.argwhere(film)[::97], np.argwhere(~film)[::97]
    assert allowed(found, inside).mean() < 0.1
    assert allowed(found, outside).mean() > 0.85


def test_a_slow_change_is_no_film():
    pixels, centres = particles()
    y, x = np.indices(pixels.shape)
    pixels -= 4 * np.sin(x / 480 * np.pi) + 3 * y / 400
    found = find_contamination(image_of(pixels), DIAMETER)
    assert found.film == 0
    assert allowed(found, centres).mean() > 0.95


@pytest.mark.parametrize("side", ["top", "bottom", "left", "right"])
def test_margins_that_repeat_a_row(side):
    pixels, _ = particles()
    turned = {"top": pixels, "bottom": pixels[::-1], "left": pixels.T, "right": pixels.T[::-1]}
    turned[side][:25] = turned[side][25]
    found = find_contamination(image_of(pixels), DIAMETER)
    rows = {"top": [5, 200], "bottom": [394, 200], "left": [200, 5], "right": [200, 474]}
    assert allowed(found, [rows[side], [200, 240]]).tolist() == [0, 1]
    assert 0.03 < found.margin < 0.12


@pytest.mark.parametrize("side", ["top", "bottom", "left", "right"])
def test_margins_alone_leave_out_nothing_else(side):
    pixels, _ = particles()
    pixels[150:210, 200:260] -= 30.0
    assert find_margins(image_of(pixels)) is None
    turned = {"top": pixels, "bottom": pixels[::-1], "left": pixels.T, "right": pixels.T[::-1]}
    turned[side][:25] = turned[side][25]
    found = find_margins(image_of(pixels))
    outside = 1 - np.asarray(found.read())
    assert outside.mean() == pytest.approx(25 / len(turned[side]), abs=0.012)
    rows = {"top": [5, 200], "bottom": [394, 200], "left": [200, 5], "right": [200, 474]}
    px = found.grid.to_px(np.array([rows[side][::-1], [230, 180]]) * PIXEL).round().astype(int)
    assert found.read()[tuple(px[:, ::-1].T)].tolist() == [0, 1]


def test_what_is_found_moves_with_the_image_and_does_not_depend_on_its_scale():
    pixels, _ = particles()
    pixels[100:140, 100:150] -= 15
    first = find_contamination(image_of(pixels), DIAMETER).mask.data
    scaled = find_contamination(image_of(7 * pixels - 300), DIAMETER).mask.data
    np.testing.assert_array_equal(first, scaled)
    turned = find_contamination(image_of(pixels[::-1, ::-1].copy()), DIAMETER)
    assert allowed(turned, [[400 - 120, 480 - 125]]).tolist() == [0]


@pytest.mark.parametrize("pixels", [np.zeros((64, 80)), np.full((64, 80), np.nan)])
def test_nothing_is_found_in_nothing(pixels):
    found = find_contamination(image_of(pixels), DIAMETER)
    assert (found.lumps, found.film) == (0.0, 0.0)


def test_pixels_that_are_no_numbers_do_no_harm():
    pixels, centres = particles()
    pixels[50, 60] = np.nan
    pixels[90, 99] = np.inf
    found = find_contamination(image_of(pixels), DIAMETER)
    assert allowed(found, centres).mean() > 0.95


@pytest.mark.parametrize("diameter", [0.0, -5.0])
def test_a_diameter_is_needed(diameter):
    with pytest.raises(InputError, match="a diameter above 0"):
        find_contamination(image_of(np.zeros((32, 32))), diameter)
    volume = Image(
        data=np.zeros((8, 8, 8), np.float32),
        grid=Grid(shape=(8, 8, 8), pixel_size_angstrom=1.0),
        name="a",
    )
    with pytest.raises(InputError, match="3 dimensions"):
        find_contamination(volume, 100.0)


def test_ice_and_film_of_the_simulator():
    recipe = MicrographRecipe(
        size_px=(768, 768), pixel_size_angstrom=4.0, particles=(40,), ice_crystals=3,
        carbon_share=0.15,
    )  # fmt: skip
    made = simulate_micrograph(
        [load_map("ribosome", 4.0)], recipe, name="a", rng=np.random.default_rng(3)
    )
    found = find_contamination(made.image, 260.0)
    grid = found.mask.grid
    lumps = grid.to_px(made.contamination.position_angstrom).round().astype(int)
    lumps = np.clip(lumps, 0, np.array(grid.size_px) - 1)
    assert (found.mask.data[lumps[:, 1], lumps[:, 0]] == 0).mean() > 0.6


@pytest.mark.parametrize(
    ("name", "pixel", "diameter", "least"),
    [
        ("apoferritin_empiar10146/May08_03.05.02.bin", 1.5, 130.0, 0.97),
        ("apoferritin_empiar10146/May08_07.08.55.bin", 1.5, 130.0, 0.97),
        ("bgal_empiar10017/Falcon_2012_06_12-15_30_21_0", 1.77, 180.0, 0.95),
    ],
)
def test_hardly_any_expert_pick_of_real_images_is_lost(name, pixel, diameter, least):
    ending = "_avg.png" if "May08" in name else ".jpg"
    image = open_image(shared(f"images/{name}{ending}"), pixel_size_angstrom=pixel)
    picks = np.loadtxt(shared(f"images/{name}_picks.csv"), delimiter=",", skiprows=1)[:, :2]
    found = find_contamination(image, diameter)
    assert allowed(found, picks[:, ::-1], pixel).mean() > least
    if "bgal" in name:
        assert 0.08 < found.film < 0.2
