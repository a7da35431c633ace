"""Tiles: every voxel belongs to one, its halo is there, empty ones are left out."""

import numpy as np
import pytest

from cryopick.pick.matching.tiles import Tile, plan_tiles, read_block


@pytest.mark.parametrize("most", [10**9, 40_000, 9_000, 1])
@pytest.mark.parametrize("box", [5, 12])
@pytest.mark.parametrize("shape", [(20, 51, 33), (7, 7, 90)])
def test_every_voxel_belongs_to_one_tile(shape, box, most):
    tiles = plan_tiles(shape, box, most_voxels=most)
    count = np.zeros(shape, int)
    for tile in tiles:
        count[tile.place] += 1
        assert all(b >= n + box - 1 for b, n in zip(tile.block, tile.shape, strict=True))
    assert np.all(count == 1)
    assert len({tile.block for tile in tiles}) == 1


def test_memory_cuts_and_tiles_stay_as_large_as_it_allows():
    one = plan_tiles((100, 100, 100), 10, most_voxels=120**3)
    many = plan_tiles((100, 100, 100), 10, most_voxels=64**3)
    assert len(one) == 1
    assert len(many) == 8
    assert all(tile.block_voxels <= 64**3 for tile in many)


def test_tiles_never_get_much_smaller_than_the_template():
    tiles = plan_tiles((100, 100, 100), 32, most_voxels=1)
    assert min(min(tile.shape) for tile in tiles) >= 16


def test_only_tiles_that_hold_something_of_the_region_are_there():
    region = np.zeros((40, 40, 120), bool)
    region[10:20, 5:15, 3] = True
    region[12, 6, 110] = True
    tiles = plan_tiles(region.shape, 8, most_voxels=20 * 20 * 40, region=region)
    covered = np.zeros(region.shape, bool)
    for tile in tiles:
        assert region[tile.place].any()
        covered[tile.place] = True
    assert np.all(covered[region])
    assert covered.mean() < 0.1
    assert plan_tiles((4, 4, 4), 3, most_voxels=100, region=np.zeros((4, 4, 4), bool)) == []


def test_a_block_holds_the_halo_and_nan_outside():
    volume = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
    tile = Tile(first=(1, 0, 4), stop=(3, 2, 6), block=(6, 6, 6))
    block = read_block(volume, tile, box_px=4)
    for z, y, x in np.ndindex(6, 6, 6):
        place = (z + 1 - 2, y - 2, x + 4 - 2)
        inside = all(0 <= p < n for p, n in zip(place, volume.shape, strict=True))
        assert block[z, y, x] == volume[place] if inside else np.isnan(block[z, y, x])
