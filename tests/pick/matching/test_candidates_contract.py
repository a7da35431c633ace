"""What holds for the picks of any pool: invariances and promises, on pools made at random."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from cryopick.model import REASONS, Grid, Image, active
from cryopick.pick.matching.candidate_settings import CandidateSettings
from cryopick.pick.matching.candidates import choose_candidates
from cryopick.pick.matching.pool import Pool
from score_sets import GRID, NOISES, facts_of, labelled_scores, pool_of, template_facts

SIZE = np.array(GRID.extent_angstrom)


def random_pool(seed, *, kind="gaussian", background=900, particles=120, mean=8.0):
    rng = np.random.default_rng(seed)
    score, real = labelled_scores(
        kind, background=background, particles=particles, mean=mean, rng=rng
    )
    return pool_of(score, rng.uniform(0, 1, (len(score), 3)) * SIZE), real


def two_species(seed):
    one, _ = random_pool(seed)
    other, _ = random_pool(seed + 100)
    # The second template meets half of what the first one found.
    place = other.position_angstrom.copy()
    place[::2] = one.position_angstrom[::2] + 30.0
    other = replace(other, template=np.ones(len(other), int), position_angstrom=place)
    facts = facts_of(template_facts(), template_facts("20S", diameter_angstrom=180.0))
    return Pool.joined([one, other]), facts


SETTINGS = (
    CandidateSettings(),
    CandidateSettings(fdr=0.2),
    CandidateSettings(cutoff=5.0, max_picks=20),
    CandidateSettings(false_positives=1.0, min_distance_angstrom=400.0, border_angstrom=0.0),
    CandidateSettings(fdr=0.1, prominence=2.0),
)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_candidate_is_kept_with_one_reason_or_taken(settings, seed):
    pool, facts = two_species(seed)
    picks = choose_candidates(pool, facts, settings).picks
    assert len(picks) == len(pool)
    assert set(picks.reason) <= {"", *REASONS}
    np.testing.assert_array_equal(picks.reason == "", picks.state == "auto")
    np.testing.assert_array_equal(picks.reason != "", picks.state == "deleted")


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("seed", [2, 3])
def test_picks_keep_their_distance_from_each_other_and_from_the_faces(settings, seed):
    pool, facts = two_species(seed)
    taken = active(choose_candidates(pool, facts, settings).picks)
    place = taken.position_angstrom
    apart = np.linalg.norm(place[:, None] - place[None], axis=-1)
    for name, diameter in (("ribosome", 300.0), ("20S", 180.0)):
        of_it = taken.label == name
        own = apart[np.ix_(of_it, of_it)] + 1e9 * np.eye(of_it.sum())
        assert own.min(initial=np.inf) >= settings.distance_for(diameter)
        margin = settings.margin_for(diameter, GRID.pixel_size_angstrom)
        if margin > 0:
            assert (place[of_it] >= margin).all()
            assert (place[of_it] <= SIZE - GRID.pixel_size_angstrom - margin).all()
    # Two templates share no particle: of such a pair one would lie within the other's reach.
    reach = np.where(taken.label == "ribosome", 300.0, 180.0)
    least = np.array([settings.distance_for(d) for d in reach])
    different = taken.label[:, None] != taken.label[None]
    assert (apart[different] >= np.minimum(least[:, None], least[None])[different]).all()


@pytest.mark.parametrize("kind", NOISES)
def test_a_looser_rule_takes_all_that_a_stricter_one_takes(kind):
    pool, _ = random_pool(4, kind=kind)
    taken = [
        (choose_candidates(pool, facts_of(), CandidateSettings(fdr=rate)).picks.state == "auto")
        for rate in (0.001, 0.01, 0.1, 0.5)
    ]
    for strict, loose in pairwise(taken):
        assert (loose | ~strict).all()
    assert taken[-1].sum() > taken[0].sum()


def test_fewer_picks_are_the_best_of_more():
    pool, facts = two_species(5)
    few, more = (
        choose_candidates(pool, facts, CandidateSettings(max_picks=n)).picks.state == "auto"
        for n in (15, 60)
    )
    assert (few.sum(), more.sum()) == (15, 60)
    assert (more | ~few).all()


@pytest.mark.parametrize("factor", [0.02, 5.0])
def test_the_unit_of_the_scores_does_not_matter(factor):
    pool, _ = random_pool(6)
    scaled = replace(pool, score=pool.score * factor, map_score=pool.map_score * factor)
    one = choose_candidates(pool, facts_of(), CandidateSettings(fdr=0.05)).picks
    facts = facts_of(template_facts(sigma=factor))
    other = choose_candidates(scaled, facts, CandidateSettings(fdr=0.05)).picks
    differ = (one.state != other.state).sum()
    assert differ <= 2  # the fits end within a tolerance


def test_the_same_specimen_in_another_binning_gives_the_same_picks():
    pool, _ = random_pool(7)
    binned = GRID.binned_by_mean(2)
    one = choose_candidates(pool, facts_of(), CandidateSettings(border_angstrom=0.0)).picks
    facts = facts_of(grid=binned)
    other = choose_candidates(pool, facts, CandidateSettings(border_angstrom=0.0)).picks
    inside = binned.contains(one.position_angstrom)
    np.testing.assert_array_equal(one.state[inside], other.state[inside])


def test_a_mask_in_any_binning_gives_the_same_picks():
    pool, _ = random_pool(8)
    masks = []
    for grid in (GRID, GRID.binned_by_mean(2)):
        z, y, x = np.indices(grid.shape)
        del z, y
        data = (x * grid.pixel_size_angstrom + grid.origin_angstrom[0] > 1504).astype(np.int8)
        masks.append(Image(data=data, grid=grid, name="mask"))
    reasons = [
        choose_candidates(pool, facts_of(), CandidateSettings(), mask=mask).picks.reason
        for mask in masks
    ]
    near = np.abs(choose_candidates(pool, facts_of(), CandidateSettings()).picks
                  .position_angstrom[:, 0] - 1504) < 20  # fmt: skip
    outside = [(reason == "outside mask") for reason in reasons]
    np.testing.assert_array_equal(outside[0][~near], outside[1][~near])
    assert outside[0].sum() > 300


def test_an_empty_mask_leaves_nothing():
    pool, _ = random_pool(9)
    mask = Image(data=np.zeros(GRID.shape, np.int8), grid=GRID, name="mask")
    chosen = choose_candidates(pool, facts_of(), CandidateSettings(), mask=mask)
    assert set(chosen.picks.reason) == {"outside mask"}
    assert not chosen.tested.any()


def test_candidates_without_a_known_place_in_the_tomogram_are_at_its_edge():
    pool, _ = random_pool(10)
    small = Grid(shape=(20, 30, 30), pixel_size_angstrom=10.0)
    chosen = choose_candidates(pool, facts_of(grid=small), CandidateSettings())
    beyond = np.any(chosen.picks.position_angstrom > 300, axis=1)
    assert set(chosen.picks.reason[beyond]) == {"edge"}


@pytest.mark.parametrize("kind", NOISES)
def test_noise_alone_gives_next_to_no_picks(kind):
    found = []
    for seed in range(4):
        pool, _ = random_pool(20 + seed, kind=kind, particles=0)
        found.append(len(active(choose_candidates(pool, facts_of(), CandidateSettings()).picks)))
    assert sum(found) <= 3


def test_p_values_of_noise_are_uniform_in_the_tail():
    """Of 3,600 noisy candidates as many lie below a p-value as it says."""
    low = {0.1: 0, 0.02: 0}
    total = 0
    for seed in range(4):
        pool, _ = random_pool(40 + seed, particles=0)
        settings = CandidateSettings(border_angstrom=0.0, min_distance_angstrom=0.0)
        chosen = choose_candidates(pool, facts_of(), settings)
        p_value = chosen.picks.extra["p_value"]
        # They are those of the candidates above the start of the tail: half of all.
        total += len(pool) / 2
        for level in low:
            low[level] += int((p_value <= level).sum())
    for level, count in low.items():
        assert count / total == pytest.approx(level, rel=0.35)
