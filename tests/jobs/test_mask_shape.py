"""What masks of simple shapes have in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import write_mrc
from cryopick.jobs.mask_cylinder import MaskCylinderParams
from cryopick.jobs.mask_ellipsoid import MaskEllipsoidParams
from cryopick.jobs.mask_shape import ShapeMaskParams
from cryopick.jobs.mask_sphere import MaskSphereParams


def test_every_shape_has_the_common_parameters() -> None:
    common = set(ShapeMaskParams.model_fields)
    for params in (MaskSphereParams, MaskCylinderParams, MaskEllipsoidParams):
        assert common < set(params.model_fields)


def test_box_and_pixel_size_as_given() -> None:
    assert ShapeMaskParams(box_px=32, pixel_size_angstrom=5.0).box() == (32, 5.0)
    assert ShapeMaskParams(box_px=32).box() == (32, None)


def test_box_and_pixel_size_of_a_template(tmp_path: Path) -> None:
    write_mrc(tmp_path / "t.mrc", np.ones((24, 24, 24), np.float32), 7.5)
    assert ShapeMaskParams(like=str(tmp_path / "t.mrc")).box() == (24, 7.5)


def test_the_soft_edge_in_either_unit() -> None:
    assert ShapeMaskParams().soft_px(5.0) == 1.0
    assert ShapeMaskParams(soft_edge_px=2.5).soft_px(None) == 2.5
    assert ShapeMaskParams(soft_edge_angstrom=20.0).soft_px(5.0) == 4.0
    with pytest.raises(InputError, match="pixel"):
        ShapeMaskParams(soft_edge_angstrom=20.0).soft_px(None)
