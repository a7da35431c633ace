import re

import pytest

from cryopick.errors import InputError
from cryopick.extract.settings import ExtractSettings


def test_boxes_count_pixels_of_what_they_are_cut_from():
    assert ExtractSettings(image_px=64, downsampling=4).box_px == 256
    # Xmipp's order cuts them out of a micrograph that is down-sampled already.
    assert ExtractSettings(image_px=64, downsampling=4, order="xmipp").box_px == 64
    assert ExtractSettings(image_px=64, downsampling=1.37, order="xmipp").box_px == 64


def test_ratios_of_whole_edges_are_whole_though_floats_are_not():
    assert ExtractSettings(image_px=92, downsampling=256 / 92).box_px == 256


@pytest.mark.parametrize(("order", "radius"), [("relion", 24), ("xmipp", 32)])
def test_the_usual_background_is_that_of_each_program(order, radius):
    assert ExtractSettings(image_px=64, order=order).background_px == radius
    assert ExtractSettings(image_px=64, order=order, window_px=32).background_px == radius // 2
    assert ExtractSettings(image_px=64, order=order, background_radius_px=7).background_px == 7


def test_the_ctf_is_applied_in_twice_the_box():
    assert ExtractSettings(image_px=64, downsampling=2).ctf_box == 256
    assert ExtractSettings(image_px=64, ctf_box_px=80).ctf_box == 80


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"image_px": 1}, "expected images of 2 px or more, got 1"),
        ({"downsampling": 0.5}, "expected 1 or more, got 0.5"),
        ({"downsampling": float("nan")}, "expected 1 or more, got nan"),
        ({"downsampling": 1.37}, "makes boxes of 87.68 px, not a whole number"),
        ({"window_px": 80}, "--window 80: expected 2 to 64 px"),
        ({"background_radius_px": 33}, "--background-radius 33: expected 1 to 32 px"),
        ({"background_radius_px": 17, "window_px": 32}, "expected 1 to 16 px"),
        ({"ctf_box_px": 60}, "--ctf-box 60: is smaller than the box, 64"),
        ({"patch_px": 40}, "--patch 40: expected 2 to 32 px"),
        ({"order": "eman"}, "--order eman: expected relion, xmipp"),
        ({"border": "wrap"}, "--border wrap: expected drop, fill"),
        ({"centring": "none"}, "--centring none: expected pixel, subpixel"),
        ({"normalise": "minmax"}, "--normalise minmax: expected relion, "),
        ({"ctf": "wiener"}, "--ctf wiener: expected none, phase-flip, premultiply"),
        ({"white_dust_sd": 0}, "--white-dust 0: expected a number above 0"),
        ({"order": "xmipp", "dust_sd": -1}, "--dust -1: expected a number above 0"),
        ({"order": "xmipp", "black_dust_sd": 4}, "belong to --order relion; give --dust"),
        ({"dust_sd": 4}, "belongs to --order xmipp; give --white-dust"),
        ({"neighbour_threshold_sd": 0}, "--neighbour-threshold 0: expected a number above 0"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(wrong, line):
    with pytest.raises(InputError, match=re.escape(line)) as caught:
        ExtractSettings(**{"image_px": 64, **wrong})
    assert "\n" not in str(caught.value)
