"""MRC files as other programs write them: without cryopick's label."""

from pathlib import Path

import mrcfile
import numpy as np


def write_foreign_mrc(path: Path, pixels: np.ndarray, voxel_angstrom: float) -> None:
    with mrcfile.new(path) as file:
        file.set_data(np.asarray(pixels, dtype=np.float32))
        file.voxel_size = voxel_angstrom
