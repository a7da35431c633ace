"""pytom-match-pick job files (``NAME_job.json``): what was searched, and how (read only)."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.json_text import as_float, read_json_object
from cryopick.model import Grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PytomJob:
    """One search.

    Attributes
    ----------
    tomo_id
        Name of the tomogram.
    grid
        Grid of the searched tomogram (pytom stores its shape as x, y, z).
    search_start_px, search_stop_px
        Searched region, ``x, y, z``.
    n_rotations
        Rotations searched.
    rotations
        Name of the angle list, or the angular step in degrees as text.
    rotational_symmetry
        About z.
    tilt_deg
        Tilts, or the two edges of the wedge.
    search_space, search_std
        Voxels times rotations, and standard deviation of the scores; None before the search ended.
    particle_diameter_angstrom
        None where not given.
    version
        pytom's version.
    """

    tomo_id: str
    grid: Grid
    search_start_px: tuple[int, int, int]
    search_stop_px: tuple[int, int, int]
    n_rotations: int
    rotations: str
    rotational_symmetry: int
    tilt_deg: NDArray[np.float64]
    search_space: float | None = None
    search_std: float | None = None
    particle_diameter_angstrom: float | None = None
    version: str = ""

    def cut_off(self, false_positives: float = 1.0) -> float:
        """Score above which Gaussian noise gives that many hits in the whole search.

        ``sqrt(2) sigma erfcinv(2 n / N)`` (Rickgauer 2017, doi 10.7554/eLife.25648).
        """
        from scipy.special import erfcinv

        if self.search_space is None or self.search_std is None:
            raise FormatError(self.tomo_id, "the job has no statistics", "finish the search")
        fraction = min(max(2 * false_positives / self.search_space, 0.0), 2.0)
        return float(sqrt(2) * self.search_std * erfcinv(fraction))


def read_pytom_job(path: str | Path) -> PytomJob:
    """Read a job file."""
    path = Path(path)
    job = read_json_object(path)
    if "tomo_shape" not in job or "voxel_size" not in job:
        raise FormatError(path, "no tomo_shape and voxel_size", "this is no pytom-match-pick job")
    shape = _three(job, "tomo_shape", path)
    regions = [_pair(job, f"search_{axis}", path, shape[i]) for i, axis in enumerate("xyz")]
    raw_statistics = job.get("job_stats")
    statistics = cast("dict[str, Any]", raw_statistics) if isinstance(raw_statistics, dict) else {}
    if min(shape) < 1:
        raise FormatError(path, f"tomo_shape: {list(shape)} has no voxels")
    voxel = _number(job, "voxel_size", path)
    if voxel is None or voxel <= 0:
        raise FormatError(path, f"voxel_size: {job['voxel_size']} is not above 0")
    return PytomJob(
        tomo_id=str(job.get("tomo_id") or path.name.removesuffix("_job.json")),
        grid=Grid(shape=shape[::-1], pixel_size_angstrom=voxel),
        search_start_px=(regions[0][0], regions[1][0], regions[2][0]),
        search_stop_px=(regions[0][1], regions[1][1], regions[2][1]),
        n_rotations=int(_number(job, "n_rotations", path) or 0),
        rotations=str(job.get("rotation_file", "")),
        rotational_symmetry=int(_number(job, "rotational_symmetry", path) or 1),
        tilt_deg=_list(job, "tilt_angles", path),
        search_space=_number(statistics, "search_space", path),
        search_std=_number(statistics, "std", path),
        particle_diameter_angstrom=_number(job, "particle_diameter", path),
        version=str(job.get("pytom_tm_version_number", "")),
    )


def _number(job: dict[str, Any], key: str, path: Path) -> float | None:
    value = job.get(key)
    return None if value is None else as_float(path, value, key)


def _list(job: dict[str, Any], key: str, path: Path) -> NDArray[np.float64]:
    values = job.get(key) or []
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(path, f"{key}: not a list of numbers") from error
    if array.ndim != 1 or not np.isfinite(array).all():
        raise FormatError(path, f"{key}: not a list of numbers")
    return array


def _three(job: dict[str, Any], key: str, path: Path) -> tuple[int, int, int]:
    values = _list(job, key, path)
    if values.shape != (3,) or np.any(np.abs(values) > 1e6):
        raise FormatError(path, f"{key}: expected three lengths, got {str(job.get(key))[:60]}")
    return int(values[0]), int(values[1]), int(values[2])


def _pair(job: dict[str, Any], key: str, path: Path, length: int) -> tuple[int, int]:
    values = _list(job, key, path)
    if values.size == 0:
        return 0, length
    if values.shape != (2,) or np.any(np.abs(values) > 1e6):
        raise FormatError(path, f"{key}: expected start and stop, got {str(job.get(key))[:60]}")
    return int(values[0]), int(values[1])
