"""Configuration files: keys by flag or by field; what is unknown is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryopick.cli.config_file import read_config
from cryopick.errors import FormatError, MissingFileError
from toy_jobs import ToyParams


def read(folder: Path, text: str | bytes) -> dict[str, object]:
    path = folder / "c.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_config(path, ToyParams)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("pixel-size = 1.5", {"pixel_size_angstrom": 1.5}),
        ("pixel_size = 1.5", {"pixel_size_angstrom": 1.5}),
        ("pixel_size_angstrom = 1.5", {"pixel_size_angstrom": 1.5}),
        ("voltage-kv = 200\nsleep = 1", {"voltage_kv": 200, "sleep_seconds": 1}),
        ('workers = 3\ndevice = "cpu"', {"workers": 3, "device": "cpu"}),
        ('names = ["007", "1e5"]', {"names": ["007", "1e5"]}),
    ],
)
def test_keys(tmp_path: Path, text: str, values: dict[str, object]) -> None:
    assert read(tmp_path, text) == values


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("pixle-size = 1", r"c\.toml: key 'pixle-size' is not a parameter; known: count, device"),
        ("[pick]\nx = 1", "key 'pick' is not a parameter"),
        ('out = "x"', "key 'out' is not a parameter"),
        ("pixel-size = 1\npixel_size_angstrom = 2", "gives pixel_size_angstrom a second time"),
        ("count = ", r"c\.toml: is not TOML"),
        (b"\xff\xfe", r"c\.toml: is not TOML"),
        ("x = " + "[" * 100_000, r"c\.toml: is not TOML"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, text: str | bytes, line: str) -> None:
    with pytest.raises(FormatError, match=line):
        read(tmp_path, text)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no such file"):
        read_config(tmp_path / "none.toml", ToyParams)
