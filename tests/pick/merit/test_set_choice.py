"""One threshold for a set: known mixtures at several defoci."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.model import Picks
from cryopick.pick.merit.set_choice import MERIT_AS_MEASURED, Candidates, SetRules, choose_in_set


def one(*, particles=120, background=700, level=0.0, spread=0.1, defocus=None, seed=0, name="a"):
    """Candidates of one micrograph; the first ones are the particles."""
    rng = np.random.default_rng(seed)
    # Above the level exponential, as tails of noise are.
    noise = level + spread * (1.0 + rng.exponential(0.8, background))
    signal = level + spread * rng.normal(10.0, 1.5, particles)
    score = np.r_[signal, noise]
    picks = Picks.of(rng.random((len(score), 2)), image=name, score=score, state="auto", reason="")
    return Candidates(picks=picks, location=level, scale=spread, sample=score, defocus_um=defocus)


def taken(picks):
    return np.asarray(picks.state) != "deleted"


def test_a_threshold_that_is_given_is_kept():
    chosen = choose_in_set({"a": one()}, SetRules(threshold=0.7))
    assert (chosen.threshold, chosen.rule) == (0.7, "given")
    part = chosen.parts["a"]
    assert taken(part).tolist() == (part.score >= 0.7).tolist()
    assert set(part.reason[~taken(part)]) == {"below threshold"}


def test_the_threshold_is_chosen_and_the_precision_estimated():
    candidates = {f"m{i}": one(particles=40 * i, seed=i, name=f"m{i}") for i in range(4)}
    chosen = choose_in_set(candidates, SetRules())
    assert chosen.rule == "best F1"
    for i, (name, part) in enumerate(chosen.parts.items()):
        true = np.arange(len(part)) < 40 * i
        assert abs(int(taken(part).sum()) - 40 * i) <= 4
        if i:
            actual = true[taken(part)].mean()
            assert chosen.precision[name] == pytest.approx(actual, abs=0.05)
    assert chosen.particles == pytest.approx(240, rel=0.05)
    assert chosen.recall > 0.95
    assert chosen.mean_precision > 0.95


def test_a_false_discovery_rate_takes_fewer_than_a_looser_one():
    candidates = {"a": one(spread=0.1)}
    counts = [
        int(taken(choose_in_set(candidates, SetRules(fdr=fdr)).parts["a"]).sum())
        for fdr in (0.001, 0.05, 0.3)
    ]
    assert counts[0] <= counts[1] <= counts[2]
    assert counts[0] < counts[2]


def focus_series(**changes):
    """Near focus the background scores high and wide, far from focus low and narrow."""
    defocus = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    return {
        f"m{i}": one(level=0.5 - 0.2 * d, spread=0.3 * np.exp(-0.6 * d), defocus=d, seed=i,
                     name=f"m{i}", **changes)
        for i, d in enumerate(defocus)
    }  # fmt: skip


def test_normalised_scores_are_alike_at_all_defoci():
    plain = choose_in_set(focus_series(), SetRules())
    normal = choose_in_set(focus_series(), SetRules(normalise=True))

    def f1(chosen):
        right = sum(
            int((taken(p) & (np.arange(len(p)) < 120)).sum()) for p in chosen.parts.values()
        )
        total = sum(int(taken(p).sum()) for p in chosen.parts.values())
        return 2 * right / (total + 6 * 120)

    assert f1(normal) > 0.97
    assert f1(normal) > f1(plain) + 0.05
    assert normal.trend is not None
    assert plain.trend is None


def test_the_merit_as_measured_stays_beside_the_normalised_one():
    chosen = choose_in_set(focus_series(), SetRules(normalise=True))
    part = chosen.parts["m0"]
    raw = focus_series()["m0"].picks.score
    np.testing.assert_array_equal(part.extra[MERIT_AS_MEASURED], raw)
    assert not np.allclose(part.score, raw)
    assert MERIT_AS_MEASURED not in choose_in_set(focus_series(), SetRules()).parts["m0"].extra


def test_precision_is_estimated_on_a_common_scale_without_normalising_scores():
    chosen = choose_in_set(focus_series(), SetRules(threshold=0.55))
    for name, part in chosen.parts.items():
        picked = taken(part)
        if picked.sum() > 10:
            actual = (np.arange(len(part)) < 120)[picked].mean()
            assert chosen.precision[name] == pytest.approx(actual, abs=0.12), name


def test_without_defocus_nothing_can_be_normalised():
    with pytest.raises(InputError, match="give --ctf"):
        choose_in_set({"a": one()}, SetRules(normalise=True))
    mixed = {"a": one(defocus=1.0), "b": one()}
    with pytest.raises(InputError, match="defocus of all"):
        choose_in_set(mixed, SetRules(normalise=True))


def test_only_the_best_so_many():
    candidates = {"a": one(), "b": one(particles=3, seed=1, name="b")}
    chosen = choose_in_set(candidates, SetRules(threshold=0.7, max_picks=5))
    best = np.sort(candidates["a"].picks.score)[-5:]
    part = chosen.parts["a"]
    np.testing.assert_allclose(np.sort(part.score[taken(part)]), best)
    assert taken(chosen.parts["b"]).sum() <= 5
    assert chosen.precision["a"] > 0.99


def test_what_is_too_close_is_listed_only_where_it_would_have_been_taken():
    base = one()
    reason = np.asarray(base.picks.reason).astype("<U20")
    reason[:200] = "too close"
    state = np.where(reason == "", "auto", "deleted")
    picks = Picks.of(base.picks.position_angstrom, image="a", score=base.picks.score, state=state,
                     reason=reason)  # fmt: skip
    candidates = {"a": Candidates(picks=picks, location=0, scale=0.1, sample=base.sample)}
    part = choose_in_set(candidates, SetRules(threshold=0.6)).parts["a"]
    close = part[part.reason == "too close"]
    assert len(close) == (base.picks.score[:200] >= 0.6).sum()


def test_background_alone_gives_next_to_no_picks():
    candidates = {f"m{i}": one(particles=0, seed=i, name=f"m{i}") for i in range(3)}
    chosen = choose_in_set(candidates, SetRules())
    assert sum(int(taken(p).sum()) for p in chosen.parts.values()) <= 2


def test_too_few_candidates_to_tell():
    few = {"a": one(particles=5, background=20)}
    chosen = choose_in_set(few, SetRules())
    assert chosen.rule == "sd above background"
    assert chosen.threshold == pytest.approx(0.5)
    assert chosen.precision == {"a": None}
    assert chosen.particles is None


def test_nothing_at_all():
    chosen = choose_in_set({}, SetRules())
    assert chosen.parts == {}
    assert chosen.mean_precision is None
    empty = Candidates(picks=Picks.empty(2), location=0.0, scale=1.0, sample=np.zeros(0))
    chosen = choose_in_set({"a": empty}, SetRules())
    assert len(chosen.parts["a"]) == 0


def strong(*, background=500, particles=250, lumps=0, seed=0):
    """References far weaker than their particles, so that merits are spread over a decade."""
    rng = np.random.default_rng(seed)
    noise = -0.4 + 0.2 * np.expm1(np.abs(rng.normal(0, 0.7, background)))
    score = np.r_[np.exp(rng.normal(1.3, 0.5, particles)), noise, rng.uniform(20, 60, lumps)]
    picks = Picks.of(rng.random((len(score), 2)), image="a", score=score, state="auto")
    return Candidates(picks=picks, location=-0.4, scale=0.2, sample=score)


@pytest.mark.parametrize(("background", "rule"), [(700, "best F1"), (120, "two groups")])
def test_strong_particles_are_not_lost_to_a_fit_that_cannot_hold_them(background, rule):
    one = strong(background=background, lumps=12)
    chosen = choose_in_set({"a": one}, SetRules())
    true = np.arange(len(one.sample)) < 250
    found = taken(chosen.parts["a"])
    kept = chosen.parts["a"].score[found]
    assert (chosen.skewed, chosen.rule) == (True, rule)
    assert np.isin(one.sample[true], kept).mean() > 0.9
    assert np.isin(kept, one.sample[true]).mean() > 0.85
    known = chosen.precision["a"] is not None
    assert known == (chosen.particles is not None) == (rule == "best F1")


def test_a_strict_rate_is_no_sign_of_skewed_scores():
    chosen = choose_in_set({"a": one(spread=0.2)}, SetRules(fdr=1e-9))
    assert not chosen.skewed
    assert chosen.rule == "false discovery rate"
