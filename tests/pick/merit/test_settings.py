"""Settings refuse what cannot be searched with."""

import pytest

from cryopick.errors import InputError
from cryopick.pick.merit.settings import MeritSettings


@pytest.mark.parametrize(("step", "angles"), [(5, 72), (7, 51), (10, 36), (360, 1), (300, 1)])
def test_the_angular_step_is_made_to_divide_a_turn(step, angles):
    assert MeritSettings(angular_step_deg=step).angles == angles


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"particle_diameter_angstrom": 0.0}, "particle diameter 0"),
        ({"low_pass_angstrom": -1.0}, "low-pass -1"),
        ({"high_pass_angstrom": -5.0}, "high-pass -5"),
        ({"angular_step_deg": 0.0}, "--angular-step 0"),
        ({"angular_step_deg": 400.0}, "--angular-step 400"),
        ({"shrink": -1.0}, "--shrink -1"),
        ({"shrink": float("nan")}, "--shrink nan"),
        ({"bank_energy": 0.0}, "energy of the bank 0"),
        ({"bank_energy": 1.5}, "energy of the bank 1.5"),
        ({"low_pass_angstrom": 50.0, "high_pass_angstrom": 40.0}, "--high-pass 40"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_value(changes, words):
    with pytest.raises(InputError, match=words):
        MeritSettings(**changes)


def test_no_limits_are_allowed():
    settings = MeritSettings(low_pass_angstrom=None, high_pass_angstrom=None)
    assert settings.low_pass_angstrom is None
    assert MeritSettings(low_pass_angstrom=20.0, high_pass_angstrom=300.0).angles == 72
