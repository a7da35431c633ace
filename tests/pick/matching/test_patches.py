"""Component values at chosen voxels: against direct sums."""

import numpy as np
import pytest
import torch

from cryopick.pick.matching import patches
from cryopick.pick.matching.patches import component_values

SHAPE = (9, 11, 7)


def case(*, seed=0, reach=3, places=40, components=5):
    rng = np.random.default_rng(seed)
    volume = rng.normal(size=SHAPE).astype(np.float32)
    offset = rng.integers(-reach, reach + 1, (60, 3))
    basis = rng.normal(size=(components, 60)).astype(np.float32)
    voxel = np.stack([rng.integers(0, n, places) for n in SHAPE], axis=1)
    voxel[:2] = [[0, 0, 0], [n - 1 for n in SHAPE]]
    return volume, voxel, basis, offset


def by_sums(volume, voxel, basis, offset):
    out = np.zeros((len(basis), len(voxel)))
    for place, at in enumerate(voxel):
        for value, step in zip(basis.T, offset, strict=True):
            z, y, x = at + step
            if all(0 <= i < n for i, n in zip((z, y, x), volume.shape, strict=True)):
                out[:, place] += value.astype(float) * volume[z, y, x]
    return out


def test_values_are_sums_over_the_patch_and_zero_outside_the_volume():
    volume, voxel, basis, offset = case()
    values = component_values(
        volume, voxel,
        basis=torch.from_numpy(basis), offset_zyx=offset,
    )  # fmt: skip
    assert values.dtype == torch.float32
    np.testing.assert_allclose(values, by_sums(volume, voxel, basis, offset), atol=2e-5)


def test_the_products_have_the_type_of_the_basis():
    volume, voxel, basis, offset = case()
    values = component_values(
        volume, voxel,
        basis=torch.from_numpy(basis).bfloat16(), offset_zyx=offset,
    )  # fmt: skip
    assert values.dtype == torch.bfloat16
    wanted = by_sums(volume, voxel, basis, offset)
    difference = values.float().numpy() - wanted
    assert 0 < np.sqrt(np.mean(difference**2)) < 0.01 * np.sqrt(np.mean(wanted**2))


def test_few_voxels_at_a_time_give_the_same(monkeypatch):
    volume, voxel, basis, offset = case()

    def values():
        return component_values(
            volume, voxel,
            basis=torch.from_numpy(basis), offset_zyx=offset,
        )  # fmt: skip

    whole = values()
    for at_once in (1, 60 * 7):
        monkeypatch.setattr(patches, "_PATCH_VALUES_AT_ONCE", at_once)
        np.testing.assert_allclose(values(), whole, atol=5e-6)


def test_no_voxels_give_no_values():
    volume, voxel, basis, offset = case()
    values = component_values(
        volume, voxel[:0],
        basis=torch.from_numpy(basis), offset_zyx=offset,
    )  # fmt: skip
    assert values.shape == (5, 0)


def test_slabs_of_planes_give_what_one_gives(monkeypatch):
    volume, voxel, basis, offset = case(places=90)
    order = np.random.default_rng(1).permutation(len(voxel))
    whole = component_values(volume, voxel, basis=torch.from_numpy(basis), offset_zyx=offset)
    monkeypatch.setattr(patches, "_PLANES_AT_ONCE", 2)
    split = component_values(volume, voxel[order], basis=torch.from_numpy(basis), offset_zyx=offset)
    np.testing.assert_allclose(split, whole[:, order], atol=5e-6)


def test_squares_of_the_volume():
    volume, voxel, basis, offset = case()
    values = component_values(
        volume, voxel, basis=torch.from_numpy(basis), offset_zyx=offset, squared=True
    )
    np.testing.assert_allclose(values, by_sums(volume**2, voxel, basis, offset), atol=5e-5)


@pytest.mark.gpu
def test_another_device_gives_the_same():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    volume, voxel, basis, offset = case()
    values = component_values(
        volume, voxel,
        basis=torch.from_numpy(basis).cuda(), offset_zyx=offset,
    )  # fmt: skip
    np.testing.assert_allclose(values.cpu(), by_sums(volume, voxel, basis, offset), atol=2e-3)
