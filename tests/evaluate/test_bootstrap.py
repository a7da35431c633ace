import numpy as np
import pytest

from cryopick.evaluate.bootstrap import bootstrap_intervals


def intervals(counts, *, score=None, hit=None, image=None, draws=400, seed=1):
    counts = np.array(counts, dtype=float)
    n = int(counts[:, 0].sum())
    return bootstrap_intervals(
        counts,
        score=score,
        hit=np.zeros(n, bool) if hit is None else hit,
        image_of_pick=np.zeros(n, int) if image is None else image,
        draws=draws,
        seed=seed,
    )


def test_images_that_are_all_alike_have_no_spread():
    found = intervals([[10, 8, 6]] * 5)
    assert found["precision"] == pytest.approx((0.6, 0.6))
    assert found["recall"] == pytest.approx((0.75, 0.75))
    assert found["f1"] == pytest.approx((12 / 18, 12 / 18))


def test_the_interval_holds_the_figure_and_shrinks_with_more_images():
    rng = np.random.default_rng(0)

    def case(n):
        matched = rng.binomial(20, 0.7, n)
        return np.stack([np.full(n, 20), np.full(n, 25), matched], axis=1)

    few, many = case(8), case(200)
    width = {}
    for name, counts in (("few", few), ("many", many)):
        low, high = intervals(counts)["precision"]
        assert low < counts[:, 2].sum() / counts[:, 0].sum() < high
        width[name] = high - low
    assert width["many"] < width["few"] / 2


def test_the_spread_is_that_of_the_images():
    """Standard error of a mean of 0 and 1 over 50 images each: 0.05, so 95 % within 0.098."""
    counts = [[1, 1, 0]] * 50 + [[1, 1, 1]] * 50
    low, high = intervals(counts, draws=2000)["precision"]
    assert low == pytest.approx(0.402, abs=0.03)
    assert high == pytest.approx(0.598, abs=0.03)


def test_ranking_figures_come_from_the_same_draws():
    counts = [[2, 1, 1], [2, 1, 1], [2, 1, 0]]
    score = np.array([0.9, 0.1, 0.8, 0.2, 0.7, 0.3])
    hit = np.array([True, False, True, False, False, False])
    found = intervals(counts, score=score, hit=hit, image=np.array([0, 0, 1, 1, 2, 2]))
    low, high = found["average_precision"]
    assert 0 <= low < 2 / 3 < high == 1.0
    assert found["best_f1"][1] == 1.0


def test_a_seed_gives_the_same_again():
    counts = [[10, 8, 6], [5, 9, 2], [7, 7, 7]]
    assert intervals(counts, seed=4) == intervals(counts, seed=4)
    assert intervals(counts, seed=4) != intervals(counts, seed=5)


@pytest.mark.parametrize(("counts", "draws"), [([[10, 8, 6]], 100), ([[10, 8, 6], [1, 1, 1]], 0)])
def test_one_image_or_no_draws_give_no_interval(counts, draws):
    assert set(intervals(counts, draws=draws).values()) == {None}


def test_what_is_never_defined_has_no_interval():
    found = intervals([[3, 0, 0], [4, 0, 0]])
    assert found["recall"] is None
    assert found["precision"] == (0.0, 0.0)
    assert found["best_f1"] is None
    nothing = intervals([[0, 0, 0], [0, 0, 0]])
    assert set(nothing.values()) == {None}
