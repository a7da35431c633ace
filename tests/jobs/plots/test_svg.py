import io
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from cryopick.jobs.plots.svg import (
    drawing,
    grey_image,
    grey_png,
    keys_row,
    title,
    width_of,
    words,
    written,
)

NAMES = ["a < b & c", 'mic "7"', "</text><script>alert(1)</script>", "µm Å −3", "lost\udce9byte"]


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (300, 2)])
def test_a_plane_comes_back_from_its_png(shape):
    grey = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    picture = Image.open(io.BytesIO(grey_png(grey)))
    picture.load()  # checks all sums
    assert picture.mode == "L"
    assert np.array_equal(np.asarray(picture), grey)


def test_a_view_of_another_array_can_be_written():
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)[::2, ::-1]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(grey_png(grey)))), grey)


@pytest.mark.parametrize("name", NAMES)
def test_any_words_are_xml_that_can_be_written(name):
    svg = drawing([words(name, x_px=1, y_px=2)], width_px=10, height_px=10)
    shown = "".join(ET.fromstring(svg.encode()).itertext()).strip()
    assert shown == name.replace("\udce9", " ")


def test_control_characters_are_left_out():
    svg = drawing(
        [words("a\x00b\nc", x_px=1, y_px=2), "<g>" + title("d\x07") + "</g>"],
        width_px=9,
        height_px=9,
    )
    assert "".join(ET.fromstring(svg).itertext()).strip() == "a b cd"


def test_no_words_make_no_title():
    assert title("") == ""
    assert title("mic 1") == "<title>mic 1</title>"


def test_upright_words_turn_about_their_own_place():
    assert 'transform="rotate(-90 15 40)"' in words("picks", x_px=15, y_px=40, upwards=True)
    assert "transform" not in words("picks", x_px=15, y_px=40)


def test_a_drawing_says_its_size_and_asks_for_nothing_outside():
    image = grey_image(np.zeros((2, 2), np.uint8), width_px=30, height_px=20)
    root = ET.fromstring(drawing([image], width_px=30, height_px=20))
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("30", "20", "0 0 30 20")
    (shown,) = root
    assert shown.get("href").startswith("data:image/png;base64,")


def test_longer_words_are_wider():
    assert 0 == width_of("") < width_of("ab") < width_of("abc")


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (-0.5, "−0.5"), (1234.56, "1235"), (1e-7, "1e−07")]
)
def test_numbers_in_four_digits(value, text):
    assert written(value) == text


def test_keys_stand_in_a_row_of_their_own_colours():
    keys = [("line", "#111111", "spike"), ("area", "#222222", "a & b")]
    root = ET.fromstring(f"<g>{keys_row(keys, left_px=5, middle_px=20)}</g>")
    assert [e.get("fill") for e in root if e.tag == "rect"] == ["#111111", "#222222"]
    left = [float(e.get("x")) for e in root]
    assert left == sorted(left)
    assert left[0] == 5
    assert keys_row([], left_px=5, middle_px=20) == ""


def test_few_pixels_are_shown_as_squares():
    few, many = np.zeros((8, 8), np.uint8), np.zeros((80, 80), np.uint8)
    assert "pixelated" in grey_image(few, width_px=100, height_px=100)
    assert "pixelated" not in grey_image(many, width_px=100, height_px=100)
