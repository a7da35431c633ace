"""ChimeraX scripts, word for word, and the particle lists they open."""

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.geometry.euler import quaternion_from_relion
from cryopick.io.picks.chimerax_script import (
    ShownList,
    chimerax_script,
    script_path,
    write_chimerax_script,
    write_shown_list,
)
from cryopick.io.picks.dialect import Frame
from cryopick.io.star import read_star
from cryopick.model import Grid, Picks, delete

GRID = Grid(shape=(50, 100, 200), pixel_size_angstrom=5.0).binned_by_mean(2)

TWO_SPECIES = """\
# 5 picks of a, b in TS 1
# For ChimeraX with ArtiaX, in an empty session: model numbers count from there.
close session
artiax start
artiax open tomo "../../tomograms/TS 1.mrc"
artiax tomo #1.1.1 pixelSize 13.48
open ../../maps/a.mrc
volume #2 style surface level 0.025
open "../../maps/b (2).mrc"
volume #3 style surface
open ./TS_1_a.star format relion
artiax particles #1.2.1 originScaleFactor 13.48 radius 125
artiax attach #2 toParticleList #1.2.1
artiax show #1.2.1 surfaces
artiax hide #1.2.1 markers
open ./TS_1_c.star format relion
artiax particles #1.2.2 originScaleFactor 13.48
artiax show #1.2.2 markers
open ./TS_1_b.star format relion
artiax particles #1.2.3 originScaleFactor 13.48
artiax attach #3 toParticleList #1.2.3
artiax show #1.2.3 surfaces
artiax hide #1.2.3 markers
artiax view xy
"""


def test_a_whole_script():
    job = Path("/data/job/chimerax")
    text = chimerax_script(
        job,
        tomogram="/data/tomograms/TS 1.mrc",
        pixel_size_angstrom=13.48,
        lists=[
            ShownList(
                file=job / "TS_1_a.star",
                surface=Path("/data/maps/a.mrc"),
                level=0.025,
                diameter_angstrom=250,
            ),
            ShownList(file=job / "TS_1_c.star"),
            ShownList(file=job / "TS_1_b.star", surface=Path("/data/maps/b (2).mrc")),
        ],
        title="5 picks of a, b\nin  TS 1",
    )
    assert text == TWO_SPECIES


def test_a_title_cannot_become_a_command(tmp_path: Path):
    text = chimerax_script(
        tmp_path, tomogram="a.mrc", pixel_size_angstrom=1.0, lists=[], title="x; exit\nexit"
    )
    assert text.splitlines()[0] == "# x, exit exit"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("TS_1.mrc", "./TS_1.mrc"),
        ("sub/TS-1.b4+x.mrc", "./sub/TS-1.b4+x.mrc"),
        ("../up.mrc", "../up.mrc"),
        ("~home.mrc", '"./~home.mrc"'),
        ("with space.mrc", '"./with space.mrc"'),
        ("semi;colon.mrc", '"./semi;colon.mrc"'),
        ("it's.mrc", '"./it\'s.mrc"'),
        ('say "hi".mrc', '"./say \\"hi\\".mrc"'),
        ("back\\slash.mrc", '"./back\\\\slash.mrc"'),
        ("emdb:3087", '"./emdb:3087"'),
        ("Å#1.mrc", '"./Å#1.mrc"'),
        ("line\nbreak.mrc", '"./line\\nbreak.mrc"'),
    ],
)
def test_odd_names_are_quoted(tmp_path: Path, name: str, written: str):
    assert script_path(tmp_path / "here" / name, folder=tmp_path / "here") == written


def test_relative_input_paths_start_at_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert script_path("tomograms/a.mrc", folder="job/chimerax") == "../../tomograms/a.mrc"


def test_the_script_starts_at_its_own_folder(tmp_path: Path):
    (tmp_path / "chimerax").mkdir()
    write_chimerax_script(
        tmp_path / "chimerax" / "a.cxc",
        tomogram=tmp_path / "a.mrc",
        pixel_size_angstrom=10,
        lists=[ShownList(file=tmp_path / "chimerax" / "a.star")],
        title="a",
    )
    lines = (tmp_path / "chimerax" / "a.cxc").read_text().splitlines()
    assert "artiax open tomo ../a.mrc" in lines
    assert "open ./a.star format relion" in lines


@pytest.mark.parametrize("pixel", [0.0, -1.0, float("nan")])
def test_a_pixel_size_that_is_none(tmp_path: Path, pixel: float):
    with pytest.raises(InputError, match=r"a.mrc: pixel size .*: expected above 0 Å"):
        chimerax_script(tmp_path, tomogram="a.mrc", pixel_size_angstrom=pixel, lists=[], title="")


def test_a_list_holds_pixels_of_its_tomogram_and_names_none(tmp_path: Path):
    picks = Picks.of(
        GRID.to_angstrom([[0, 0, 0], [10, 20, 5], [1, 1, 1]]),
        image="TS_1",
        orientation=quaternion_from_relion(np.array([[10.0, 20.0, 30.0]] * 3)),
        score=[0.5, np.nan, 0.1],
        label="a",
    )
    picks = delete(picks, np.array([False, False, True]), reason="manual")
    write_shown_list(tmp_path / "a.star", picks, Frame(grids={"TS_1": GRID}))
    (block,) = read_star(tmp_path / "a.star").blocks
    assert list(block.columns) == [
        "rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ",
        "rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnLCCmax",
    ]  # fmt: skip
    assert block.number("rlnCoordinateX").tolist() == [0.0, 10.0]
    assert block.number("rlnCoordinateZ").tolist() == [0.0, 5.0]
    assert block.number("rlnAngleTilt").tolist() == pytest.approx([20.0, 20.0])
    assert block.number("rlnAnglePsi").tolist() == pytest.approx([30.0, 30.0])
    assert block.number("rlnLCCmax").tolist() == [0.5, -999.0]


def test_a_list_without_orientations(tmp_path: Path):
    picks = Picks.of([[10.0, 20.0, 30.0]], image="TS_1")
    write_shown_list(tmp_path / "a.star", picks, Frame(pixel_size_angstrom=10.0))
    (block,) = read_star(tmp_path / "a.star").blocks
    assert block.number("rlnAngleRot").tolist() == [0.0]
    assert "rlnLCCmax" not in block


def test_a_list_of_two_tomograms_is_refused(tmp_path: Path):
    picks = Picks.of([[1.0, 2, 3], [4, 5, 6]], image=["a", "b"])
    with pytest.raises(InputError, match=r"write one file per image"):
        write_shown_list(tmp_path / "a.star", picks, Frame(pixel_size_angstrom=1.0))


def test_another_reader_sees_a_table_even_of_one_row(tmp_path: Path):
    starfile = pytest.importorskip("starfile")
    picks = Picks.of([[10.0, 20.0, 30.0]], image="TS_1", score=[1.0])
    write_shown_list(tmp_path / "a.star", picks, Frame(pixel_size_angstrom=10.0))
    table = starfile.read(tmp_path / "a.star", always_dict=True)["particles"]
    assert table["rlnCoordinateZ"].tolist() == [3.0]
