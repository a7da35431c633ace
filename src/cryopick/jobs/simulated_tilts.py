"""The files of a simulated tilt series: the stack, and what a user would know of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from cryopick.io.images import write_mrc
from cryopick.io.metadata.number_list import write_number_list
from cryopick.io.metadata.relion_tilt_series import write_tilt_series
from cryopick.io.metadata.tlt import write_tilts
from cryopick.simulate.tilt_series import RecordedTilts

TILT_FILES = ("{id}.mrcs", "{id}.star", "{id}.tlt", "{id}_exposure.txt", "{id}_defocus.txt")
"""Names of the files, ``{id}`` for the tilt series."""


def write_tilt_files(folder: Path, name: str, recorded: RecordedTilts) -> None:
    """Write the stack, and what a user knows of it, one value per line in the stack's order."""
    tilts = recorded.tilts
    size = tilts.pixel_size_angstrom or 1.0
    write_mrc(folder / f"{name}.mrcs", recorded.images, size, stack=True)
    images = np.array([f"{i + 1}@tilts/{name}.mrcs" for i in range(len(tilts))])
    write_tilt_series(folder / f"{name}.star", replace(tilts, image=images))
    write_tilts(folder / f"{name}.tlt", tilts.tilt_deg)
    if tilts.exposure_e_per_a2 is not None:
        write_number_list(folder / f"{name}_exposure.txt", tilts.exposure_e_per_a2, decimals=4)
    if tilts.defocus_u_um is not None and tilts.defocus_v_um is not None:
        mean = (tilts.defocus_u_um + tilts.defocus_v_um) / 2
        write_number_list(folder / f"{name}_defocus.txt", mean, decimals=5)
