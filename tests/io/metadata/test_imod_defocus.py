"""Defocus files of ctfplotter."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import FormatError, InputError
from cryopick.io.metadata.imod_defocus import read_imod_defocus, write_imod_defocus
from cryopick.model import Defocus
from shared_data import shared


def write(tmp_path, text):
    path = tmp_path / "a.defocus"
    path.write_text(text)
    return path


def test_genuine_version_2():
    found = read_imod_defocus(shared("formats/pytom_match_pick/test_imod.defocus"))
    assert (found.version, len(found.ranges), found.tilts_inverted) == (2, 35, False)
    first = found.ranges[0]
    assert (first.first_view, first.last_view, first.first_tilt_deg) == (1, 1, -50.99)
    assert first.defocus == Defocus(u_um=3.083, v_um=3.083)


def test_genuine_version_2_agrees_with_the_list_beside_it():
    found = read_imod_defocus(shared("formats/pytom_match_pick/test_imod.defocus")).per_view(35)
    nm = np.loadtxt(shared("formats/pytom_match_pick/test_defocus.txt"))
    np.testing.assert_allclose(found[:, 0] * 1000, nm)


def test_genuine_version_3_with_flags():
    found = read_imod_defocus(shared("formats/pytom/defocusValuesGijs.defocus"))
    assert found.version == 3
    assert found.ranges[0].first_tilt_deg == -60.0
    assert found.ranges[0].defocus == Defocus(
        u_um=3.0837, v_um=2.8368, astigmatism_angle_deg=-15.33
    )


def test_all_flags_by_hand(tmp_path):
    # 1 + 2 + 4 + 8 + 16 + 32: astigmatism and phase in radians, inverted tilts, cut-on frequency
    path = write(tmp_path, "63 0 0. 0. 0. 3\n1 2 -3 0 2000 1800 0.5 1.5 0.02\n")
    found = read_imod_defocus(path)
    assert found.tilts_inverted
    defocus = found.ranges[0].defocus
    assert (defocus.u_um, defocus.v_um) == (2.0, 1.8)
    assert defocus.astigmatism_angle_deg == pytest.approx(math.degrees(0.5))
    assert defocus.phase_shift_deg == pytest.approx(math.degrees(1.5))


def test_phase_shift_without_astigmatism(tmp_path):
    found = read_imod_defocus(write(tmp_path, "4 0 0 0 0 3\n1 1 0 0 2500 90\n"))
    assert found.ranges[0].defocus == Defocus(u_um=2.5, v_um=2.5, phase_shift_deg=90.0)


def test_ranges_are_spread_over_views_by_hand(tmp_path):
    found = read_imod_defocus(write(tmp_path, "1 3 -6 -2 1000 2\n3 5 -2 2 2000\n9 9 6 6 3000\n"))
    # view 3 is 1 from both middles: the first row wins; 7 is as far from 5 as from 9, but nearer to the middle of 9
    assert found.per_view(10)[:, 0].tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3, 3]


def test_views_counted_from_0_in_files_without_a_version(tmp_path):
    found = read_imod_defocus(write(tmp_path, "0 0 -3 -3 1000\n1 1 0 0 2000\n"))
    assert found.version == 1
    assert [r.first_view for r in found.ranges] == [1, 2]


def test_too_few_tilts(tmp_path):
    found = read_imod_defocus(write(tmp_path, "1 5 -3 3 1000 2\n"))
    with pytest.raises(InputError, match="names view 5, but there are 3 tilt images"):
        found.per_view(3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 1 0 0\n", "row 1: expected at least 5 numbers, got 4"),
        ("1 1 0 0 1000 7\n", "version 7 is not known"),
        ("64 0 0 0 0 3\n1 1 0 0 1\n", "flags 64 are not known"),
        ("1 0 0 0 0 3\n1 1 0 0 1000\n", "row 2: expected 7 numbers, got 5"),
        ("1 0 0 0 0 3\n", "holds no defocus values"),
        ("3 1 0 0 1000 2\n", "3 to 1 is no range of views"),
        ("1 1.5 0 0 1000 2\n", "no range of views"),
        ("1 99999999 0 0 1000 2\n", "no range of views"),
        ("1 1 0 0 deep 2\n", "line 1: 'deep' is not a number"),
    ],
)
def test_bad_files(tmp_path, text, message):
    with pytest.raises(FormatError, match=rf"a.defocus: .*{message}"):
        read_imod_defocus(write(tmp_path, text))


def test_write_needs_one_per_tilt(tmp_path):
    with pytest.raises(InputError, match="one defocus per tilt, got 1 and 2"):
        write_imod_defocus(tmp_path / "a.defocus", [Defocus(u_um=1, v_um=1)], tilt_deg=[0, 3])


def test_version_depends_on_what_must_be_said(tmp_path):
    path = tmp_path / "a.defocus"
    write_imod_defocus(path, [Defocus(u_um=1, v_um=1)], tilt_deg=[0])
    assert read_imod_defocus(path).version == 2
    write_imod_defocus(path, [Defocus(u_um=1, v_um=0.9)], tilt_deg=[0])
    assert path.read_text().startswith("1\t0")
    write_imod_defocus(path, [Defocus(u_um=1, v_um=1, phase_shift_deg=30)], tilt_deg=[0])
    assert path.read_text().startswith("5\t0")


values = st.tuples(st.floats(-5, 9), st.floats(-5, 9), st.floats(-90, 90), st.floats(0, 180))


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(values, min_size=1, max_size=40))
def test_round_trip(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("defocus") / "a.defocus"
    defocus = [
        Defocus(u_um=u, v_um=v, astigmatism_angle_deg=a, phase_shift_deg=p) for u, v, a, p in rows
    ]
    write_imod_defocus(path, defocus, tilt_deg=[0.0] * len(rows))
    found = read_imod_defocus(path).per_view(len(rows))
    np.testing.assert_allclose(found[:, :2], [r[:2] for r in rows], atol=0.5001e-4)
    if any(u != v for u, v, _, _ in rows) or any(p for _, _, _, p in rows):
        np.testing.assert_allclose(found[:, 2], [r[2] for r in rows], atol=0.005001)
        np.testing.assert_allclose(found[:, 3], [r[3] for r in rows], atol=0.005001)
