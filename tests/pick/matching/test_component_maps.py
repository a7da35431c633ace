"""Component maps of tiles: against direct sums at chosen voxels; tiles that cover a volume."""

import numpy as np
import pytest
import torch

from cryopick.geometry.so3_grid import rotation_grid
from cryopick.pick.matching.bank import build_bank
from cryopick.pick.matching.component_maps import Tile, component_maps, plan_tiles
from cryopick.pick.matching.patches import component_values, padded
from pick.matching.cases import lumpy_template, noise

SHAPE = (13, 21, 17)


def bank_of(n, rank):
    return build_bank(lumpy_template(n), rotation_grid(60), weight=None, max_rank=rank)


def maps_of(volume, tile, bank, *, voxel=None, dtype=torch.float32):
    whole = padded(torch.from_numpy(volume), tile.margin_px)
    return component_maps(whole, tile, bank, voxel=voxel, dtype=dtype)


def by_patches(volume, bank, voxel):
    """What `patches` gives, which is tested against plain sums."""
    return component_values(
        padded(torch.from_numpy(volume), bank.reach_px), voxel,
        basis=torch.from_numpy(bank.parts.basis), offset_zyx=bank.offset_zyx,
        margin_px=bank.reach_px,
    ).numpy()  # fmt: skip


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 40, 33), (50, 9, 64), (31, 31, 31)])
@pytest.mark.parametrize("voxels", [1, 8000, 10**9])
def test_tiles_cover_every_voxel_once(shape, voxels):
    margin = 5
    tiles = plan_tiles(shape, margin, voxels_at_once=voxels)
    count = np.zeros(shape, int)
    for tile in tiles:
        assert count[tile.slices].shape == tile.shape
        count[tile.slices] += 1
        assert all(f >= n + 2 * margin for f, n in zip(tile.fft_shape, tile.shape, strict=True))
    assert np.all(count == 1)
    if voxels == 10**9:
        assert len(tiles) == 1
    # Only tiles that are mostly margin are larger than asked for.
    biggest = max(int(np.prod(tile.fft_shape)) for tile in tiles)
    assert biggest <= voxels or max(tiles[0].shape) <= margin


def test_smaller_tiles_where_less_is_wanted():
    counts = [
        len(plan_tiles((60, 90, 90), 6, voxels_at_once=n)) for n in (10**7, 200_000, 80_000, 40_000)
    ]
    assert counts == sorted(counts)
    assert counts[0] == 1 < counts[1] < counts[3]


@pytest.mark.parametrize("n", [9, 12])
@pytest.mark.parametrize("rank", [1, 4, 5])
def test_values_are_those_of_direct_sums(n, rank):
    bank, volume = bank_of(n, rank), noise(SHAPE)
    (tile,) = plan_tiles(SHAPE, bank.reach_px, voxels_at_once=10**6)
    maps = maps_of(volume, tile, bank).numpy().reshape(rank, *SHAPE)
    everywhere = np.argwhere(np.ones(SHAPE, bool))
    wanted = by_patches(volume, bank, everywhere).reshape(rank, *SHAPE)
    np.testing.assert_allclose(maps, wanted, atol=3e-6 * np.abs(wanted).max() + 2e-6)


def test_a_component_lies_the_right_way_round():
    """Two voxels that differ: a convolution would give the mirror image."""
    bank, volume = bank_of(9, 3), np.zeros(SHAPE, np.float32)
    volume[6, 10, 8] = 1
    (tile,) = plan_tiles(SHAPE, bank.reach_px, voxels_at_once=10**6)
    maps = maps_of(volume, tile, bank).numpy().reshape(3, *SHAPE)
    for offset, values in list(zip(bank.offset_zyx, bank.parts.basis.T, strict=True))[::23]:
        np.testing.assert_allclose(maps[:, *(np.array([6, 10, 8]) - offset)], values, atol=1e-6)


def test_split_tiles_give_what_one_gives():
    bank, volume = bank_of(9, 4), noise(SHAPE)
    whole = np.empty((4, *SHAPE), np.float32)
    split = np.empty_like(whole)
    for out, voxels in ((whole, 10**6), (split, 4000)):
        tiles = plan_tiles(SHAPE, bank.reach_px, voxels_at_once=voxels)
        for tile in tiles:
            values = maps_of(volume, tile, bank).numpy()
            out[:, *tile.slices] = values.reshape(4, *tile.shape)
    assert len(tiles) > 4
    np.testing.assert_allclose(split, whole, atol=1e-5 * np.abs(whole).max())


def test_chosen_voxels_are_those_of_the_tile():
    bank, volume = bank_of(9, 5), noise(SHAPE)
    tile = Tile(start=(2, 0, 5), shape=(6, 10, 12), fft_shape=(16, 20, 24), margin_px=bank.reach_px)
    every = maps_of(volume, tile, bank)
    voxel = np.array([0, 3, 77, 6 * 10 * 12 - 1])
    chosen = maps_of(volume, tile, bank, voxel=voxel)
    np.testing.assert_array_equal(chosen, every[:, voxel])
    place = np.stack(np.unravel_index(voxel, tile.shape), axis=1) + tile.start
    np.testing.assert_allclose(chosen, by_patches(volume, bank, place), atol=1e-4)
    assert maps_of(volume, tile, bank, voxel=voxel[:0]).shape == (5, 0)


def test_a_margin_wider_than_the_components_changes_nothing():
    bank, volume = bank_of(9, 2), noise(SHAPE)
    assert bank.reach_px < 6
    maps = [
        maps_of(volume, plan_tiles(SHAPE, margin, voxels_at_once=10**6)[0], bank)
        for margin in (bank.reach_px, 6)
    ]
    np.testing.assert_allclose(maps[0], maps[1], atol=1e-4)


def test_the_type_asked_for():
    bank, volume = bank_of(9, 2), noise(SHAPE)
    (tile,) = plan_tiles(SHAPE, bank.reach_px, voxels_at_once=10**6)
    rounded = maps_of(volume, tile, bank, dtype=torch.bfloat16)
    assert rounded.dtype == torch.bfloat16
    exact = maps_of(volume, tile, bank)
    np.testing.assert_allclose(rounded.float(), exact, rtol=2**-8, atol=1e-6)
