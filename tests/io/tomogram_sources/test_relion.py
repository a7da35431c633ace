"""RELION projects: genuine tilt series to the last digit, volumes, wildcards, what is missing."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.images import write_mrc
from cryopick.io.tomogram_sources.relion import relion_sources
from cryopick.model import Optics
from shared_data import shared

PYTOM = "formats/pytom_match_pick/relion5_project_example"
TUTORIAL = "formats/relion5_tomo_project"


def rows(star: Path, block: str) -> list[dict[str, str]]:
    """A loop of a STAR file as plain text, read without the package."""
    names, found, inside = [], [], False
    for line in star.read_text().splitlines():
        words = line.split()
        if words and words[0].startswith("data_"):
            inside = words[0] == f"data_{block}"
        elif inside and words and words[0].startswith("_"):
            names.append(words[0][1:])
        elif inside and names and len(words) == len(names):
            found.append(dict(zip(names, words, strict=True)))
    return found


def numbers(table: list[dict[str, str]], column: str) -> list[float]:
    return [float(row[column]) for row in table]


def volume(path: Path, pixel: float, shape=(4, 6, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mrc(path, np.zeros(shape, np.float32), pixel)
    return path


def project(tmp_path: Path, origin: str) -> Path:
    """A copy of a genuine project that volumes can be put into."""
    folder = tmp_path / "project"
    shutil.copytree(shared(origin), folder, copy_function=shutil.copyfile)
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    return folder


def test_genuine_tilts_are_those_of_the_file(tmp_path: Path):
    folder = project(tmp_path, PYTOM)
    job = folder / "Tomograms" / "job009"
    made = volume(job / "tomograms" / "rec_tomo200528_107.mrc", 14.0)
    (source,) = relion_sources(job / "tomograms.star", include=["*_107"])
    table = rows(job / "tilt_series" / "tomo200528_107.star", "tomo200528_107")
    assert len(table) == 35
    tilts = source.tilts
    assert tilts.tilt_deg.tolist() == numbers(table, "rlnTomoYTilt")
    assert tilts.exposure_e_per_a2.tolist() == numbers(table, "rlnMicrographPreExposure")
    assert tilts.defocus_u_um.tolist() == [v / 1e4 for v in numbers(table, "rlnDefocusU")]
    assert tilts.defocus_v_um.tolist() == [v / 1e4 for v in numbers(table, "rlnDefocusV")]
    assert tilts.astigmatism_angle_deg.tolist() == numbers(table, "rlnDefocusAngle")
    assert tilts.axis_angle_deg.tolist() == numbers(table, "rlnTomoZRot")
    assert (source.name, source.path, tilts.handedness) == ("tomo200528_107", made, -1)
    assert (source.optics.voltage_kv, source.optics.cs_mm) == (200.0, 2.7)
    assert source.optics.amplitude_contrast == 0.08
    assert tilts.optics == source.optics
    assert source.tilt_series_pixel_angstrom == 1.724
    assert source.binning == 8.12065
    assert source.size_unbinned_px == (4000, 4000, 2000)
    assert source.pixel_size_angstrom == pytest.approx(14.0)
    (said,) = source.warnings
    assert "at binning 8.12065 are 493 x 493 x 246" in said


def test_volumes_that_are_not_there_are_named(tmp_path: Path):
    folder = project(tmp_path, PYTOM)
    star = folder / "Tomograms" / "job009" / "tomograms.star"
    with pytest.raises(
        InputError, match=r"^10 of 10 tomograms: no volume in .*tomograms.star: tomo200528_100 \("
    ):
        relion_sources(star)
    with pytest.raises(InputError, match=r"--include 107 matches none of tomo200528_100"):
        relion_sources(star, include=["107"])


def test_a_tilt_series_that_is_not_there_is_named(tmp_path: Path):
    folder = project(tmp_path, PYTOM)
    for number in (100, 107):
        volume(tmp_path / "mrc" / f"rec_tomo200528_{number}.mrc", 14.0)
    with pytest.raises(
        MissingFileError,
        match=r"tomo200528_100.star: no such file .* names it for tomogram tomo200528_100; copy",
    ):
        relion_sources(
            folder / "Tomograms/job009/tomograms.star",
            include=["*_100", "*_107"],
            mrc_dir=tmp_path / "mrc",
        )


def test_genuine_tutorial_project(tmp_path: Path):
    folder = project(tmp_path, TUTORIAL)
    star = folder / "CtfRefine" / "job027" / "tomograms.star"
    half = volume(folder / "Tomograms/job006/tomograms/rec_TS_01_half1.mrc", 10.0)
    (source,) = relion_sources(star, include=["TS_01"])
    table = rows(folder / "CtfRefine/job027/tilt_series/TS_01.star", "TS_01")
    assert source.tilts.tilt_deg.tolist() == numbers(table, "rlnTomoYTilt")
    assert source.tilts.exposure_e_per_a2.tolist() == numbers(table, "rlnMicrographPreExposure")
    assert (source.path, source.optics.group) == (half, "optics1")
    assert source.tilt_series_pixel_angstrom == 1.35
    assert "names half maps only; half 1 is searched" in source.warnings[0]
    assert "8 x 6 x 4 voxels, but the list's 4000 x 4000 x 2000" in source.warnings[1]
    with pytest.raises(InputError, match=r"1 of 1 .*rec_TS_01_half2.mrc"):
        relion_sources(star, include=["TS_01"], half=2)
    # the tilt series of a job's own tomograms.star may live in another job: it is told
    with pytest.raises(MissingFileError, match=r"tilt_series/TS_01.star"):
        relion_sources(folder / "Tomograms/job006/tomograms.star", include=["TS_01"])


def test_genuine_series_whose_block_has_another_name(tmp_path: Path):
    folder = project(tmp_path, "formats/relion5_tomo_small")
    job = folder / "Tomograms" / "job_tomo"
    for name in ("13pf_MT", "14pf_MT"):
        volume(job / "tomograms" / f"{name}.mrc", 10.52, (44, 136, 84))
    first, second = relion_sources(job / "tomograms.star")
    assert first.tilts.tilt_deg.tolist() == [0.1, -30.1, 30.3, 59.9, -60.1]
    assert second.tilts.tilt_deg.tolist() == [0.0, -20.0, 20.0, 40.0, -40.0, -60.0, 60.0]
    assert [s.name for s in (first, second)] == ["TS_01", "TS_02"]
    assert first.tilts.exposure_e_per_a2 is None
    assert [w.partition(" ")[0] for w in first.warnings] == ["exposure", "defocus"]


def test_genuine_relion_4_blocks(tmp_path: Path):
    star = shared("formats/relion_tomo/warp2_matching_tomograms.star")
    volume(tmp_path / "TS_17.mrc", 10.0)
    volume(tmp_path / "TS_32.mrc", 10.0)
    names = ["TS_17.tomostar", "TS_32.tomostar"]
    for name in names:
        volume(tmp_path / f"{name}.mrc", 10.0)
    for source, name in zip(
        relion_sources(star, include=names, mrc_dir=tmp_path), names, strict=True
    ):
        table = rows(star, name)
        assert len(table) == 41
        assert source.tilts.exposure_e_per_a2.tolist() == numbers(table, "rlnMicrographPreExposure")
        u = numbers(table, "rlnDefocusU")
        assert source.tilts.defocus_u_um.tolist() == [v / 1e4 for v in u]
        assert (source.name, source.tilts.handedness) == (name, -1)
        assert source.size_unbinned_px == (4400, 6000, 1000)
        assert source.binning == pytest.approx(10.0 / 0.7894)


STAR = """
data_global

loop_
_rlnTomoName
_rlnTomoTiltSeriesPixelSize
_rlnTomoTiltSeriesStarFile
_rlnTomoHand
{header}
"""
TILTS = "data_x\n\nloop_\n_rlnTomoYTilt\n_rlnMicrographPreExposure\n_rlnDefocusU\n_rlnDefocusV\n"


def made(tmp_path: Path, names: list[str], *, columns: dict[str, str] | None = None) -> Path:
    """A project of two-image tilt series made by hand."""
    columns = columns or {}
    star = tmp_path / "Tomograms" / "job001" / "tomograms.star"
    star.parent.mkdir(parents=True)
    text = STAR.format(header="\n".join(f"_{c}" for c in columns))
    for name in names:
        values = " ".join(v.format(name=name) for v in columns.values())
        text += f"{name} 2.0 Tomograms/job001/{name}.star 1 {values}\n"
        (star.parent / f"{name}.star").write_text(TILTS + "-3 2 20000 30000\n3 0 25000 26000\n")
    star.write_text(text)
    return star


def test_names_stay_text_and_come_in_natural_order(tmp_path: Path):
    star = made(tmp_path, ["TS_10", "007", "TS_9", "1e5"])
    for name in ("rec_TS_10", "TS_9_8.00Apx", "007", "rec_1e5"):
        volume(tmp_path / "mrc" / f"{name}.mrc", 8.0)
    sources = relion_sources(star, mrc_dir=tmp_path / "mrc")
    assert [s.name for s in sources] == ["1e5", "007", "TS_9", "TS_10"]
    assert [s.path.name for s in sources] == [
        "rec_1e5.mrc", "007.mrc", "TS_9_8.00Apx.mrc", "rec_TS_10.mrc",
    ]  # fmt: skip
    assert [s.binning for s in sources] == [4.0] * 4
    assert sources[0].tilts.defocus_v_um.tolist() == [3.0, 2.6]


def test_prefixes_can_be_named(tmp_path: Path):
    star = made(tmp_path, ["1", "2"])
    for name in ("Position_1", "Position_2"):
        volume(tmp_path / "mrc" / f"{name}.mrc", 8.0)
    with pytest.raises(InputError, match=r"2 of 2 tomograms: no volume in .*mrc: 1, 2; give"):
        relion_sources(star, mrc_dir=tmp_path / "mrc")
    found = relion_sources(star, mrc_dir=tmp_path / "mrc", strip_prefixes=["Position_"])
    assert [s.path.name for s in found] == ["Position_1.mrc", "Position_2.mrc"]


def test_the_whole_map_is_preferred_and_halves_can_be_asked_for(tmp_path: Path):
    columns = {
        "rlnTomoReconstructedTomogramHalf1": "vol/{name}_h1.mrc",
        "rlnTomoReconstructedTomogramHalf2": "vol/{name}_h2.mrc",
        "rlnTomoReconstructedTomogramDenoised": "vol/{name}_d.mrc",
        "rlnTomoReconstructedTomogram": "vol/{name}.mrc",
    }
    star = made(tmp_path, ["a"], columns=columns)
    for end in ("", "_h1", "_h2", "_d"):
        volume(tmp_path / "vol" / f"a{end}.mrc", 4.0)
    assert relion_sources(star)[0].path.name == "a.mrc"
    assert relion_sources(star, half=1)[0].path.name == "a_h1.mrc"
    assert relion_sources(star, half=2)[0].path.name == "a_h2.mrc"
    denoised = {"rlnTomoReconstructedTomogramDenoised": "vol/{name}_d.mrc"}
    star = made(tmp_path / "second", ["a"], columns=denoised)
    volume(tmp_path / "second" / "vol" / "a_d.mrc", 4.0)
    (source,) = relion_sources(star)
    assert "names no other volume than rlnTomoReconstructedTomogramDenoised" in source.warnings[0]


def test_masks(tmp_path: Path):
    star = made(tmp_path, ["a", "b"])
    for name in ("a", "b"):
        volume(tmp_path / "mrc" / f"{name}.mrc", 8.0)
    volume(tmp_path / "masks" / "rec_a_mask.mrc", 8.0)
    a, b = relion_sources(star, mrc_dir=tmp_path / "mrc", mask_dir=tmp_path / "masks")
    assert a.mask == tmp_path / "masks" / "rec_a_mask.mrc"
    assert b.mask is None
    assert b.warnings == ("no mask for b: the whole tomogram is searched",)
    (a,) = relion_sources(star, mrc_dir=tmp_path / "mrc", include=["a"], pixel_size_angstrom=6.0)
    assert (a.mask, a.pixel_size_angstrom, a.binning) == (None, 6.0, 3.0)
    assert a.optics == Optics()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("-3 2", "nan 2", "a.star: tilt 1: tilt_deg is nan; correct the row"),
        ("-3 2", "-300 2", "a.star: tilt: 300° is not possible"),
        ("-3 2 20000 30000\n3 0 25000 26000\n", "", "a.star.* holds no images|no table|no rows"),
    ],
)
def test_damaged_tilt_series(tmp_path: Path, old: str, new: str, message: str):
    star = made(tmp_path, ["a"])
    volume(tmp_path / "mrc" / "a.mrc", 8.0)
    path = star.parent / "a.star"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(FormatError, match=message):
        relion_sources(star, mrc_dir=tmp_path / "mrc")


def test_one_name_twice_or_no_tomogram(tmp_path: Path):
    star = made(tmp_path, ["a"])
    star.write_text(star.read_text() + "a 2.0 b.star 1\n")
    with pytest.raises(FormatError, match=r"rlnTomoName: a comes more than once; rename one"):
        relion_sources(star, mrc_dir=tmp_path)
    star.write_text(STAR.format(header=""))
    with pytest.raises(FormatError, match=r"holds no tomograms"):
        relion_sources(star, mrc_dir=tmp_path)
