"""The best row of a product: against a plain product, in every type, negative, masked, threaded."""

import threading
import warnings

import numpy as np
import pytest
import torch

from cryopick.errors import InputError
from cryopick.ops import running_max
from cryopick.ops.running_max import RowMaximum, choose_dtype, product_rate

TYPES = [torch.float32, torch.bfloat16, torch.float16, torch.int8]
# Largest shortfall of the value found, in root mean squares of a column's products.
ROUNDING = {torch.float32: 1e-5, torch.bfloat16: 0.03, torch.float16: 0.01, torch.int8: 0.15}


def problem(rows=300, k=40, n=700, *, seed=0):
    """Coefficients and columns whose components fall off as those of a rotation bank do."""
    rng = np.random.default_rng(seed)
    fall = np.arange(1, k + 1) ** -0.5
    left = rng.normal(size=(rows, k)) * fall
    right = rng.normal(size=(k, n)) * fall[:, None] ** 0.3
    return left.astype(np.float32), right.astype(np.float32)


def plain(left, right, allowed=None, group=1):
    """Highest product and its row, with whole rows of groups forbidden."""
    product = left.astype(np.float64) @ right.astype(np.float64)
    if allowed is not None:
        product[~np.repeat(allowed, group, axis=0)[: len(left)]] = -np.inf
    row = product.argmax(0)
    return product, product[row, np.arange(len(row))], row


def search(left, right, *, dtype, group=64, allowed=None):
    best = RowMaximum(torch.from_numpy(left), dtype=dtype, group=group)
    mask = None if allowed is None else torch.from_numpy(allowed)
    value, row = best.of(torch.from_numpy(right), allowed=mask)
    assert value.dtype == torch.float32
    assert row.dtype == torch.int32
    return value.numpy(), row.numpy()


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("group", [1, 64, 100, 1000])
def test_it_equals_a_plain_product(dtype, group):
    left, right = problem()
    product, expected, row_expected = plain(left, right)
    value, row = search(left, right, dtype=dtype, group=group)
    places = np.arange(len(row))
    # The value is exactly that of the row returned,
    assert np.allclose(value, product[row, places], atol=1e-4)
    # and short of the maximum by no more than the rounding of the type.
    rms = np.sqrt((product**2).mean(0))
    assert np.all((expected - value) / rms < ROUNDING[dtype])
    # One group leaves nothing to rounding.
    if dtype == torch.float32 or group == 1000:
        assert np.array_equal(row, row_expected)
    assert np.mean(row == row_expected) > 0.9


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_more_rows_and_columns_than_a_tile(dtype):
    left, right = problem(rows=4500, k=24, n=1300)
    product, expected, row_expected = plain(left, right)
    value, row = search(left, right, dtype=dtype)
    rms = np.sqrt((product**2).mean(0))
    assert np.all((expected - value) / rms < ROUNDING[dtype])
    assert np.mean(row == row_expected) > 0.85


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_columns_without_any_positive_product(dtype):
    """Bits misorder negative numbers; the answer must not."""
    left, right = problem(rows=130)
    left, right = np.abs(left) + 0.1, -np.abs(right) - 0.1
    right[:, 1::3] *= -1
    right[:, 2::3] = 0
    _, expected, row_expected = plain(left, right)
    value, row = search(left, right, dtype=dtype, group=16)
    assert expected.min() < 0
    assert np.allclose(value, expected, rtol=0.02)
    negative, zero = expected < 0, expected == 0
    if dtype != torch.int8:  # integers keep their order, and only rounding is left
        assert np.array_equal(row[negative], row_expected[negative])
    assert zero.any()
    assert np.all(value[zero] == 0)
    assert np.all(row[zero] == 0)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_groups_can_be_forbidden_column_by_column(dtype):
    left, right = problem(rows=130)
    allowed = np.random.default_rng(1).random((9, right.shape[1])) < 0.3
    allowed[:, :5] = False
    # Columns that may only have group 0, whose products are negative, while others are positive.
    left[:16, 0], left[16:, 0] = 1 + left[:16, 0] ** 2, -1 - left[16:, 0] ** 2
    right[:, 5:10] = -np.eye(40)[:, :1]
    allowed[:, 5:10] = (np.arange(9) == 0)[:, None]
    product, expected, row_expected = plain(left, right, allowed, 16)
    value, row = search(left, right, dtype=dtype, group=16, allowed=allowed)
    nothing = ~allowed.any(0)
    assert nothing[:5].all()
    assert np.all(row[nothing] == -1)
    assert np.all(value[nothing] == 0)
    some = ~nothing
    places = np.arange(len(row))
    assert np.all(allowed[row[some] // 16, places[some]])
    rms = np.sqrt(np.square(left @ right).mean(0))
    assert np.all(((expected - value) / rms)[some] < ROUNDING[dtype])
    assert np.mean(row[some] == row_expected[some]) > 0.9
    assert product[row_expected[5], 5] < 0
    assert np.array_equal(row[5:10], row_expected[5:10])


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_of_equal_rows_the_lowest_wins(dtype):
    # Small whole numbers: sums are exact in whatever order the processor adds them.
    left, right = (np.round(values).clip(-1, 1) for values in problem(rows=50))
    _, expected, row_expected = plain(left, right)
    value, row = search(np.concatenate([left, left]), right, dtype=dtype, group=10)
    assert row.max() < 50
    if dtype != torch.int8:  # its steps are not whole numbers
        assert np.array_equal(value, expected)
        assert np.array_equal(row, row_expected)


def test_weak_components_survive_eight_bits():
    """The strongest component carries nothing that tells rows apart; the weakest do."""
    rng = np.random.default_rng(3)
    left = rng.normal(size=(256, 32)).astype(np.float32) * 0.01
    left[:, 0] = 1
    right = rng.normal(size=(32, 400)).astype(np.float32)
    product, expected, _ = plain(left, right)
    value, _ = search(left, right, dtype=torch.int8, group=16)
    assert np.all((expected - value) / product.std(0) < 0.5)


def test_how_the_columns_are_cut_does_not_matter():
    left, right = problem(n=900)
    for dtype in TYPES:
        value, row = search(left, right, dtype=dtype)
        parts = [search(left, right[:, a : a + 217], dtype=dtype) for a in range(0, 900, 217)]
        # Another width may add in another order: only near ties may change.
        assert np.mean(np.concatenate([part[1] for part in parts]) == row) > 0.98
        assert np.allclose(np.concatenate([part[0] for part in parts]), value, rtol=0.02)


def test_no_columns_and_one_row():
    left, right = problem(rows=1)
    for dtype in TYPES:
        value, row = search(left, right[:, :0], dtype=dtype)
        assert value.shape == row.shape == (0,)
        value, row = search(left, right, dtype=dtype)
        assert np.all(row == 0)
        assert np.allclose(value, left[0] @ right, atol=1e-4)


def test_columns_of_another_type():
    left, right = problem()
    best = RowMaximum(torch.from_numpy(left), dtype=torch.bfloat16)
    low = torch.from_numpy(right).bfloat16()
    value, row = best.of(low)
    again, row_again = best.of(low.double())
    assert torch.equal(row, row_again)
    assert torch.equal(value, again)


def test_threads_share_one_instance():
    left, right = problem(n=600)
    best = RowMaximum(torch.from_numpy(left), dtype=torch.bfloat16)
    pieces = [torch.from_numpy(right[:, start::4].copy()) for start in range(4)]
    expected = [best.of(piece) for piece in pieces]
    found = [None] * 4

    def work(place):
        for _ in range(5):
            found[place] = best.of(pieces[place])

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The same pieces, whatever the other threads do: the same bits.
    for (value, row), (value_expected, row_expected) in zip(found, expected, strict=True):
        assert torch.equal(value, value_expected)
        assert torch.equal(row, row_expected)


def test_bad_input_is_named():
    left = torch.zeros(4, 3)
    with pytest.raises(InputError, match="coefficients"):
        RowMaximum(torch.zeros(4), dtype=torch.float32)
    with pytest.raises(InputError, match="coefficients"):
        RowMaximum(torch.zeros(0, 3), dtype=torch.float32)
    with pytest.raises(InputError, match="group"):
        RowMaximum(left, dtype=torch.float32, group=0)
    with pytest.raises(InputError, match="float64"):
        RowMaximum(left, dtype=torch.float64)
    best = RowMaximum(left, dtype=torch.float32)
    with pytest.raises(InputError, match="columns"):
        best.of(torch.zeros(4, 5))
    with pytest.raises(InputError, match="allowed"):
        best.of(torch.zeros(3, 5), allowed=torch.ones(2, 5, dtype=torch.bool))


def test_the_type_chosen_is_the_fastest_that_is_worth_its_rounding(monkeypatch):
    rates = {torch.float32: 10.0, torch.bfloat16: 11.5, torch.float16: 1.0, torch.int8: 11.9}
    monkeypatch.setattr(running_max, "product_rate", lambda dtype, *_, **__: rates[dtype])
    assert choose_dtype(256, 1000) == torch.float32
    rates[torch.bfloat16] = 40.0
    assert choose_dtype(256, 1000) == torch.bfloat16
    rates[torch.int8] = 80.0
    assert choose_dtype(256, 1000) == torch.int8


def test_rates_are_measured_once(monkeypatch):
    first = product_rate(torch.float32, k=64, rows=100)
    assert first > 1e6
    monkeypatch.setattr(running_max, "RowMaximum", None)
    assert product_rate(torch.float32, k=64, rows=100) == first


def test_a_kernel_that_fails_or_errs_is_not_used(monkeypatch):
    monkeypatch.setattr(running_max.importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *_, **__: self.float())
    from cryopick.ops import running_max_triton

    def broken(*_):
        raise RuntimeError("no compiler")

    def wrong(rows, columns, group, _):
        return torch.zeros(columns.shape[1], dtype=torch.int64)

    def right(rows, columns, group, _):
        return (rows @ columns).max(0).indices // group

    kernel = running_max._fused_kernel.__wrapped__
    monkeypatch.setattr(running_max_triton, "winning_groups", broken)
    with pytest.warns(UserWarning, match="no compiler"):
        assert kernel("cuda:0", torch.float32) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monkeypatch.setattr(running_max_triton, "winning_groups", wrong)
        assert kernel("cuda:0", torch.float32) is None
        monkeypatch.setattr(running_max_triton, "winning_groups", right)
        assert kernel("cuda:0", torch.float32) is right
        assert kernel("cpu", torch.float32) is None
