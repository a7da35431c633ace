"""The look of the report: whole in itself, readable in light and dark, every class in use."""

from __future__ import annotations

import inspect
import re

import pytest

from cryopick.run import report
from cryopick.run.report_style import STYLE

COLOURS = {
    theme: dict(re.findall(r"--(\w+):(#[0-9a-f]+)", block))
    for theme, block in zip(
        ("light", "dark"), re.findall(r":root\{(.*?)\}", STYLE, re.DOTALL), strict=True
    )
}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_by_hand() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", COLOURS)
@pytest.mark.parametrize("word", ["ink", "soft", "accent", "bad", "warn", "good"])
@pytest.mark.parametrize("ground", ["page", "card"])
def test_words_can_be_read_on_their_ground(theme: str, word: str, ground: str) -> None:
    """4.5 to 1 is what WCAG asks of text."""
    assert contrast(COLOURS[theme][word], COLOURS[theme][ground]) >= 4.5


def test_both_themes_have_every_colour() -> None:
    assert set(COLOURS["light"]) == set(COLOURS["dark"])
    used = set(re.findall(r"var\(--(\w+)\)", STYLE))
    assert used == set(COLOURS["light"])


def test_nothing_comes_from_outside() -> None:
    assert re.search(r"url\(|@import|https?:|expression", STYLE) is None


def test_braces_are_closed_and_no_markup_is_in_it() -> None:
    depth = 0
    for sign in STYLE:
        depth += (sign == "{") - (sign == "}")
        assert depth in (0, 1, 2)
    assert depth == 0
    assert "<" not in STYLE


def test_every_class_is_one_that_the_page_uses() -> None:
    code = inspect.getsource(report)
    for name in set(re.findall(r"\.([a-z]+)(?=[{.\s,])", STYLE)):
        assert name in code, name
