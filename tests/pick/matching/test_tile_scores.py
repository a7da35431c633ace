"""Scores of one tile: equal to those of the whole, whatever lies around it."""

import numpy as np
import pytest

from cryopick.geometry.so3_grid import rotation_grid
from cryopick.pick.matching.local_deviation import volume_moments
from cryopick.pick.matching.search import Cones
from cryopick.pick.matching.template import TurnedTemplates
from cryopick.pick.matching.tile_scores import Scaling, TileCones, TileScores
from cryopick.pick.matching.tiles import Tile, plan_tiles
from pick.matching.cases import lumpy_template, noise
from pick.matching.oracle import scores_at

ROTATIONS = rotation_grid(60)[:6]


@pytest.mark.parametrize("spherical", [True, False])
@pytest.mark.parametrize("n", [8, 9])
def test_all_scores_of_a_tile_are_those_of_plain_numpy(spherical, n):
    template, volume = lumpy_template(n, spherical=spherical), noise((12, 15, 18), smooth=0.6)
    mean, variance = volume_moments(volume)
    tile = Tile(first=(0, 4, 11), stop=(5, 9, 18), block=(16, 15, 16))
    scores = TileScores(
        volume, tile, turned=TurnedTemplates(template, None),
        scaling=Scaling(mean=mean, variance=variance), searched=None,
    )  # fmt: skip
    voxels = np.argwhere(np.ones(tile.shape)) + tile.first
    wanted = scores_at(volume, template, None, ROTATIONS, voxels)
    found = scores.of(ROTATIONS).numpy().reshape(len(ROTATIONS), -1)
    np.testing.assert_allclose(found, wanted, atol=2e-6)


@pytest.mark.parametrize("spherical", [True, False])
def test_voxels_that_are_not_searched_score_nothing(spherical):
    template, volume = lumpy_template(8, spherical=spherical), noise((12, 12, 12))
    mean, variance = volume_moments(volume)
    (tile,) = plan_tiles(volume.shape, 8, most_voxels=10**6)
    searched = noise(volume.shape, seed=3) > 0
    kept, whole = (
        TileScores(
            volume, tile, turned=TurnedTemplates(template, None),
            scaling=Scaling(mean=mean, variance=variance), searched=given,
        ).of(ROTATIONS).numpy()
        for given in (searched, None)
    )  # fmt: skip
    assert np.all(kept[:, ~searched] == 0)
    np.testing.assert_array_equal(kept[:, searched], whole[:, searched])


def test_cones_of_a_tile_know_its_voxels():
    nearest = np.array([[[0, 1, -1], [2, 2, 0]]], np.int32)
    cones = Cones(axis=np.eye(3), nearest=nearest, half_angle_deg=50)
    tile = Tile(first=(0, 0, 1), stop=(1, 2, 3), block=(5, 5, 5))
    searched = np.array([[[True, True], [True, False]]])
    made = TileCones(cones, tile, searched=searched, rotations=ROTATIONS, device="cpu")
    allowed = cones.allowed(ROTATIONS)
    for place in range(len(ROTATIONS)):
        wanted = ~np.array([[[allowed[1, place], False], [allowed[2, place], False]]])
        np.testing.assert_array_equal(made.forbidden(place).numpy(), wanted)
    np.testing.assert_array_equal(made.count, allowed[1].astype(int) + allowed[2])
