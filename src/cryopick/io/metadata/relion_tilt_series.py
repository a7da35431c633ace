"""RELION tilt series: one STAR per series (5), or blocks inside ``tomograms.star`` (4).

Tilt is about y after alignment (``rlnTomoYTilt``, else the nominal stage tilt), the axis angle
``rlnTomoZRot`` (else the nominal one), exposure ``rlnMicrographPreExposure``, defocus Å -> µm.
RELION 4 keeps projection matrices instead of angles: they are ``Rz(axis) Ry(tilt)``, so the last
row is ``(-sin tilt, 0, cos tilt)``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.metadata.relion_micrographs import defocus_columns, defocus_table
from cryopick.io.star import read_star
from cryopick.io.star_block import StarBlock, star_block
from cryopick.io.star_write import write_star
from cryopick.model import Optics, TiltSeries

_TILT = ("rlnTomoYTilt", "rlnTomoNominalStageTiltAngle")
_AXIS = ("rlnTomoZRot", "rlnTomoNominalTiltAxisAngle")
_IMAGE = ("rlnMicrographName", "rlnMicrographMovieName")
_PROJECTION = ("rlnTomoProjX", "rlnTomoProjY", "rlnTomoProjZ")


def read_tilt_series(
    path: str | Path,
    *,
    name: str | None = None,
    pixel_size_angstrom: float | None = None,
    optics: Optics | None = None,
    handedness: int = 0,
) -> TiltSeries:
    """Read one tilt series.

    Parameters
    ----------
    path
        Its STAR file, or a RELION 4 ``tomograms.star`` that holds it as a block.
    name
        Name of the series; default: that of the block.
    pixel_size_angstrom, optics, handedness
        What RELION keeps in ``tomograms.star`` (see `read_tomograms`).
    """
    star = read_star(path)
    tables = [b for b in star.blocks if b.first(*_TILT) or b.has(*_PROJECTION)]
    block = next((b for b in tables if b.name == name), tables[0] if tables else None)
    if block is None:
        raise FormatError(path, "no table with rlnTomoYTilt, a nominal tilt or rlnTomoProjZ")
    if len(tables) > 1 and name is not None and block.name != name:
        raise FormatError(path, f"no block data_{name}; it has several tilt series")
    return series_of(
        block,
        name=name or block.name or Path(path).stem,
        pixel_size_angstrom=pixel_size_angstrom,
        optics=optics,
        handedness=handedness,
    )


def series_of(
    block: StarBlock,
    *,
    name: str,
    pixel_size_angstrom: float | None = None,
    optics: Optics | None = None,
    handedness: int = 0,
) -> TiltSeries:
    """A tilt series from its table."""
    tilt, axis = _angles(block)
    defocus = defocus_columns(block)
    image = block.first(*_IMAGE)
    return TiltSeries(
        name=name,
        tilt_deg=tilt,
        axis_angle_deg=axis,
        exposure_e_per_a2=_optional(block, "rlnMicrographPreExposure"),
        defocus_u_um=None if defocus is None else defocus[:, 0],
        defocus_v_um=None if defocus is None else defocus[:, 1],
        astigmatism_angle_deg=None if defocus is None else defocus[:, 2],
        phase_shift_deg=None if defocus is None else defocus[:, 3],
        shift_x_angstrom=_optional(block, "rlnTomoXShiftAngst"),
        shift_y_angstrom=_optional(block, "rlnTomoYShiftAngst"),
        image=block.text(image) if image else None,
        pixel_size_angstrom=pixel_size_angstrom,
        optics=optics,
        handedness=handedness,
    )


def write_tilt_series(path: str | Path, series: TiltSeries) -> None:
    """Write the STAR file of one tilt series as RELION 5 reads it; excluded images are left out."""
    write_star(path, [star_block(series.name, tilt_columns(series))])


def tilt_columns(series: TiltSeries) -> dict[str, NDArray[Any]]:
    """RELION 5 columns of the images that are not excluded."""
    n = len(series)
    zero = np.zeros(n)
    image = series.image
    if image is None:
        image = np.array([f"{i + 1:06d}@{series.name}.mrcs" for i in range(n)], dtype=np.str_)
    axis = zero if series.axis_angle_deg is None else series.axis_angle_deg
    columns: dict[str, NDArray[Any]] = {
        "rlnMicrographName": image,
        "rlnTomoNominalStageTiltAngle": series.tilt_deg,
        "rlnTomoNominalTiltAxisAngle": axis,
    }
    if series.exposure_e_per_a2 is not None:
        columns["rlnMicrographPreExposure"] = series.exposure_e_per_a2
    if series.defocus_u_um is not None:
        v = series.defocus_u_um if series.defocus_v_um is None else series.defocus_v_um
        angle = zero if series.astigmatism_angle_deg is None else series.astigmatism_angle_deg
        phase = zero if series.phase_shift_deg is None else series.phase_shift_deg
        columns |= defocus_table(np.stack([series.defocus_u_um, v], axis=1), angle, phase)
    columns |= {"rlnTomoXTilt": zero, "rlnTomoYTilt": series.tilt_deg, "rlnTomoZRot": axis}
    for name, shift in (("X", series.shift_x_angstrom), ("Y", series.shift_y_angstrom)):
        columns[f"rlnTomo{name}ShiftAngst"] = zero if shift is None else shift
    keep = np.ones(n, bool) if series.excluded is None else ~series.excluded
    return {name: values[keep] for name, values in columns.items()}


def _optional(block: StarBlock, column: str) -> NDArray[np.float64] | None:
    return block.number(column) if column in block else None


def _angles(block: StarBlock) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    tilt, axis = block.first(*_TILT), block.first(*_AXIS)
    if tilt is not None:
        return block.number(tilt), block.number(axis) if axis else None
    rows = {name: _vectors(block, name) for name in _PROJECTION}
    z, y = rows["rlnTomoProjZ"], rows["rlnTomoProjY"]
    tilt_deg = np.degrees(np.arctan2(-z[:, 0], z[:, 2]))
    # The middle column of Rz(axis) Ry(tilt) is (-sin axis, cos axis, 0).
    axis_deg = np.degrees(np.arctan2(-rows["rlnTomoProjX"][:, 1], y[:, 1]))
    return tilt_deg, axis_deg


def _vectors(block: StarBlock, column: str) -> NDArray[np.float64]:
    """Values such as ``[0.6,0,0.8,0]``, ``(n, 4)``."""
    rows: list[list[float]] = []
    for i, text in enumerate(block.columns[column]):
        parts = str(text).strip("[]").split(",")
        try:
            numbers = [float(part) for part in parts]
        except ValueError:
            numbers = []
        if len(numbers) != 4:
            raise FormatError(
                block.path,
                f"column {column}, row {i + 1}: expected [a,b,c,d], got {str(text)[:60]}",
            )
        rows.append(numbers)
    return np.array(rows, dtype=np.float64).reshape(-1, 4)
