"""Files that belong to images: told by name or first bytes, and read to their facts."""

import json

import pytest

from cryopick.errors import CryopickError, FormatError
from cryopick.io.describe_metadata import FORMATS, describe_metadata
from shared_data import shared


def described(path):
    with path.open("rb") as file:
        return describe_metadata(path, file.read(65536))


GENUINE = [
    ("cryocat_ts017/017.tlt", "tilt angles", {"rows": 60, "columns": 1}),
    ("pytom_match_pick/test_angles.rawtlt", "tilt angles", {"rows": 35, "columns": 1}),
    ("pytom_match_pick/test_angles_multi_column.rawtlt", "tilt angles", {"rows": 35}),
    ("czportal_alignments/TS_run1.xtilt", "tilt angles", {}),
    ("czportal_alignments/TS_run1.xf", "IMOD transforms", {}),
    ("pytom_match_pick/test_imod.defocus", "IMOD defocus", {"version": 2, "rows": 35, "views": 35}),
    ("pytom/defocusValuesGijs.defocus", "IMOD defocus", {"version": 3, "rows": 59}),
    ("cryocat_ts017/tilt.com", "IMOD tilt command file", {}),
    ("cryocat_ts017/017.mdoc", "SerialEM mdoc", {"sections": 60, "section_kinds": ["ZValue"]}),
    ("mdoc/frame_set_single.mdoc", "SerialEM mdoc", {"section_kinds": ["FrameSet"]}),
    ("aretomo3/test.aln", "AreTomo alignment", {}),
    ("aretomo3/TiltSeries_Metrics.csv", "AreTomo3 metrics", {}),
    ("aretomo3/test_CTF.txt", "CTFFIND output", {"rows": 3}),
    ("ctffind/aspire_ctffind4_diagnostic_output.txt", "CTFFIND output", {"rows": 1}),
    ("cryocat_ts017/017_ctffind4.txt", "CTFFIND output", {"rows": 60}),
    ("cryocat_ts017/017.xml", "Warp tilt series", {"rows": 60}),
    ("pytom_match_pick/warptools_xml_example/gs04_ts_003.xml", "Warp tilt series", {}),
    ("pytom_match_pick/rec_Position_1_job.json", "pytom-match-pick job", {}),
    ("dynamo/tomograms.vll", "Dynamo list of tomograms", {}),
    ("dynamo/tmap_complex.doc", "Dynamo list of tomograms", {}),
]


@pytest.mark.parametrize(("file", "kind", "facts"), GENUINE, ids=[g[0] for g in GENUINE])
def test_genuine_files(file, kind, facts):
    found = described(shared(f"formats/{file}"))
    assert found["kind"] == kind
    assert {key: found[key] for key in facts} == facts
    json.dumps(found, allow_nan=False)


def test_every_format_with_a_genuine_file_was_asked_for():
    without = {"atomic model", "CTFFIND profile", "Gctf log", "IMOD command file"}
    assert {known.kind for known in FORMATS} - {kind for _, kind, _ in GENUINE} == without


def write(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    return tmp_path / name


TILTS = "-60.0\n0.0\n57.5\n"
XF = "1.0 0.0 0.0 1.0 -3.5 2.0\n1.0 0.0 0.0 1.0 4.0 1.5\n"


@pytest.mark.parametrize(
    ("name", "text", "facts"),
    [
        ("a.tlt", TILTS, {"rows": 3, "columns": 1, "tilt_deg": [-60.0, 57.5]}),
        ("A.RAWTLT", TILTS, {"rows": 3, "columns": 1, "tilt_deg": [-60.0, 57.5]}),
        ("a.rawtlt", "-60 1 0.5\n0 2 0.7\n", {"rows": 2, "columns": 3, "tilt_deg": [-60.0, 0.0]}),
        ("a.xtilt", "0.0\n0.25\n", {"rows": 2, "columns": 1, "tilt_deg": [0.0, 0.25]}),
        ("a.xf", XF, {"rows": 2, "shift_px": [-3.5, 4.0]}),
        ("a.prexg", XF, {"rows": 2, "shift_px": [-3.5, 4.0]}),
        ("a.defocus", "1\t1\t0.00\t0.00\t3000.0\t2\n", {"version": 2, "rows": 1, "views": 1}),
        (
            "align.com",
            "# a comment\n$tiltalign -StandardInput\nImagesAreBinned 2\n$if (-e a) b\n",
            {"rows": 4, "programs": ["$tiltalign", "$if"], "entries": ["ImagesAreBinned"]},
        ),
        ("a_avrot.txt", "1 2 3\n4 5 6\n", {"rows": 2, "columns": 3}),
        ("a_ctf.txt", "1 20000 18000 45 0 0.1 8\n", {"rows": 1, "defocus_um": [1.9, 1.9]}),
        ("t.vll", "a.mrc\nb.mrc\n", {"rows": 2}),
    ],
)
def test_facts_by_hand(tmp_path, name, text, facts):
    found = described(write(tmp_path, name, text))
    assert {key: found[key] for key in facts} == facts


def test_the_range_of_defocus_leaves_out_what_is_no_number(tmp_path):
    rows = ["1 20000 18000 45 0 0.1 8", "2 30000 30000 45 0 0.1 8", "3 inf inf 0 0 0.1 inf"]
    text = "\n".join(rows) + "\n"
    try:
        found = described(write(tmp_path, "a_ctf.txt", text))
    except FormatError as error:
        assert "a_ctf.txt" in str(error)  # refused, in one line
    else:
        assert found["defocus_um"] == [1.9, 3.0]


@pytest.mark.parametrize(
    "name", ["notes.txt", "a.mrc", "tlt", "xf.txt", "a.comx", "a.xml", "job.json"]
)
def test_what_is_not_meant_is_left_to_others(tmp_path, name):
    assert described(write(tmp_path, name, "1 2 3\n")) is None


def test_warp_is_told_by_its_root_in_any_encoding(tmp_path):
    for encoding in ("utf-8", "utf-16", "utf-16-le", "utf-8-sig"):
        path = tmp_path / f"{encoding}.xml"
        path.write_bytes("<Other/>".encode(encoding))
        assert described(path) is None
    genuine = shared("formats/cryocat_ts017/017.xml").read_bytes()
    (tmp_path / "again.xml").write_bytes(genuine)
    assert described(tmp_path / "again.xml")["kind"] == "Warp tilt series"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tlt", "-60\nsixty\n"),
        ("a.xf", "1 0 0 1\n"),
        ("a.defocus", "one two\n"),
        ("a.mdoc", "TiltAngle 3\n"),
        ("a.aln", "nothing\n"),
        ("a_ctf.txt", "# Output from CTFFind\n"),
        ("a_job.json", "{"),
        ("a.pdb", "HEADER\n"),
        ("a.cif", "data_\n"),
        ("x_gctf.log", "no result\n"),
        ("m.csv", "Tilt_Series,Thickness\n1\n"),
    ],
)
def test_a_damaged_file_of_a_known_name_is_refused_with_its_name(tmp_path, name, text):
    """The name says what it is meant to be, so nothing else is tried."""
    with pytest.raises(CryopickError) as caught:
        described(write(tmp_path, name, text))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
