"""Settings that contradict each other are refused in words that name the flags."""

import pytest

from cryopick.errors import InputError
from cryopick.pick.matching.candidate_settings import CandidateSettings


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ({"cutoff": 0.3, "fdr": 0.1}, "--cutoff and --fdr"),
        ({"false_positives": 1.0, "fdr": 0.1}, "--false-positives and --fdr"),
        ({"cutoff": 0.3, "false_positives": 1.0}, "--cutoff and --false-positives"),
    ],
)
def test_one_rule_at_a_time(given, flags):
    with pytest.raises(InputError, match=f"{flags}: are different rules"):
        CandidateSettings(**given)


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        ({"fdr": 0.0}, "--fdr 0"),
        ({"fdr": 1.0}, "--fdr 1: expected above 0 and below 1"),
        ({"false_positives": -2.0}, "--false-positives -2"),
        ({"particle_diameter_angstrom": 0.0}, "--particle-diameter 0"),
        ({"tophat_connectivity": 4}, "--tophat-connectivity 4"),
    ],
)
def test_values_that_cannot_be(given, flag):
    with pytest.raises(InputError, match=flag):
        CandidateSettings(**given)


def test_lengths_follow_the_diameter_unless_they_are_given():
    plain = CandidateSettings()
    assert plain.diameter_for(240.0) == 240.0
    assert plain.distance_for(240.0) == 120.0
    assert plain.margin_for(240.0, 10.0) == 110.0
    assert plain.margin_for(16.0, 10.0) == 0.0
    own = CandidateSettings(
        particle_diameter_angstrom=300.0, min_distance_angstrom=0.0, border_angstrom=0.0
    )
    assert own.diameter_for(240.0) == 300.0
    assert own.distance_for(300.0) == 0.0
    assert own.margin_for(300.0, 10.0) == 0.0


def test_a_negative_cut_off_is_allowed():
    assert CandidateSettings(cutoff=-1.0).cutoff == -1.0
