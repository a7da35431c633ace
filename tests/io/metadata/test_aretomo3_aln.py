"""AreTomo's alignment file, of every version."""

import pytest

from cryopick.errors import FormatError
from cryopick.io.metadata.aretomo3_aln import DarkFrame, read_aln
from shared_data import shared

HEAD = "# AreTomo Alignment / Priims bprmMn\n# RawSize = 100 80 {n}\n# NumPatches = 0\n"
COLUMNS = "# SEC     ROT         GMAG       TX          TY      SMEAN     SFIT    SCALE     BASE     TILT\n"


def row(section, tilt, tx=1.5, ty=-2.0):
    return f" {section} 85.0 1.00000 {tx} {ty} 1.00 1.00 1.00 0.00 {tilt}\n"


def write(tmp_path, text):
    path = tmp_path / "T.aln"
    path.write_text(text)
    return path


def test_genuine_file_with_patches_and_dark_frames():
    aln = read_aln(shared("formats/aretomo3/test.aln"))
    assert aln.raw_size == (2032, 2032, 90)
    assert (len(aln), aln.n_patches, aln.local.shape) == (4, 16, (6, 7))
    assert aln.dark_frames[0] == DarkFrame(first=1, second=0, tilt_deg=-66.0)
    assert len(aln.dark_frames) == 4
    assert (aln.alpha_offset_deg, aln.beta_offset_deg) == (0.0, 0.0)
    assert aln.tilt_deg.tolist() == [-61.5, -60.0, -58.5, -57.0]
    assert aln.shift_px[0].tolist() == [24.786, -2.677]
    assert aln.axis_angle_deg[0] == -12.6611
    assert aln.local[1].tolist() == [0, 1, -274.86, -757.91, -36.95, 11.98, 1.0]
    assert aln.first_section == 1


def test_genuine_file_that_counts_from_0():
    aln = read_aln(shared("formats/czportal_alignments/TS_run1.aln"))
    assert (aln.section.tolist(), aln.first_section) == ([0, 1, 2], 0)
    assert aln.local.shape == (0, 7)


def test_without_offset_lines(tmp_path):
    aln = read_aln(write(tmp_path, HEAD.format(n=2) + COLUMNS + row(1, -3) + row(2, 0)))
    assert (aln.alpha_offset_deg, aln.beta_offset_deg) == (None, None)
    assert aln.dark_frames == ()


def test_offset_lines(tmp_path):
    text = HEAD.format(n=1) + "# AlphaOffset = 17.70\n# BetaOffset = -1.1\n" + COLUMNS
    aln = read_aln(write(tmp_path, text + row(1, 20.7)))
    assert (aln.alpha_offset_deg, aln.beta_offset_deg) == (17.7, -1.1)
    assert aln.tilt_deg.tolist() == [20.7]  # the offset is in it already


def test_aretomo2_counts_sections_from_0_even_where_the_first_is_dark(tmp_path):
    dark = "# DarkFrame = 0 0 -6.00\n"
    aln = read_aln(write(tmp_path, HEAD.format(n=3) + dark + COLUMNS + row(1, -3) + row(2, 0)))
    assert aln.first_section == 0


def test_aretomo3_counts_sections_from_1(tmp_path):
    dark = "# DarkFrame = 0 1 -6.00\n"
    aln = read_aln(write(tmp_path, HEAD.format(n=3) + dark + COLUMNS + row(2, -3) + row(3, 0)))
    assert aln.first_section == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (COLUMNS + row(1, 0), "RawSize: expected x, y and the number of images"),
        ("# RawSize = 10 10 0\n" + row(1, 0), "RawSize: expected"),
        (HEAD.format(n=2) + COLUMNS, "holds no aligned images"),
        (HEAD.format(n=2) + "1 2 3\n", "line 4: expected 10 numbers, got 3"),
        (HEAD.format(n=2) + row(1, 0) + row(1, 3), "SEC: expected whole numbers, each once"),
        (HEAD.format(n=2) + row(7, 0), r"SEC: 7 is not an image of a stack of 2 \(RawSize\)"),
        (HEAD.format(n=2) + row(-1, 0), "is not an image of a stack of 2"),
        (HEAD.format(n=2) + row(1, 1567301525373690323140608.0), "° is not possible"),
        (HEAD.format(n=2) + "# DarkFrame = 1 0\n" + row(1, 0), "DarkFrame: expected 3 numbers"),
        (HEAD.format(n=2) + "# AlphaOffset = x\n" + row(1, 0), "AlphaOffset: 'x' is not a number"),
        (HEAD.format(n=2) + row(1, 0) + "# Local Alignment\n1 2\n", "expected 7 numbers, got 2"),
    ],
)
def test_bad_files(tmp_path, text, message):
    with pytest.raises(FormatError, match=rf"T.aln: {message}|T.aln: tilt: .*{message}|{message}"):
        read_aln(write(tmp_path, text))
