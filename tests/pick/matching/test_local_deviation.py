"""The local standard deviation: against sums written out, and where a volume is flat."""

import numpy as np
import pytest
import torch

from cryopick.pick.matching import local_deviation as module
from cryopick.pick.matching.local_deviation import (
    FLAT,
    deviation,
    local_deviation,
    volume_moments,
)
from pick.matching.cases import noise, soft_sphere


def by_sums(volume, mask):
    n = mask.shape[0]
    centred = volume.astype(float) - volume.mean(dtype=float)
    padded = np.pad(centred, [(n // 2, n - 1 - n // 2)] * 3)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (n, n, n))
    mean = np.einsum("zyxabc,abc->zyx", windows, mask) / mask.sum()
    square = np.einsum("zyxabc,abc->zyx", windows**2, mask) / mask.sum()
    return np.sqrt(square - mean**2)


@pytest.mark.parametrize("n", [5, 8])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_it_is_the_weighted_deviation_whatever_the_volumes_mean(n, offset):
    mask = soft_sphere(n, n / 2 - 0.5)
    volume = noise((11, 14, 9), smooth=0.7)
    found = local_deviation(volume + np.float32(offset), mask)
    assert found.dtype == np.float32
    assert found.shape == volume.shape
    np.testing.assert_allclose(found, by_sums(volume, mask), rtol=3e-3 if offset else 1e-5)


@pytest.mark.parametrize("most", [10**7, 2_000])
def test_a_large_volume_is_done_in_parts_without_a_seam(monkeypatch, most):
    monkeypatch.setattr(module, "_MOST_VOXELS", most)
    mask = soft_sphere(4, 1.7)
    volume = noise((61, 16, 7), smooth=0.5)
    np.testing.assert_allclose(local_deviation(volume, mask), by_sums(volume, mask), rtol=1e-5)


def test_a_weak_texture_beside_a_bright_bead_is_not_lost():
    mask = soft_sphere(5, 2)
    weak = noise((12, 12, 40))
    strong = weak.copy()
    strong[4:8, 4:8, 4:8] += 50
    away = np.s_[:, :, 12:-3]
    found = local_deviation(strong, mask)
    # The mean of the volume differs, which matters near its faces only.
    inner = np.s_[3:-3, 3:-3, 12:-3]
    np.testing.assert_allclose(found[inner], local_deviation(weak, mask)[inner], rtol=1e-5)
    assert found[away].min() > 0.3


def test_flat_places_count_as_the_whole_volume():
    volume = noise((12, 12, 48))
    volume[:, :, :24] = volume[:, :, 24:].mean()
    volume -= volume.mean()
    volume[:, :, :24] = 0
    found = local_deviation(volume, soft_sphere(5, 2))
    assert found[4:-4, 4:-4, 4:18] == pytest.approx(volume.std(), rel=1e-4)
    assert np.all(local_deviation(np.full((6, 6, 6), 3.0, np.float32), soft_sphere(3, 1)) == 1)


def test_the_limit_of_flatness_is_where_it_is_said():
    local = torch.tensor([0.9 * FLAT, 1.1 * FLAT, -1e-9, 4.0])
    np.testing.assert_allclose(
        deviation(3 * local, 3.0), np.sqrt(3 * np.array([1, 1.1 * FLAT, 1, 4.0])), rtol=1e-5
    )


def test_moments_are_those_of_the_whole(tmp_path):
    volume = noise((9, 10, 11)) * 3 + 1000
    mean, variance = volume_moments(volume)
    assert mean == pytest.approx(volume.mean(dtype=float), rel=1e-12)
    assert variance == pytest.approx(volume.var(dtype=float), rel=1e-9)
    volume.tofile(tmp_path / "raw")
    mapped = np.memmap(tmp_path / "raw", np.float32, "r", shape=volume.shape)
    assert volume_moments(mapped) == (mean, variance)
