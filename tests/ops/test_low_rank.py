"""Low-rank mixtures: against the singular value decomposition of numpy."""

import numpy as np
import pytest
import torch

from cryopick.errors import InputError
from cryopick.ops import low_rank as module
from cryopick.ops.low_rank import LowRank, low_rank


def decaying(m, n, *, rank=40, power=1.0, seed=0):
    """Singular values 1, 2^-p, 3^-p, ...; in no special place."""
    rng = np.random.default_rng(seed)
    left, _ = np.linalg.qr(rng.normal(size=(m, rank)))
    right, _ = np.linalg.qr(rng.normal(size=(n, rank)))
    return ((left / np.arange(1.0, rank + 1) ** power) @ right.T).astype(np.float32)


def found(matrix, *, log=None, **options):
    def rows(index):
        if log is not None:
            log.append(index.copy())
        return torch.from_numpy(matrix[index])

    return low_rank(rows, len(matrix), **options)


def held(matrix):
    squares = np.linalg.svd(matrix.astype(np.float64), compute_uv=False) ** 2
    return squares.cumsum() / squares.sum()


@pytest.mark.parametrize("shape", [(60, 300), (300, 60), (80, 80)])
def test_it_holds_as_much_as_the_singular_vectors(shape):
    matrix = decaying(*shape)
    parts = found(matrix, max_rank=12)
    np.testing.assert_allclose(parts.energy, held(matrix)[:12], atol=1e-5)
    left = matrix - parts.coefficients @ parts.basis
    assert np.square(left).sum() / np.square(matrix).sum() == pytest.approx(
        1 - held(matrix)[11], rel=1e-3
    )


@pytest.mark.parametrize("power", [0.5, 2.0, 5.0])
def test_components_are_orthonormal_and_the_strongest_first(power):
    parts = found(decaying(90, 200, power=power), max_rank=30)
    np.testing.assert_allclose(parts.basis @ parts.basis.T, np.eye(len(parts.basis)), atol=2e-6)
    strength = np.square(parts.coefficients).sum(axis=0)
    assert np.all(np.diff(strength) <= 1e-6 * strength[0])
    assert np.all(np.diff(parts.energy) >= 0)
    assert parts.energy[-1] <= 1 + 1e-6


def test_at_full_rank_the_rows_come_back():
    matrix = np.random.default_rng(1).normal(size=(25, 70)).astype(np.float32)
    parts = found(matrix, max_rank=25)
    np.testing.assert_allclose(parts.coefficients @ parts.basis, matrix, atol=2e-5)
    assert parts.energy[-1] == pytest.approx(1, abs=1e-6)


def test_rows_of_lower_rank_need_no_more_components():
    """A component beyond the rank would be rounding, and not orthogonal to the others."""
    rng = np.random.default_rng(2)
    matrix = (rng.normal(size=(40, 5)) @ rng.normal(size=(5, 90))).astype(np.float32)
    parts = found(matrix, max_rank=20)
    assert len(parts.basis) == 5
    np.testing.assert_allclose(parts.coefficients @ parts.basis, matrix, atol=2e-5)


@pytest.mark.parametrize("energy", [0.5, 0.9, 0.99])
def test_as_few_components_as_hold_the_energy(energy):
    matrix = decaying(120, 200, power=0.7)
    parts = found(matrix, max_rank=40, energy=energy)
    assert len(parts.basis) == int(np.searchsorted(held(matrix), energy)) + 1
    assert parts.energy[-1] >= energy - 1e-6
    assert parts.energy[-2] < energy


def test_no_fewer_components_than_wanted_unless_there_are_none():
    matrix = decaying(120, 200, power=2.0)
    assert len(found(matrix, max_rank=40, energy=0.9).basis) < 12
    parts = found(matrix, max_rank=40, energy=0.9, least_rank=12)
    assert len(parts.basis) == 12
    np.testing.assert_allclose(parts.energy, held(matrix)[:12], atol=1e-5)
    assert len(found(matrix, max_rank=8, energy=0.5, least_rank=12).basis) == 8
    few = decaying(30, 50, rank=4)
    assert len(found(few, max_rank=40, energy=0.5, least_rank=12).basis) == 4


def test_max_rank_ends_it_where_the_energy_is_not_reached(monkeypatch):
    matrix = decaying(120, 200, power=0.3)
    monkeypatch.setattr(module, "_FIRST_RANK", 3)
    parts = found(matrix, max_rank=17, energy=0.999)
    assert len(parts.basis) == 17
    np.testing.assert_allclose(parts.energy, held(matrix)[:17], atol=1e-4)


def test_few_components_are_tried_first_with_the_same_result(monkeypatch):
    matrix = decaying(120, 200, power=0.7)
    wide = found(matrix, max_rank=40, energy=0.95)
    monkeypatch.setattr(module, "_FIRST_RANK", 2)
    narrow = found(matrix, max_rank=40, energy=0.95)
    assert len(wide.basis) == len(narrow.basis) > 4
    np.testing.assert_allclose(narrow.energy, wide.energy, atol=1e-4)


def test_many_rows_are_made_block_by_block_and_never_held_as_a_whole(monkeypatch):
    matrix = decaying(400, 80, rank=20)
    whole = found(matrix, max_rank=8)
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 32)
    monkeypatch.setattr(module, "_MAX_ROWS_FOR_BASIS", 150)
    monkeypatch.setattr(module, "_VALUES_AT_ONCE", 1000)
    log = []
    parts = found(matrix, max_rank=8, log=log)
    assert max(len(index) for index in log) <= 32
    made = np.concatenate(log)
    np.testing.assert_array_equal(np.unique(made), np.arange(400))
    assert np.bincount(made).max() <= 3
    # The basis comes from a part of the rows, the coefficients and the energy from all.
    assert parts.coefficients.shape == (400, 8)
    np.testing.assert_allclose(parts.coefficients, matrix @ parts.basis.T, atol=1e-6)
    np.testing.assert_allclose(parts.energy, whole.energy, atol=0.03)
    squares = np.square(parts.coefficients.astype(float)).sum(0).cumsum()
    np.testing.assert_allclose(parts.energy, squares / np.square(matrix).sum(), atol=1e-6)


def test_rows_that_are_kept_are_made_once():
    log = []
    found(decaying(100, 30, rank=10), max_rank=5, log=log)
    np.testing.assert_array_equal(np.bincount(np.concatenate(log)), np.ones(100))


def test_a_seed_gives_the_same_bits_and_another_the_same_space():
    matrix = decaying(150, 90, power=0.4)
    one, same, other = (found(matrix, max_rank=10, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.basis, same.basis)
    np.testing.assert_array_equal(one.coefficients, same.coefficients)
    assert not np.array_equal(one.basis, other.basis)
    np.testing.assert_allclose(one.energy, other.energy, atol=2e-3)


def test_a_single_row():
    row = np.arange(1.0, 6.0, dtype=np.float32)[None]
    parts = found(row, max_rank=4)
    np.testing.assert_allclose(parts.coefficients @ parts.basis, row, rtol=1e-5)


def test_rank_for_an_energy():
    parts = LowRank(
        basis=np.eye(4, dtype=np.float32),
        coefficients=np.arange(8, dtype=np.float32).reshape(2, 4),
        energy=np.array([0.5, 0.8, 0.9, 0.95]),
    )
    assert [parts.rank_for(e) for e in (0.1, 0.5, 0.51, 0.8, 0.85, 0.95, 0.99)] == [
        1, 1, 2, 2, 3, 4, 4,
    ]  # fmt: skip
    first = parts.truncated(2)
    np.testing.assert_array_equal(first.basis, parts.basis[:2])
    np.testing.assert_array_equal(first.coefficients, parts.coefficients[:, :2])
    np.testing.assert_array_equal(first.energy, [0.5, 0.8])


@pytest.mark.parametrize(("count", "rank"), [(0, 3), (3, 0)])
def test_nothing_to_find_is_one_line(count, rank):
    with pytest.raises(InputError, match="at least one row and one component") as caught:
        low_rank(lambda index: torch.zeros(len(index), 2), count, max_rank=rank)
    assert "\n" not in str(caught.value)


def test_rows_of_zeros_have_no_component():
    with pytest.raises(InputError, match="every row is 0"):
        found(np.zeros((4, 6), np.float32), max_rank=3)


@pytest.mark.parametrize("energy", [0.4, 0.6, 0.8])
def test_equally_strong_components_are_kept_together(energy):
    """Else rounding decides which of their mixtures is left."""
    rng = np.random.default_rng(5)
    strength = np.repeat([5.0, 4.0, 3.0, 2.0, 1.0], 2)
    left, _ = np.linalg.qr(rng.normal(size=(60, 10)))
    right, _ = np.linalg.qr(rng.normal(size=(90, 10)))
    matrix = ((left * strength) @ right.T).astype(np.float32)
    parts = found(matrix, max_rank=10, energy=energy)
    assert len(parts.energy) % 2 == 0
    assert parts.energy[-1] >= energy > (0, *parts.energy)[-3]
    # What they leave of the rows is the same after the rows were rounded differently.
    shaken = matrix * (1 + 1e-6 * rng.normal(size=matrix.shape).astype(np.float32))
    again = found(shaken, max_rank=10, energy=energy)
    one, two = (p.coefficients @ p.basis for p in (parts, again))
    assert np.abs(one - two).max() < 1e-4 * np.abs(matrix).max()
