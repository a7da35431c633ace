"""A chain of filters is each of them in turn, in memory and slab by slab."""

import numpy as np
import pytest

from cryopick.ops.filters import Band, band_pass, gaussian, local_normalise
from cryopick.ops.filters_chain import FilterChain, filter_in_memory, filter_streaming

SIZE = 2.0
VALUES = np.random.default_rng(24).normal(3, 1, (18, 25, 30)).astype(np.float32)
BAND = Band(low_pass_angstrom=8.0, high_pass_angstrom=60.0)
CHAINS = [
    FilterChain(),
    FilterChain(band=BAND),
    FilterChain(gaussian_angstrom=4.0),
    FilterChain(local_normalise_angstrom=12.0),
    FilterChain(band=BAND, gaussian_angstrom=4.0),
    FilterChain(gaussian_angstrom=4.0, local_normalise_angstrom=12.0),
    FilterChain(band=BAND, gaussian_angstrom=4.0, local_normalise_angstrom=12.0),
]


@pytest.mark.parametrize("chain", CHAINS)
def test_streaming_agrees_with_memory(chain, tmp_path):
    target = np.full(VALUES.shape, np.nan, dtype=np.float32)
    filter_streaming(VALUES, target, SIZE, chain, memory_bytes=200_000, folder=tmp_path)
    assert np.abs(target - filter_in_memory(VALUES, SIZE, chain)).max() < 1e-4
    assert list(tmp_path.iterdir()) == []


def test_the_order_is_band_pass_gaussian_normalise():
    by_hand = band_pass(VALUES, SIZE, BAND)
    by_hand = gaussian(by_hand, SIZE, sigma_angstrom=4.0)
    by_hand = local_normalise(by_hand, SIZE, window_angstrom=12.0)
    assert np.array_equal(filter_in_memory(VALUES, SIZE, CHAINS[-1]), by_hand)


def test_an_empty_chain_says_so_and_does_nothing():
    assert [c.is_empty for c in CHAINS] == [True] + [False] * 6
    assert np.array_equal(filter_in_memory(VALUES, SIZE, FilterChain()), VALUES)


def test_the_source_is_left_as_it_was():
    before = VALUES.copy()
    filter_in_memory(VALUES, SIZE, CHAINS[-1])
    assert np.array_equal(VALUES, before)


@pytest.mark.parametrize("chain", CHAINS[1:])
def test_images_are_filtered_like_volumes(chain):
    assert filter_in_memory(VALUES[0], SIZE, chain).shape == VALUES[0].shape
