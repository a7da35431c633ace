"""RELION ``tomograms.star``: the tomograms of a project, of RELION 4 and 5.

RELION 5 points to one STAR file per tilt series; RELION 4 keeps each series as a block of the same
file, with a projection matrix per image. Both are read by `read_tomograms`; each has its writer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.errors import FormatError, InputError
from cryopick.io.metadata.relion_optics import numbers_or, optics_rows
from cryopick.io.metadata.relion_tilt_series import tilt_columns
from cryopick.io.star import read_star
from cryopick.io.star_block import StarBlock, star_block
from cryopick.io.star_write import write_star
from cryopick.model import Grid, Optics, TiltSeries

_SIZE = ("rlnTomoSizeX", "rlnTomoSizeY", "rlnTomoSizeZ")
_PIXEL = ("rlnTomoTiltSeriesPixelSize", "rlnMicrographOriginalPixelSize")
_FILE = "rlnTomoTiltSeriesStarFile"
_RECONSTRUCTED = "rlnTomoReconstructedTomogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class TomogramEntry:
    """One tomogram as RELION lists it.

    Attributes
    ----------
    name
        ``rlnTomoName``.
    tilt_series_file
        Path from the project folder; empty where the series is a block of the same file.
    tilt_series_pixel_angstrom
        Pixel size of the unbinned tilt series.
    size_px
        Unbinned size ``x, y, z``; None where not known yet.
    binning
        Of the reconstruction; None where there is none.
    handedness
        ``rlnTomoHand``: 1 or -1; 0 not known.
    optics
        Microscope settings.
    reconstructions
        Reconstruction files by column (``rlnTomoReconstructedTomogram...``).
    """

    name: str
    tilt_series_file: str = ""
    tilt_series_pixel_angstrom: float
    size_px: tuple[int, int, int] | None = None
    binning: float | None = None
    handedness: int = 0
    optics: Optics = field(default_factory=Optics)
    reconstructions: Mapping[str, str] = field(default_factory=dict[str, str])

    def unbinned_grid(self) -> Grid:
        """Grid of the unbinned tomogram; particles are placed by it."""
        if self.size_px is None:
            raise InputError(f"tomogram {self.name}: its size is not known; give --image")
        return Grid(shape=self.size_px[::-1], pixel_size_angstrom=self.tilt_series_pixel_angstrom)


def read_tomograms(path: str | Path) -> tuple[TomogramEntry, ...]:
    """Read the list of tomograms (or of tilt series not reconstructed yet)."""
    star = read_star(path)
    block = star.get("global")
    if block is None:
        block = star.table_with("rlnTomoName", _PIXEL[0])
    if block is None or "rlnTomoName" not in block:
        raise FormatError(path, "no block data_global with rlnTomoName")
    return _entries(block)


def write_tomograms(path: str | Path, tomograms: Sequence[TomogramEntry]) -> None:
    """Write ``tomograms.star`` as RELION 5 reads it."""
    bare = next((t.name for t in tomograms if not t.tilt_series_file), None)
    if bare is not None:
        raise InputError(f"{path}: tomogram {bare} names no tilt series file; RELION 5 needs one")
    columns = _global(tomograms, path)
    columns[_FILE] = [t.tilt_series_file for t in tomograms]
    binnings = [t.binning for t in tomograms]
    if all(b is not None for b in binnings):
        columns["rlnTomoTomogramBinning"] = np.array(binnings, dtype=np.float64)
    for name in dict.fromkeys(name for t in tomograms for name in t.reconstructions):
        columns[name] = [t.reconstructions.get(name, "") for t in tomograms]
    write_star(path, [star_block("global", columns)])


def write_tomograms_relion4(
    path: str | Path,
    tomograms: Sequence[TomogramEntry],
    series: Mapping[str, TiltSeries],
    *,
    image_size_px: tuple[int, int],
) -> None:
    """Write ``tomograms.star`` as RELION 4 reads it, each tilt series as a block.

    Parameters
    ----------
    path
        The file.
    tomograms
        With their unbinned sizes.
    series
        Tilt series by name of the tomogram.
    image_size_px
        Size ``x, y`` of the unbinned tilt images.
    """
    columns = _global(tomograms, path)
    blocks: list[StarBlock] = []
    frames: list[int] = []
    for entry in tomograms:
        if entry.name not in series or entry.size_px is None:
            raise InputError(f"{path}: tomogram {entry.name}: RELION 4 needs its size and tilts")
        table = tilt_columns(series[entry.name])
        matrices = _projections(table, entry, image_size_px)
        rows = {
            f"rlnTomoProj{axis}": [_bracketed(m[i]) for m in matrices]
            for i, axis in enumerate("XYZW")
        }
        kept = ("rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnMicrographPreExposure")
        rows |= {name: table[name] for name in kept if name in table}
        blocks.append(star_block(entry.name, {k: np.asarray(v) for k, v in rows.items()}))
        frames.append(len(matrices))
    columns["rlnTomoTiltSeriesName"] = [f"{t.name}.mrcs" for t in tomograms]
    columns["rlnTomoFrameCount"] = np.array(frames, dtype=np.int64)
    write_star(path, [star_block("global", columns), *blocks])


def _entries(block: StarBlock) -> tuple[TomogramEntry, ...]:
    names = block.text("rlnTomoName").tolist()
    column = block.first(*_PIXEL)
    pixel = numbers_or(block, column, 0.0) if column else np.zeros(len(block))
    if np.any(pixel <= 0):
        name = names[int(np.argmax(pixel <= 0))]
        raise FormatError(
            block.path, f"tomogram {name}: no pixel size of the tilt series above 0", "add it"
        )
    sizes = np.stack([numbers_or(block, name, 0.0) for name in _SIZE], axis=1)
    if np.any(sizes > 1e6):
        raise FormatError(block.path, "rlnTomoSizeX/Y/Z: more than a million voxels")
    binning = numbers_or(block, "rlnTomoTomogramBinning", 0.0)
    hand = np.sign(numbers_or(block, "rlnTomoHand", 0.0)).astype(np.int64)
    files = block.text(_FILE).tolist() if _FILE in block else [""] * len(block)
    made = {c: block.text(c).tolist() for c in block.columns if c.startswith(_RECONSTRUCTED)}
    optics = optics_rows(block)
    entries: list[TomogramEntry] = []
    for row, name in enumerate(names):
        x, y, z = (int(v) for v in sizes[row])
        entries.append(
            TomogramEntry(
                name=name,
                tilt_series_file=files[row],
                tilt_series_pixel_angstrom=float(pixel[row]),
                size_px=(x, y, z) if min(x, y, z) >= 1 else None,
                binning=float(binning[row]) if binning[row] > 0 else None,
                handedness=int(hand[row]),
                optics=optics[row],
                reconstructions={column: values[row] for column, values in made.items()},
            )
        )
    return tuple(entries)


def _global(tomograms: Sequence[TomogramEntry], path: str | Path) -> dict[str, Any]:
    pixel = np.array([t.tilt_series_pixel_angstrom for t in tomograms], dtype=np.float64)
    columns: dict[str, Any] = {
        "rlnTomoName": [t.name for t in tomograms],
        "rlnVoltage": np.array([t.optics.voltage_kv for t in tomograms]),
        "rlnSphericalAberration": np.array([t.optics.cs_mm for t in tomograms]),
        "rlnAmplitudeContrast": np.array([t.optics.amplitude_contrast for t in tomograms]),
        "rlnMicrographOriginalPixelSize": pixel,
        "rlnTomoHand": np.array([float(t.handedness or -1) for t in tomograms]),
        "rlnOpticsGroupName": [t.optics.group for t in tomograms],
        "rlnTomoTiltSeriesPixelSize": pixel,
    }
    known = [t.size_px for t in tomograms if t.size_px is not None]
    if known and len(known) < len(tomograms):
        raise InputError(f"{path}: some tomograms have no size; give it for all or none")
    for i, name in enumerate(_SIZE if known else ()):
        columns[name] = np.array([size[i] for size in known], dtype=np.int64)
    return columns


def _projections(
    table: Mapping[str, Any], entry: TomogramEntry, image_size_px: tuple[int, int]
) -> list[Any]:
    """``(4, 4)`` per image: unbinned voxel -> pixel of the tilt image, about both centres."""
    assert entry.size_px is not None
    middle = np.asarray(entry.size_px) / 2
    matrices: list[Any] = []
    for tilt, axis, dx, dy in zip(
        np.radians(table["rlnTomoYTilt"]),
        np.radians(table["rlnTomoZRot"]),
        table["rlnTomoXShiftAngst"] / entry.tilt_series_pixel_angstrom,
        table["rlnTomoYShiftAngst"] / entry.tilt_series_pixel_angstrom,
        strict=True,
    ):
        c, s, ca, sa = np.cos(tilt), np.sin(tilt), np.cos(axis), np.sin(axis)
        turn = np.array([[ca, -sa, 0], [sa, ca, 0], [0, 0, 1]]) @ np.array(
            [[c, 0, s], [0, 1, 0], [-s, 0, c]]
        )
        matrix = np.eye(4)
        matrix[:3, :3] = turn
        target = np.array([image_size_px[0] / 2 + dx, image_size_px[1] / 2 + dy, middle[2]])
        matrix[:3, 3] = target - turn @ middle
        matrices.append(matrix)
    return matrices


def _bracketed(row: Any) -> str:
    return "[" + ",".join(f"{v:.9g}" for v in row.tolist()) + "]"
