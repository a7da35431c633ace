"""Defaults and limits of the tilt-pair extraction are those of Xmipp's protocol."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from cryopick.errors import InputError
from cryopick.jobs.extract_pairs_params import ExtractPairsParams, check_ctf, settings_of


def params(**given: object) -> ExtractPairsParams:
    return ExtractPairsParams(pairs="pairs", **{"box_px": 64, "invert": True, **given})  # type: ignore[arg-type]


def test_defaults_are_those_of_the_protocol() -> None:
    settings = settings_of(params(), has_ctf=True)
    assert settings.order == "xmipp"
    assert settings.downsampling == 1.0
    assert settings.dust_sd == 3.5
    assert settings.normalise == "ramp"
    assert settings.border == "drop"
    assert settings.ctf == "none"
    assert settings.background_px == 32  # half the box
    assert settings.final_px == 64


def test_box_is_that_of_the_final_images() -> None:
    settings = settings_of(params(downsample=2.5), has_ctf=False)
    assert settings.final_px == 64
    assert settings.downsampling == 2.5


def test_only_a_side_with_a_ctf_is_flipped() -> None:
    flipped = params(phase_flip=True)
    assert settings_of(flipped, has_ctf=True).ctf == "phase-flip"
    assert settings_of(flipped, has_ctf=False).ctf == "none"


def test_dust_may_stay() -> None:
    assert settings_of(params(remove_dust=False), has_ctf=False).dust_sd is None
    assert settings_of(params(dust_sd=6), has_ctf=False).dust_sd == 6


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"box_px": None}, "--box: is missing"),
        ({"invert": None}, "--invert where particles are dark"),
        ({"background_radius_px": 33}, "--background-radius 33: expected 1 to 32"),
    ],
)
def test_what_must_be_said(given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings_of(params(**given), has_ctf=False)


@pytest.mark.parametrize(
    "bad", [{"box_px": 0}, {"downsample": 0.5}, {"border": "crop"}, {"defocus_gradient": "up"}]
)
def test_values_out_of_bounds_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        params(**bad)


def test_a_flip_needs_a_ctf_of_one_side_and_a_gradient_that_of_the_tilted() -> None:
    with pytest.raises(InputError, match="--phase-flip: needs a CTF"):
        check_ctf(params(phase_flip=True))
    check_ctf(params(phase_flip=True, ctf_untilted="u.star"))
    check_ctf(params(phase_flip=True, ctf_tilted="t.star"))
    with pytest.raises(InputError, match="give --ctf-tilted"):
        check_ctf(params(defocus_gradient="positive", ctf_untilted="u.star"))
