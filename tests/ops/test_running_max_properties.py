"""What holds of the best row whatever the numbers are, and how a fused kernel is used."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.ops import running_max
from cryopick.ops.running_max import RowMaximum

TYPES = [torch.float32, torch.bfloat16, torch.int8]


def draw(rows, k, n, seed):
    rng = np.random.default_rng(seed)
    left = torch.from_numpy(rng.normal(size=(rows, k)).astype(np.float32))
    right = torch.from_numpy(rng.normal(size=(k, n)).astype(np.float32))
    return left, right


sizes = st.tuples(st.integers(1, 90), st.integers(1, 20), st.integers(0, 40))


@settings(deadline=None, max_examples=30)
@given(sizes, st.integers(1, 100), st.integers(0, 2**32 - 1))
def test_of_any_shape_and_group_the_float32_answer_is_exact(size, group, seed):
    left, right = draw(*size, seed)
    value, row = RowMaximum(left, dtype=torch.float32, group=group).of(right)
    product = left.double() @ right.double()
    assert torch.allclose(value.double(), product.amax(0), atol=1e-4)
    assert torch.allclose(product.gather(0, row.long()[None])[0], product.amax(0), atol=1e-4)


@settings(deadline=None, max_examples=30)
@given(sizes, st.integers(1, 100), st.integers(0, 2**32 - 1), st.sampled_from(TYPES))
def test_the_value_is_that_of_an_allowed_row_and_never_above_the_maximum(size, group, seed, dtype):
    left, right = draw(*size, seed)
    best = RowMaximum(left, dtype=dtype, group=group)
    rng = np.random.default_rng(seed)
    allowed = torch.from_numpy(rng.random((best.groups, size[2])) < 0.5)
    value, row = best.of(right, allowed=allowed)
    product = left @ right
    rows = allowed.repeat_interleave(best.group, 0)[: size[0]]
    for column in range(size[2]):
        if not allowed[:, column].any():
            assert row[column] == -1
            continue
        assert rows[row[column], column]
        assert value[column] == pytest.approx(float(product[row[column], column]), abs=1e-4)
        assert value[column] <= product[rows[:, column], column].max() + 1e-4


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_turning_rows_and_columns_together_changes_nothing(dtype):
    """Products are what counts: a rotation of the components leaves them."""
    left, right = draw(200, 16, 300, 1)
    turn, _ = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(2)))
    value, row = RowMaximum(left, dtype=dtype, group=20).of(right)
    turned, row_turned = RowMaximum(left @ turn, dtype=dtype, group=20).of(turn.T @ right)
    assert (row == row_turned).double().mean() > 0.9
    assert torch.allclose(value, turned, atol=0.35)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_the_scale_of_columns_is_that_of_the_values(dtype):
    left, right = draw(200, 16, 100, 3)
    best = RowMaximum(left, dtype=dtype, group=20)
    value, row = best.of(right)
    # Powers of two: rounding is the same, even where eight bits are scaled to their range.
    for scale in (2.0**-20, 2.0**20):
        scaled, same = best.of(right * scale)
        assert torch.equal(same, row)
        assert torch.allclose(scaled, value * scale, rtol=1e-5)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_columns_may_be_strided_and_in_any_order(dtype):
    left, right = draw(150, 12, 400, 4)
    best = RowMaximum(left, dtype=dtype, group=10)
    value, row = best.of(right)
    order = torch.randperm(400, generator=torch.Generator().manual_seed(0))
    for columns, expected in (
        (right[:, order], order),
        (right.T.contiguous().T, torch.arange(400)),
        (right[:, ::2], torch.arange(0, 400, 2)),
    ):
        again, rows = best.of(columns)
        assert (rows == row[expected]).double().mean() > 0.98
        assert torch.allclose(again, value[expected], atol=0.05)


def test_what_is_given_is_not_changed():
    left, right = draw(50, 8, 20, 5)
    before = left.clone(), right.clone()
    allowed = torch.ones(5, 20, dtype=torch.bool)
    for dtype in TYPES:
        RowMaximum(left, dtype=dtype, group=10).of(right, allowed=allowed)
    assert torch.equal(left, before[0])
    assert torch.equal(right, before[1])
    assert allowed.all()


def test_winning_groups_say_what_they_do_not_know():
    left = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    best = RowMaximum(left, dtype=torch.bfloat16, group=2)
    right = torch.tensor([[1.0, -1.0, 1.0, 1.0]])
    allowed = torch.tensor([[True, True, True, False], [True, True, False, False]])
    assert best.winning_groups(right).tolist() == [1, -2, 1, 1]
    assert best.winning_groups(right, allowed).tolist() == [1, -2, 0, -1]
    value, row = best.of(right, allowed=allowed)
    assert row.tolist() == [3, 0, 1, -1]
    assert value.tolist() == [4, -1, 2, 0]


def test_a_fused_kernel_gives_the_groups_and_float32_the_rows(monkeypatch):
    """The kernel sees rows in the type of the product, filled up to whole groups."""
    seen = []

    def kernel(rows, columns, group, allowed):
        seen.append((rows.dtype, tuple(rows.shape), group))
        product = rows.double() @ columns.double()
        if allowed is not None:
            product[~allowed.repeat_interleave(group, 0)] = float("-inf")
        winner = product.max(0).indices // group
        return winner if allowed is None else winner.masked_fill(~allowed.any(0), -1)

    left, right = draw(45, 9, 70, 6)
    allowed = torch.from_numpy(np.random.default_rng(0).random((5, 70)) < 0.3)
    plain = RowMaximum(left, dtype=torch.float32, group=10)
    monkeypatch.setattr(running_max, "_fused_kernel", lambda *_: kernel)
    fused = RowMaximum(left, dtype=torch.bfloat16, group=10)
    for mask in (None, allowed):
        value, row = fused.of(right, allowed=mask)
        expected, rows = plain.of(right, allowed=mask)
        assert (row == rows).double().mean() > 0.9
        assert torch.allclose(value, expected, atol=0.1)
        assert torch.equal(row == -1, rows == -1)
    assert seen == [(torch.bfloat16, (50, 9), 10)] * 2
