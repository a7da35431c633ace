"""Gctf's STAR and log."""

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.metadata.ctffind import read_ctffind
from cryopick.io.metadata.gctf import read_gctf_log, read_gctf_star
from cryopick.model import Defocus, Optics
from shared_data import shared

HEAD = (
    "data_\nloop_\n_rlnMicrographName #1\n_rlnDefocusU #2\n_rlnDefocusV #3\n_rlnDefocusAngle #4\n"
)


def test_genuine_star():
    table = read_gctf_star(shared("formats/cryocat_ts017/017_gctf.star"))
    assert len(table) == 60
    assert table.image[:2].tolist() == ["split.mrc.01", "split.mrc.02"]
    assert table.defocus[0] == Defocus(
        u_um=3.5268359375, v_um=3.503640625, astigmatism_angle_deg=21.260185
    )
    assert table.optics == Optics(voltage_kv=300.0, cs_mm=2.7, amplitude_contrast=0.07)
    assert (table.score[0], table.resolution_angstrom[0]) == (0.038580, 6.513837)


def test_genuine_relion_ctf_table_reads_too():
    table = read_gctf_star(
        shared("formats/relion5_spa_project/CtfFind/job005/micrographs_ctf.star")
    )
    assert len(table) > 0
    assert np.all([0.1 < d.mean_um < 5 for d in table.defocus])


def test_phase_shift_is_in_degrees_already(tmp_path):
    path = tmp_path / "a.star"
    path.write_text(HEAD + "_rlnPhaseShift #5\n1e5.mrc 20000 18000 30 90\n")
    table = read_gctf_star(path)
    assert table.image.tolist() == ["1e5.mrc"]
    assert table.defocus[0].phase_shift_deg == 90.0
    assert (table.score, table.optics) == (None, None)


def test_ctffind_text_is_refused():
    with pytest.raises(FormatError, match="this is not a STAR file"):
        read_gctf_star(shared("formats/cryocat_ts017/017_ctffind4.txt"))
    assert read_ctffind(shared("formats/cryocat_ts017/017_ctffind4.txt")).number[0] == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.mrc nan 18000 30\n", "row 1, rlnDefocusU: not a finite number"),
        ("a.mrc 2e9 18000 30\n", "µm is not possible"),
        ("a.mrc deep 18000 30\n", "rlnDefocusU, row 1: 'deep' is not a number"),
    ],
)
def test_bad_stars(tmp_path, rows, message):
    path = tmp_path / "a.star"
    path.write_text(HEAD + rows)
    with pytest.raises(FormatError, match=message):
        read_gctf_star(path)


def test_star_without_defocus(tmp_path):
    path = tmp_path / "a.star"
    path.write_text("data_\nloop_\n_rlnMicrographName\na.mrc\n")
    with pytest.raises(FormatError, match=r"no table with rlnMicrographName, rlnDefocusU"):
        read_gctf_star(path)


def test_last_final_values_of_a_log_count(tmp_path):
    path = tmp_path / "a_gctf.log"
    path.write_text(
        "  Defocus_U Defocus_V Angle CCC\n 1 1 1 0.1  Final Values\n"
        " 25123.12 24898.43 45.12 90.5 0.123456  Final Values\nProcessing done\n"
    )
    assert read_gctf_log(path) == Defocus(
        u_um=2.512312, v_um=2.489843, astigmatism_angle_deg=45.12, phase_shift_deg=90.5
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing\n", "no line of Final Values"),
        ("1 2 Final Values\n", "expected 4 or 5 numbers, got 2"),
        ("a b c d Final Values\n", "'a' is not a number"),
        ("1e9 2 3 4 Final Values\n", "is not possible"),
    ],
)
def test_bad_logs(tmp_path, text, message):
    path = tmp_path / "a_gctf.log"
    path.write_text(text)
    with pytest.raises(FormatError, match=rf"a_gctf.log: .*{message}"):
        read_gctf_log(path)
