"""`choose_in_set`: one threshold for the candidates of all micrographs of a set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import Picks, delete
from cryopick.pick.merit.defocus_trend import DefocusTrend, fit_defocus_trend
from cryopick.pick.merit.precision import ParticleOdds, best_threshold, particle_odds
from cryopick.pick.merit.skewed import is_crowded, odds_of_skewed, takes_too_few, upper_group

MERIT_AS_MEASURED = "cryopickMeritAsMeasured"
_FEW_SD = 5.0
_CAUTIOUS_FDR = 0.05

Rule = Literal["given", "best F1", "false discovery rate", "two groups", "sd above background"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """Candidates of one micrograph, judged by all rules but the threshold.

    Attributes
    ----------
    picks
        With scores; those that are deleted stay so.
    location, scale
        Level and spread of the merit of background (`background_level`).
    sample
        ``(m,)`` merits by which particles and background are told apart (`JudgedPool`); empty:
        nothing can be estimated.
    defocus_um
        None: not known.
    """

    picks: Picks
    location: float
    scale: float
    sample: NDArray[np.float64]
    defocus_um: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRules:
    """How the threshold is found.

    Attributes
    ----------
    threshold
        Lowest score taken; None: chosen.
    fdr
        Where it is chosen: largest share of background among the picks; None: best estimated F1.
    normalise
        Whether scores become those at the median defocus, by the trend of the background.
    max_picks
        Keep only the best so many of each micrograph.
    """

    threshold: float | None = None
    fdr: float | None = None
    normalise: bool = False
    max_picks: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetChoice:
    """What was chosen.

    Attributes
    ----------
    parts
        Picks by micrograph, deleted ones included.
    threshold, rule
        One for all, and where it comes from.
    precision
        Estimated share of particles among the picks, by micrograph; None: not known, or no picks.
    particles
        Estimated number of particles of all micrographs, found or not; None: not known.
    recall
        Estimated share of them that was taken; None: not known.
    trend
        None: scores were not normalised.
    skewed
        Whether scores were too skewed, or particles too many, for the usual estimate (`skewed`).
    """

    parts: Mapping[str, Picks]
    threshold: float
    rule: Rule
    precision: Mapping[str, float | None]
    particles: float | None
    recall: float | None
    trend: DefocusTrend | None
    skewed: bool = False

    @property
    def mean_precision(self) -> float | None:
        """Estimated share of particles among all picks."""
        counts = {n: int(np.sum(p.state != "deleted")) for n, p in self.parts.items()}
        known = {n: v for n, v in self.precision.items() if v is not None}
        total = sum(counts[name] for name in known)
        return sum(counts[n] * v for n, v in known.items()) / total if total else None


def choose_in_set(candidates: Mapping[str, Candidates], rules: SetRules) -> SetChoice:
    """Choose the picks of all micrographs by one threshold.

    Particles and background are told apart on a scale on which the background of every micrograph
    is alike: by the trend over defocus where that is known of all, else by each one's own level
    and spread.

    Parameters
    ----------
    candidates
        By micrograph.
    rules
        How the threshold is found.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> score = np.r_[rng.exponential(0.1, 900), rng.normal(1, 0.1, 100)]
    >>> picks = Picks.of(rng.random((1000, 2)), image="a", score=score, state="auto")
    >>> one = Candidates(picks=picks, location=0.0, scale=0.1, sample=score)
    >>> chosen = choose_in_set({"a": one}, SetRules())
    >>> chosen.rule, bool(95 <= np.sum(chosen.parts["a"].state == "auto") <= 105)
    ('best F1', True)
    """
    trend = _trend(candidates)
    if rules.normalise and trend is None:
        raise InputError("--normalise-scores: needs the defocus of all micrographs; give --ctf")
    used = trend if rules.normalise else None
    parts = {name: _scored(one, used) for name, one in candidates.items()}
    fit = [np.asarray(p.state != "deleted") for p in parts.values()]
    score = _joined([np.asarray(p.score)[f] for p, f in zip(parts.values(), fit, strict=True)])
    number = np.repeat(np.arange(len(fit)), [int(f.sum()) for f in fit])
    found = _estimate(candidates, fit, score, number, rules, trend)
    threshold, rule, probability = found.threshold, found.rule, found.probability
    if rules.threshold is not None:
        threshold, rule = rules.threshold, "given"
    finished = {name: _cut(part, threshold, rules.max_picks) for name, part in parts.items()}
    taken = (score >= threshold) & ~_surplus(score, number, rules.max_picks)
    return SetChoice(
        parts=finished,
        threshold=threshold,
        rule=rule,
        precision=_precision(list(candidates), number, taken, probability),
        particles=None if probability is None else float(probability.sum()),
        recall=_recall(taken, probability),
        trend=used,
        skewed=found.skewed,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Estimate:
    """A threshold, and the probability of each candidate to be a particle."""

    threshold: float
    rule: Rule
    probability: NDArray[np.float64] | None
    skewed: bool = False


def _estimate(
    candidates: Mapping[str, Candidates],
    fit: Sequence[NDArray[np.bool_]],
    score: NDArray[np.float64],
    number: NDArray[np.int64],
    rules: SetRules,
    trend: DefocusTrend | None,
) -> _Estimate:
    """Choose a threshold for the candidates that are fit, with what the scores tell of them."""
    parts = list(candidates.values())
    measured = [_measured(one.picks)[f] for one, f in zip(parts, fit, strict=True)]
    sample = _joined([_alike(one.sample, one, trend) for one in parts])
    of_sample = np.repeat(np.arange(len(parts)), [len(one.sample) for one in parts])
    merit = _joined([_alike(m, one, trend) for m, one in zip(measured, parts, strict=True)])
    odds = particle_odds(sample, of_sample, micrographs=len(parts))
    if odds is None:
        level = _few_sd(candidates, trend if rules.normalise else None)
        return _Estimate(threshold=level, rule="sd above background", probability=None)
    found = _chosen(score, merit, number, odds, rules.fdr)
    usual = found if rules.fdr is None else _chosen(score, merit, number, odds, None)
    level, spread = _background(trend)
    sample, merit_sd = (sample - level) / spread, (merit - level) / spread
    crowded = is_crowded(sample)
    if not crowded and not takes_too_few(_joined(measured), score >= usual.threshold):
        return found
    odds = None if crowded else odds_of_skewed(sample, of_sample, micrographs=len(parts))
    if odds is not None:
        return replace(_chosen(score, merit_sd, number, odds, rules.fdr), skewed=True)
    upper = (merit_sd > upper_group(sample)).astype(np.float64)
    level = best_threshold(score, upper)
    return _Estimate(threshold=level, rule="two groups", probability=None, skewed=True)


def _chosen(
    score: NDArray[np.float64],
    merit: NDArray[np.float64],
    number: NDArray[np.int64],
    odds: ParticleOdds,
    fdr: float | None,
) -> _Estimate:
    probability = odds.probability(merit, number)
    # Where the scores show no particles there is no F1 to be estimated.
    fdr = _CAUTIOUS_FDR if fdr is None and not odds.shows_particles else fdr
    return _Estimate(
        threshold=best_threshold(score, probability, fdr=fdr),
        rule="best F1" if fdr is None else "false discovery rate",
        probability=probability,
    )


def _trend(candidates: Mapping[str, Candidates]) -> DefocusTrend | None:
    """Fit the trend, where the defocus of all is known."""
    known = [one.defocus_um for one in candidates.values() if one.defocus_um is not None]
    if len(known) < len(candidates) or not known:
        return None
    location = np.array([one.location for one in candidates.values()])
    scale = np.array([one.scale for one in candidates.values()])
    return fit_defocus_trend(np.array(known), location, scale)


def _joined(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate(parts) if parts else np.zeros(0)


def _scored(one: Candidates, trend: DefocusTrend | None) -> Picks:
    """Candidates with the score that the threshold is for."""
    picks = one.picks
    if picks.state is None:
        picks = replace(picks, state=np.full(len(picks), "auto"))
    score = _measured(picks)
    if trend is None or one.defocus_um is None:
        return replace(picks, score=score)
    normal = trend.normalised(score, np.full(len(score), one.defocus_um))
    return replace(picks, score=normal, extra={**picks.extra, MERIT_AS_MEASURED: score})


def _measured(picks: Picks) -> NDArray[np.float64]:
    return np.zeros(len(picks)) if picks.score is None else picks.score.astype(np.float64)


def _alike(
    merit: NDArray[np.float64], one: Candidates, trend: DefocusTrend | None
) -> NDArray[np.float64]:
    """Merits ``(n,)`` on a scale on which the background of every micrograph is alike."""
    merit = np.asarray(merit, dtype=np.float64)
    if trend is not None and one.defocus_um is not None:
        return trend.normalised(merit, np.full(len(merit), one.defocus_um))
    return (merit - one.location) / one.scale


def _background(trend: DefocusTrend | None) -> tuple[float, float]:
    """Level and spread of the background on the scale of `_alike`."""
    if trend is None:
        return 0.0, 1.0
    level, spread = trend.at(np.array([trend.centre_um]))
    return float(level[0]), float(spread[0])


def _few_sd(candidates: Mapping[str, Candidates], trend: DefocusTrend | None) -> float:
    """Score a few standard deviations above the background."""
    if not candidates:
        return 0.0
    if trend is not None:
        level, spread = _background(trend)
        return level + _FEW_SD * spread
    return float(np.median([one.location + _FEW_SD * one.scale for one in candidates.values()]))


def _cut(picks: Picks, threshold: float, max_picks: int | None) -> Picks:
    """Delete what is below the threshold, and what is too many."""
    score = np.asarray(picks.score)
    reason = np.full(len(picks), "") if picks.reason is None else picks.reason
    # Beside a better candidate a worse one is worth mentioning only if it would have been taken.
    picks = picks[(reason != "too close") | (score >= threshold)]
    score = np.asarray(picks.score)
    picks = delete(picks, score < threshold, reason="below threshold")
    taken = np.flatnonzero(np.asarray(picks.state) != "deleted")
    surplus = np.zeros(len(picks), dtype=bool)
    one = np.zeros(len(taken), dtype=np.int64)
    surplus[taken] = _surplus(np.asarray(picks.score)[taken], one, max_picks)
    return delete(picks, surplus, reason="below threshold")


def _surplus(
    score: NDArray[np.float64], micrograph: NDArray[np.int64], max_picks: int | None
) -> NDArray[np.bool_]:
    """What is not among the best so many of its micrograph."""
    out = np.zeros(len(score), dtype=bool)
    if max_picks is None:
        return out
    order = np.lexsort((-score, micrograph))
    first = np.searchsorted(micrograph[order], micrograph[order], side="left")
    out[order] = np.arange(len(order)) - first >= max_picks
    return out


def _precision(
    names: Sequence[str],
    number: NDArray[np.int64],
    taken: NDArray[np.bool_],
    probability: NDArray[np.float64] | None,
) -> dict[str, float | None]:
    if probability is None:
        return dict.fromkeys(names)
    count = np.bincount(number[taken], minlength=len(names))
    right = np.bincount(number[taken], probability[taken], minlength=len(names))
    return {
        name: float(r / n) if n else None
        for name, r, n in zip(names, right.tolist(), count.tolist(), strict=True)
    }


def _recall(taken: NDArray[np.bool_], probability: NDArray[np.float64] | None) -> float | None:
    if probability is None or probability.sum() < 1:
        return None
    return float(probability[taken].sum() / probability.sum())
