"""Text output of ctffind and of AreTomo3."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import FormatError
from cryopick.io.metadata.ctffind import read_ctffind
from cryopick.model import Defocus, Optics
from shared_data import shared

ROW = "{n} 20000.0 18000.0 45.0 0.0 0.1 8.0"


def write(tmp_path, *lines):
    path = tmp_path / "a_ctf.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_genuine_tilt_series():
    table = read_ctffind(shared("formats/cryocat_ts017/017_ctffind4.txt"))
    assert len(table) == 60
    assert table.number.tolist() == list(range(1, 61))
    assert table.defocus[0].u_um == pytest.approx(1.4477870117)
    assert table.defocus[1].astigmatism_angle_deg == -84.116628
    assert table.optics == Optics(voltage_kv=300.0, cs_mm=2.7, amplitude_contrast=0.07)
    assert table.pixel_size_angstrom == 1.327
    assert table.fit_resolution_angstrom[0] == 12.144508
    assert table.hand is None


def test_genuine_micrograph_with_phase_plate():
    table = read_ctffind(shared("formats/ctffind/aspire_ctffind4_diagnostic_output.txt"))
    assert len(table) == 1
    assert table.defocus[0].u_um == table.defocus[0].v_um == pytest.approx(0.998250293)
    assert table.defocus[0].phase_shift_deg == pytest.approx(math.degrees(0.035256))
    assert table.optics.cs_mm == 2.26


def test_genuine_aretomo_tables():
    table = read_ctffind(shared("formats/aretomo3/test_CTF.txt"))
    assert (len(table), table.hand, table.optics) == (3, None, None)
    assert table.columns[0].tolist() == pytest.approx([2.595141, 2.446937, 88.08, 0.0])
    table = read_ctffind(shared("formats/czportal_alignments/TS_run1_ctffind4.txt"))
    assert (len(table), table.hand) == (3, 1)


def test_hand_worked_units(tmp_path):
    table = read_ctffind(write(tmp_path, "3 25000 -1000 -90 1.5707963267948966 0.2 4"))
    assert table.number.tolist() == [3]
    assert table.defocus == (
        Defocus(u_um=2.5, v_um=-0.1, astigmatism_angle_deg=-90.0, phase_shift_deg=90.0),
    )


def test_failed_fits_are_read(tmp_path):
    table = read_ctffind(write(tmp_path, "1 20000 18000 45 0 nan inf", "2 1 1 0 0 -0.1 Infinity"))
    assert np.isnan(table.score[0])
    assert np.isinf(table.fit_resolution_angstrom).all()


def test_columns_of_version_5_are_left_out(tmp_path):
    table = read_ctffind(write(tmp_path, ROW.format(n=1) + " 85.0 12.5 1500.0"))
    assert table.columns.shape == (1, 4)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["# only comments"], "holds no rows of ctffind"),
        (["1 2 3"], "line 1: expected 7 numbers or more, got 3"),
        (["1 nan 18000 45 0 0.1 8"], "line 1: 'nan' is not a number"),
        (["1 2e8 18000 45 0 0.1 8"], "line 1: defocus 20000 µm is not possible"),
        ([ROW.format(n=2), ROW.format(n=1)], "column 1: expected the numbers of the images"),
        ([ROW.format(n=1.5)], "column 1: expected the numbers"),
        (["#8 - dfHand", ROW.format(n=1) + " 1", ROW.format(n=2) + " -1"], "expected one sign"),
        (["# acceleration voltage: 0.0 ; spherical aberration: 2 ; amplitude contrast: 7", ROW.format(n=1)], "0 kV, amplitude contrast 7"),
    ],
)  # fmt: skip
def test_bad_files(tmp_path, lines, message):
    with pytest.raises(FormatError, match=rf"a_ctf.txt: .*{message}"):
        read_ctffind(write(tmp_path, *lines))


rows = st.tuples(
    st.floats(-50_000, 90_000), st.floats(-50_000, 90_000), st.floats(-90, 90), st.floats(0, 3.2)
)


@settings(max_examples=40, deadline=None)
@given(values=st.lists(rows, min_size=1, max_size=40))
def test_units_of_any_table(tmp_path_factory, values):
    """Å over 10,000 is µm, radians are degrees, whatever the numbers are."""
    path = write(
        tmp_path_factory.mktemp("ctf"),
        *(f"{i} {u!r} {v!r} {a!r} {p!r} 0.1 8" for i, (u, v, a, p) in enumerate(values, start=1)),
    )
    table = read_ctffind(path)
    expected = np.array(values) * [1e-4, 1e-4, 1.0, 180 / math.pi]
    np.testing.assert_allclose(table.columns, expected, rtol=1e-12, atol=1e-300)
    assert table.number.tolist() == list(range(1, len(values) + 1))
    means = [d.mean_um for d in table.defocus]
    np.testing.assert_allclose(means, expected[:, :2].mean(axis=1), atol=1e-12)
