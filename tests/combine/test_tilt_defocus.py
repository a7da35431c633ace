"""Defocus across a tilted micrograph: zero on the axis, linear away from it, with a sign."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.combine.tilt_defocus import (
    axis_distance_angstrom,
    defocus_offset_um,
    defocus_rows,
)
from cryopick.combine.tilt_geometry import TiltGeometry, oriented_near
from cryopick.model import Defocus

TILTED = TiltGeometry(tilt_deg=50, axis_untilted_deg=86, axis_tilted_deg=88, scale=1.0)
CENTRE = (2000.0, 1500.0)
PLACES = np.random.default_rng(0).uniform(0, 4000, (30, 2))


def test_defocus_is_the_height_of_the_turned_specimen() -> None:
    # Turn a flat specimen about its axis in three dimensions and look at the heights.
    turn = np.deg2rad(TILTED.tilt_deg)
    flat = np.random.default_rng(1).uniform(-2000, 2000, (50, 2))
    along, across = flat[:, 0], flat[:, 1]
    height, across = across * np.sin(turn), across * np.cos(turn)
    axis = np.deg2rad(TILTED.axis_tilted_deg)
    seen = np.outer(along, [np.cos(axis), np.sin(axis)])
    seen += np.outer(across, [-np.sin(axis), np.cos(axis)])
    offset = defocus_offset_um(
        seen + CENTRE, geometry=TILTED, centre_angstrom=CENTRE, gradient="positive"
    )
    np.testing.assert_allclose(offset, height * 1e-4, atol=1e-9)


def test_signs_are_opposite_and_none_is_none() -> None:
    up, down, none = (
        defocus_offset_um(PLACES, geometry=TILTED, centre_angstrom=CENTRE, gradient=side)
        for side in ("positive", "negative", "none")
    )
    np.testing.assert_allclose(up, -down)
    assert not none.any()
    assert np.abs(up).max() > 0.05


def test_nothing_changes_along_the_axis() -> None:
    axis = np.deg2rad(TILTED.axis_tilted_deg)
    line = CENTRE + np.outer(np.arange(-5, 5) * 100, [np.cos(axis), np.sin(axis)])
    offset = defocus_offset_um(line, geometry=TILTED, centre_angstrom=CENTRE, gradient="positive")
    np.testing.assert_allclose(offset, 0, atol=1e-12)


@given(axis=st.floats(0, 360), x=st.floats(-1e4, 1e4), y=st.floats(-1e4, 1e4))
def test_other_end_of_the_axis_turns_the_sign(axis: float, x: float, y: float) -> None:
    one = axis_distance_angstrom([[x, y]], axis_deg=axis, centre_angstrom=[0, 0])
    other = axis_distance_angstrom([[x, y]], axis_deg=axis + 180, centre_angstrom=[0, 0])
    np.testing.assert_allclose(one, -other, atol=1e-6)


def test_axes_found_at_either_side_of_the_wrap_get_one_sign_once_oriented() -> None:
    near = replace(TILTED, axis_untilted_deg=179.0, axis_tilted_deg=179.0)
    far = replace(TILTED, axis_untilted_deg=1.0, axis_tilted_deg=1.0)
    a, b = (
        defocus_offset_um(
            [[2000.0, 3000.0]],
            geometry=oriented_near(g, 0.0),
            centre_angstrom=CENTRE,
            gradient="positive",
        )
        for g in (near, far)
    )
    assert a[0] == pytest.approx(b[0], rel=0.05)


def test_magnification_does_not_change_the_height() -> None:
    larger = replace(TILTED, scale=1.1)
    away = np.array([[2500.0, 1500.0]])
    one = defocus_offset_um(away, geometry=TILTED, centre_angstrom=CENTRE, gradient="negative")
    other = defocus_offset_um(
        (away - CENTRE) * 1.1 + CENTRE, geometry=larger, centre_angstrom=CENTRE, gradient="negative"
    )
    np.testing.assert_allclose(one, other)


def test_rows_keep_astigmatism_and_phase() -> None:
    rows = defocus_rows(
        Defocus(u_um=2.0, v_um=1.8, astigmatism_angle_deg=30, phase_shift_deg=90),
        np.array([0.0, -0.2]),
    )
    np.testing.assert_allclose(rows, [[2.0, 1.8, 30, 90], [1.8, 1.6, 30, 90]])
    assert defocus_rows(Defocus(u_um=1, v_um=1), np.zeros(0)).shape == (0, 4)
