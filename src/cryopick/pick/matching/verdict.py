"""`Verdict`: the cut-off for the candidates of one template, and what it lets through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.pick.matching.candidate_settings import DEFAULT_FDR, CandidateSettings
from cryopick.pick.matching.cut_off import (
    discovery_cut_off,
    false_discovery_rates,
    gaussian_cut_off,
)
from cryopick.pick.matching.groups import two_groups
from cryopick.pick.matching.roc import EstimatedCurve, curve_of_groups, estimate_curve
from cryopick.pick.matching.score_model import ScoreModel, fit_scores
from cryopick.pick.matching.search_facts import TemplateFacts

Rule = Literal["manual", "gaussian", "false discovery rate", "best F1", "upper group"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """A cut-off, the rule behind it, and what the scores say about it.

    Attributes
    ----------
    template
        Whose candidates these are.
    cut_off
        Lowest score that is taken.
    rule
        ``manual``; ``gaussian``: from the spread of all scores and the number of tests; ``false
        discovery rate``: from the tail of the background; ``best F1``: between background and
        particles, where that is higher; ``upper group``: between look-alikes and particles.
    note
        What the user should know of the rule; empty where it is the one asked for.
    model
        Background and particles; None: too few candidates to tell.
    curve
        Estimated precision and recall; None: the scores show no particles.
    """

    template: TemplateFacts
    cut_off: float
    rule: Rule
    note: str
    model: ScoreModel | None
    curve: EstimatedCurve | None

    @property
    def expected_false_positives(self) -> float:
        """Background candidates to expect at or above the cut-off.

        Of the fitted background, or, where there is none, of Gaussian noise.
        """
        if self.model is not None:
            return float(self.model.background.expected(np.array(self.cut_off)))
        return float(np.exp(self._gaussian_log_expected(np.array(self.cut_off))))

    def p_value(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of so high a score for a background candidate; NaN: not known."""
        if self.model is None:
            return np.full(len(score), np.nan)
        return self.model.background.p_value(score)

    def false_discovery_rate(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of background among candidates at least as good; NaN: not known."""
        if self.model is None:
            return np.full(len(score), np.nan)
        return false_discovery_rates(score, self.model.background)

    def log_expected(self, score: NDArray[np.float64], *, gaussian: bool) -> NDArray[np.float64]:
        """Logarithm of how many background candidates score so much: how templates compare."""
        if gaussian or self.model is None:
            return self._gaussian_log_expected(score)
        background = self.model.background
        return np.log(max(background.number, 1e-9)) + background.log_p_value(score)

    def summary(self) -> dict[str, Any]:
        """What a report tells, as JSON types."""
        found: dict[str, Any] = {
            "cut_off": self.cut_off,
            "rule": self.rule,
            "expected_false_positives": self.expected_false_positives,
            "search_sd": self.template.final_sigma,
            "gaussian_cut_off": gaussian_cut_off(
                sigma=self.template.final_sigma, tests=self.template.tests, false_positives=1.0
            )
            if self.template.tests > 2
            else None,
        }
        if self.note:
            found["note"] = self.note
        if self.curve is not None:
            precision, recall = self.curve.at(self.cut_off)
            found |= {
                "estimated_precision": precision,
                "estimated_recall": recall,
                "estimated_particles": self.curve.particles,
                "ruc": self.curve.ruc,
                "best_cut_off": self.curve.best_cut_off,
                "best_f1": float(self.curve.f1.max()),
            }
        return found

    def _gaussian_log_expected(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import log_ndtr

        height = np.asarray(score, dtype=np.float64) / self.template.final_sigma
        return np.log(self.template.tests) + np.asarray(log_ndtr(-height))


def reach_verdict(
    score: NDArray[np.float64], template: TemplateFacts, settings: CandidateSettings
) -> Verdict:
    """Choose the cut-off for the candidates of one template.

    Parameters
    ----------
    score
        ``(n,)`` of all candidates that nothing else speaks against, background included.
    template
        Statistics of the search.
    settings
        The rule.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> score = np.r_[4 + rng.exponential(0.25, 5000), rng.normal(8, 0.5, 300)]
    >>> facts = TemplateFacts(name="a", diameter_angstrom=300, symmetry="C1", sigma=1, tests=1e9)
    >>> verdict = reach_verdict(score, facts, CandidateSettings())
    >>> verdict.rule, bool(290 < (score >= verdict.cut_off).sum() < 310)
    ('best F1', True)
    """
    model = fit_scores(score)
    highest = float(score.max()) if len(score) else 0.0
    curve = None if model is None else estimate_curve(model, highest=highest)
    cut_off, rule, note = _cut_off(score, template, settings, model, curve)
    if rule in ("false discovery rate", "best F1") and settings.fdr is None and model is not None:
        groups = two_groups(score[score >= cut_off])
        if groups is not None:
            cut_off, rule = groups.valley, "upper group"
            curve = curve_of_groups(groups, model.background, highest=highest)
            note = (
                f"{template.name}: the scores above the background fall into two groups; the "
                f"lower one (about {groups.lower.number:.0f}) is left out as look-alikes; "
                f"--fdr {DEFAULT_FDR:g} takes both"
            )
    return Verdict(
        template=template, cut_off=cut_off, rule=rule, note=note, model=model, curve=curve
    )


def _cut_off(
    score: NDArray[np.float64],
    template: TemplateFacts,
    settings: CandidateSettings,
    model: ScoreModel | None,
    curve: EstimatedCurve | None,
) -> tuple[float, Rule, str]:
    if settings.cutoff is not None:
        return max(settings.cutoff, 0.0), "manual", ""
    if settings.false_positives is None and model is not None:
        rate = DEFAULT_FDR if settings.fdr is None else settings.fdr
        cut = discovery_cut_off(score, model.background, rate=rate)
        if settings.fdr is None and curve is not None and curve.best_cut_off > cut:
            return curve.best_cut_off, "best F1", ""
        return cut, "false discovery rate", ""
    wanted = 1.0 if settings.false_positives is None else settings.false_positives
    note = (
        ""
        if settings.false_positives is not None
        else f"{template.name}: {len(score)} candidates are too few for a false discovery rate; "
        "the cut-off is that of one false pick in Gaussian noise"
    )
    sigma = template.final_sigma
    cut = gaussian_cut_off(sigma=sigma, tests=template.tests, false_positives=wanted)
    return cut, "gaussian", note
