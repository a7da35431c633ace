"""What ``extract pairs`` reads of a ``pairs fit`` folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryopick.combine.tilt_geometry import TiltGeometry, affine_matrix
from cryopick.errors import InputError
from cryopick.io.atomic import write_text
from cryopick.jobs.extract_pairs_inputs import (
    fitted_pairs,
    geometry_of,
    shared_axis_deg,
)


def facts(axis: float, tilt: float = 50.0) -> dict[str, Any]:
    made = TiltGeometry(tilt_deg=tilt, axis_untilted_deg=axis, axis_tilted_deg=axis, scale=1)
    return {
        "fit": {
            "matrix": affine_matrix(made).tolist(),
            "shift_angstrom": [0.0, 0.0],
            "axis_tilted_deg": axis,
        }
    }


def test_axes_point_the_same_way() -> None:
    every = {str(k): facts(axis) for k, axis in enumerate((178.0, 1.0, 179.5))}
    axis = shared_axis_deg(every)
    assert axis is not None
    found = [geometry_of(each, axis) for each in every.values()]
    angles = [each["axis_tilted_deg"] for each in found if each is not None]
    assert np.ptp(np.unwrap(np.deg2rad(angles))) < np.deg2rad(5)
    assert all(each is not None and abs(each["tilt_deg"] - 50) < 1e-6 for each in found)


def test_pairs_without_a_fit_have_no_geometry() -> None:
    assert geometry_of({"fit": None}, 90.0) is None
    assert geometry_of(facts(90.0), None) is None
    assert shared_axis_deg({"a": {"fit": None}}) is None


def test_folder_without_its_files_is_refused(tmp_path: Path) -> None:
    write_text(tmp_path / "pairs.json", '{"pairs": []}')
    with pytest.raises(InputError, match=r"no pairs_untilted\.star and pairs_tilted\.star in it"):
        fitted_pairs(str(tmp_path))


def test_files_without_ids_are_refused(tmp_path: Path) -> None:
    write_text(tmp_path / "pairs.json", '{"pairs": []}')
    star = (
        "data_\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\n"
        "_rlnMicrographPixelSize\na.mrc 1 2 2.0\n"
    )
    for side in ("untilted", "tilted"):
        write_text(tmp_path / f"pairs_{side}.star", star)
    with pytest.raises(InputError, match="column cryopickPairId is missing"):
        fitted_pairs(str(tmp_path))
