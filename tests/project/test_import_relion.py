"""RELION sets, hand-written and genuine, whole project folders included."""

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.images import write_mrc
from cryopick.io.star import read_star
from cryopick.model import Optics
from cryopick.model.sets import SetKind, summary_in_words
from cryopick.project.import_relion import import_relion, newest
from cryopick.project.pick_table import read_picks_of
from cryopick.project.store import Project, create_project
from shared_data import shared

MICROGRAPHS = """
# version 30001

data_optics

loop_
_rlnOpticsGroupName #1
_rlnOpticsGroup #2
_rlnMicrographPixelSize #3
_rlnVoltage #4
_rlnSphericalAberration #5
_rlnAmplitudeContrast #6
gold 1 1.35 200.0 1.4 0.1
carbon 2 1.35 200.0 1.4 0.1

data_micrographs

loop_
_rlnMicrographName #1
_rlnOpticsGroup #2
_rlnDefocusU #3
_rlnDefocusV #4
_rlnDefocusAngle #5
MotionCorr/job002/007.mrc 1 15000.0 14000.0 33.0
MotionCorr/job002/1e5.mrc 2 12000.0 11000.0 -5.0
"""

TOMOGRAMS = """
data_global

loop_
_rlnTomoName #1
_rlnTomoTiltSeriesPixelSize #2
_rlnTomoTomogramBinning #3
_rlnTomoSizeX #4
_rlnTomoSizeY #5
_rlnTomoSizeZ #6
_rlnTomoReconstructedTomogram #7
_rlnTomoTiltSeriesStarFile #8
007 1.35 4.0 4096 4096 2048 Tomograms/job006/rec_007.mrc Tomograms/job006/tilt_series/007.star
1e5 1.35 4.0 4096 4096 2048 Tomograms/job006/rec_1e5.mrc Tomograms/job006/tilt_series/1e5.star
"""

PICKS = """
data_particles

loop_
_rlnTomoName #1
_rlnCenteredCoordinateXAngst #2
_rlnCenteredCoordinateYAngst #3
_rlnCenteredCoordinateZAngst #4
007 0.0 0.0 0.0
1e5 135.0 -270.0 13.5
"""


@pytest.fixture
def project(tmp_path: Path):
    with create_project(tmp_path / "p") as opened:
        yield opened


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_micrographs_with_optics_and_defocus(project: Project, tmp_path: Path):
    star = write(tmp_path / "r/CtfFind/job003/micrographs_ctf.star", MICROGRAPHS)
    (tmp_path / "r/MotionCorr/job002").mkdir(parents=True)
    write_mrc(tmp_path / "r/MotionCorr/job002/007.mrc", np.zeros((6, 8), np.float32), 1.35)
    done = import_relion(project, star)
    (dataset,) = done.datasets
    assert dataset == project.get("micrographs")
    assert dataset.pixel_size_angstrom == 1.35
    assert dataset.optics == Optics(
        voltage_kv=200.0, cs_mm=1.4, amplitude_contrast=0.1, group="gold"
    )
    first, second = dataset.members
    assert (first.name, first.size_px, first.group) == ("007", (8, 6), "gold")
    assert (second.name, second.size_px, second.group) == ("1e5", (), "carbon")
    assert first.defocus is not None
    assert (first.defocus.u_um, first.defocus.v_um) == (1.5, 1.4)
    assert first.defocus.astigmatism_angle_deg == 33.0
    assert done.warnings == ("1 of 2 image files are not there; their size was not read",)


def test_a_defocus_that_was_not_found_is_none(project: Project, tmp_path: Path):
    text = MICROGRAPHS.replace("12000.0 11000.0 -5.0", "nan nan nan")
    text = text.replace("_rlnAmplitudeContrast #6\n", "").replace(" 1.4 0.1", " 1.4")
    found = import_relion(project, write(tmp_path / "micrographs_ctf.star", text)).datasets[0]
    first, second = found.members
    assert first.defocus is not None
    assert (first.defocus.u_um, first.defocus.v_um) == (1.5, 1.4)
    assert second.defocus is None
    assert found.optics == Optics(voltage_kv=200.0, cs_mm=1.4, group="gold")


def test_old_micrographs_have_a_magnification(project: Project, tmp_path: Path):
    star = write(
        tmp_path / "m.star",
        "data_\nloop_\n_rlnMicrographName\n_rlnMagnification\n_rlnDetectorPixelSize\n"
        "a.mrc 50000 7.0\n",
    )
    assert import_relion(project, star).datasets[0].pixel_size_angstrom == pytest.approx(1.4)


def test_tomograms_and_their_picks_meet_at_the_centre(project: Project, tmp_path: Path):
    tomograms = write(tmp_path / "r/Tomograms/job006/tomograms.star", TOMOGRAMS)
    (dataset,) = import_relion(project, tomograms).datasets
    assert dataset.kind is SetKind.TOMOGRAMS
    assert dataset.pixel_size_angstrom == pytest.approx(5.4)
    assert [m.name for m in dataset.members] == ["007", "1e5"]
    assert dataset.members[0].size_px == (1024, 1024, 512)
    assert dataset.members[0].path == str(tmp_path / "r/Tomograms/job006/rec_007.mrc")
    import_relion(project, write(tmp_path / "r/Picks/job009/particles.star", PICKS))
    found = read_picks_of(project, "picks").position_angstrom
    centre = np.array([512, 512, 256]) * 5.4
    np.testing.assert_allclose(found, [centre, centre + np.array([135.0, -270.0, 13.5])], atol=1e-6)


def test_an_optimisation_set_brings_both(project: Project, tmp_path: Path):
    write(tmp_path / "r/Tomograms/job006/tomograms.star", TOMOGRAMS)
    write(tmp_path / "r/Picks/job009/particles.star", PICKS)
    star = write(
        tmp_path / "r/Picks/job009/optimisation_set.star",
        "data_\n_rlnTomoTomogramsFile Tomograms/job006/tomograms.star\n"
        "_rlnTomoParticlesFile Picks/job009/particles.star\n",
    )
    done = import_relion(project, star)
    assert [summary_in_words(d) for d in done.datasets] == [
        "2 tomograms, 5.4 Å/px",
        "2 picks from 2 tomograms",
    ]


def test_a_folder_that_fails_half_way_leaves_nothing(project: Project, tmp_path: Path):
    write(tmp_path / "r/Tomograms/job006/tomograms.star", TOMOGRAMS)
    write(tmp_path / "r/Picks/job009/particles.star", PICKS.replace("1e5", "strange"))
    with pytest.raises(InputError, match="no image called strange"):
        import_relion(project, tmp_path / "r")
    assert project.names() == []
    done = import_relion(project, tmp_path / "r", skip_unmatched=True)
    assert len(done.datasets[-1]) == 1


def test_the_newest_job_counts(tmp_path: Path):
    for number in ("002", "010", "9"):
        write(tmp_path / f"Tomograms/job{number}/tomograms.star", TOMOGRAMS)
    write(tmp_path / "Tomograms/jobs99/tomograms.star", TOMOGRAMS)
    assert newest(tmp_path, ["tomograms.star"]) == tmp_path / "Tomograms/job010/tomograms.star"
    assert newest(tmp_path, ["other.star"]) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("1e5 1.35 4.0", "1e5 1.35 2.0"), "rlnTomoTomogramBinning: differs between rows"),
        (("1e5 1.35 4.0", "1e5 1.5 4.0"), "rlnTomoTiltSeriesPixelSize: differs between rows"),
        (("1e5 1.35 4.0", "1e5 1.35 0"), "rlnTomoTomogramBinning, row 2: expected a number above"),
        (("007 1.35 4.0 4096", "007 1.35 4.0 nan"), "rlnTomoSizeX, row 1: expected a number above"),
        (("007 1.35", "007 abc"), "'abc' is not a number"),
        (("1e5 1.35", "007 1.35"), "the name 007 stands for two members"),
    ],
)
def test_tables_that_cannot_be_meant(
    project: Project, tmp_path: Path, change: tuple[str, str], message: str
):
    star = write(tmp_path / "tomograms.star", TOMOGRAMS.replace(*change))
    with pytest.raises(InputError, match=message):
        import_relion(project, star)
    assert project.names() == []


def test_what_is_no_set_is_told(project: Project, tmp_path: Path):
    with pytest.raises(FormatError, match="holds no micrographs, tomograms or picks"):
        import_relion(project, write(tmp_path / "a.star", "data_x\n_rlnSomething 1\n"))
    with pytest.raises(MissingFileError, match=r"nothing\.star"):
        import_relion(project, tmp_path / "nothing.star")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="give a RELION project folder or a STAR file"):
        import_relion(project, tmp_path / "empty")
    with pytest.raises(InputError, match="a project folder gives several sets"):
        import_relion(project, tmp_path / "empty", name="x")


def test_a_genuine_tomography_project(project: Project):
    folder = shared("formats/relion5_tomo_project")
    done = import_relion(project, folder)
    tomograms, picks = done.datasets
    assert summary_in_words(tomograms) == "5 tomograms, 10 Å/px"
    assert [m.name for m in tomograms.members] == ["TS_01", "TS_03", "TS_43", "TS_45", "TS_54"]
    assert tomograms.members[0].size_px == (540, 540, 270)
    rows = read_star(folder / "Picks/job019/particles.star").blocks[-1]
    assert len(picks) == len(rows)
    found = read_picks_of(project, picks.name)
    # RELION's centre is N / 2 of the unbinned tomogram of 4000 x 4000 x 2000 at 1.35 Å.
    expected = rows.number("rlnCenteredCoordinateXAngst")[0] + 4000 / 2 * 1.35
    grid = tomograms.grids()[str(found.image[0])]
    assert found.position_angstrom[0, 0] == pytest.approx(expected, abs=grid.pixel_size_angstrom)


def test_a_genuine_single_particle_project(project: Project):
    done = import_relion(project, shared("formats/relion5_spa_project"))
    assert summary_in_words(done.datasets[0]) == "24 micrographs, 0.885 Å/px"
    assert len(done.datasets[1]) == 2374
