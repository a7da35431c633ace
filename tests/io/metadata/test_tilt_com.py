"""IMOD's tilt.com."""

import pytest

from cryopick.errors import FormatError
from cryopick.io.metadata.tilt_com import TiltCom, read_tilt_com
from shared_data import shared


def write(tmp_path, *lines):
    path = tmp_path / "tilt.com"
    path.write_text("\n".join(["$tilt -StandardInput", *lines, ""]))
    return path


def test_genuine_file_of_a_binned_tomogram():
    com = read_tilt_com(shared("formats/imod/cryoet_alignment/tilt.com"))
    assert com == TiltCom(
        thickness_px=2000,
        full_image_px=(3708, 3832),
        binning=4,
        tilt_file="mka2018-10-01-1.tlt",
        x_tilt_file="mka2018-10-01-1.xtilt",
        input_file="mka2018-10-01-1_ali.mrc",
        output_file="mka2018-10-01-1_full_rec.mrc",
    )


def test_genuine_file_of_an_unbinned_tomogram():
    com = read_tilt_com(shared("formats/cryocat_ts017/tilt.com"))
    assert (com.thickness_px, com.full_image_px, com.binning) == (1500, (4096, 4096), 1)
    assert (com.offset_deg, com.x_axis_tilt_deg, com.shift_px) == (0.0, 0.0, (0.0, 0.0))


def test_newst_com_is_not_a_tilt_com():
    with pytest.raises(FormatError, match=r"newst.com: no line \$tilt"):
        read_tilt_com(shared("formats/imod/cryoet_alignment/newst.com"))


def test_positioned_tomogram(tmp_path):
    com = read_tilt_com(
        write(tmp_path, "OFFSET -1.5 12", "XAXISTILT 0.75", "SHIFT 3.0 -20.5", "Thickness\t800")
    )
    assert (com.offset_deg, com.axis_offset_px, com.x_axis_tilt_deg) == (-1.5, 12.0, 0.75)
    assert (com.shift_px, com.thickness_px) == ((3.0, -20.5), 800)


@pytest.mark.parametrize(
    ("lines", "views"),
    [
        (["EXCLUDELIST 1 2 40"], (1, 2, 40)),
        (["EXCLUDELIST 1,2,40"], (1, 2, 40)),
        (["EXCLUDELIST 38-41", "EXCLUDELIST2 2,1"], (1, 2, 38, 39, 40, 41)),
        (["ExcludeList 5", "EXCLUDELIST 5 6"], (5, 6)),
        ([], ()),
    ],
)
def test_excluded_views(tmp_path, lines, views):
    assert read_tilt_com(write(tmp_path, *lines)).excluded_views == views


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("THICKNESS many", "THICKNESS: 'many' is not a number"),
        ("THICKNESS 0", "THICKNESS: expected above 0"),
        ("FULLIMAGE 100", "FULLIMAGE: expected x and y, got 100"),
        ("FULLIMAGE 100 -5", "FULLIMAGE: expected above 0"),
        ("IMAGEBINNED 0", "IMAGEBINNED: expected 1 or more"),
        ("IMAGEBINNED", "IMAGEBINNED: '' is not a number"),
        ("EXCLUDELIST 5-2", "EXCLUDELIST: 5-2 is no view or range"),
        ("EXCLUDELIST 0", "EXCLUDELIST: 0 is no view"),
        ("EXCLUDELIST 1-999999999", "is no view or range"),
        ("OFFSET nan", "OFFSET: 'nan' is not a number"),
    ],
)
def test_bad_entries(tmp_path, line, message):
    with pytest.raises(FormatError, match=message):
        read_tilt_com(write(tmp_path, line))


def test_comments_and_shell_lines_are_left_out(tmp_path):
    com = read_tilt_com(write(tmp_path, "# THICKNESS 5", "$if (-e ./savework) ./savework"))
    assert com == TiltCom()
