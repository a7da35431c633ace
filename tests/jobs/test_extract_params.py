import re

import pytest

from cryopick.errors import InputError
from cryopick.extract.settings import ExtractSettings
from cryopick.jobs.extract_params import ExtractParams, ctf_of, settings_of
from cryopick.model import Grid


def params(**given):
    return ExtractParams(picks="p.star", micrographs=["m.mrc"], **given)


def settings(pixel=1.0, diameter=None, **given):
    grid = Grid(shape=(4096, 4096), pixel_size_angstrom=pixel)
    return settings_of(params(**given), grid, diameter_angstrom=diameter)


def test_the_defaults_are_those_of_the_settings():
    declared = params().model_dump()
    for name, field in ExtractSettings.__dataclass_fields__.items():
        if name in declared and name != "ctf":
            assert declared[name] == field.default, name


def test_every_setting_can_be_given():
    """All but what follows from others: the images' edge, their ratio, what is done to the CTF."""
    derived = {"image_px", "downsampling", "ctf"}
    assert set(ExtractSettings.__dataclass_fields__) - derived <= set(ExtractParams.model_fields)


def test_what_is_asked_for_arrives():
    found = settings(
        box_px=256, rescale_px=64, window_px=60, border="fill", invert=False, normalise="ramp",
        background_radius_px=20, white_dust_sd=5.0, centring="subpixel", phase_flip=True,
        ctf_box_px=400, patch_px=8, recentre=True,
    )  # fmt: skip
    assert found == ExtractSettings(
        image_px=64, downsampling=4.0, window_px=60, border="fill", invert=False,
        normalise="ramp", background_radius_px=20, white_dust_sd=5.0, centring="subpixel",
        ctf="phase-flip", ctf_box_px=400, patch_px=8, recentre=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "box", "image"),
    [
        ({"box_px": 200}, 200, 200),
        ({"box_angstrom": 301.0}, 200, 200),
        ({"box_px": 200, "rescale_px": 50}, 200, 50),
        ({"box_px": 200, "rescale_pixel_size_angstrom": 6.0}, 200, 50),
        ({"box_angstrom": 300.0, "rescale_pixel_size_angstrom": 4.0}, 200, 76),
        ({}, 220, 220),  # 1.5 x 220 Å
    ],
)
def test_sizes_may_be_given_in_px_or_in_angstrom(given, box, image):
    found = settings(pixel=1.5, diameter=220.0, **given)
    assert (found.box_px, found.image_px) == (box, image)
    assert found.image_px % 2 == 0


def test_xmipp_takes_the_very_pixel_size():
    given = {"box_px": 200, "rescale_pixel_size_angstrom": 4.1, "order": "xmipp"}
    found = settings(pixel=1.5, **given)
    assert found.downsampling * 1.5 == pytest.approx(4.1)
    assert found.image_px == 74
    # RELION's order cuts whole boxes, so its pixel size is the nearest of them.
    other = settings(pixel=1.5, **{**given, "order": "relion"})
    assert other.downsampling * 1.5 == pytest.approx(200 / 74 * 1.5)


@pytest.mark.parametrize(
    ("given", "ctf"),
    [
        ({}, "none"),
        ({"phase_flip": True}, "phase-flip"),
        ({"premultiply_ctf": True}, "premultiply"),
    ],
)
def test_what_is_done_about_the_ctf(given, ctf):
    assert ctf_of(params(**given)) == ctf


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"box_px": 64, "box_angstrom": 90.0}, "--box, --box-angstrom: give one of them"),
        ({}, "--box: is missing, and the picks tell no diameter"),
        ({"box_px": 64, "rescale_px": 80}, "--rescale 80: is larger than the box of 64 px"),
        (
            {"box_px": 64, "rescale_px": 32, "rescale_pixel_size_angstrom": 3.0},
            "--rescale, --rescale-pixel-size: give one of them",
        ),
        (
            {"box_px": 64, "rescale_pixel_size_angstrom": 1.0},
            "--rescale-pixel-size 1: is below that of the micrographs, 1.5 Å",
        ),
        ({"box_px": 64, "phase_flip": True, "premultiply_ctf": True}, "give one of them"),
        ({"box_px": 64, "dust_sd": 4.0}, "--dust: belongs to --order xmipp"),
    ],
)
def test_what_contradicts_itself_is_refused(given, line):
    with pytest.raises(InputError, match=re.escape(line)):
        settings(pixel=1.5, **given)
