"""STAR blocks of sets: the columns RELION asks for, and the units it uses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryopick.model import Defocus, Optics, TiltSeries
from cryopick.model.sets import Dataset, Member, SetKind
from cryopick.project.set_star import set_blocks, tilt_series_block
from project_maker import micrographs


def resolve(path: str) -> Path:
    return Path("/project") / path


def tomograms(*binnings: str) -> Dataset:
    members = tuple(
        Member(
            name=f"TS_{i:02d}",
            path=f"rec/TS_{i:02d}.mrc",
            size_px=(500, 400, 100),
            files={"binning": binning} if binning else {},
        )
        for i, binning in enumerate(binnings)
    )
    return Dataset(
        name="t", kind=SetKind.TOMOGRAMS, ndim=3, members=members, pixel_size_angstrom=8.0
    )


def test_micrographs_have_an_optics_table():
    dataset = replace(
        micrographs(), optics=Optics(voltage_kv=200.0, cs_mm=1.4, amplitude_contrast=0.1)
    )
    optics, table = set_blocks(dataset, resolve)
    assert (optics.name, table.name) == ("optics", "micrographs")
    assert optics.number("rlnMicrographPixelSize").tolist() == [1.5]
    assert optics.number("rlnVoltage").tolist() == [200.0]
    assert optics.number("rlnSphericalAberration").tolist() == [1.4]
    assert optics.text("rlnOpticsGroupName").tolist() == ["opticsGroup1"]
    assert set(table.text("rlnOpticsGroup").tolist()) == {"1"}
    assert len(table) == 5


def test_optics_that_nobody_knows_are_not_made_up():
    optics, _ = set_blocks(micrographs(), resolve)
    assert "rlnVoltage" not in optics
    nothing, _ = set_blocks(replace(micrographs(), pixel_size_angstrom=None), resolve)
    assert "rlnMicrographPixelSize" not in nothing


def test_defocus_is_in_angstrom():
    dataset = replace(
        micrographs(),
        members=(
            Member(
                name="a",
                defocus=Defocus(
                    u_um=1.5, v_um=1.25, astigmatism_angle_deg=-30.0, phase_shift_deg=90.0
                ),
            ),
        ),
    )
    table = set_blocks(dataset, resolve)[-1]
    row = [
        table.number(f"rln{name}")[0]
        for name in ("DefocusU", "DefocusV", "DefocusAngle", "PhaseShift")
    ]
    assert row == [15000, 12500, -30, 90]


def test_groups_are_written_where_there_are_any():
    assert "cryopickGroup" not in set_blocks(micrographs(), resolve)[-1]
    members = (Member(name="a", group="007"), Member(name="b"))
    table = set_blocks(replace(micrographs(), members=members), resolve)[-1]
    assert table.text("cryopickGroup").tolist() == ["007", ""]


@pytest.mark.parametrize(("binning", "factor"), [("", 1.0), ("1", 1.0), ("4", 4.0), ("1.7", 1.7)])
def test_tomograms_tell_their_unbinned_size(binning: str, factor: float):
    (block,) = set_blocks(tomograms(binning, binning), resolve)
    assert block.name == "global"
    assert block.text("rlnTomoName").tolist() == ["TS_00", "TS_01"]
    np.testing.assert_allclose(block.number("rlnTomoTiltSeriesPixelSize"), 8.0 / factor)
    np.testing.assert_allclose(block.number("rlnTomoTomogramBinning"), factor)
    assert block.number("rlnTomoSizeX")[0] == round(500 * factor)
    assert block.number("rlnTomoSizeZ")[0] == round(100 * factor)
    assert block.text("rlnTomoReconstructedTomogram")[0] == "/project/rec/TS_00.mrc"
    assert "rlnTomoTiltSeriesStarFile" not in block


def test_tomograms_of_unknown_size_leave_the_columns_out():
    dataset = tomograms("4")
    dataset = replace(dataset, members=(*dataset.members, Member(name="TS_99")))
    (block,) = set_blocks(dataset, resolve)
    assert "rlnTomoSizeX" not in block
    assert block.text("rlnTomoReconstructedTomogram")[1] == "TS_99"


def test_tilt_series_point_at_their_tables():
    members = tuple(
        Member(name=n, path=f"{n}.mdoc", files={"tilt_series": f"sets/t/{n}.star"})
        for n in ("007", "1e5")
    )
    dataset = Dataset(
        name="t", kind=SetKind.TILT_SERIES, ndim=3, members=members, pixel_size_angstrom=1.35
    )
    (block,) = set_blocks(dataset, resolve)
    assert block.text("rlnTomoName").tolist() == ["007", "1e5"]
    assert block.text("rlnTomoTiltSeriesStarFile")[1] == "/project/sets/t/1e5.star"
    assert block.number("rlnTomoTiltSeriesPixelSize").tolist() == [1.35, 1.35]
    assert "rlnTomoReconstructedTomogram" not in block


def test_pairs_name_both_images():
    pair = Member(name="u1", path="u1.mrc", files={"tilted": "t1.mrc"}, count=1)
    dataset = Dataset(name="s", kind=SetKind.TILT_PAIRS, members=(pair,))
    (block,) = set_blocks(dataset, resolve)
    assert block.text("rlnMicrographName").tolist() == ["/project/u1.mrc"]
    assert block.text("cryopickTiltedMicrographName").tolist() == ["/project/t1.mrc"]


def series(**columns: np.ndarray) -> TiltSeries:
    return TiltSeries(name="007", tilt_deg=np.array([-3.0, 0.0, 3.0]), **columns)


def test_a_tilt_series_has_a_row_per_image():
    block = tilt_series_block(
        series(
            axis_angle_deg=np.full(3, 85.25),
            shift_x_angstrom=np.array([1.5, 0.0, -1.5]),
            shift_y_angstrom=np.array([0.5, 0.0, -0.5]),
            defocus_u_um=np.array([3.0, 3.1, 3.2]),
            defocus_v_um=np.array([2.9, 3.0, 3.1]),
            astigmatism_angle_deg=np.array([10.0, 11.0, 12.0]),
            phase_shift_deg=np.zeros(3),
            image=np.array(["a.mrc", "b.mrc", "c.mrc"]),
        )
    )
    assert block.name == "007"
    assert block.text("rlnMicrographName").tolist() == ["a.mrc", "b.mrc", "c.mrc"]
    assert block.number("rlnTomoYTilt").tolist() == [-3, 0, 3]
    assert block.number("rlnTomoZRot").tolist() == [85.25] * 3
    assert block.number("rlnTomoXShiftAngst").tolist() == [1.5, 0, -1.5]
    assert block.number("rlnTomoYShiftAngst").tolist() == [0.5, 0, -0.5]
    np.testing.assert_allclose(block.number("rlnDefocusV"), [29000, 30000, 31000])
    assert block.number("rlnDefocusAngle").tolist() == [10, 11, 12]
    assert block.number("rlnPhaseShift").tolist() == [0, 0, 0]


def test_images_without_a_name_get_their_place_in_the_stack():
    names = tilt_series_block(series(image=np.array(["a.mrc", "", "c.mrc"])))
    assert names.text("rlnMicrographName").tolist() == ["a.mrc", "000002@007", "c.mrc"]


@pytest.mark.parametrize("gone", [(), (0,), (0, 2), (0, 1, 2)])
def test_excluded_images_are_left_out_of_every_column(gone: tuple[int, ...]):
    excluded = np.isin(np.arange(3), gone)
    block = tilt_series_block(
        series(exposure_e_per_a2=np.array([3.0, 0.0, 6.0]), excluded=excluded)
    )
    assert {len(column) for column in block.columns.values()} == {3 - len(gone)}
    kept = np.array([3.0, 0.0, 6.0])[~excluded]
    np.testing.assert_array_equal(block.number("rlnMicrographPreExposure"), kept)
