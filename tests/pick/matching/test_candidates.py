"""Candidates become picks: each reason, on pools where the answer is plain."""

from dataclasses import replace

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.model import REASONS, Grid, Image, active
from cryopick.pick.matching.candidate_settings import CandidateSettings
from cryopick.pick.matching.candidates import choose_candidates
from cryopick.pick.matching.pool import Pool
from score_sets import GRID, facts_of, labelled_scores, places, pool_of, template_facts

MANUAL = CandidateSettings(cutoff=5.0)


def reasons(chosen):
    """Reason of each pick (empty: taken), best first."""
    return np.asarray(chosen.picks.reason).tolist()


def far_apart(n):
    """``(n, 3)`` positions well inside the tomogram and 400 Å apart."""
    x = 400.0 * np.arange(n)
    return np.c_[400 + x % 2000, 400 + 400 * (x // 2000), np.full(n, 1000.0)]


@pytest.fixture(scope="module")
def crowd():
    """A pool of 2,000 candidates, 200 of them particles."""
    rng = np.random.default_rng(1)
    score, real = labelled_scores("gaussian", background=1800, particles=200, mean=8.0, rng=rng)
    place = rng.uniform(200, 1800, (2000, 3)) * np.array([1.5, 1.5, 1.0])
    return pool_of(score, place), real


def test_the_particles_are_taken_and_all_candidates_are_kept(crowd):
    pool, real = crowd
    settings = CandidateSettings(min_distance_angstrom=0.0)
    chosen = choose_candidates(pool, facts_of(), settings)
    assert len(chosen.picks) == len(pool)
    taken = active(chosen.picks)
    assert 190 <= len(taken) <= 218
    threshold = chosen.verdicts["ribosome"].cut_off
    assert taken.score.min() >= threshold
    assert (pool.score[real] >= threshold).mean() > 0.95


def test_best_first_and_complete(crowd):
    pool, _ = crowd
    picks = choose_candidates(pool, facts_of(), MANUAL).picks
    assert (np.diff(picks.score) <= 0).all()
    assert set(picks.image) == {"TS_1"}
    assert set(picks.label) == {"ribosome"}
    assert set(picks.source) == {"match"}
    assert set(picks.diameter_angstrom) == {300.0}
    assert picks.orientation.shape == (2000, 4)
    assert set(picks.extra) == {
        "lcc_max", "map_score", "background", "p_value", "false_discovery_rate",
    }  # fmt: skip
    known = np.isfinite(picks.extra["p_value"])
    assert (np.diff(picks.extra["p_value"][known]) >= 0).all()
    assert set(reasons(choose_candidates(pool, facts_of(), MANUAL))) <= {"", *REASONS}


def test_the_order_of_the_pool_does_not_matter(crowd):
    pool, _ = crowd
    one = choose_candidates(pool, facts_of(), CandidateSettings())
    mixed = pool[np.random.default_rng(0).permutation(len(pool))]
    other = choose_candidates(mixed, facts_of(), CandidateSettings())
    np.testing.assert_array_equal(one.picks.position_angstrom, other.picks.position_angstrom)
    assert reasons(one) == reasons(other)


def test_the_weaker_of_two_that_are_near_is_a_duplicate():
    place = far_apart(3)
    place[1] = place[0] + [140.0, 0, 0]
    pool = pool_of([9.0, 8.0, 7.0], place)
    assert reasons(choose_candidates(pool, facts_of(), MANUAL)) == ["", "duplicate", ""]
    nearer = replace(MANUAL, min_distance_angstrom=139.0)
    assert reasons(choose_candidates(pool, facts_of(), nearer)) == ["", "", ""]
    larger = replace(MANUAL, particle_diameter_angstrom=1000.0, border_angstrom=0.0)
    assert reasons(choose_candidates(pool, facts_of(), larger)) == ["", "duplicate", ""]


def test_edge_mask_and_threshold():
    place = far_apart(4)
    place[1] = [139.0, 1000, 1000]
    data = np.ones(GRID.shape, np.int8)
    data[:, :, int(place[2][0] / 10) - 3 : int(place[2][0] / 10) + 4] = 0
    mask = Image(data=data, grid=GRID, name="mask")
    pool = pool_of([9.0, 8.0, 7.0, 4.9], place)
    chosen = choose_candidates(pool, facts_of(), MANUAL, mask=mask)
    assert reasons(chosen) == ["", "edge", "outside mask", "below threshold"]
    free = choose_candidates(pool, facts_of(), replace(MANUAL, border_angstrom=0.0))
    assert reasons(free) == ["", "", "", "below threshold"]


def test_a_rejected_candidate_does_not_push_out_its_neighbour():
    place = far_apart(2)
    place[0] = [139.0, 1000, 1000]
    place[1] = [160.0, 1000, 1000]
    chosen = choose_candidates(pool_of([9.0, 8.0], place), facts_of(), MANUAL)
    assert reasons(chosen) == ["edge", ""]


def test_the_background_is_taken_off_the_score():
    pool = pool_of([9.0, 8.0], far_apart(2))
    pool = replace(pool, background=np.array([3.5, 0.0]))
    picks = choose_candidates(pool, facts_of(), MANUAL).picks
    assert picks.score.tolist() == [8.0, 5.5]
    assert picks.extra["lcc_max"].tolist() == [8.0, 9.0]


def test_what_was_not_refined_is_not_taken_where_others_were():
    place = far_apart(3)
    mixed = Pool.joined([
        pool_of([6.0, 7.0], place[:2]), pool_of([9.0], place[2:], refined=False),
    ])  # fmt: skip
    assert reasons(choose_candidates(mixed, facts_of(), MANUAL)) == ["below threshold", "", ""]
    coarse = pool_of([9.0, 6.0], place[:2], refined=False)
    chosen = choose_candidates(coarse, facts_of(), MANUAL)
    assert reasons(chosen) == ["", ""]
    assert chosen.picks.score.tolist() == coarse.map_score.tolist()


def test_only_the_best_so_many():
    pool = pool_of([6.0, 9.0, 8.0, 7.0], far_apart(4))
    chosen = choose_candidates(pool, facts_of(), replace(MANUAL, max_picks=2))
    assert active(chosen.picks).score.tolist() == [9.0, 8.0]
    assert reasons(chosen)[2:] == ["below threshold"] * 2


def two_templates():
    return template_facts(), template_facts("20S", diameter_angstrom=180.0, sigma=0.5)


def test_the_template_with_the_stronger_evidence_wins():
    """7 times sigma beats 6 times sigma, though its number is lower."""
    place = far_apart(2)
    large = pool_of([6.0, 9.0], place, template=0)
    small = pool_of([3.5, 3.0], place + np.array([40.0, 0, 0]), template=1)
    facts = facts_of(*two_templates())
    chosen = choose_candidates(Pool.joined([large, small]), facts, replace(MANUAL, cutoff=1.0))
    taken = active(chosen.picks)
    assert sorted(zip(taken.label.tolist(), taken.score.tolist(), strict=True)) == [
        ("20S", 3.5), ("ribosome", 9.0),
    ]  # fmt: skip
    assert reasons(chosen).count("other template") == 2


def test_templates_apart_do_not_compete_and_have_their_own_cut_offs(crowd):
    pool, _ = crowd
    small = replace(pool, score=pool.score / 2, template=np.ones(len(pool), int))
    small = replace(small, position_angstrom=pool.position_angstrom[::-1])
    chosen = choose_candidates(
        Pool.joined([pool, small]), facts_of(*two_templates()), CandidateSettings()
    )
    one, other = (chosen.verdicts[name].cut_off for name in ("ribosome", "20S"))
    assert other == pytest.approx(one / 2, rel=0.05)


def test_max_picks_counts_all_templates_by_evidence():
    place = far_apart(4)
    pool = Pool.joined([pool_of([6.0, 7.0], place[:2]), pool_of([4.0, 3.2], place[2:], template=1)])
    settings = CandidateSettings(cutoff=0.0, max_picks=3)
    taken = active(choose_candidates(pool, facts_of(*two_templates()), settings).picks)
    assert sorted(taken.score.tolist()) == [3.2, 4.0, 7.0]


def test_sharp_peaks_only():
    place = far_apart(2)
    rng = np.random.default_rng(0)
    grid = Grid(shape=(120, 100, 150), pixel_size_angstrom=20.0)
    data = np.abs(rng.normal(0, 0.05, grid.shape)).astype(np.float32)
    index = np.rint(grid.to_px(place)).astype(int)
    data[index[0, 2], index[0, 1], index[0, 0]] = 1.0
    score_map = Image(data=data, grid=grid, name="scores")
    settings = replace(MANUAL, tophat=True)
    chosen = choose_candidates(
        pool_of([9.0, 8.0], place), facts_of(), settings, score_map=score_map
    )
    assert reasons(chosen) == ["", "not sharp"]
    with pytest.raises(InputError, match="--tophat: the score map of TS_1 was not kept"):
        choose_candidates(pool_of([9.0, 8.0], place), facts_of(), settings)


def test_prominent_candidates_only(crowd):
    pool, _ = crowd
    ridge = np.c_[np.random.default_rng(2).uniform(300, 2500, (300, 2)), np.full(300, 1990.0)]
    ridge_scores = np.random.default_rng(3).normal(7.5, 0.2, 300)
    both = Pool.joined([pool, pool_of(ridge_scores, ridge)])
    settings = CandidateSettings(cutoff=6.0, min_distance_angstrom=50, border_angstrom=0)
    plain = choose_candidates(both, facts_of(), settings)
    strict = choose_candidates(both, facts_of(), replace(settings, prominence=3.0))

    def on_ridge(chosen):
        taken = active(chosen.picks)
        return (taken.position_angstrom[:, 2] == 1990.0).sum()

    assert on_ridge(strict) < 0.1 * on_ridge(plain)
    assert "not prominent" in reasons(strict)
    kept = len(active(strict.picks)) - on_ridge(strict)
    assert kept > 0.95 * (len(active(plain.picks)) - on_ridge(plain))


def test_candidates_on_a_sheet_can_be_rejected():
    rng = np.random.default_rng(4)
    data = rng.normal(size=GRID.shape).astype(np.float32)
    place = far_apart(2)
    data[:, :, int(place[0][0] / 10) - 2 : int(place[0][0] / 10) + 2] += 8
    tomogram = Image(data=data, grid=GRID, name="TS_1")
    settings = replace(MANUAL, planarity=0.7)
    chosen = choose_candidates(pool_of([9.0, 8.0], place), facts_of(), settings, tomogram=tomogram)
    assert reasons(chosen) == ["membrane", ""]
    with pytest.raises(InputError, match="needs the tomogram TS_1"):
        choose_candidates(pool_of([9.0, 8.0], place), facts_of(), settings)


def test_an_empty_pool():
    chosen = choose_candidates(Pool.joined([]), facts_of(), CandidateSettings(max_picks=5))
    assert len(chosen.picks) == 0
    assert chosen.picks.ndim == 3
    assert set(chosen.verdicts) == {"ribosome"}


def test_moved_candidates_give_moved_picks(crowd):
    pool, _ = crowd
    shift = np.array([3.0, -2.0, 7.0])
    settings = CandidateSettings(border_angstrom=0.0)
    one = choose_candidates(pool, facts_of(), settings).picks
    moved = replace(pool, position_angstrom=pool.position_angstrom + shift)
    other = choose_candidates(moved, facts_of(), settings).picks
    np.testing.assert_allclose(other.position_angstrom - one.position_angstrom, [shift] * len(one))
    assert other.reason.tolist() == one.reason.tolist()


def test_pools_that_do_not_fit_the_search():
    pool = pool_of([9.0], far_apart(1), template=1)
    with pytest.raises(InputError, match="only 1 are known"):
        choose_candidates(pool, facts_of(), MANUAL)
    with pytest.raises(InputError, match="two templates have the same name"):
        choose_candidates(pool, facts_of(template_facts(), template_facts()), MANUAL)


def test_positions_do_not_have_to_be_unique():
    rng = np.random.default_rng(5)
    place = np.repeat(places(3, rng), 2, axis=0)
    chosen = choose_candidates(pool_of([9, 9, 8, 8, 7, 7], place), facts_of(), MANUAL)
    assert len(active(chosen.picks)) == 3
