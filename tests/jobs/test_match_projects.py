"""Projects of other programs: what their files say of the tilts reaches the search."""

import shutil

import numpy as np
import pytest

from cryopick.io.images import write_mrc
from cryopick.jobs.match_inputs import imaging_of, tomogram_sources
from shared_data import shared
from small_match import params_for, write_files


@pytest.fixture
def files(tmp_path):
    return write_files(tmp_path / "template")


def only(params):
    (source,) = tomogram_sources(params)
    return source, imaging_of(source, params)


def volume(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mrc(path, np.zeros((4, 6, 8), np.float32), 14.0)


def copied(origin, target):
    shutil.copytree(shared(origin), target, copy_function=shutil.copyfile)
    for path in [target, *target.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    return target


def loop_of(star, column):
    """A numeric column of the first loop that has it, read without the package."""
    lines = star.read_text("utf-8").splitlines()
    names = [line.split()[0] for line in lines if line.startswith("_")]
    rows = [line.split() for line in lines]
    place = names.index(f"_{column}")
    return [float(row[place]) for row in rows if len(row) == len(names)]


def test_a_relion_5_project_reaches_the_search(tmp_path, files):
    project = copied("formats/pytom_match_pick/relion5_project_example", tmp_path / "p")
    job = project / "Tomograms" / "job009"
    volume(job / "tomograms" / "rec_tomo200528_107.mrc")
    _, imaging = only(
        params_for(
            files,
            tomograms=[],
            tilts=None,
            relion_star=str(job / "tomograms.star"),
            include=["*_107"],
        )
    )
    star = job / "tilt_series" / "tomo200528_107.star"
    tilts = imaging.tilts
    np.testing.assert_allclose(tilts.tilt_deg, loop_of(star, "rlnTomoYTilt"), atol=1e-6)
    dose = loop_of(star, "rlnMicrographPreExposure")
    np.testing.assert_allclose(tilts.exposure_e_per_a2, dose, atol=1e-6)
    np.testing.assert_allclose(
        tilts.defocus_u_um, np.array(loop_of(star, "rlnDefocusU")) / 1e4, atol=1e-6
    )
    assert imaging.use_ctf
    assert imaging.per_tilt
    assert imaging.handedness in (-1, 1)
    assert imaging.wedge_deg == (min(tilts.tilt_deg), max(tilts.tilt_deg))


def test_a_warptools_project_reaches_the_search(tmp_path, files):
    xml = "formats/pytom_match_pick/warptools_xml_example/gs04_ts_003.xml"
    shutil.copyfile(shared(xml), tmp_path / "gs04_ts_003.xml")
    volume(tmp_path / "reconstruction" / "gs04_ts_003_10.00Apx.mrc")
    source, imaging = only(params_for(files, tomograms=[], tilts=None, warp=str(tmp_path)))
    assert imaging.tilts is source.tilts
    assert imaging.tilts.defocus_u_um is not None
    assert imaging.tilts.exposure_e_per_a2 is not None
    assert imaging.use_ctf


def test_an_aretomo_session_reaches_the_search(tmp_path, files):
    (tmp_path / "T1.aln").write_text(
        "# AreTomo Alignment / Priims bprmMn\n# RawSize = 100 80 3\n# NumPatches = 0\n"
        "# DarkFrame =     0    1    -6.00\n"
        "# SEC ROT GMAG TX TY SMEAN SFIT SCALE BASE TILT\n"
        " 2 85.0 1.0 10.0 -2.0 1 1 1 0 -3.00\n 3 85.1 1.0  0.5  4.0 1 1 1 0  0.00\n"
    )
    (tmp_path / "T1_TLT.txt").write_text("-6 3 3.0\n-3 2 3.0\n0 1 3.0\n")
    (tmp_path / "T1_CTF.txt").write_text(
        "1 21000 20000 45 0 0.1 8\n2 31000 30000 45 0 0.1 8\n3 41000 40000 45 0 0.1 8\n"
    )
    volume(tmp_path / "T1_Vol.mrc")
    given = {"tomograms": [], "tilts": None, "aretomo_dir": str(tmp_path)}
    source, imaging = only(params_for(files, **given))
    assert imaging.tilts.tilt_deg.tolist() == [-3.0, 0.0]  # the dark one is gone
    np.testing.assert_allclose(imaging.tilts.exposure_e_per_a2, [3.0, 0.0])
    np.testing.assert_allclose(imaging.tilts.defocus_u_um, [3.1, 4.1])
    assert any("left out" in line for line in source.warnings)
    _, heavier = only(params_for(files, **given, dose_per_tilt=5.0))
    np.testing.assert_allclose(heavier.tilts.exposure_e_per_a2, [5.0, 0.0])
