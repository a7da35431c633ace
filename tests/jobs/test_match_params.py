"""Every parameter of ``match`` goes somewhere, and its default is that of the library."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from cryopick.jobs.match import candidate_settings
from cryopick.jobs.match_inputs import settings_of
from cryopick.jobs.match_params import MatchParams
from cryopick.pick.matching.candidate_settings import CandidateSettings
from cryopick.pick.matching.settings import MatchSettings

SOURCE = Path(__file__).resolve().parents[2] / "src" / "cryopick" / "jobs"
SEARCH = MatchSettings.__dataclass_fields__
CHOICE = CandidateSettings.__dataclass_fields__


def given(**more):
    return MatchParams(tomograms=["a.mrc"], templates=["t.mrc"], **more)


def test_defaults_are_those_of_the_settings():
    assert settings_of(given()) == MatchSettings()
    assert candidate_settings(given()) == CandidateSettings()


VALUES = {
    "angular_step_deg": 9.0, "engine": "exact", "screen_step_deg": 11.0,
    "screen_pixel_angstrom": 21.0, "energy": 0.8, "first_round_kept": 0.5, "whitening": True,
    "pool_size": 77, "refine": False, "fill_gold": False, "gold_contrast": "bright",
    "clip_sd": 4.0, "min_distance_angstrom": 55.0, "check_hand": not MatchSettings.check_hand,
    "particle_diameter_angstrom": 99.0, "max_picks": 5, "false_positives": 2.0, "cutoff": 0.25,
    "fdr": 0.01, "border_angstrom": 12.0, "tophat": True,
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in MatchParams.model_fields if name in SEARCH])
def test_options_reach_the_search(name):
    assert getattr(settings_of(given(**{name: VALUES[name]})), name) == VALUES[name]
    assert VALUES[name] != SEARCH[name].default


@pytest.mark.parametrize("name", [name for name in MatchParams.model_fields if name in CHOICE])
def test_options_reach_the_choice_of_candidates(name):
    assert getattr(candidate_settings(given(**{name: VALUES[name]})), name) == VALUES[name]
    assert VALUES[name] != CHOICE[name].default


def test_no_option_is_declared_and_forgotten():
    """What is no setting of the library by its name is read somewhere in the job."""
    text = "".join(
        path.read_text("utf-8") for path in SOURCE.glob("match*.py") if "params" not in path.stem
    )
    own = [name for name in MatchParams.model_fields if name not in SEARCH and name not in CHOICE]
    assert len(own) > 20
    assert [name for name in own if f"params.{name}" not in text] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"angular_step_deg": 0}, {"angular_step_deg": -5}, {"engine": "fast"}, {"energy": 1.2},
        {"pixel_size_angstrom": 0}, {"voltage_kv": 0}, {"amplitude_contrast": 2}, {"max_picks": 0},
        {"noise_correction": "yes"}, {"ctf_model": "wiener"}, {"handedness": 2}, {"fdr": 1.0},
        {"search_x_px": (1, 2, 3)}, {"cone": ("a",)}, {"pool_size": 0}, {"clip_sd": 0},
        {"gold_contrast": "grey"}, {"tilt_column": -1}, {"phase_shift_deg": 270}, {"unknown": 1},
    ],
)  # fmt: skip
def test_values_out_of_bounds_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        given(**wrong)


def test_numbers_and_names_survive_a_record():
    params = given(cone=("m.stl", 20.0), search_z_px=(1, 5), include=["007", "1e5"])
    again = MatchParams.model_validate_json(params.model_dump_json())
    assert again == params
    assert again.include == ["007", "1e5"]
