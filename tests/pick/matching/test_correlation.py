"""Correlation by FFT against sums written out."""

import numpy as np
import pytest
import torch

from cryopick.pick.matching.correlation import (
    block_spectrum,
    correlate,
    fast_length,
    kernel_spectrum,
)


def by_sums(block, kernel):
    n = kernel.shape[0]
    windows = np.lib.stride_tricks.sliding_window_view(block, (n, n, n))
    return np.einsum("zyxabc,abc->zyx", windows, kernel)


@pytest.mark.parametrize("edge", [1, 2, 5])
@pytest.mark.parametrize("shape", [(6, 8, 9), (7, 5, 10)])
def test_it_is_the_sum_at_every_place_free_of_wrap_around(edge, shape):
    rng = np.random.default_rng(edge)
    block, kernels = rng.normal(size=shape), rng.normal(size=(3, edge, edge, edge))
    found = correlate(
        block_spectrum(torch.from_numpy(block)),
        kernel_spectrum(torch.from_numpy(kernels), shape),
        shape,
        edge=edge,
    )
    assert found.shape == (3, *(n - edge + 1 for n in shape))
    for kernel, values in zip(kernels, found, strict=True):
        np.testing.assert_allclose(values, by_sums(block, kernel), atol=1e-12)


def test_one_kernel_needs_no_batch_axis():
    block, kernel = torch.arange(125.0).reshape(5, 5, 5), torch.ones(2, 2, 2)
    found = correlate(block_spectrum(block), kernel_spectrum(kernel, (5, 5, 5)), (5, 5, 5), edge=2)
    assert found.shape == (4, 4, 4)
    assert float(found[0, 0, 0]) == pytest.approx(0 + 1 + 5 + 6 + 25 + 26 + 30 + 31)


def test_the_block_keeps_its_spectrum():
    block = block_spectrum(torch.ones(4, 4, 4))
    before = block.clone()
    correlate(block, kernel_spectrum(torch.ones(2, 2, 2), (4, 4, 4)), (4, 4, 4), edge=2)
    assert torch.equal(block, before)


@pytest.mark.parametrize("at_least", [1, 7, 11, 97, 113, 481])
def test_lengths_have_small_prime_factors_and_are_the_next_ones(at_least):
    def smooth(n):
        for prime in (2, 3, 5):
            while n % prime == 0:
                n //= prime
        return n == 1

    found = fast_length(at_least)
    assert smooth(found)
    assert not any(smooth(n) for n in range(at_least, found))
