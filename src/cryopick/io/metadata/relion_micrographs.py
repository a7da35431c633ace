"""RELION micrographs with their CTF: ``micrographs.star``, ``micrographs_ctf.star``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.io.images.name import referenced_name
from cryopick.io.metadata.relion_optics import (
    OpticsGroup,
    optics_rows,
    optics_table,
    read_optics,
)
from cryopick.io.picks.relion_columns import magnified
from cryopick.io.star import read_star
from cryopick.io.star_block import StarBlock, star_block
from cryopick.io.star_write import write_star
from cryopick.model import Defocus, Optics

ANGSTROM_PER_UM = 1e4
# Defocus of a real image is never below 100 Å: some programs fill RELION's columns with µm.
_SURELY_UM = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Micrograph:
    """One micrograph as RELION lists it.

    Attributes
    ----------
    path
        ``rlnMicrographName``: path from the project folder.
    name
        The image's name.
    defocus, optics
        None where the file does not tell.
    pixel_size_angstrom
        Of the micrograph; None where the file does not tell.
    """

    path: str
    name: str
    defocus: Defocus | None = None
    optics: Optics | None = None
    pixel_size_angstrom: float | None = None


def read_micrographs(path: str | Path) -> tuple[Micrograph, ...]:
    """Read a table of micrographs, of RELION 3.0 (optics inline) or later (``data_optics``)."""
    star = read_star(path)
    block = star.get("micrographs")
    if block is None:
        block = star.table_with("rlnMicrographName")
    if block is None or "rlnMicrographName" not in block:
        raise FormatError(path, "no table with rlnMicrographName")
    defocus = defocus_rows(block)
    groups = read_optics(star)
    inline = optics_rows(block) if "rlnVoltage" in block else None
    numbers = block.text("rlnOpticsGroup").tolist() if "rlnOpticsGroup" in block else None
    size = magnified(block)
    found: list[Micrograph] = []
    for row, name in enumerate(block.text("rlnMicrographName").tolist()):
        entry = Micrograph(
            path=name,
            name=referenced_name(name),
            defocus=defocus[row],
            optics=None if inline is None else inline[row],
            pixel_size_angstrom=None if size is None else float(size[row]),
        )
        if groups:
            group = _group(block, groups, None if numbers is None else numbers[row])
            entry = replace(
                entry, optics=group.optics, pixel_size_angstrom=group.pixel_size_angstrom
            )
        found.append(entry)
    return tuple(found)


def write_micrographs(path: str | Path, micrographs: Sequence[Micrograph]) -> None:
    """Write ``data_optics`` and ``data_micrographs`` as RELION 3.1 and later read them.

    Micrographs with the same optics and pixel size share an optics group.
    """
    keys = [(m.optics or Optics(), m.pixel_size_angstrom) for m in micrographs]
    order = {key: i + 1 for i, key in enumerate(dict.fromkeys(keys))}
    if len({size is None for _, size in order}) > 1:
        raise InputError(f"{path}: some micrographs lack a pixel size; give it for all or none")
    groups = [
        OpticsGroup(number=str(i), optics=optics, pixel_size_angstrom=size)
        for (optics, size), i in order.items()
    ]
    columns: dict[str, Any] = {
        "rlnMicrographName": np.array([m.path for m in micrographs], dtype=np.str_),
        "rlnOpticsGroup": np.array([order[key] for key in keys], dtype=np.int64),
    }
    known = [m.defocus for m in micrographs if m.defocus is not None]
    if known and len(known) < len(micrographs):
        bare = next(m for m in micrographs if m.defocus is None)
        raise InputError(f"{path}: micrograph {bare.name} has no defocus, but others have")
    if known:
        columns |= defocus_table(
            np.array([[d.u_um, d.v_um] for d in known]),
            np.array([d.astigmatism_angle_deg for d in known]),
            np.array([d.phase_shift_deg for d in known]),
        )
    write_star(path, [optics_table(groups), star_block("micrographs", columns)])


def defocus_columns(block: StarBlock) -> NDArray[np.float64] | None:
    """``(n, 4)``: defocus along both axes (µm), astigmatism angle and phase shift (degrees)."""
    if not block.has("rlnDefocusU", "rlnDefocusV"):
        return None
    zero = np.zeros(len(block))
    both = np.stack([block.number("rlnDefocusU"), block.number("rlnDefocusV")], axis=1)
    in_um = bool(np.all(np.abs(both) < _SURELY_UM))
    angle = block.number("rlnDefocusAngle") if "rlnDefocusAngle" in block else zero
    phase = block.number("rlnPhaseShift") if "rlnPhaseShift" in block else zero
    defocus = both if in_um else both / ANGSTROM_PER_UM
    return np.concatenate([defocus, angle[:, None], phase[:, None]], axis=1)


def defocus_rows(block: StarBlock) -> list[Defocus | None]:
    """Defocus of every row; None where the columns, or values in them, are missing."""
    table = defocus_columns(block)
    if table is None:
        return [None] * len(block)
    known: list[bool] = np.all(np.isfinite(table), axis=1).tolist()
    return [
        Defocus(u_um=u, v_um=v, astigmatism_angle_deg=angle, phase_shift_deg=phase) if ok else None
        for (u, v, angle, phase), ok in zip(table.tolist(), known, strict=True)
    ]


def defocus_table(
    both_um: NDArray[np.float64], angle_deg: NDArray[np.float64], phase_deg: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Columns of RELION for defocus ``(n, 2)`` in µm; the phase shift only where there is one."""
    both = both_um * ANGSTROM_PER_UM
    columns = {
        "rlnDefocusU": both[:, 0],
        "rlnDefocusV": both[:, 1],
        "rlnCtfAstigmatism": np.abs(both[:, 0] - both[:, 1]),
        "rlnDefocusAngle": angle_deg,
    }
    return {**columns, "rlnPhaseShift": phase_deg} if np.any(phase_deg) else columns


def _group(block: StarBlock, groups: dict[str, OpticsGroup], number: str | None) -> OpticsGroup:
    if number is None:
        return next(iter(groups.values()))
    if number not in groups:
        raise FormatError(block.path, f"optics group {number} is not in block data_optics")
    return groups[number]
