"""AreTomo3 sessions: dark and excluded images, exposure in order of acquisition, counts."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.images import write_mrc
from cryopick.io.tomogram_sources.aretomo import aretomo_sources
from shared_data import shared

METRICS = (
    "Tilt_Series,Thickness(Pix),Tilt_Axis,Global_Shift(Pix),Bad_Patch_Low,Bad_Patch_All,"
    "CTF_Res(A),CTF_Score,DF_Hand,Pix_Size(A),Cs(nm),Kv,Alpha0,Beta0\n"
    "T1.mrc,   2650, -96.92,    61.40,  0.01,  0.04, 28.16,  0.4730,  1,  2.00, 2.7, 300, 17.7, 0.0\n"
)
# raw stack: -6 (dark), -3, 0, 3, 6; tilts after alignment are 2 degrees larger
ALN = (
    "# AreTomo Alignment / Priims bprmMn\n# RawSize = 100 80 5\n# NumPatches = 0\n"
    "# DarkFrame =     0    1    -6.00\n# AlphaOffset =     2.00\n# BetaOffset =     0.00\n"
    "# SEC ROT GMAG TX TY SMEAN SFIT SCALE BASE TILT\n"
    " 2 85.0 1.0 10.0 -2.0 1 1 1 0 -1.00\n"
    " 3 85.1 1.0  0.5  4.0 1 1 1 0  2.00\n"
    " 4 85.2 1.0  3.0  0.0 1 1 1 0  5.00\n"
    " 5 85.2 1.0  3.0  0.0 1 1 1 0  8.00\n"
)
# taken 0, 3, -3, -6, 6
TLT = "-6 4 3.0\n-3 3 3.0\n0 1 3.0\n3 2 3.0\n6 5 3.0\n"
ORDER = "ImageNumber, TiltAngle\n1,0.0\n2,3.0\n3,-3.0\n4,-6.0\n5,6.0\n"
CTF = "".join(f"{i} {20000 + i * 1000} {19000 + i * 1000} 45 0 0.1 8\n" for i in range(1, 6))
COM = "$tilt -StandardInput\nTILTFILE T1_st.tlt\nTHICKNESS 300\nEXCLUDELIST 1, 5\n"


@pytest.fixture
def session(tmp_path: Path) -> Path:
    (tmp_path / "T1.aln").write_text(ALN)
    (tmp_path / "T1_TLT.txt").write_text(TLT)
    (tmp_path / "T1_CTF.txt").write_text(CTF)
    (tmp_path / "TiltSeries_Metrics.csv").write_text(METRICS)
    (tmp_path / "T1_Imod").mkdir()
    volume(tmp_path / "T1_Vol.mrc")
    return tmp_path


def volume(path: Path, pixel: float = 8.0) -> Path:
    write_mrc(path, np.zeros((3, 4, 5), np.float32), pixel)
    return path


def test_dark_images_are_left_out_and_their_exposure_counts(session: Path):
    (source,) = aretomo_sources(session)
    assert source.tilts.tilt_deg.tolist() == [-1.0, 2.0, 5.0, 8.0]
    # before 6 came four images, the dark one too
    assert source.tilts.exposure_e_per_a2.tolist() == [6.0, 0.0, 3.0, 12.0]
    assert source.tilts.defocus_u_um.tolist() == [2.2, 2.3, 2.4, 2.5]
    assert source.warnings == ("1 of 5 tilt images left out (dark): -6°",)
    assert (source.name, source.path.name) == ("T1", "T1_Vol.mrc")
    assert (source.tilt_series_pixel_angstrom, source.binning) == (2.0, 4.0)
    assert source.pixel_size_angstrom == 8.0
    assert source.optics.voltage_kv == 300


def test_views_excluded_in_tilt_com_count_the_raw_stack(session: Path):
    (session / "T1_Imod" / "tilt.com").write_text(COM)
    (source,) = aretomo_sources(session)
    assert source.tilts.tilt_deg.tolist() == [-1.0, 2.0, 5.0]
    assert source.tilts.exposure_e_per_a2.tolist() == [6.0, 0.0, 3.0]
    assert source.warnings == (
        "1 of 5 tilt images left out (dark): -6°",
        "1 of 4 tilt images left out (excluded in tilt.com): 8°",
    )


def test_views_excluded_in_tilt_com_count_the_stack_its_tilts_are_of(session: Path):
    (session / "T1_Imod" / "tilt.com").write_text(COM.replace("1, 5", "1"))
    (session / "T1_Imod" / "T1_st.tlt").write_text("-1\n2\n5\n8\n")
    (source,) = aretomo_sources(session)
    assert source.tilts.tilt_deg.tolist() == [2.0, 5.0, 8.0]
    (session / "T1_Imod" / "T1_st.tlt").write_text("-6\n-1\n2\n5\n8\n")
    (source,) = aretomo_sources(session)
    assert source.tilts.tilt_deg.tolist() == [-1.0, 2.0, 5.0, 8.0]
    (session / "T1_Imod" / "T1_st.tlt").write_text("-1\n2\n")
    with pytest.raises(FormatError, match=r"2 tilts, but T1.aln has 5 raw and 4 aligned"):
        aretomo_sources(session)


def test_a_view_that_is_not_there(session: Path):
    (session / "T1_tilt.com").write_text(COM.replace("1, 5", "1, 9"))
    with pytest.raises(FormatError, match=r"EXCLUDELIST: view 9, but there are 5 images"):
        aretomo_sources(session)


def test_dose_per_tilt_by_the_order_of_the_session(session: Path):
    (source,) = aretomo_sources(session, dose_per_tilt=2.5)
    assert source.tilts.exposure_e_per_a2.tolist() == [5.0, 0.0, 2.5, 10.0]
    (session / "T1_TLT.txt").unlink()
    with pytest.raises(MissingFileError, match=r"T1_TLT.txt: .* in which order"):
        aretomo_sources(session, dose_per_tilt=2.5)
    (source,) = aretomo_sources(session)
    assert source.tilts.exposure_e_per_a2 is None
    assert "exposure of the tilts is not known: no dose weighting" in source.warnings


@pytest.mark.parametrize("place", ["T1_Imod/order_list.csv", "T1_order_list.csv"])
def test_dose_per_tilt_by_an_order_list(session: Path, place: str):
    (session / "T1_TLT.txt").unlink()
    (session / place).write_text(ORDER)
    (source,) = aretomo_sources(session, dose_per_tilt=2.5)
    assert source.tilts.exposure_e_per_a2.tolist() == [5.0, 0.0, 2.5, 10.0]
    assert aretomo_sources(session)[0].tilts.exposure_e_per_a2 is None


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (ORDER.replace("5,6.0\n", ""), "4 rows, but T1.aln has 5 images"),
        (ORDER.replace("6.0", "9.0", 2), "no row has the 6° of T1.aln"),
        (ORDER.replace("3,-3.0", "3,-9.0"), "no row has the -3° of T1.aln"),
    ],
)
def test_an_order_list_that_does_not_fit(session: Path, order: str, message: str):
    (session / "T1_TLT.txt").unlink()
    (session / "T1_Imod" / "order_list.csv").write_text(order)
    with pytest.raises(FormatError, match=message):
        aretomo_sources(session, dose_per_tilt=2.5)


def test_two_images_of_one_tilt_have_no_certain_order(session: Path):
    (session / "T1_TLT.txt").unlink()
    (session / "T1.aln").write_text(ALN.replace("8.00\n", "5.02\n", 1).replace(" 5.00", " 5.01"))
    (session / "T1_Imod" / "order_list.csv").write_text(ORDER)
    with pytest.raises(FormatError, match=r"two images of T1.aln have the same tilt"):
        aretomo_sources(session, dose_per_tilt=2.5)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("T1_CTF.txt", CTF[: CTF.index("3 2")], "2 rows, but 5 raw and 4 aligned images"),
        ("T1_TLT.txt", TLT + "9 6 3\n", "6 rows, but T1.aln has 5 images"),
        ("T1.aln", ALN.replace("80 5", "80 6"), "RawSize says 6 images"),
    ],
)
def test_numbers_must_agree(session: Path, file: str, text: str, message: str):
    (session / file).write_text(text)
    with pytest.raises(FormatError, match=message):
        aretomo_sources(session)


def test_a_session_of_several(session: Path):
    (session / "masks").mkdir()
    for name in ("T10", "T2", "007"):
        (session / f"{name}.aln").write_text(ALN)
        volume(session / f"{name}_Vol.mrc")
        volume(session / f"{name}_EVN_Vol.mrc")
    volume(session / "masks" / "T2.mrc")
    volume(session / "masks" / "T10_Vol_mask.mrc")
    sources = aretomo_sources(session, exclude=["T1"], mask_dir=session / "masks")
    assert [s.name for s in sources] == ["007", "T2", "T10"]
    assert [s.path.name for s in sources] == ["007_Vol.mrc", "T2_Vol.mrc", "T10_Vol.mrc"]
    assert [s.mask and s.mask.name for s in sources] == [None, "T2.mrc", "T10_Vol_mask.mrc"]
    # the metrics know T1 alone
    assert sources[0].tilt_series_pixel_angstrom is None
    assert sources[0].binning is None
    (source,) = aretomo_sources(session, include=["T2"], tilt_series_pixel_angstrom=1.0)
    assert source.binning == 8.0


def test_what_is_missing_is_told(session: Path, tmp_path: Path):
    with pytest.raises(MissingFileError, match=r"output folder of AreTomo3"):
        aretomo_sources(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no .aln file"):
        aretomo_sources(session / "T1_Imod")
    with pytest.raises(InputError, match=r"dose per tilt -1: expected e/Å² above 0"):
        aretomo_sources(session, dose_per_tilt=-1)
    (session / "T1_Vol.mrc").unlink()
    with pytest.raises(InputError, match=r"1 of 1 tomograms: no volume NAME_Vol.mrc in .*: T1; "):
        aretomo_sources(session)


def test_genuine_alignment_and_defocus(tmp_path: Path):
    folder = shared("formats/czportal_alignments")
    shutil.copyfile(folder / "TS_run1.aln", tmp_path / "TS_run1.aln")
    shutil.copyfile(folder / "TS_run1_ctffind4.txt", tmp_path / "TS_run1_CTF.txt")
    volume(tmp_path / "TS_run1_Vol.mrc")
    (source,) = aretomo_sources(tmp_path, tilt_series_pixel_angstrom=2.0)
    lines = (tmp_path / "TS_run1.aln").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("# SEC")) + 1
    rows = [line.split() for line in lines[start : start + 3]]
    assert source.tilts.tilt_deg.tolist() == [float(row[9]) for row in rows]
    assert source.tilts.axis_angle_deg.tolist() == [float(row[1]) for row in rows]
    assert source.tilts.shift_x_angstrom.tolist() == [float(row[3]) * 2.0 for row in rows]
    text = (tmp_path / "TS_run1_CTF.txt").read_text().splitlines()
    table = [line.split() for line in text if not line.startswith("#")]
    assert source.tilts.defocus_u_um.tolist() == [float(row[1]) / 1e4 for row in table]
    assert source.tilts.defocus_v_um.tolist() == [float(row[2]) / 1e4 for row in table]
    assert source.tilts.astigmatism_angle_deg.tolist() == [float(row[3]) for row in table]


def test_genuine_names_of_the_metrics(session: Path):
    shutil.copyfile(
        shared("formats/aretomo3/TiltSeries_Metrics.csv"), session / "TiltSeries_Metrics.csv"
    )
    (session / "pda2021-01-12-2.aln").write_text(ALN)
    volume(session / "pda2021-01-12-2_Vol.mrc", 16.2)
    (source,) = aretomo_sources(session, include=["pda*"])
    assert source.tilt_series_pixel_angstrom == 1.62
    assert source.binning == pytest.approx(10.0)
