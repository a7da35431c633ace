"""The Triton kernel against a plain product; on a GPU, or in Triton's interpreter.

Without a GPU: ``TRITON_INTERPRET=1 pytest tests/ops/test_running_max_triton.py`` where Triton is
installed. That Triton is absent, or does not work, is tested with `cryopick.ops.running_max`.
"""

import importlib.util
import os

import numpy as np
import pytest
import torch

from cryopick.ops import running_max_triton
from cryopick.ops.running_max import RowMaximum

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
RUNS = importlib.util.find_spec("triton") is not None and (
    DEVICE == "cuda" or os.environ.get("TRITON_INTERPRET") == "1"
)
needs_triton = pytest.mark.skipif(not RUNS, reason="needs Triton and a GPU, or its interpreter")


def problem(rows, k, n, *, group, seed=0):
    rng = np.random.default_rng(seed)
    left = torch.from_numpy(rng.normal(size=(rows, k)).astype(np.float32)).to(DEVICE)
    right = torch.from_numpy(rng.normal(size=(k, n)).astype(np.float32)).to(DEVICE)
    allowed = torch.from_numpy(rng.random((rows // group, n)) < 0.4).to(DEVICE)
    allowed[:, 0] = False
    return left, right, allowed


def plain(left, right, group, allowed=None):
    product = left.double() @ right.double()
    if allowed is not None:
        product[~allowed.repeat_interleave(group, 0)] = float("-inf")
    winner = product.max(0).indices // group
    if allowed is not None:
        winner[~allowed.any(0)] = -1
    return winner


@needs_triton
@pytest.mark.parametrize(("rows", "k", "n", "group"), [(64, 16, 40, 8), (300, 50, 260, 30)])
def test_it_finds_the_group_of_a_plain_product(rows, k, n, group):
    left, right, allowed = problem(rows, k, n, group=group)
    for mask in (None, allowed):
        found = running_max_triton.winning_groups(left, right, group, mask)
        assert found.dtype == torch.int64
        assert torch.equal(found, plain(left, right, group, mask))


@needs_triton
def test_negative_products_and_equal_rows():
    left, right, _ = problem(160, 20, 30, group=10)
    left, right = left.abs(), -right.abs()
    assert torch.equal(
        running_max_triton.winning_groups(left, right, 10, None), plain(left, right, 10)
    )
    # Whole numbers: of equal sums, exact in any order, the lowest row wins.
    left, right = left.round(), right.round()
    found = running_max_triton.winning_groups(torch.cat([left, left]), right, 10, None)
    lowest = (left @ right).cpu().numpy().argmax(0) // 10
    assert np.array_equal(found.cpu().numpy(), lowest)


@needs_triton
def test_low_precision_and_no_columns():
    left, right, _ = problem(128, 32, 50, group=16)
    found = running_max_triton.winning_groups(left.half(), right, 16, None)
    assert torch.equal(found, plain(left.half(), right.half(), 16))
    assert running_max_triton.winning_groups(left, right[:, :0], 16, None).shape == (0,)


@pytest.mark.gpu
@pytest.mark.skipif(DEVICE == "cpu", reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_the_search_on_a_gpu_is_that_on_the_cpu(dtype):
    left, right, allowed = problem(1000, 96, 5000, group=40)
    for mask in (None, allowed):
        best = RowMaximum(left, dtype=dtype, group=40, device=DEVICE)
        value, row = best.of(right, allowed=mask)
        exact = RowMaximum(left.cpu(), dtype=torch.float32, group=40)
        expected, rows = exact.of(right.cpu(), allowed=None if mask is None else mask.cpu())
        assert torch.all((expected - value.cpu()).abs() < 0.3)
        assert (row.cpu() == rows).double().mean() > 0.95


def test_without_triton_it_is_imported_all_the_same():
    """Documentation and doctests import every module; the kernel is made at its first use."""
    assert callable(running_max_triton.winning_groups)
    assert running_max_triton.__doc__
