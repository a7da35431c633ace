"""Merit maps on disk: as they were, to half precision, and as images that anyone opens."""

import json

import numpy as np
import pytest

from cryopick.errors import FormatError, MissingFileError
from cryopick.io.images import open_image
from cryopick.model import Image, ImageStack
from cryopick.pick.merit.map_files import load_maps, save_maps
from cryopick.pick.merit.maps import best_of_references, in_half_precision
from toy_merit import maps_of, peaks_map


def some_maps(count):
    merit = np.stack([peaks_map({(30, 40 + 9 * i): 1.0}, seed=i) for i in range(count)])
    psi = np.random.default_rng(0).uniform(-180, 180, merit.shape).astype(np.float32)
    return maps_of(merit, psi=psi)


@pytest.mark.parametrize("count", [1, 3])
def test_back_from_disk(tmp_path, count):
    maps = some_maps(count)
    save_maps(maps, tmp_path)
    again, half = load_maps(tmp_path), in_half_precision(maps)
    for name in ("merit", "psi_deg", "mean", "sd", "reference"):
        np.testing.assert_array_equal(getattr(again, name), getattr(half, name))
    assert again.grid == maps.grid
    assert (again.step_px, again.box_angstrom) == (maps.step_px, maps.box_angstrom)
    np.testing.assert_array_equal(again.expected, maps.expected)


def test_the_best_of_several_keeps_its_reference(tmp_path):
    best = best_of_references(some_maps(3))
    save_maps(best, tmp_path)
    np.testing.assert_array_equal(load_maps(tmp_path).reference, best.reference)
    numbers = open_image(tmp_path / "references.mrc").read()
    assert set(np.unique(numbers)) <= {1, 2, 3}


def test_scores_are_an_image_on_the_grid_of_the_micrograph(tmp_path):
    save_maps(some_maps(1), tmp_path)
    scores = open_image(tmp_path / "scores.mrc")
    assert isinstance(scores, Image)
    assert scores.grid == some_maps(1).grid
    (tmp_path / "each").mkdir()
    save_maps(some_maps(2), tmp_path / "each")
    assert isinstance(open_image(tmp_path / "each" / "scores.mrc"), ImageStack)


def test_maps_that_were_not_kept(tmp_path):
    with pytest.raises(MissingFileError, match="--keep-maps each"):
        load_maps(tmp_path)


def test_damaged_facts(tmp_path):
    save_maps(some_maps(1), tmp_path)
    (tmp_path / "maps.json").write_text(json.dumps({"shape": [3, 4]}))
    with pytest.raises(FormatError, match="does not describe merit maps"):
        load_maps(tmp_path)
    save_maps(some_maps(1), tmp_path)
    (tmp_path / "scores.mrc").write_bytes(b"x" * 2000)
    with pytest.raises(FormatError):
        load_maps(tmp_path)
