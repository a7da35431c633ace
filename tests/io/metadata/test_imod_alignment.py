"""IMOD transforms, and the tilt series they make."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import FormatError, InputError
from cryopick.io.metadata.aretomo3_aln import read_aln
from cryopick.io.metadata.imod_alignment import (
    ImodTransforms,
    read_imod_tilt_series,
    read_xf,
    write_xf,
)
from shared_data import shared


def rotated(axis_deg, shift):
    """What IMOD writes for a tilt axis at this angle: it turns the axis back to y."""
    axis = np.radians(axis_deg)
    matrix = np.array([[np.cos(axis), np.sin(axis)], [-np.sin(axis), np.cos(axis)]])
    return ImodTransforms(matrix=matrix[None], shift_px=np.asarray(shift, dtype=float)[None])


def test_genuine_transforms():
    found = read_xf(shared("formats/imod/etomofiles/TS_001.xf"))
    assert len(found) == 40
    assert found.shift_px[0].tolist() == [2.395, -3.871]
    # the mdoc of this microscope says 85.3
    np.testing.assert_allclose(found.axis_angle_deg, 84.1, atol=0.5)


def test_axis_points_along_y_after_the_transform():
    transforms = rotated(30.0, [0, 0])
    assert transforms.axis_angle_deg[0] == pytest.approx(30.0)
    # an axis 30 degrees from y, counter-clockwise: towards -x
    axis = np.array([-np.sin(np.radians(30)), np.cos(np.radians(30))])
    np.testing.assert_allclose(transforms.matrix[0] @ axis, [0, 1], atol=1e-12)


def test_raw_shift_is_the_point_that_lands_in_the_centre():
    transforms = rotated(84.0, [12.5, -3.25])
    landed = transforms.matrix[0] @ transforms.raw_shift_px[0] + transforms.shift_px[0]
    np.testing.assert_allclose(landed, 0, atol=1e-12)


def test_genuine_aretomo_alignment_says_the_same_as_the_xf_beside_it():
    xf = read_xf(shared("formats/czportal_alignments/TS_run1.xf"))
    aln = read_aln(shared("formats/czportal_alignments/TS_run1.aln"))
    np.testing.assert_allclose(xf.axis_angle_deg, aln.axis_angle_deg, atol=0.01)
    # the matrix has three decimals only: 0.0005 of 94 px
    np.testing.assert_allclose(xf.raw_shift_px, aln.shift_px, atol=0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 0 0 1 2\n", "expected 6 numbers per row, got 5"),
        ("1 0 0 1 2 3\n1 0 0 1\n", "row 2: expected 6 numbers, got 4"),
        ("1 0 0 1 0 0\n0 0 0 0 1 1\n", "row 2: the matrix cannot be inverted"),
        ("1e200 0 0 1e200 0 0\n", "row 1: the matrix cannot be inverted"),
        ("1 0 0 x 0 0\n", "line 1: 'x' is not a number"),
    ],
)
def test_bad_transforms(tmp_path, text, message):
    path = tmp_path / "a.xf"
    path.write_text(text)
    with pytest.raises(FormatError, match=rf"a.xf: {message}"):
        read_xf(path)


def test_shapes_are_checked():
    with pytest.raises(InputError, match=r"expected \(n, 2, 2\) and \(n, 2\)"):
        ImodTransforms(matrix=np.zeros((2, 2, 2)), shift_px=np.zeros((1, 2)))


def test_genuine_file_is_written_back_byte_for_byte(tmp_path):
    source = shared("formats/imod/etomofiles/TS_001.xf")
    write_xf(tmp_path / "a.xf", read_xf(source))
    assert (tmp_path / "a.xf").read_text() == source.read_text()


@settings(max_examples=30, deadline=None)
@given(axis=st.floats(-180, 180), x=st.floats(-900, 900), y=st.floats(-900, 900))
def test_round_trip(tmp_path_factory, axis, x, y):
    path = tmp_path_factory.mktemp("xf") / "a.xf"
    transforms = rotated(axis, [x, y])
    write_xf(path, transforms)
    found = read_xf(path)
    np.testing.assert_allclose(found.matrix, transforms.matrix, atol=0.5001e-7)
    np.testing.assert_allclose(found.shift_px, transforms.shift_px, atol=0.5001e-3)


def test_genuine_series():
    folder = shared("formats/imod/etomofiles")
    series = read_imod_tilt_series(
        folder / "TS_001.tlt", xf=folder / "TS_001.xf", pixel_size_angstrom=1.35
    )
    assert (series.name, len(series), series.pixel_size_angstrom) == ("TS_001", 40, 1.35)
    raw = read_xf(folder / "TS_001.xf").raw_shift_px
    np.testing.assert_allclose(series.shift_x_angstrom, raw[:, 0] * 1.35)
    np.testing.assert_allclose(series.shift_y_angstrom, raw[:, 1] * 1.35)


def test_everything_joined(tmp_path):
    (tmp_path / "T1.tlt").write_text("-3\n0\n3\n")
    (tmp_path / "T1.xf").write_text("1 0 0 1 2 -4\n" * 3)
    (tmp_path / "T1.defocus").write_text("1 2 -3 0 2000 2\n3 3 3 3 2500\n")
    (tmp_path / "tilt.com").write_text("$tilt\nEXCLUDELIST 2\nOFFSET 1.5\n")
    series = read_imod_tilt_series(
        tmp_path / "T1.tlt",
        xf=tmp_path / "T1.xf",
        defocus=tmp_path / "T1.defocus",
        tilt_com=tmp_path / "tilt.com",
        pixel_size_angstrom=2.0,
    )
    assert series.tilt_deg.tolist() == [-1.5, 1.5, 4.5]
    assert series.excluded.tolist() == [False, True, False]
    assert series.defocus_u_um.tolist() == [2.0, 2.0, 2.5]
    assert series.phase_shift_deg.tolist() == [0, 0, 0]
    # the aligned centre lies 2 px left of and 4 px above the raw one, 2 Å each
    assert series.shift_x_angstrom.tolist() == [-4.0] * 3
    assert series.shift_y_angstrom.tolist() == [8.0] * 3


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("xf", "1 0 0 1 0 0\n", r"T1.xf: 1 transforms, but .*T1.tlt has 3 tilts"),
        ("defocus", "1 9 -3 3 2000 2\n", r"T1.defocus: names view 9, but there are 3 tilts"),
        ("tilt_com", "$tilt\nEXCLUDELIST 7\n", r"EXCLUDELIST: view 7, but there are 3 tilts"),
    ],
)
def test_numbers_must_agree(tmp_path, name, text, message):
    (tmp_path / "T1.tlt").write_text("-3\n0\n3\n")
    path = tmp_path / f"T1.{name}"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_imod_tilt_series(tmp_path / "T1.tlt", pixel_size_angstrom=1.0, **{name: path})


def test_shifts_need_a_pixel_size(tmp_path):
    (tmp_path / "T1.tlt").write_text("0\n")
    (tmp_path / "T1.xf").write_text("1 0 0 1 0 0\n")
    with pytest.raises(InputError, match="give --pixel-size"):
        read_imod_tilt_series(tmp_path / "T1.tlt", xf=tmp_path / "T1.xf")
