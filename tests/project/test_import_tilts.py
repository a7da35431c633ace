"""Tilt series from every program, and the tomograms beside them."""

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.io.images import write_mrc
from cryopick.io.star import read_star
from cryopick.model.sets import Acquisition, SetKind
from cryopick.project.import_tilts import import_aretomo, import_tilt_series, import_warp
from cryopick.project.store import Project, create_project
from shared_data import shared

ALN = """\
# AreTomo Alignment / Priims bprmMn
# RawSize = 64 60 3
# NumPatches = 0
# SEC     ROT         GMAG       TX          TY      SMEAN     SFIT    SCALE     BASE     TILT
    0   85.0000    1.00000    -2.000     1.000     1.00     1.00     1.00     0.00    -30.00
    1   85.0000    1.00000     0.000     0.000     1.00     1.00     1.00     0.00      0.00
    2   85.0000    1.00000     2.000    -1.000     1.00     1.00     1.00     0.00     30.00
"""


@pytest.fixture
def project(tmp_path: Path):
    with create_project(tmp_path / "p") as opened:
        yield opened


def columns(project: Project, set_name: str, series: str):
    return read_star(project.folder / "sets" / set_name / f"{series}.star").blocks[0]


def stack(path: Path, n: int = 5) -> Path:
    write_mrc(path, np.zeros((n, 4, 6), np.float32), 2.0, stack=True)
    return path


def test_tilt_lists(project: Project, tmp_path: Path):
    (tmp_path / "007.tlt").write_text("-60\n0\n60\n")
    (tmp_path / "1e5.rawtlt").write_text("-54\n0\n54\n")
    done = import_tilt_series(project, [tmp_path / "007.tlt", tmp_path / "1e5.rawtlt"])
    (dataset,) = done.datasets
    assert dataset.kind is SetKind.TILT_SERIES
    assert [m.name for m in dataset.members] == ["007", "1e5"]
    assert dataset.acquisition == Acquisition(tilt_min_deg=-60, tilt_max_deg=60, tilt_step_deg=60)
    block = columns(project, "tilt_series", "007")
    assert block.name == "007"
    assert block.number("rlnTomoYTilt").tolist() == [-60, 0, 60]
    assert "rlnDefocusU" not in block


def test_a_stack_takes_the_tilts_beside_it(project: Project, tmp_path: Path):
    path = stack(tmp_path / "TS_01.st")
    (tmp_path / "TS_01.rawtlt").write_text("-6\n-3\n0\n3\n6\n")
    done = import_tilt_series(project, [path])
    assert done.datasets[0].acquisition == Acquisition(
        tilt_min_deg=-6, tilt_max_deg=6, tilt_step_deg=3
    )
    (tmp_path / "TS_01.rawtlt").write_text("-6\n-3\n0\n")
    with pytest.raises(FormatError, match=r"has 3 tilts, the stack TS_01.st has 5 images"):
        import_tilt_series(project, [path])


def test_a_stack_with_tilts_told_by_hand(project: Project, tmp_path: Path):
    path = stack(tmp_path / "TS_01.st")
    with pytest.raises(InputError, match="no mdoc or tilt list beside it; give --tilt-min"):
        import_tilt_series(project, [path])
    by_hand = Acquisition(tilt_min_deg=-6, tilt_max_deg=6, tilt_step_deg=3, axis_angle_deg=85)
    import_tilt_series(project, [path], acquisition=by_hand)
    block = columns(project, "tilt_series", "TS_01")
    assert block.number("rlnTomoYTilt").tolist() == [-6, -3, 0, 3, 6]
    assert block.number("rlnTomoZRot").tolist() == [85] * 5
    wrong = Acquisition(tilt_min_deg=-6, tilt_max_deg=6, tilt_step_deg=2)
    with pytest.raises(
        InputError, match="5 images from -6 to 6 degrees are 3 degrees apart, not 2"
    ):
        import_tilt_series(project, [path], acquisition=wrong)


def test_an_aretomo_folder_with_its_tomograms(project: Project, tmp_path: Path):
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("TS_1", "TS_10"):
        (folder / f"{name}.aln").write_text(ALN)
        stack(folder / f"{name}.mrc", 3)
    write_mrc(folder / "TS_1_Vol.mrc", np.zeros((5, 6, 7), np.float32), 8.0)
    write_mrc(folder / "TS_1_2ND_EVN_Vol.mrc", np.zeros((5, 6, 7), np.float32), 8.0)
    done = import_aretomo(project, folder, pixel_size_angstrom=2.0)
    tilts, tomograms = done.datasets
    assert (tilts.name, tomograms.name) == ("tilt_series", "tomograms")
    assert [m.name for m in tilts.members] == ["TS_1", "TS_10"]
    (tomogram,) = tomograms.members
    assert tomogram.path == str(folder / "TS_1_Vol.mrc")
    assert tomogram.size_px == (7, 6, 5)
    assert tomogram.files["binning"] == "4"
    assert project.resolve(tomogram.files["tilt_series"]).is_file()
    assert tomograms.precedents == ("tilt_series",)
    assert done.warnings == ("1 of 2 tilt series have no tomogram",)
    block = columns(project, "tilt_series", "TS_1")
    assert block.number("rlnTomoXShiftAngst").tolist() == [-4, 0, 4]


def test_series_of_two_pixel_sizes_are_two_sets(project: Project, tmp_path: Path):
    for name, size in (("a", "2.0"), ("b", "3.0")):
        (tmp_path / f"{name}.mdoc").write_text(
            f"PixelSpacing = {size}\n\n[ZValue = 0]\nTiltAngle = 0\n\n[ZValue = 1]\nTiltAngle = 3\n"
        )
    with pytest.raises(InputError, match="tilt series of 2 and 3 Å/px; import them as two sets"):
        import_tilt_series(project, [tmp_path])
    done = import_tilt_series(project, [tmp_path], pixel_size_angstrom=2.5)
    assert done.datasets[0].pixel_size_angstrom == 2.5


def test_a_genuine_mdoc(project: Project):
    done = import_tilt_series(project, [shared("formats/mdoc/tilt_series.mdoc")])
    (dataset,) = done.datasets
    assert dataset.pixel_size_angstrom == pytest.approx(5.4)
    assert dataset.acquisition is not None
    assert dataset.acquisition.tilt_max_deg > 30
    block = columns(project, dataset.name, dataset.members[0].name)
    tilts = block.number("rlnTomoNominalStageTiltAngle")
    assert tilts.max() == pytest.approx(dataset.acquisition.tilt_max_deg, abs=1e-4)


def test_a_genuine_warp_series(project: Project):
    done = import_warp(project, [shared("formats/cryocat_ts017/017.xml")])
    (dataset,) = done.datasets
    assert [m.name for m in dataset.members] == ["017"]
    assert dataset.pixel_size_angstrom == pytest.approx(1.971)
    assert done.warnings[0].startswith("no tomograms in ")
    defocus = columns(project, dataset.name, "017").number("rlnDefocusU")
    assert (defocus > 1e4).all()
    assert (defocus < 1e5).all()


def test_warp_tomograms_are_found_in_the_reconstruction_folder(project: Project, tmp_path: Path):
    source = shared("formats/cryocat_ts017/017.xml")
    (tmp_path / "017.xml").write_bytes(source.read_bytes())
    (tmp_path / "reconstruction").mkdir()
    path = tmp_path / "reconstruction" / "017_7.88Apx.mrc"
    write_mrc(path, np.zeros((5, 6, 7), np.float32), 7.884)
    done = import_warp(project, [tmp_path])
    assert [d.kind for d in done.datasets] == [SetKind.TILT_SERIES, SetKind.TOMOGRAMS]
    assert done.datasets[1].members[0].files["binning"] == "4"


def test_a_genuine_session_whose_numbers_disagree_is_refused_whole(project: Project):
    with pytest.raises(FormatError, match="RawSize says 90 images"):
        import_aretomo(project, shared("formats/aretomo3"))
    assert project.names() == []
