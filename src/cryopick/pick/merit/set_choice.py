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

MERIT_AS_MEASURED = "cryopickMeritAsMeasured"
_FEW_SD = 5.0
_CAUTIOUS_FDR = 0.05

Rule = Literal["given", "best F1", "false discovery rate", "sd above background"]


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
    """

    parts: Mapping[str, Picks]
    threshold: float
    rule: Rule
    precision: Mapping[str, float | None]
    particles: float | None
    recall: float | None
    trend: DefocusTrend | None

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
    odds = _odds(candidates, trend)
    probability = None
    if odds is not None:
        merits = [
            _alike(np.asarray(one.picks.score)[f], one, trend)
            for one, f in zip(candidates.values(), fit, strict=True)
        ]
        probability = odds.probability(_joined(merits), number)
    threshold, rule = _threshold(score, probability, odds, candidates, rules, used)
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
    )


def _odds(candidates: Mapping[str, Candidates], trend: DefocusTrend | None) -> ParticleOdds | None:
    samples = [_alike(one.sample, one, trend) for one in candidates.values()]
    number = np.repeat(np.arange(len(samples)), [len(sample) for sample in samples])
    return particle_odds(_joined(samples), number, micrographs=len(samples))


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
    score = np.zeros(len(picks)) if picks.score is None else picks.score
    if trend is None or one.defocus_um is None:
        return replace(picks, score=score)
    normal = trend.normalised(score, np.full(len(score), one.defocus_um))
    return replace(picks, score=normal, extra={**picks.extra, MERIT_AS_MEASURED: score})


def _alike(
    merit: NDArray[np.float64], one: Candidates, trend: DefocusTrend | None
) -> NDArray[np.float64]:
    """Merits ``(n,)`` on a scale on which the background of every micrograph is alike."""
    merit = np.asarray(merit, dtype=np.float64)
    if trend is not None and one.defocus_um is not None:
        return trend.normalised(merit, np.full(len(merit), one.defocus_um))
    return (merit - one.location) / one.scale


def _threshold(
    score: NDArray[np.float64],
    probability: NDArray[np.float64] | None,
    odds: ParticleOdds | None,
    candidates: Mapping[str, Candidates],
    rules: SetRules,
    trend: DefocusTrend | None,
) -> tuple[float, Rule]:
    if rules.threshold is not None:
        return rules.threshold, "given"
    if probability is not None and odds is not None:
        # Where the scores show no particles there is no F1 to be estimated.
        fdr = _CAUTIOUS_FDR if rules.fdr is None and not odds.shows_particles else rules.fdr
        rule: Rule = "best F1" if fdr is None else "false discovery rate"
        return best_threshold(score, probability, fdr=fdr), rule
    if not candidates:
        return 0.0, "sd above background"
    if trend is not None:
        level, spread = trend.at(np.array([trend.centre_um]))
        return float(level[0] + _FEW_SD * spread[0]), "sd above background"
    high = [one.location + _FEW_SD * one.scale for one in candidates.values()]
    return float(np.median(high)), "sd above background"


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
