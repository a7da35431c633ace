"""AreTomo3's output folder."""

import pytest

from cryopick.errors import CryopickError, FormatError, InputError, MissingFileError
from cryopick.io.metadata.aretomo3 import (
    read_aretomo3_folder,
    read_aretomo3_metrics,
    read_aretomo3_tilt_series,
    read_aretomo3_tilts,
)
from cryopick.model import Optics
from shared_data import shared

METRICS = (
    "Tilt_Series,Thickness(Pix),Tilt_Axis,Global_Shift(Pix),Bad_Patch_Low,Bad_Patch_All,"
    "CTF_Res(A),CTF_Score,DF_Hand,Pix_Size(A),Cs(nm),Kv,Alpha0,Beta0\n"
    "T1.mrc,   2650, -96.92,    61.40,  0.01,  0.04, 28.16,  0.4730,  1,  2.00, 2.7, 300, 17.7, 0.0\n"
)
ALN = (
    "# AreTomo Alignment / Priims bprmMn\n# RawSize = 100 80 4\n# NumPatches = 0\n"
    "# DarkFrame =     3    4    9.00\n# AlphaOffset =     2.00\n# BetaOffset =     0.00\n"
    "# SEC ROT GMAG TX TY SMEAN SFIT SCALE BASE TILT\n"
    " 1 85.0 1.0 10.0 -2.0 1 1 1 0 -1.00\n"
    " 2 85.1 1.0  0.5  4.0 1 1 1 0  2.00\n"
    " 3 85.2 1.0  3.0  0.0 1 1 1 0  5.00\n"
)
# taken 0, 3, 7, -3: the dark one before the last
TLT = "  -3.00     4      1.00\n   0.00     1      2.00\n   3.00     2      4.00\n   7.00     3      8.00\n"
CTF = "".join(f"{i} {20000 + i * 1000} {19000 + i * 1000} 45 0 0.1 8\n" for i in (1, 2, 3))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "T1.aln").write_text(ALN)
    (tmp_path / "T1_TLT.txt").write_text(TLT)
    (tmp_path / "T1_CTF.txt").write_text(CTF)
    (tmp_path / "TiltSeries_Metrics.csv").write_text(METRICS)
    return tmp_path


def test_whole_folder_by_hand(folder):
    series = read_aretomo3_folder(folder)["T1"]
    assert series.tilt_deg.tolist() == [-1.0, 2.0, 5.0]
    # before -3: all others, the dark one too; before 0: none; before 3: that of 0
    assert series.exposure_e_per_a2.tolist() == [14.0, 0.0, 2.0]
    assert series.defocus_u_um.tolist() == pytest.approx([2.1, 2.2, 2.3])
    assert series.defocus_v_um.tolist() == pytest.approx([2.0, 2.1, 2.2])
    assert series.shift_x_angstrom.tolist() == [20.0, 1.0, 6.0]
    assert series.shift_y_angstrom.tolist() == [-4.0, 8.0, 0.0]
    assert series.axis_angle_deg.tolist() == [85.0, 85.1, 85.2]
    assert series.pixel_size_angstrom == 2.0
    assert series.optics == Optics(voltage_kv=300.0, cs_mm=2.7)


def test_defocus_of_the_whole_stack_is_cut_to_the_aligned_images(folder):
    rows = CTF + "4 90000 90000 0 0 0.1 8\n"
    (folder / "T1_CTF.txt").write_text(rows)
    series = read_aretomo3_tilt_series(folder / "T1.aln")
    assert series.defocus_u_um.tolist() == pytest.approx([2.1, 2.2, 2.3])


def test_exposure_given_by_hand(folder):
    series = read_aretomo3_tilt_series(folder / "T1.aln", exposure_e_per_a2=3.0)
    assert series.exposure_e_per_a2.tolist() == [9.0, 0.0, 3.0]


def test_exposure_given_by_hand_still_needs_the_order(folder):
    (folder / "T1_TLT.txt").write_text("-3\n0\n3\n7\n")
    with pytest.raises(FormatError, match="column 2, the order of acquisition, is missing"):
        read_aretomo3_folder(folder, exposure_e_per_a2=3.0)
    assert read_aretomo3_folder(folder)["T1"].exposure_e_per_a2 is None
    (folder / "T1_TLT.txt").unlink()
    with pytest.raises(MissingFileError, match=r"T1_TLT.txt: no such file .* in which order"):
        read_aretomo3_folder(folder, exposure_e_per_a2=3.0)


def test_alignment_alone(folder):
    for name in ("T1_TLT.txt", "T1_CTF.txt", "TiltSeries_Metrics.csv"):
        (folder / name).unlink()
    series = read_aretomo3_tilt_series(folder / "T1.aln")
    assert series.exposure_e_per_a2 is None
    assert series.defocus_u_um is None
    assert series.shift_x_angstrom is None
    series = read_aretomo3_tilt_series(folder / "T1.aln", pixel_size_angstrom=1.5)
    assert series.shift_x_angstrom.tolist() == [15.0, 0.75, 4.5]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("T1.aln", ALN.replace("80 4", "80 5"), "RawSize says 5 images, but 3 are aligned and 1"),
        ("T1_TLT.txt", TLT + "9 5 1\n", r"T1_TLT.txt: 5 rows, but T1.aln has 4 images"),
        ("T1_TLT.txt", TLT.replace("3.00     2", "3.50     2"), "row 3: tilt 3.5° and alpha offset 2°"),
        ("T1_TLT.txt", TLT.replace("     4 ", "     1 "), "each place from 1 to 4 once"),
        ("T1_CTF.txt", CTF[: CTF.index("3 2")], "2 rows, but 4 raw and 3 aligned"),
        ("TiltSeries_Metrics.csv", METRICS.replace("2.00,", "0.00,"), "expected above 0, got 0"),
        ("TiltSeries_Metrics.csv", METRICS + "T2.mrc,1\n", "row 3: expected 14 values, got 2"),
    ],
)  # fmt: skip
def test_numbers_must_agree(folder, name, text, message):
    (folder / name).write_text(text)
    with pytest.raises(FormatError, match=message):
        read_aretomo3_folder(folder)


def test_nominal_tilts_are_checked_with_the_alpha_offset(folder):
    # a TLT file that had the offset in it would be 2 degrees off
    shifted = "-1 4 1\n2 1 2\n5 2 4\n9 3 8\n"
    (folder / "T1_TLT.txt").write_text(shifted)
    with pytest.raises(FormatError, match="use files of one run"):
        read_aretomo3_folder(folder)


def test_genuine_alignment():
    series = read_aretomo3_tilt_series(
        shared("formats/czportal_alignments/TS_run1.aln"), pixel_size_angstrom=2.0
    )
    assert series.tilt_deg.tolist() == [-5.0, 0.0, 5.0]
    assert series.shift_x_angstrom[0] == pytest.approx(47.906)


def test_genuine_sample_with_most_rows_cut_out_is_refused():
    with pytest.raises(FormatError, match="RawSize says 90 images, but 4 are aligned and 4 dark"):
        read_aretomo3_tilt_series(shared("formats/aretomo3/test.aln"))


def test_genuine_metrics_of_an_older_version():
    found = read_aretomo3_metrics(shared("formats/aretomo3/TiltSeries_Metrics.csv"))
    assert list(found) == ["pda2021-01-12-1", "pda2021-01-12-2"]
    first = found["pda2021-01-12-1"]
    assert (first.pixel_size_angstrom, first.thickness_px, first.optics) == (1.69, 2240.0, None)
    assert (first.axis_angle_deg, first.ctf_score) == (90.59, 0.1022)


@pytest.mark.parametrize(
    ("text", "order", "dose"),
    [
        ("-3\n0\n", None, None),
        ("-3 2\n0 1\n", [2, 1], None),
        ("-3 1\n0 0\n", [2, 1], None),
        ("-3 2 0\n0 1 0\n", [2, 1], None),
        ("-3 2 1.5\n0 1 2\n", [2, 1], [1.5, 2.0]),
    ],
)
def test_tilt_files_of_one_to_three_columns(tmp_path, text, order, dose):
    (tmp_path / "a_TLT.txt").write_text(text)
    tilts = read_aretomo3_tilts(tmp_path / "a_TLT.txt")
    assert tilts.tilt_deg.tolist() == [-3, 0]
    assert (None if tilts.order is None else tilts.order.tolist()) == order
    found = tilts.exposure_e_per_a2
    assert (None if found is None else found.tolist()) == dose


def test_negative_exposure(tmp_path):
    (tmp_path / "a_TLT.txt").write_text("0 1 -2\n")
    with pytest.raises(FormatError, match="column 3: exposure -2"):
        read_aretomo3_tilts(tmp_path / "a_TLT.txt")


def test_folders_without_alignments(tmp_path):
    with pytest.raises(InputError, match=r"no .aln file; give the output folder of AreTomo3"):
        read_aretomo3_folder(tmp_path)
    with pytest.raises(MissingFileError):
        read_aretomo3_folder(tmp_path / "none")


def test_any_truncation_of_the_alignment_is_refused(folder):
    whole = (folder / "T1.aln").read_bytes()
    for size in range(0, len(whole), 7):
        (folder / "T1.aln").write_bytes(whole[:size])
        if size < len(whole) - 4:  # the last characters may be zeros or the line end
            with pytest.raises(CryopickError, match=r"T1.aln|T1_TLT.txt"):
                read_aretomo3_tilt_series(folder / "T1.aln")
