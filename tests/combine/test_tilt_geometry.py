"""Tilt, axes and scale from the map, for every geometry and from either end of the axis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.combine.pair_affine import PairAffine, fit_affine_robust, to_tilted
from cryopick.combine.tilt_geometry import (
    TiltGeometry,
    affine_matrix,
    common_axis_deg,
    oriented_near,
    tilt_error_deg,
    tilt_geometry,
)
from cryopick.errors import InputError

SIZE = 4000.0


def geometry_of(matrix: np.ndarray) -> TiltGeometry:
    return tilt_geometry(PairAffine(matrix=matrix, shift_angstrom=np.zeros(2)))


def apart_deg(a: float, b: float) -> float:
    return abs((a - b + 180) % 360 - 180)


@given(
    tilt=st.floats(5, 80),
    axis=st.floats(0, 179.9),
    rotation=st.floats(-179, 179),
    scale=st.floats(0.5, 2),
    is_mirrored=st.booleans(),
)
def test_geometry_there_and_back(
    tilt: float, axis: float, rotation: float, scale: float, is_mirrored: bool
) -> None:
    made = TiltGeometry(
        tilt_deg=tilt,
        axis_untilted_deg=axis,
        axis_tilted_deg=axis + rotation,
        scale=scale,
        is_mirrored=is_mirrored,
    )
    found = geometry_of(affine_matrix(made))
    assert found.tilt_deg == pytest.approx(tilt, abs=1e-6)
    assert found.scale == pytest.approx(scale, rel=1e-9)
    assert found.is_mirrored == is_mirrored
    assert 0 <= found.axis_untilted_deg < 180
    # Near 0 and 180 the same axis may be told from its other end.
    assert min(apart_deg(found.axis_untilted_deg, axis + k) for k in (0, 180)) < 1e-6
    assert apart_deg(found.rotation_deg, rotation) < 1e-6
    assert -180 <= found.rotation_deg <= 180
    np.testing.assert_allclose(affine_matrix(found), affine_matrix(made), atol=1e-9)


def test_determinant_gives_the_tilt_only_at_equal_magnification() -> None:
    made = TiltGeometry(tilt_deg=45, axis_untilted_deg=20, axis_tilted_deg=25, scale=1.05)
    matrix = affine_matrix(made)
    assert geometry_of(matrix).tilt_deg == pytest.approx(45)
    assert abs(np.rad2deg(np.arccos(np.linalg.det(matrix))) - 45) > 2


def test_untilted_pair_has_no_tilt() -> None:
    assert geometry_of(np.eye(2)).tilt_deg == pytest.approx(0, abs=1e-6)


def test_zero_map_is_refused() -> None:
    with pytest.raises(InputError, match="one point"):
        geometry_of(np.zeros((2, 2)))


def test_standard_error_is_that_of_repeated_picking() -> None:
    made = TiltGeometry(tilt_deg=50, axis_untilted_deg=80, axis_tilted_deg=84, scale=1)
    affine = PairAffine(matrix=affine_matrix(made), shift_angstrom=np.zeros(2))
    untilted = np.random.default_rng(0).uniform(0, SIZE, (60, 2))
    tilts, errors = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        tilted = to_tilted(affine, untilted) + rng.normal(0, 20, (60, 2))
        fit = fit_affine_robust(untilted, tilted, tolerance_angstrom=500, rng=rng)
        tilts.append(tilt_geometry(fit.affine).tilt_deg)
        errors.append(tilt_error_deg(fit, untilted))
    assert np.mean(errors) == pytest.approx(np.std(tilts), rel=0.3)
    assert np.mean(tilts) == pytest.approx(50, abs=0.1)


def test_three_pairs_leave_no_error_to_tell() -> None:
    untilted = np.array([[0.0, 0], [1000, 0], [0, 1000]])
    fit = fit_affine_robust(
        untilted, untilted * [1, 0.5], tolerance_angstrom=9, rng=np.random.default_rng(0)
    )
    assert np.isnan(tilt_error_deg(fit, untilted))


@given(axes=st.lists(st.floats(-8, 8), min_size=1, max_size=9), centre=st.floats(0, 180))
def test_common_axis_lies_among_axes_told_from_any_end(axes: list[float], centre: float) -> None:
    ends = [centre + a + 180 * (i % 2) for i, a in enumerate(axes)]
    found = common_axis_deg(ends)
    offset = (found - centre + 90) % 180 - 90
    assert min(axes) - 1e-6 <= offset <= max(axes) + 1e-6


@given(axis=st.floats(0, 360), near=st.floats(0, 360))
def test_oriented_axis_is_within_90_degrees_and_the_same_map(axis: float, near: float) -> None:
    made = TiltGeometry(tilt_deg=40, axis_untilted_deg=axis, axis_tilted_deg=axis + 7, scale=1)
    turned = oriented_near(made, near)
    assert apart_deg(turned.axis_tilted_deg, near) <= 90 + 1e-9
    np.testing.assert_allclose(affine_matrix(turned), affine_matrix(made), atol=1e-9)
