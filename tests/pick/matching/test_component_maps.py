"""Component maps of tiles: against direct sums at chosen voxels."""

import numpy as np
import pytest
import torch

from cryopick.geometry.so3_grid import rotation_grid
from cryopick.pick.matching.bank import build_bank
from cryopick.pick.matching.component_maps import component_maps
from cryopick.pick.matching.patches import component_values
from cryopick.pick.matching.tiles import Tile, plan_tiles, read_block
from pick.matching.cases import lumpy_template, noise

SHAPE = (13, 21, 17)


def bank_of(n, rank):
    return build_bank(lumpy_template(n), rotation_grid(60), weight=None, max_rank=rank)


def maps_of(volume, tile, bank, *, voxel=None, dtype=torch.float32):
    block = np.nan_to_num(read_block(volume, tile, box_px=bank.box_px), nan=0.0)
    return component_maps(torch.from_numpy(block).float(), tile, bank, voxel=voxel, dtype=dtype)


def by_patches(volume, bank, voxel):
    """What `patches` gives, which is tested against plain sums."""
    basis = torch.from_numpy(bank.parts.basis)
    return component_values(volume, voxel, basis=basis, offset_zyx=bank.offset_zyx).numpy()


@pytest.mark.parametrize("n", [9, 12])
@pytest.mark.parametrize("rank", [1, 4, 5])
def test_values_are_those_of_direct_sums(n, rank):
    bank, volume = bank_of(n, rank), noise(SHAPE)
    (tile,) = plan_tiles(SHAPE, bank.box_px, most_voxels=10**6)
    maps = maps_of(volume, tile, bank).numpy().reshape(rank, *SHAPE)
    everywhere = np.argwhere(np.ones(SHAPE, bool))
    wanted = by_patches(volume, bank, everywhere).reshape(rank, *SHAPE)
    np.testing.assert_allclose(maps, wanted, atol=3e-6 * np.abs(wanted).max() + 2e-6)


def test_a_component_lies_the_right_way_round():
    """Two voxels that differ: a convolution would give the mirror image."""
    bank, volume = bank_of(9, 3), np.zeros(SHAPE, np.float32)
    volume[6, 10, 8] = 1
    (tile,) = plan_tiles(SHAPE, bank.box_px, most_voxels=10**6)
    maps = maps_of(volume, tile, bank).numpy().reshape(3, *SHAPE)
    for offset, values in list(zip(bank.offset_zyx, bank.parts.basis.T, strict=True))[::23]:
        np.testing.assert_allclose(maps[:, *(np.array([6, 10, 8]) - offset)], values, atol=1e-6)


def test_split_tiles_give_what_one_gives():
    bank, volume = bank_of(9, 4), noise(SHAPE)
    whole = np.empty((4, *SHAPE), np.float32)
    split = np.empty_like(whole)
    for out, voxels in ((whole, 10**6), (split, 4000)):
        tiles = plan_tiles(SHAPE, bank.box_px, most_voxels=voxels)
        for tile in tiles:
            values = maps_of(volume, tile, bank).numpy()
            out[:, *tile.place] = values.reshape(4, *tile.shape)
    assert len(tiles) > 4
    np.testing.assert_allclose(split, whole, atol=1e-5 * np.abs(whole).max())


def test_chosen_voxels_are_those_of_the_tile():
    bank, volume = bank_of(9, 5), noise(SHAPE)
    tile = Tile(first=(2, 0, 5), stop=(8, 10, 17), block=(16, 20, 24))
    every = maps_of(volume, tile, bank)
    voxel = np.array([0, 3, 77, 6 * 10 * 12 - 1])
    chosen = maps_of(volume, tile, bank, voxel=voxel)
    np.testing.assert_array_equal(chosen, every[:, voxel])
    place = np.stack(np.unravel_index(voxel, tile.shape), axis=1) + tile.first
    np.testing.assert_allclose(chosen, by_patches(volume, bank, place), atol=1e-4)
    assert maps_of(volume, tile, bank, voxel=voxel[:0]).shape == (5, 0)


def test_a_longer_transform_changes_nothing():
    bank, volume = bank_of(9, 2), noise(SHAPE)
    tight = [n + bank.box_px - 1 for n in SHAPE]
    maps = [
        maps_of(
            volume, Tile(first=(0, 0, 0), stop=SHAPE, block=tuple(n + more for n in tight)), bank
        )
        for more in (0, 7)
    ]
    np.testing.assert_allclose(maps[0], maps[1], atol=1e-4)


def test_the_type_asked_for():
    bank, volume = bank_of(9, 2), noise(SHAPE)
    (tile,) = plan_tiles(SHAPE, bank.box_px, most_voxels=10**6)
    rounded = maps_of(volume, tile, bank, dtype=torch.bfloat16)
    assert rounded.dtype == torch.bfloat16
    exact = maps_of(volume, tile, bank)
    np.testing.assert_allclose(rounded.float(), exact, rtol=2**-8, atol=1e-6)
