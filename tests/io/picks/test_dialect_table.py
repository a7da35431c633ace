"""Every dialect, there and back, at even and odd sizes and binnings 1, 2, 4.

The result is the table in ``docs/dialects.md``; write it anew with ``make docs-table``.
"""

import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cryopick.geometry.rotation import angle_between_deg
from cryopick.io.picks.dialect import Dialect, Frame
from cryopick.io.picks.registry import dialect, dialects, read_picks, write_picks
from pick_round_trip import BINNINGS, by_place, grid_of, random_picks

PAGE = Path(__file__).resolve().parents[3] / "docs" / "dialects.md"
LARGEST_POSITION_PX = 1e-3
LARGEST_ANGLE_DEG = 1e-3
COLUMNS = ("score", "label", "group", "diameter_angstrom", "extra", "state")

WRITTEN = sorted(name for name, d in dialects().items() if d.write is not None)
READ_ONLY = sorted(name for name, d in dialects().items() if d.write is None)


@cache
def largest_errors(name: str, folder: Path) -> tuple[float, float]:
    """Largest position error in px and angle error in degrees over all sizes and binnings."""
    position, angle = 0.0, 0.0
    for ndim in dialect(name).dimensions:
        for parity in ("even", "odd"):
            for binning in BINNINGS:
                place = folder / f"{name}-{ndim}-{parity}-{binning}"
                place.mkdir()
                found = errors_of(name, ndim=ndim, parity=parity, binning=binning, folder=place)
                position, angle = max(position, found[0]), max(angle, found[1])
    return position, angle


def errors_of(name, *, ndim, parity, binning, folder):
    chosen = dialect(name)
    grid = grid_of(ndim, parity, binning)
    picks = random_picks(grid, seed=binning, labels=1)
    path = folder / f"TS_007{chosen.suffixes[0] if chosen.suffixes else ''}"
    frame = Frame(default_grid=grid, box_size_px=36 + binning)
    write_picks(picks, path, frame, name=name)
    back = read_picks(path, replace(frame, box_size_px=None), name=name).picks
    assert len(back) == len(picks)
    order, same = by_place(back), by_place(picks)
    error = back.position_angstrom[order] - picks.position_angstrom[same]
    angle = 0.0
    if "orientation" in chosen.keeps:
        angle = angle_between_deg(back.orientation[order], picks.orientation[same]).max()
    return float(np.abs(error).max() / grid.pixel_size_angstrom), float(angle)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("dialects")


@pytest.mark.parametrize("name", WRITTEN)
def test_a_round_trip_keeps_places_and_angles(name, folder):
    position, angle = largest_errors(name, folder)
    assert position < LARGEST_POSITION_PX
    assert angle < LARGEST_ANGLE_DEG


def test_the_page_holds_the_measured_table(folder):
    page = page_of({name: largest_errors(name, folder) for name in WRITTEN})
    if os.environ.get("CRYOPICK_WRITE_TABLE"):
        PAGE.write_text(page, "utf-8")
    assert PAGE.read_text("utf-8") == page, "write the table anew: make docs-table"


def page_of(errors: dict[str, tuple[float, float]]) -> str:
    lines = [
        "# Dialects",
        "",
        "Pick files that cryopick reads and writes, and what their numbers mean. `cryopick convert`",
        "goes from any of them to any other, says what it assumed, and checks the result against",
        "the image before it writes.",
        "",
        "This page is written by a test (`tests/io/picks/test_dialect_table.py`): 40 random",
        "oriented picks go through a file of each dialect and back, for images of even and odd",
        "size, unbinned and mean-binned by 2 and 4. The largest position error is in pixels of",
        "that image, the largest angle error in degrees; both are rounded up to a power of ten.",
        "",
        "| dialect | program and file | 2D/3D | largest error, px | largest error, degrees | also keeps |",
        "|---|---|---|---|---|---|",
    ]
    lines += [row(dialect(name), errors[name]) for name in WRITTEN]
    lines += ["", "Read only: " + "; ".join(f"`{n}` ({dialect(n).title})" for n in READ_ONLY) + "."]
    lines += ["", "## Conventions", ""]
    for name in sorted(dialects()):
        lines += convention(dialect(name))
    return "\n".join(lines) + "\n"


def row(chosen: Dialect, errors: tuple[float, float]) -> str:
    turns = power_of_ten(errors[1]) if "orientation" in chosen.keeps else "no angles"
    kept = ", ".join(c.removesuffix("_angstrom") for c in COLUMNS if c in chosen.keeps) or "-"
    dimensions = "/".join(f"{n}D" for n in chosen.dimensions)
    title = chosen.title.replace("|", "\\|")
    return f"| `{chosen.name}` | {title} | {dimensions} | {power_of_ten(errors[0])} | {turns} | {kept} |"


def convention(chosen: Dialect) -> list[str]:
    lines = [f"`{chosen.name}` ({', '.join(chosen.suffixes) or 'folder'})"]
    lines.append(
        f": {chosen.unit}; {chosen.origin}." + (f" Angles: {chosen.euler}." if chosen.euler else "")
    )
    return [*lines, ""]


def power_of_ten(value: float) -> str:
    if value < 1e-6:
        return "< 1e-6"
    return f"< 1e{int(np.ceil(np.log10(value))):d}"


def test_the_thirty_dialects_are_there():
    assert len(WRITTEN) >= 30
