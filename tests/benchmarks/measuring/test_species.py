"""Scenes of the benchmarks: maps, templates, masks, truth."""

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from cryopick.io.images import open_image, write_mrc
from cryopick.simulate.maps import load_map
from measuring import species
from measuring.species import FILES, Recipe, box_px, make_scene, map_files, write_templates
from shared_data import shared

RECIPE = Recipe(
    size_px=(64, 56, 32), targets=3, others=2, gold_beads=1, vesicles=0, ice_angstrom=300, seed=4
)


def ball(radius, edge=20):
    z, y, x = np.indices((edge,) * 3) - edge // 2
    return ((z**2 + y**2 + (x - 1) ** 2) <= radius**2).astype(np.float32)


@pytest.fixture
def maps(tmp_path):
    paths = {"large one": tmp_path / "large.mrc", "small": tmp_path / "small.mrc"}
    for path, radius in zip(paths.values(), (5, 4), strict=True):
        write_mrc(path, ball(radius), 10.0)
    return paths


def test_every_map_is_there(tmp_path):
    structures = shared("structures")
    found = map_files(structures, tmp_path)
    assert list(found) == list(FILES)
    for path in found.values():
        density = open_image(path).read()
        dense = np.where(density > 0.1 * density.max(), density, 0)
        middle = np.array(density.shape) // 2
        np.testing.assert_allclose(center_of_mass(dense), middle, atol=0.05)
    groel = load_map(found["GroEL"], 10.0)
    assert 150 < groel.diameter_angstrom < 220  # a barrel 135 Å wide and 145 Å tall


@pytest.mark.parametrize("diameter", [95.0, 100.0, 271.0])
def test_box_holds_the_mask(diameter):
    assert box_px(diameter) % 2 == 0
    assert box_px(diameter) / 2 >= diameter / 20 + 1.0 + 1.5


def test_templates_share_their_centre_and_differ_in_sign(tmp_path, maps):
    one = load_map(maps["large one"], 10.0)
    write_templates(one, tmp_path)
    bright, dark, mask = (
        open_image(tmp_path / f"{name}.mrc").read()
        for name in ("template_bright", "template_dark", "mask")
    )
    np.testing.assert_array_equal(dark, -bright)
    middle = box_px(one.diameter_angstrom) // 2
    assert bright.shape == mask.shape == (2 * middle,) * 3
    index = np.indices(bright.shape).reshape(3, -1)
    np.testing.assert_allclose(
        (index * bright.ravel()).sum(1) / bright.sum(), [middle, middle, middle + 1], atol=0.05
    )
    np.testing.assert_allclose((index * mask.ravel()).sum(1) / mask.sum(), middle, atol=1e-3)
    assert mask.min() == 0
    assert mask.max() == 1
    # Soft: some voxels are neither in nor out. All of the particle is in.
    assert np.any((mask > 0.1) & (mask < 0.9))
    assert mask[bright > 0.5].min() == 1


def test_scene_tells_targets_from_others(tmp_path, maps):
    scene = make_scene("small", maps, RECIPE, tmp_path / "scene")
    assert set(scene.targets.label.tolist()) == {"small"}
    assert len(scene.targets) == 3
    assert sorted(set(scene.others.label.tolist())) == ["gold", "large"]
    image = open_image(scene.tomogram)
    assert image.grid == scene.grid
    assert scene.grid.shape == (32, 56, 64)
    assert len(scene.tilts.read_text().split()) == 41
    assert len(scene.exposure.read_text().split()) == 41
    assert np.loadtxt(scene.defocus).mean() == pytest.approx(3.0, abs=0.1)
    pixels = image.read()
    place = scene.grid.to_px(scene.targets.position_angstrom).round().astype(int)
    assert pixels[tuple(place.T[::-1])].mean() < pixels.mean()


def test_scene_is_made_again_only_where_it_must(tmp_path, maps, monkeypatch):
    made = []
    real = species._simulate
    monkeypatch.setattr(species, "_simulate", lambda *given: (made.append(1), real(*given)))
    folder = tmp_path / "scene"
    first = make_scene("small", maps, RECIPE, folder, reuse=True)
    again = make_scene("small", maps, RECIPE, folder, reuse=True)
    np.testing.assert_array_equal(first.targets.position_angstrom, again.targets.position_angstrom)
    assert len(made) == 1
    make_scene("large one", maps, RECIPE, folder, reuse=True)
    make_scene("large one", maps, RECIPE, folder)
    assert len(made) == 3
