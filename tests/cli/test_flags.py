"""Options follow from the fields; errors name the flag."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal

import pytest
from pydantic import Field, model_validator

from cryopick.cli.flags import choices_of, flag_of, help_of, kind_of, options_of, validated
from cryopick.errors import InputError
from cryopick.run.job import Params, param


class Colour(Enum):
    red = "red"


class Everything(Params):
    images: list[str] = param(description="Images.")
    diameter_min_angstrom: float = param(description="Smallest.", unit="Å", gt=0)
    angular_step_deg: float | None = param(None, description="Step", unit="°", gt=0, le=90)
    box_px: int = param(64, description="Box.", unit="px", ge=2, advanced=True)
    defocus_um: tuple[float, float] = param((0.5, 3.0), description="Range.", unit="µm")
    dose_e_per_a2: float = param(30.0, description="Dose.", unit="e/Å²")
    voltage_kv: float = param(300.0, description="Voltage.", unit="kV")
    cs_mm: float = param(2.7, description="Aberration.", unit="mm")
    low_pass_angstrom: float = param(20.0, description="Filter.", unit="Å", flag="--lp")
    ndim: Literal[2, 3] = param(2, description="Dimensions.")
    votes: Literal["all", "any"] | int = param("all", description="Votes.")
    invert: bool = param(False, description="Invert.")
    colour: Colour = param(Colour.red, description="Colour.")
    species: list[str] = param([], description="Species.")
    odd: Annotated[int, Field(multiple_of=2)] = param(2, description="Even.")

    @model_validator(mode="after")
    def _check(self) -> Everything:
        if self.box_px > 1000:
            raise InputError("--box: 1001 px\nis larger than the image")
        return self


GIVEN = {"images": ["a"], "diameter_min_angstrom": "10"}


def check(**values: object) -> Everything:
    return validated(Everything, GIVEN | values, arguments=("images",))


def test_flags_drop_the_unit_but_for_kv_and_mm() -> None:
    flags = {name: flag_of(name, field) for name, field in Everything.model_fields.items()}
    assert flags == {
        "images": "--images",
        "diameter_min_angstrom": "--diameter-min",
        "angular_step_deg": "--angular-step",
        "box_px": "--box",
        "defocus_um": "--defocus",
        "dose_e_per_a2": "--dose",
        "voltage_kv": "--voltage-kv",
        "cs_mm": "--cs-mm",
        "low_pass_angstrom": "--lp",
        "ndim": "--ndim",
        "votes": "--votes",
        "invert": "--invert",
        "colour": "--colour",
        "species": "--species",
        "odd": "--odd",
    }


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (bool, ("switch", 0)),
        (bool | None, ("switch", 0)),
        (int, ("integer", 0)),
        (float, ("number", 0)),
        (float | None, ("number", 0)),
        (int | float, ("number", 0)),
        (str, ("text", 0)),
        (Literal["a", "b"], ("text", 0)),
        (Literal["auto"] | int, ("text", 0)),
        (list[str], ("list", 0)),
        (list[float] | None, ("list", 0)),
        (tuple[str, ...], ("list", 0)),
        (tuple[float, float, float], ("list", 3)),
        (Annotated[int, "x"], ("integer", 0)),
    ],
)
def test_kinds(annotation: object, kind: tuple[str, int]) -> None:
    assert kind_of(annotation) == kind


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("diameter_min_angstrom", "Smallest. [Å; >\u00a00; required]"),
        ("angular_step_deg", "Step. [°; >\u00a00; ≤\u00a090; default: none]"),
        ("box_px", "Box. [px; ≥\u00a02; default: 64]"),
        ("defocus_um", "Range. [µm; default: 0.5 3.0]"),
        ("dose_e_per_a2", "Dose. [e/Å²; default: 30]"),
        ("votes", "Votes. [one of: all, any; default: all]"),
        ("invert", "Invert. [default: no]"),
    ],
)
def test_help(name: str, text: str) -> None:
    assert help_of(Everything.model_fields[name]) == text


def test_arguments_come_first_in_their_order() -> None:
    options = options_of(Everything, ("species", "images"))
    assert [option.flags for option in options[:2]] == [("SPECIES",), ("IMAGES",)]
    assert all(option.positional for option in options[:2])
    assert not any(option.positional for option in options[2:])
    assert {option.name for option in options if option.group == "Advanced"} == {"box_px"}


def test_texts_become_values() -> None:
    found = check(
        angular_step_deg="7.5",
        box_px="128",
        defocus_um=["1", "2.5"],
        ndim="3",
        votes="4",
        colour="red",
        invert=True,
    )
    assert found.diameter_min_angstrom == 10.0
    assert found.angular_step_deg == 7.5
    assert found.box_px == 128
    assert found.defocus_um == (1.0, 2.5)
    assert found.ndim == 3
    assert found.votes == 4
    assert found.colour is Colour.red
    assert found.invert is True


def test_choices() -> None:
    assert choices_of(Literal[2, 3]) == ["2", "3"]
    assert choices_of(Literal["a"] | None) == ["a"]
    assert choices_of(int) == []


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"box_px": "1"}, r"^--box: '1' should be greater than or equal to 2; it is: Box\."),
        ({"box_px": "1.5"}, "^--box: '1.5' should be a valid integer"),
        ({"angular_step_deg": "inf"}, "^--angular-step: 'inf' should be a finite number"),
        ({"ndim": "4"}, "^--ndim: '4' should be 2 or 3"),
        ({"defocus_um": ["1", "x"]}, "^--defocus: 'x' should be a valid number"),
        ({"odd": "3"}, "^--odd: '3' should be a multiple of 2"),
        ({"box_px": "1", "ndim": "4"}, r"\(and 1 more\)$"),
        ({"images": "a"}, "^IMAGES: 'a' should be a valid list"),
        ({"box_px": "1001"}, "^--box: 1001 px is larger than the image$"),
        ({"box_px": "x" * 100}, r"^--box: 'x{57}\.\.\.' "),
    ],
)
def test_errors_name_the_flag(values: dict[str, object], line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        check(**values)
    assert "\n" not in str(caught.value)


def test_what_is_missing() -> None:
    with pytest.raises(InputError, match=r"^--diameter-min: is missing; give it: Smallest\. \[Å;"):
        validated(Everything, {"images": ["a"]}, arguments=("images",))
    with pytest.raises(InputError, match=r"^IMAGES: is missing; .*\(and 1 more\)$"):
        validated(Everything, {}, arguments=("images",))
