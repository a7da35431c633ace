"""Arguments are read: only what was given comes back, as text."""

from __future__ import annotations

import pytest

from cryopick.cli.options import Option, parse
from cryopick.errors import InputError

OPTIONS = [
    Option(name="low", flags=("--low",), help="Low.", kind="number"),
    Option(name="images", flags=("IMAGES",), help="Images.", kind="list"),
    Option(name="range", flags=("--range",), help="Range.", kind="list", count=2),
    Option(name="tilts", flags=("--tilts",), help="Tilts.", kind="list"),
    Option(name="invert", flags=("--invert",), help="Invert.", kind="switch", group="Advanced"),
    Option(name="json", flags=("--json",), help="J.", kind="switch", negatable=False),
    Option(name="out", flags=("--out", "-o"), help="Out.", group="Common"),
]


def read(*words: str) -> dict[str, object]:
    found = parse("toy", "Make numbers", OPTIONS, words)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["a", "b"], {"images": ["a", "b"]}),
        (["a", "-o", "x", "b"], {"images": ["a", "b"], "out": "x"}),
        (["--out=x=y"], {"out": "x=y"}),
        (["--low", "-3.5e-2"], {"low": "-3.5e-2"}),
        (["--low", "abc"], {"low": "abc"}),
        (["--range", "1", "2", "a"], {"range": ["1", "2"], "images": ["a"]}),
        (["a", "--tilts", "1", "-2", "3"], {"tilts": ["1", "-2", "3"], "images": ["a"]}),
        (["--invert"], {"invert": True}),
        (["--no-invert"], {"invert": False}),
        (["--json", "a"], {"json": True, "images": ["a"]}),
        (["--", "-a", "--help"], {"images": ["-a", "--help"]}),
        (["007", "1e5"], {"images": ["007", "1e5"]}),
    ],
)
def test_values(words: list[str], expected: dict[str, object]) -> None:
    assert read(*words) == expected


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--nope"], "Unknown option: --nope"),
        (["--no-json"], "Unknown option: --no-json"),
        (["--low"], "--low requires an argument"),
        (["--low", "1", "--low", "2"], "--low specified multiple times"),
        (["--range", "1"], "--range requires 2"),
        (["--images", "a"], "Unknown option: --images"),
    ],
)
def test_wrong_usage(words: list[str], line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        read(*words)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("see: cryopick toy --help")


def test_help_is_grouped(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse("toy", "Make numbers", OPTIONS, ["a", "-h"], example="cryopick toy a") is None
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: cryopick toy IMAGES... [OPTIONS]\n\nMake numbers.\n")
    places = [
        shown.index(f"─ {name} ─") for name in ("Arguments", "Parameters", "Common", "Advanced")
    ]
    assert places == sorted(places)
    assert "--range WORD WORD" in shown
    assert "--tilts WORD..." in shown
    assert "--invert --no-invert" in shown
    assert "--no-json" not in shown
    assert "Example: cryopick toy a" in shown


def test_too_many_arguments() -> None:
    one = [Option(name="folder", flags=("DIR",), help="Folder.")]
    assert parse("status", "Status", one, ["a"]) == {"folder": "a"}
    with pytest.raises(InputError, match="see: cryopick status --help"):
        parse("status", "Status", one, ["a", "b"])
