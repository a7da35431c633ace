"""Write ``particles.star`` as RELION 3.1 and later (and what imports theirs) read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.euler import psi_deg_from_quaternion
from cryopick.io.metadata.relion_micrographs import defocus_table
from cryopick.io.metadata.relion_optics import OpticsGroup, optics_table
from cryopick.io.particles.columns import (
    DARK,
    GROUP,
    HALF,
    IMAGE,
    PHASE_FLIPPED,
    PREMULTIPLIED,
    SHIFT_ANGSTROM,
)
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.placing import to_px
from cryopick.io.picks.relion_output import (
    class_columns,
    extra_columns,
    full_names,
    or_missing,
)
from cryopick.io.star_block import StarBlock, star_block
from cryopick.io.star_write import write_star
from cryopick.model import Particles


def write_particles(path: str | Path, particles: Particles, frame: Frame | None = None) -> None:
    """Write particles with their optics groups and every column they carry.

    Parameters
    ----------
    path
        The STAR file; it appears whole or not at all.
    particles
        Positions that are not known (NaN) are left out.
    frame
        Grids of the micrographs, where their origins are not 0; files of the micrographs.
    """
    groups, number = _groups(particles)
    image = [f"{i + 1:06d}@{f}" for i, f in zip(particles.index, particles.file, strict=True)]
    columns: dict[str, Any] = {IMAGE: np.array(image, dtype=np.str_)}
    columns |= _coordinates(particles, frame or Frame(), Path(path))
    columns[GROUP] = number
    columns |= _measured(particles)
    columns |= extra_columns(particles.picks, columns)
    write_star(path, [_optics(particles, groups), star_block("particles", columns)])


def _groups(particles: Particles) -> tuple[list[OpticsGroup], NDArray[np.int64]]:
    """RELION's groups: optics, split where micrographs differ in pixel size."""
    n = len(particles)
    group = particles.optics_group
    group = np.zeros(n, np.int64) if group is None else group
    pixel = particles.micrograph_pixel_angstrom
    pixel = np.full(n, np.nan) if pixel is None else pixel
    keys = list(zip(group.tolist(), np.round(pixel, 6).tolist(), strict=True))
    distinct = list(dict.fromkeys(map(_no_nan, keys))) or [(0, None)]
    order = {key: i + 1 for i, key in enumerate(distinct)}
    found = [
        OpticsGroup(number=str(i), optics=particles.optics[place], pixel_size_angstrom=size)
        for (place, size), i in order.items()
    ]
    return found, np.array([order[_no_nan(key)] for key in keys], dtype=np.int64)


def _no_nan(key: tuple[int, float]) -> tuple[int, float | None]:
    """NaN is not equal to itself, so it cannot tell groups apart."""
    return key[0], None if np.isnan(key[1]) else key[1]


def _optics(particles: Particles, groups: list[OpticsGroup]) -> StarBlock:
    table = optics_table(groups)
    n = len(groups)
    columns: dict[str, Any] = {
        **table.columns,
        "rlnImagePixelSize": np.full(n, particles.pixel_size_angstrom),
        "rlnImageSize": np.full(n, particles.box_px, dtype=np.int64),
        "rlnImageDimensionality": np.full(n, 2, dtype=np.int64),
        PREMULTIPLIED: np.full(n, int(particles.ctf_premultiplied)),
    }
    if particles.phase_flipped:
        columns[PHASE_FLIPPED] = np.ones(n, dtype=np.int64)
    if particles.dark:
        columns[DARK] = np.ones(n, dtype=np.int64)
    return star_block("optics", columns)


def _coordinates(particles: Particles, frame: Frame, path: Path) -> dict[str, NDArray[Any]]:
    picks = particles.picks
    if np.isnan(picks.position_angstrom).any():
        return {}
    pixel = particles.micrograph_pixel_angstrom
    if frame.grids or frame.default_grid or frame.pixel_size_angstrom:
        position = to_px(picks, path=path, frame=frame)
    elif pixel is None:
        raise InputError(f"{path}: the pixel size of the micrographs is not known")
    else:
        position = picks.position_angstrom / pixel[:, None]
    return {
        "rlnMicrographName": full_names(picks, "rlnMicrographName", frame),
        "rlnCoordinateX": position[:, 0],
        "rlnCoordinateY": position[:, 1],
    }


def _measured(particles: Particles) -> dict[str, NDArray[Any]]:
    """CTF, pose, class, score and half set, as far as they are known."""
    picks, n = particles.picks, len(particles)
    columns: dict[str, NDArray[Any]] = {}
    if particles.defocus is not None:
        table = particles.defocus
        columns |= defocus_table(table[:, :2], table[:, 2], table[:, 3])
    if picks.orientation is not None:
        columns["rlnAnglePsi"] = psi_deg_from_quaternion(picks.orientation)
    if particles.shift_angstrom is not None:
        columns |= {name: particles.shift_angstrom[:, i] for i, name in enumerate(SHIFT_ANGSTROM)}
    columns |= class_columns(picks)
    if picks.label is None:
        del columns["rlnClassNumber"]
    if picks.score is not None:
        columns["rlnAutopickFigureOfMerit"] = or_missing(picks.score, n)
    if particles.half is not None:
        columns[HALF] = particles.half
    return columns
