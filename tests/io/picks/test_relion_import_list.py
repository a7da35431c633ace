"""The two-column list of RELION's import, and the particle files it names."""

from pathlib import Path

import numpy as np
import pytest

from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise
from cryopick.io.picks.relion_import_list import (
    relion_project,
    write_import_list,
    write_import_particles,
)
from cryopick.io.star import read_star
from cryopick.model import Grid, Picks
from pick_round_trip import grid_of, in_order, random_picks

GRID = Grid(shape=(50, 100, 200), pixel_size_angstrom=10.0)


def test_paths_start_at_the_project(tmp_path: Path):
    (tmp_path / ".gui_projectdir").touch()
    job = tmp_path / "External" / "job012"
    job.mkdir(parents=True)
    assert relion_project(job / "import_list.star") == tmp_path
    write_import_list(
        job / "import_list.star",
        [("007", job / "particles" / "007.star"), ("TS_1", "/else/a.star")],
    )
    lines = (job / "import_list.star").read_text().splitlines()
    assert [line.split() for line in lines if line and line[0] not in "#_"] == [
        ["data_particles"],
        ["loop_"],
        ["007", "External/job012/particles/007.star"],
        ["TS_1", "/else/a.star"],
    ]


def test_paths_are_absolute_where_there_is_no_project(tmp_path: Path):
    assert relion_project(tmp_path / "a.star") is None
    write_import_list(tmp_path / "a.star", [("1", tmp_path / "x y.star"), ("1", tmp_path / "z")])
    block = read_star(tmp_path / "a.star").blocks[0]
    assert block.text("rlnTomoName").tolist() == ["1", "1"]
    assert block.text("rlnTomoImportParticleFile").tolist() == [
        f"{tmp_path}/x y.star",
        f"{tmp_path}/z",
    ]


def test_the_particles_are_the_first_table(tmp_path: Path):
    picks = Picks.of([[1000.0, 500.0, 250.0], [0.0, 0.0, 10.0]], image="rec_TS_1", score=[2, 1])
    frame = Frame(grids={"rec_TS_1": GRID}, tilt_series_pixel_angstrom=2.5)
    write_import_particles(picks, tmp_path / "a.star", frame)
    blocks = read_star(tmp_path / "a.star").blocks
    assert [block.name for block in blocks] == ["particles", "cryopick_images"]
    table = blocks[0]
    assert table.text("rlnTomoName").tolist() == ["TS_1", "TS_1"]
    assert table.number("rlnCenteredCoordinateXAngst").tolist() == [0.0, -1000.0]
    assert table.number("rlnCenteredCoordinateZAngst").tolist() == [0.0, -240.0]
    assert "rlnCoordinateX" not in table
    assert table.number("rlnTomoTiltSeriesPixelSize").tolist() == [2.5, 2.5]
    assert table.number("rlnLCCmax").tolist() == [2.0, 1.0]


def test_the_file_is_read_back_without_the_image(tmp_path: Path):
    grid = grid_of(3, "odd", 2)
    picks = random_picks(grid, images=("TS_1",))
    write_import_particles(picks, tmp_path / "a.star", Frame(grids={"TS_1": grid}))
    assert recognise(tmp_path / "a.star").name == "relion5"
    found = in_order(read_picks(tmp_path / "a.star").picks)
    assert np.allclose(
        found.position_angstrom, in_order(picks).position_angstrom, rtol=0, atol=2e-6
    )
    assert found.label.tolist() == in_order(picks).label.tolist()
    dots = np.abs(np.sum(found.orientation * in_order(picks).orientation, axis=1))
    assert dots.min() > 1 - 1e-9


def test_another_reader_sees_the_same_particles(tmp_path: Path):
    starfile = pytest.importorskip("starfile")
    picks = random_picks(GRID, images=("TS_1",))
    write_import_particles(picks, tmp_path / "a.star", Frame(grids={"TS_1": GRID}))
    table = starfile.read(tmp_path / "a.star", always_dict=True)["particles"]
    assert np.allclose(
        table[[f"rlnCenteredCoordinate{a}Angst" for a in "XYZ"]].to_numpy(),
        picks.position_angstrom - np.array([1000.0, 500.0, 250.0]),
        rtol=0,
        atol=1e-6,
    )
