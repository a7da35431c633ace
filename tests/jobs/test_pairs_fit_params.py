"""Limits, diameter and tolerance follow from what was given."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from cryopick.errors import InputError
from cryopick.jobs.pairs_fit_params import (
    PairsFitParams,
    diameter_of,
    limits_of,
    tolerance_of,
)
from cryopick.model import Picks


def params(**given: object) -> PairsFitParams:
    return PairsFitParams(picks_untilted="u.star", picks_tilted="t.star", **given)  # type: ignore[arg-type]


def test_limits() -> None:
    limits = limits_of(params(tilt_min_deg=40, tilt_max_deg=65, scale_tolerance=0.1))
    assert (limits.tilt_min_deg, limits.tilt_max_deg) == (40, 65)
    assert (limits.scale_min, limits.scale_max) == (0.9, 1.1)
    with pytest.raises(InputError, match="--tilt-min 60"):
        limits_of(params(tilt_min_deg=60, tilt_max_deg=50))


def test_diameter_is_as_given_or_that_of_the_picks() -> None:
    known = Picks.of([[1.0, 2], [3, 4]], image="a", diameter_angstrom=[100.0, np.nan])
    bare = Picks.of([[1.0, 2]], image="a")
    assert diameter_of(params(particle_diameter_angstrom=90), known) == 90
    assert diameter_of(params(), bare, known) == 100
    assert diameter_of(params(), bare) is None


def test_tolerance_is_a_third_of_the_diameter() -> None:
    assert tolerance_of(params(), 180.0) == pytest.approx(60)
    assert tolerance_of(params(tolerance_angstrom=25), 180.0) == 25
    assert tolerance_of(params(), None) is None


@pytest.mark.parametrize("flag", ["auto", "drop_outliers"])
def test_a_tolerance_must_be_known_where_pairs_are_judged(flag: str) -> None:
    with pytest.raises(InputError, match="--particle-diameter or --tolerance"):
        tolerance_of(params(**{flag: True}), None)


@pytest.mark.parametrize(
    "bad", [{"tilt_max_deg": 90}, {"tolerance_angstrom": 0}, {"predict": "all"}, {"scale": 1}]
)
def test_values_out_of_bounds_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        params(**bad)
