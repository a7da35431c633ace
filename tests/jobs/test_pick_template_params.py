"""Parameters of ``pick template``: one default for the command and the library."""

import pytest
from pydantic import ValidationError

from cryopick.jobs.pick_template_params import PeakParams, PickTemplateParams
from cryopick.pick.merit.peaks import PeakRules
from cryopick.pick.merit.settings import MeritSettings

GIVEN = {"micrographs": ["a.mrc"], "references": "r.mrcs"}


def test_the_defaults_are_those_of_the_library():
    declared = PickTemplateParams(**GIVEN).model_dump()
    for kind, elsewhere in ((MeritSettings, {"ctf", "seed"}), (PeakRules, {"threshold"})):
        for name, field in kind.__dataclass_fields__.items():
            if name not in elsewhere:
                assert declared[name] == field.default, name


def test_the_threshold_is_chosen_where_it_is_not_given():
    params = PickTemplateParams(**GIVEN)
    assert params.threshold is None
    assert params.fdr is None
    assert params.ctf is None


def test_what_candidates_can_change_is_part_of_it():
    assert set(PeakParams.model_fields) < set(PickTemplateParams.model_fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"fdr": 0},
        {"fdr": 1},
        {"angular_step_deg": 0},
        {"angular_step_deg": 400},
        {"min_distance_angstrom": -1},
        {"max_noise_sd": 0},
        {"suppression": "both"},
        {"engine": "fast"},
        {"keep_maps": "all"},
        {"ctf_use": "none"},
        {"shrink": -1},
        {"bank_energy": 1.5},
        {"max_picks": 0},
        {"gauss_peak": 0},
        {"reference_contrast": "grey"},
    ],
)
def test_bounds_and_choices(fields):
    with pytest.raises(ValidationError):
        PickTemplateParams(**GIVEN, **fields)


def test_both_files_are_needed():
    with pytest.raises(ValidationError):
        PickTemplateParams(micrographs=["a.mrc"])
    with pytest.raises(ValidationError):
        PickTemplateParams(references="r.mrcs")
