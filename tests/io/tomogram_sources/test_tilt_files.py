"""Tilts, exposure and defocus of one series from the files of every program."""

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.tomogram_sources.tilt_files import (
    one_defocus_um,
    read_exposure,
    read_tilt_defocus,
    read_tilt_file,
)
from shared_data import shared

PYTOM = "formats/pytom_match_pick"
SERIES = "formats/cryocat_ts017"


def column(path: Path, number: int = 0) -> list[float]:
    """A column of a text file, read without the package."""
    lines = (line for line in path.read_text().splitlines() if line.strip())
    return [float(line.split()[number]) for line in lines if not line.startswith("#")]


def test_genuine_lists_of_angles():
    path = shared(f"{PYTOM}/test_angles.rawtlt")
    assert read_tilt_file(path).tilt_deg.tolist() == column(path)
    several = shared(f"{PYTOM}/test_angles_multi_column.rawtlt")
    assert read_tilt_file(several, column=0).tilt_deg.tolist() == column(several)
    with pytest.raises(FormatError, match=r"expected one number of tilt per line, got 2 columns"):
        read_tilt_file(several)
    with pytest.raises(InputError, match=r"column 5 asked for, the file has 2"):
        read_tilt_file(several, column=5)


def test_one_genuine_series_as_four_programs_know_it():
    tilts = read_tilt_file(shared(f"{SERIES}/017.tlt"))
    mdoc = read_tilt_file(shared(f"{SERIES}/017.mdoc"))
    warp = read_tilt_file(shared(f"{SERIES}/017.xml"), pixel_size_angstrom=1.5)
    assert tilts.name == "017"
    assert len(tilts) == len(warp)
    assert warp.pixel_size_angstrom == 1.5
    assert mdoc.exposure_e_per_a2 is not None
    star = read_tilt_file(
        shared("formats/relion5_tomo_project/CtfRefine/job027/tilt_series/TS_01.star")
    )
    assert (star.name, len(star)) == ("TS_01", len(star.tilt_deg))
    aln = read_tilt_file(shared("formats/czportal_alignments/TS_run1.aln"))
    assert aln.tilt_deg.tolist() == [-5.0, 0.0, 5.0]


def test_genuine_exposure():
    path = shared(f"{PYTOM}/test_dose.txt")
    rows = column(path)
    assert read_exposure(path, len(rows)).tolist() == rows
    with pytest.raises(
        FormatError,
        match=rf"test_dose.txt: {len(rows)} doses, but the series has 34 tilts; use files of one",
    ):
        read_exposure(path, 34)


def test_genuine_imod_defocus_is_in_nm():
    path = shared(f"{PYTOM}/test_imod.defocus")
    rows = column(path, 4)
    found = read_tilt_defocus(path, len(rows))
    assert found[:, 0].tolist() == [nm / 1000 for nm in rows]
    assert found[:, 1].tolist() == found[:, 0].tolist()
    with pytest.raises(FormatError, match=r"test_imod.defocus: .*names view 35"):
        read_tilt_defocus(path, 20)


def test_genuine_nanometres_are_not_taken_for_micrometres():
    with pytest.raises(FormatError, match=r"test_defocus.txt: .*divide nm by 1000"):
        read_tilt_defocus(shared(f"{PYTOM}/test_defocus.txt"), 35)


def test_genuine_ctffind_and_gctf():
    ctffind = shared(f"{SERIES}/017_ctffind4.txt")
    u, v = column(ctffind, 1), column(ctffind, 2)
    found = read_tilt_defocus(ctffind, len(u))
    assert found[:, 0].tolist() == [each / 1e4 for each in u]
    assert found[:, 1].tolist() == [each / 1e4 for each in v]
    assert found[:, 2].tolist() == column(ctffind, 3)
    gctf = shared(f"{SERIES}/017_gctf.star")
    lines = gctf.read_text().splitlines()
    place = {w[0]: int(w[1][1:]) - 1 for w in map(str.split, lines) if w[:1] and w[0][0] == "_"}
    rows = [line.split() for line in lines if len(line.split()) == len(place)]
    found = read_tilt_defocus(gctf, len(rows))
    for i, name in enumerate(("_rlnDefocusU", "_rlnDefocusV")):
        assert found[:, i].tolist() == [float(row[place[name]]) / 1e4 for row in rows]
    with pytest.raises(FormatError, match=r"gctf.star: 60 defoci, but the series has 40 tilts"):
        read_tilt_defocus(gctf, 40)
    with pytest.raises(FormatError, match=r"ctffind4.txt: 60 defoci, but the series has 3"):
        read_tilt_defocus(ctffind, 3)


def test_gctf_log_and_one_number_stand_for_all_tilts(tmp_path: Path):
    log = tmp_path / "a_gctf.log"
    log.write_text("    25123.12    24898.43       45.12    0.123456  Final Values\n")
    assert read_tilt_defocus(log, 2).tolist() == [[2.512312, 2.489843, 45.12, 0.0]] * 2
    assert read_tilt_defocus("-1.5", 2).tolist() == [[-1.5, -1.5, 0.0, 0.0]] * 2


@pytest.mark.parametrize("name", ["a.txt", "a.defocus"])
def test_imod_rows_are_known_by_their_shape(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_text("1 1 -3 -3 3000 2\n2 3 0 3 3500\n")
    assert read_tilt_defocus(path, 3)[:, 0].tolist() == [3.0, 3.5, 3.5]


def test_imod_tilts_must_be_those_of_the_series(tmp_path: Path):
    path = tmp_path / "a.defocus"
    path.write_text("1 1 -6 -6 3000 2\n2 2 0 0 3500\n3 3 6 6 3600\n")
    for tilts in ([-6.3, 0.2, 6.0], [4.0, 10.0, 16.0]):  # refined; of a lamella at 10 degrees
        found = read_tilt_defocus(path, 3, tilt_deg=np.array(tilts))
        assert found[:, 0].tolist() == [3.0, 3.5, 3.6]
    with pytest.raises(FormatError, match=r"its tilts and those of the series differ by -12° to"):
        read_tilt_defocus(path, 3, tilt_deg=np.array([6.0, 0.0, -6.0]))
    path.write_text("16 0 0 0 0 3\n1 1 6 6 3000\n2 2 0 0 3500\n3 3 -6 -6 3600\n")
    found = read_tilt_defocus(path, 3, tilt_deg=np.array([-6.0, 0.0, 6.0]))
    assert found[:, 0].tolist() == [3.0, 3.5, 3.6]


def test_a_list_of_micrometres_may_have_comments(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("# defocus in um\n3.5\n3.25\n")
    assert read_tilt_defocus(path, 2)[:, :2].tolist() == [[3.5, 3.5], [3.25, 3.25]]
    with pytest.raises(FormatError, match=r"a.txt: 2 defoci, but the series has 3 tilts"):
        read_tilt_defocus(path, 3)


def test_what_is_no_defocus(tmp_path: Path):
    with pytest.raises(MissingFileError, match=r"one number in µm as --defocus"):
        read_tilt_defocus(tmp_path / "no.txt", 3)
    with pytest.raises(InputError, match=r"defocus 35000: expected µm, at most 100"):
        read_tilt_defocus("35000", 3)
    with pytest.raises(InputError, match=r"defocus nan: expected µm"):
        one_defocus_um("nan")
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(FormatError, match=r"empty.txt: holds no numbers"):
        read_tilt_defocus(tmp_path / "empty.txt", 3)
