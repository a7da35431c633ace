import numpy as np
import pytest
import torch

from cryopick.curate.junk import PROPOSED_CUT, correlation, screen
from cryopick.curate.self_consistency import (
    GROUPS,
    NAMES,
    background_standardised,
    descriptors,
    mean_particle,
)
from cryopick.errors import InputError
from toy_particles import RADIUS_PX, toy_particles

GOOD, JUNK = 200, 100


@pytest.fixture(scope="module")
def table():
    images = torch.from_numpy(toy_particles(GOOD + JUNK, junk=JUNK, noise=1.0, seed=3)[0])
    mean = mean_particle(background_standardised(images, radius_px=RADIUS_PX), radius_px=RADIUS_PX)
    return descriptors(images, mean, radius_px=RADIUS_PX).numpy()


def test_junk_is_told_from_particles_without_references(table):
    found = screen(table)
    assert found.score[GOOD:].max() < np.percentile(found.score[:GOOD], 2)
    assert found.proposed[:GOOD].mean() > 0.95
    assert found.proposed[GOOD:].mean() < 0.05
    assert set(found.groups) == set(GROUPS)


def test_the_score_of_a_clean_set_is_about_normal(table):
    score = screen(table[:GOOD]).score
    assert abs(np.median(score)) < 0.6
    assert np.mean(score < PROPOSED_CUT) < 0.06


def test_each_kind_of_junk_is_odd_in_its_own_group(table):
    groups = screen(table).groups
    ramps, moved = np.arange(GOOD + 1, GOOD + JUNK, 3), np.arange(GOOD + 2, GOOD + JUNK, 3)
    assert groups["background"][ramps].min() > 3
    assert np.median(groups["centring"][moved]) > 3


def test_order_of_the_rows_does_not_matter(table):
    order = np.random.default_rng(0).permutation(len(table))
    np.testing.assert_allclose(screen(table[order]).score, screen(table).score[order], atol=1e-6)


def test_a_reference_that_is_not_seen_counts_against_a_particle(table):
    rng = np.random.default_rng(1)
    difference = rng.normal(size=(GOOD + JUNK, 6)) ** 2 + 1
    alike = rng.normal(0.5, 0.05, GOOD + JUNK)
    alike[:20] = 0.0
    alone = screen(table)
    both = screen(table, difference=difference, reference_correlation=alike)
    drop = alone.score - both.score
    assert drop[:20].min() > np.percentile(drop[20:GOOD], 95)
    assert set(both.groups) == {*GROUPS, "difference", "correlation"}


def test_a_correlation_better_than_usual_is_no_fault_and_no_licence(table):
    rng = np.random.default_rng(1)
    difference = rng.normal(size=(GOOD + JUNK, 6)) ** 2 + 1
    alike = rng.normal(0.5, 0.05, GOOD + JUNK)
    better = alike.copy()
    better[30:40] = 0.99
    before, after = (
        screen(table, difference=difference, reference_correlation=values)
        for values in (alike, better)
    )
    gain = after.score[30:40] - before.score[30:40]
    assert gain.min() > -0.2
    assert after.groups["correlation"][30:40] == pytest.approx(-1.0)
    assert after.groups["correlation"].min() == pytest.approx(-1.0)


def test_a_class_that_is_all_junk_gives_no_shelter(table):
    """Its members correlate alike, and badly: against all particles, not among themselves."""
    rng = np.random.default_rng(2)
    alike = rng.normal(0.5, 0.03, GOOD + JUNK)
    alike[GOOD:] = rng.normal(0.05, 0.03, JUNK)
    difference = rng.normal(size=(GOOD + JUNK, 6)) ** 2 + 1
    odd = screen(table, difference=difference, reference_correlation=alike).groups["correlation"]
    assert odd[GOOD:].min() > 5
    assert np.median(odd[:GOOD]) < 0.5


def test_particles_without_a_reference_are_judged_by_the_rest(table):
    difference = np.full((GOOD + JUNK, 6), np.nan)
    alike = np.full(GOOD + JUNK, np.nan)
    found = screen(table, difference=difference, reference_correlation=alike)
    assert (found.groups["difference"] == 0).all()
    assert (found.groups["correlation"] == 0).all()
    np.testing.assert_allclose(found.score, screen(table).score)


def test_a_table_of_another_shape_is_refused():
    with pytest.raises(InputError, match=f"expected .n, {len(NAMES)}."):
        screen(np.zeros((4, 3)))


def test_correlation_is_the_coefficient():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 20, 20)).astype(np.float32)
    y, x = np.mgrid[:20, :20] - 10
    disc = np.hypot(y, x) <= 7
    found = correlation(torch.from_numpy(a), torch.from_numpy(b), radius_px=7.0).numpy()
    expected = [np.corrcoef(p[disc], q[disc])[0, 1] for p, q in zip(a, b, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    flat = torch.zeros(1, 20, 20)
    assert float(correlation(flat, torch.from_numpy(b[:1]), radius_px=7.0)) == 0
    same = torch.from_numpy(a)
    assert correlation(same, same * 3 + 1, radius_px=7.0).numpy() == pytest.approx(1.0, abs=1e-5)
