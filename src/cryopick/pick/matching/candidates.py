"""From the pool of a search to picks: mask, edge, duplicates, tests, cut-off, best template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model import Image, Picks, delete
from cryopick.ops.suppression import keep_better
from cryopick.pick.matching.candidate_settings import CandidateSettings
from cryopick.pick.matching.pool import Pool
from cryopick.pick.matching.rejection import near_edge, outside_mask, planarity, prominence
from cryopick.pick.matching.search_facts import SearchFacts
from cryopick.pick.matching.tophat import sharp
from cryopick.pick.matching.verdict import Verdict, reach_verdict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """The picks of one tomogram and how they were chosen.

    Attributes
    ----------
    picks
        All candidates, best first; those not taken are deleted, with their reasons. Beside score
        and orientation they carry ``lcc_max`` (the score before the background was taken off),
        ``map_score``, ``background``, ``p_value`` and ``false_discovery_rate``.
    verdicts
        Cut-off of each template, by name.
    tested
        ``(n,)``: the candidates that the statistics of `verdicts` rest on.
    """

    picks: Picks
    verdicts: Mapping[str, Verdict]
    tested: NDArray[np.bool_]


def choose_candidates(
    pool: Pool,
    facts: SearchFacts,
    settings: CandidateSettings,
    *,
    mask: Image | None = None,
    score_map: Image | None = None,
    tomogram: Image | None = None,
) -> Chosen:
    """Choose the picks of one tomogram.

    Parameters
    ----------
    pool
        Every candidate of the search, most of them background.
    facts
        Of the search.
    settings
        The rules.
    mask
        Candidates where it is 0 or less are deleted. May have any binning.
    score_map
        The searched map; needed for the top-hat only.
    tomogram
        Needed for the test of planarity only.

    Examples
    --------
    >>> from cryopick.model import Grid
    >>> from cryopick.pick.matching.search_facts import TemplateFacts
    >>> rng = np.random.default_rng(0)
    >>> n = 1000
    >>> score = np.r_[rng.normal(8, 0.5, 50), 4 + rng.exponential(0.25, n - 50)]
    >>> pool = Pool(
    ...     position_angstrom=rng.uniform(0, 6000, (n, 3)), orientation=np.eye(4)[np.zeros(n, int)],
    ...     score=score, map_score=score, background=np.zeros(n), template=np.zeros(n, int),
    ... )
    >>> ribosome = TemplateFacts(
    ...     name="ribosome", diameter_angstrom=300, symmetry="C1", sigma=1.0, tests=1e8
    ... )
    >>> grid = Grid(shape=(600, 600, 600), pixel_size_angstrom=10.0)
    >>> facts = SearchFacts(
    ...     image="TS_1", grid=grid, score_grid=grid, angular_step_deg=10, engine="exact",
    ...     templates=(ribosome,),
    ... )
    >>> chosen = choose_candidates(pool, facts, CandidateSettings(border_angstrom=0))
    >>> bool(45 <= (chosen.picks.state == "auto").sum() <= 54)
    True
    """
    _check(pool, facts, settings, score_map=score_map, tomogram=tomogram)
    order = np.lexsort((*pool.position_angstrom.T, pool.template, -pool.final_score))
    pool = pool[order]
    picks = _as_picks(pool, facts, settings)
    for index in range(len(facts.templates)):
        picks = _without_misplaced(picks, pool, facts, settings, index=index, mask=mask)
    # The statistics see all that lies in the right place: the tests below would bend the tail.
    tested = _alive(picks)
    verdicts: dict[str, Verdict] = {}
    for index, template in enumerate(facts.templates):
        of_it = pool.template == index
        score = pool.final_score[of_it & tested]
        verdict = verdicts[template.name] = reach_verdict(score, template, settings)
        low = of_it & (pool.final_score < verdict.cut_off)
        picks = delete(picks, low, reason="below threshold")
    picks = _with_statistics(picks, pool, facts, verdicts, tested)
    picks = _without_false_hits(
        picks, facts, settings, tested=tested, score_map=score_map, tomogram=tomogram
    )
    evidence = _evidence(pool, facts, verdicts)
    if len(facts.templates) > 1:
        lost = _lost(picks, pool, facts, settings, evidence)
        picks = delete(picks, lost, reason="other template")
    if settings.max_picks is not None:
        rank = np.full(len(picks), len(picks))
        alive = np.flatnonzero(_alive(picks))
        rank[alive[np.argsort(evidence[alive], kind="stable")]] = np.arange(len(alive))
        picks = delete(picks, rank >= settings.max_picks, reason="below threshold")
    return Chosen(picks=picks, verdicts=verdicts, tested=tested)


def _check(
    pool: Pool,
    facts: SearchFacts,
    settings: CandidateSettings,
    *,
    score_map: Image | None,
    tomogram: Image | None,
) -> None:
    names = [template.name for template in facts.templates]
    if len(set(names)) < len(names):
        raise InputError(f"search of {facts.image}: two templates have the same name")
    if len(pool) and not 0 <= pool.template.min() <= pool.template.max() < len(names):
        raise InputError(
            f"search of {facts.image}: a candidate is of template {pool.template.max()}, "
            f"but only {len(names)} are known"
        )
    if settings.tophat and score_map is None:
        raise InputError(f"--tophat: the score map of {facts.image} was not kept")
    if settings.planarity < 1 and tomogram is None:
        raise InputError(f"--planarity: needs the tomogram {facts.image}")


def _as_picks(pool: Pool, facts: SearchFacts, settings: CandidateSettings) -> Picks:
    n = len(pool)
    names = np.array([template.name for template in facts.templates])
    diameters = np.array([settings.diameter_for(t.diameter_angstrom) for t in facts.templates])
    return Picks(
        position_angstrom=pool.position_angstrom,
        image=np.full(n, facts.image),
        orientation=pool.orientation,
        score=pool.final_score,
        label=names[pool.template],
        source=np.full(n, "match"),
        state=np.full(n, "auto", dtype="<U8"),
        reason=np.full(n, "", dtype="<U16"),
        diameter_angstrom=diameters[pool.template],
        extra={
            "lcc_max": np.where(pool.refined, pool.score, pool.map_score),
            "map_score": pool.map_score,
            "background": pool.background,
        },
    )


def _alive(picks: Picks) -> NDArray[np.bool_]:
    return np.asarray(picks.state) != "deleted"


def _without_misplaced(
    picks: Picks,
    pool: Pool,
    facts: SearchFacts,
    settings: CandidateSettings,
    *,
    index: int,
    mask: Image | None,
) -> Picks:
    """Delete what one template found outside the mask, at the edge, or twice."""
    of_it = pool.template == index
    position = pool.position_angstrom
    diameter = settings.diameter_for(facts.templates[index].diameter_angstrom)
    if mask is not None:
        picks = delete(picks, of_it & outside_mask(position, mask), reason="outside mask")
    margin = settings.margin_for(diameter, facts.grid.pixel_size_angstrom)
    at_edge = near_edge(position, facts.grid, margin_angstrom=margin)
    picks = delete(picks, of_it & at_edge, reason="edge")
    # Scores before and after refinement do not compare; what was not worth it is not taken.
    if (of_it & pool.refined).any():
        picks = delete(picks, of_it & ~pool.refined, reason="below threshold")
    rows = np.flatnonzero(of_it & _alive(picks))
    kept = keep_better(
        position[rows], pool.final_score[rows], distance=settings.distance_for(diameter)
    )
    twice = np.zeros(len(picks), dtype=bool)
    twice[rows[~kept]] = True
    return delete(picks, twice, reason="duplicate")


def _without_false_hits(
    picks: Picks,
    facts: SearchFacts,
    settings: CandidateSettings,
    *,
    tested: NDArray[np.bool_],
    score_map: Image | None,
    tomogram: Image | None,
) -> Picks:
    """Delete what is no sharp peak, does not stand out of its neighbours, or lies on a sheet."""
    position, score = picks.position_angstrom, np.asarray(picks.score)
    dull, blunt, on_sheet = np.zeros((3, len(picks)), dtype=bool)
    if settings.tophat and score_map is not None:
        rows = np.flatnonzero(_alive(picks))
        on_peak, _ = sharp(
            position[rows],
            score_map.data,
            score_map.grid,
            connectivity=settings.tophat_connectivity,
            bins=settings.tophat_bins,
        )
        blunt[rows[~on_peak]] = True
    for template in facts.templates:
        of_it = np.asarray(picks.label) == template.name
        diameter = settings.diameter_for(template.diameter_angstrom)
        if settings.prominence > 0:
            rows = np.flatnonzero(of_it & tested)
            height = prominence(position[rows], score[rows], diameter_angstrom=diameter)
            dull[rows[height < settings.prominence]] = True
        if settings.planarity < 1 and tomogram is not None:
            rows = np.flatnonzero(of_it & _alive(picks))
            flat = planarity(position[rows], tomogram, diameter_angstrom=diameter)
            on_sheet[rows[flat > settings.planarity]] = True
    picks = delete(picks, blunt, reason="not sharp")
    picks = delete(picks, dull, reason="not prominent")
    return delete(picks, on_sheet, reason="membrane")


def _with_statistics(
    picks: Picks,
    pool: Pool,
    facts: SearchFacts,
    verdicts: Mapping[str, Verdict],
    tested: NDArray[np.bool_],
) -> Picks:
    """Add p-values, and false discovery rates of the candidates that were tested."""
    p_value, rate = np.full(len(picks), np.nan), np.full(len(picks), np.nan)
    for index, template in enumerate(facts.templates):
        of_it = pool.template == index
        verdict = verdicts[template.name]
        p_value[of_it] = verdict.p_value(pool.final_score[of_it])
        of_it &= tested
        rate[of_it] = verdict.false_discovery_rate(pool.final_score[of_it])
    return replace(picks, extra={**picks.extra, "p_value": p_value, "false_discovery_rate": rate})


def _evidence(
    pool: Pool, facts: SearchFacts, verdicts: Mapping[str, Verdict]
) -> NDArray[np.float64]:
    """Logarithm of how many background candidates of its template score like each; low is good."""
    gaussian = any(verdict.model is None for verdict in verdicts.values())
    evidence = np.empty(len(pool))
    for index, template in enumerate(facts.templates):
        of_it = pool.template == index
        score = pool.final_score[of_it]
        evidence[of_it] = verdicts[template.name].log_expected(score, gaussian=gaussian)
    return evidence


def _lost(
    picks: Picks,
    pool: Pool,
    facts: SearchFacts,
    settings: CandidateSettings,
    evidence: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Tell which candidates lie within a better one of another template."""
    from scipy.spatial import cKDTree

    diameter = [settings.diameter_for(t.diameter_angstrom) for t in facts.templates]
    reach = np.array([settings.distance_for(d) for d in diameter])[pool.template]
    rows = np.flatnonzero(_alive(picks))
    rows = rows[np.lexsort((*pool.position_angstrom[rows].T, evidence[rows]))]
    tree = cKDTree(pool.position_angstrom[rows])
    lost = np.zeros(len(picks), dtype=bool)
    for place, row in enumerate(rows):
        if lost[row]:
            continue
        for other in tree.query_ball_point(pool.position_angstrom[row], float(reach[row])):
            if other > place and pool.template[rows[other]] != pool.template[row]:
                lost[rows[other]] = True
    return lost
