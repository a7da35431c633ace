"""What a classification can be asked for."""

import pytest

from cryopick.curate.classes.settings import ClassifySettings
from cryopick.errors import InputError


def test_defaults_are_usable():
    settings = ClassifySettings()
    assert settings.classes == 50
    assert settings.ctf == "full"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("classes", 0),
        ("iterations", 0),
        ("batch_size", 0),
        ("mask_diameter_angstrom", 0.0),
        ("mask_diameter_angstrom", float("nan")),
        ("regularisation", -1.0),
        ("resolution_limit_angstrom", float("inf")),
        ("start_resolution_angstrom", 0.0),
        ("offset_step_angstrom", 0.0),
        ("psi_step_deg", 0.0),
        ("psi_step_deg", 46.0),
        ("offset_range_angstrom", -1.0),
        ("offset_range_angstrom", float("nan")),
        ("temperature", 0.5),
        ("ctf", "flipped"),
        ("precision", "int8"),
    ],
)
def test_values_out_of_range_are_one_clear_line(name, value):
    with pytest.raises(InputError, match=rf"classify: expected {name} .*, got") as caught:
        ClassifySettings(**{name: value})
    assert "\n" not in str(caught.value)


def test_no_range_of_offsets_is_allowed():
    assert ClassifySettings(offset_range_angstrom=0.0).offset_range_angstrom == 0
