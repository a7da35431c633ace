"""Plain folders: tilts beside the volumes or named by hand, one for all or one each."""

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.images import write_mrc
from cryopick.io.metadata.number_list import write_number_list
from cryopick.io.metadata.relion_tilt_series import write_tilt_series
from cryopick.io.metadata.relion_tomograms import TomogramEntry, write_tomograms
from cryopick.io.metadata.tlt import write_tilts
from cryopick.io.tomogram_sources.plain import plain_sources, wedge_of
from cryopick.io.tomogram_sources.relion import relion_sources
from cryopick.model import Optics, TiltSeries
from shared_data import shared

PYTOM = "formats/pytom_match_pick"


def volume(path: Path, pixel: float = 8.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mrc(path, np.zeros((3, 4, 5), np.float32), pixel)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two tomograms with their own tilts beside them."""
    for name, step in (("rec_TS_10", 3), ("TS_2", 2)):
        volume(tmp_path / "tomograms" / f"{name}.mrc")
        (tmp_path / "tomograms" / f"{name.removeprefix('rec_')}.tlt").write_text(
            f"{-step}\n0\n{step}\n"
        )
    return tmp_path


def test_tilts_beside_the_volumes(folder: Path):
    sources = plain_sources([folder / "tomograms"])
    assert [s.name for s in sources] == ["TS_2", "rec_TS_10"]
    tilts = {s.name: s.tilts.tilt_deg.tolist() for s in sources}
    assert tilts == {"TS_2": [-2.0, 0.0, 2.0], "rec_TS_10": [-3.0, 0.0, 3.0]}
    assert {s.tilts.name for s in sources} == set(tilts)
    assert all(s.pixel_size_angstrom == 8.0 and s.binning is None for s in sources)
    assert sources[0].warnings == (
        "exposure of the tilts is not known: no dose weighting",
        "defocus of the tilts is not known: no CTF",
    )


def test_genuine_files_for_all(folder: Path):
    dose = shared(f"{PYTOM}/test_dose.txt")
    (source, _) = plain_sources(
        [str(folder / "tomograms" / "*.mrc")],
        tilts=str(shared(f"{PYTOM}/test_angles_multi_column.rawtlt")),
        tilt_column=0,
        dose=str(dose),
        defocus=str(shared(f"{PYTOM}/test_imod.defocus")),
        optics=Optics(voltage_kv=200, cs_mm=2.7, amplitude_contrast=0.08),
        handedness=-1,
        tilt_series_pixel_angstrom=2.0,
    )
    angles = shared(f"{PYTOM}/test_angles.rawtlt").read_text().split()
    assert source.tilts.tilt_deg.tolist() == [float(a) for a in angles]
    assert source.tilts.exposure_e_per_a2.tolist() == [float(d) for d in dose.read_text().split()]
    assert source.tilts.defocus_u_um[:3].tolist() == [3.083, 3.084, 3.147]
    assert (source.optics.voltage_kv, source.tilts.optics.voltage_kv) == (200, 200)
    assert (source.tilts.handedness, source.binning) == (-1, 4.0)
    assert source.warnings == ()


@pytest.mark.parametrize("pattern", ["{folder}/{{TS}}.txt", "{folder}"])
def test_a_pattern_or_a_folder_means_one_file_each(folder: Path, pattern: str):
    where = folder / "doses"
    where.mkdir()
    (where / "TS_2.txt").write_text("0\n1\n2\n")
    (where / "TS_10.txt").write_text("4\n5\n6\n")
    dose = pattern.format(folder=where)
    sources = plain_sources([folder / "tomograms"], dose=dose, defocus="3.5")
    found = {s.name: s.tilts.exposure_e_per_a2.tolist() for s in sources}
    assert found == {"TS_2": [0, 1, 2], "rec_TS_10": [4, 5, 6]}
    assert sources[0].tilts.defocus_v_um.tolist() == [3.5] * 3
    (where / "TS_10.txt").unlink()
    with pytest.raises(
        MissingFileError, match=r"dose of tomogram rec_TS_10: no file for the name rec_TS_10 or TS"
    ):
        plain_sources([folder / "tomograms"], dose=dose)


def test_defocus_of_every_program_from_a_folder(folder: Path):
    where = folder / "ctf"
    where.mkdir()
    (where / "TS_2.defocus").write_text("1 3 -2 2 3000 2\n")
    rows = "".join(f"{i} 20000 19000 45 0.5 0.1 8\n" for i in (1, 2, 3))
    (where / "TS_10_CTF.txt").write_text(rows)
    found = {s.name: s.tilts for s in plain_sources([folder / "tomograms"], defocus=str(where))}
    assert found["TS_2"].defocus_u_um.tolist() == [3.0] * 3
    assert found["rec_TS_10"].defocus_v_um.tolist() == [1.9] * 3
    assert found["rec_TS_10"].phase_shift_deg.tolist() == [np.degrees(0.5)] * 3
    found = plain_sources([folder / "tomograms"], defocus=str(where), phase_shift_deg=90.0)
    assert {v for s in found for v in s.tilts.phase_shift_deg.tolist()} == {90.0}


def test_two_numbers_are_a_continuous_wedge(folder: Path):
    for source in plain_sources([folder / "tomograms"], tilts="-60,55", optics=Optics()):
        assert source.tilts is None
        assert source.wedge_deg == (-60.0, 55.0)
        assert source.defocus is None
        assert source.optics == Optics()
    source = plain_sources([folder / "tomograms"], tilts="-60 60", defocus="3", phase_shift_deg=90)[
        0
    ]
    assert (source.defocus.u_um, source.defocus.phase_shift_deg) == (3.0, 90)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tilts": "60,-60"}, r"tilts 60,-60: expected the smallest and the largest"),
        ({"tilts": "-100,60"}, r"from -90 to 90 degrees"),
        ({"tilts": "-60,60", "dose": "d.txt"}, r"exposure belongs to single tilts"),
        ({"tilts": "-60,60", "defocus": "d.txt"}, r"defocus per tilt needs single tilts"),
        ({"dose": "3.0"}, r"dose 3.0: one number does not tell in which order"),
        ({"tilts": "gone.tlt"}, r"gone.tlt: no such file or folder; tilts of tomogram"),
        ({"mask": "a.mrc", "mask_dir": "b"}, r"give one mask or a folder of masks"),
        ({"mask": "gone.mrc"}, r"gone.mrc: no such file"),
        ({"include": ["x*"]}, r"--include x\* matches none of"),
    ],
)
def test_what_does_not_fit_together(folder: Path, options, message: str):
    with pytest.raises((InputError, MissingFileError), match=message):
        plain_sources([folder / "tomograms"], **options)


def test_counts_must_agree(folder: Path):
    (folder / "dose.txt").write_text("0\n1\n")
    with pytest.raises(FormatError, match=r"dose.txt: 2 doses, but the series has 3 tilts"):
        plain_sources([folder / "tomograms"], dose=str(folder / "dose.txt"))
    with pytest.raises(FormatError, match=r"dose.txt: 2 defoci, but the series has 3 tilts"):
        plain_sources([folder / "tomograms"], defocus=str(folder / "dose.txt"))


def test_a_volume_without_tilts(tmp_path: Path):
    path = volume(tmp_path / "a.mrc")
    with pytest.raises(InputError, match=r"a.mrc: no file of tilts beside it .*; give --tilts"):
        plain_sources([path])


def test_two_volumes_of_one_name(tmp_path: Path):
    paths = [volume(tmp_path / "x" / "a.mrc"), volume(tmp_path / "y" / "a.mrc")]
    with pytest.raises(InputError, match=r"y/a.mrc: .*x/a.mrc has the same name; rename one"):
        plain_sources(paths, tilts="-60,60")


def test_masks(folder: Path):
    mask = volume(folder / "slab.mrc")
    sources = plain_sources([folder / "tomograms"], mask=mask)
    assert {s.mask for s in sources} == {mask}
    volume(folder / "masks" / "rec_TS_10_mask.mrc")
    found = plain_sources([folder / "tomograms"], mask_dir=folder / "masks", tilts="-60,60")
    assert {s.name: s.mask and s.mask.name for s in found} == {
        "rec_TS_10": "rec_TS_10_mask.mrc",
        "TS_2": None,
    }


def test_what_a_program_left_out_stays_out(tmp_path: Path):
    volume(tmp_path / "007.mrc")
    (tmp_path / "007.xml").write_text(
        "<TiltSeries><Angles>3 0 -3</Angles><Dose>6 0 3</Dose>"
        "<UseTilt>True True False</UseTilt></TiltSeries>"
    )
    (source,) = plain_sources([tmp_path / "007.mrc"], defocus="2")
    assert source.tilts.tilt_deg.tolist() == [-3.0, 0.0]
    assert source.tilts.exposure_e_per_a2.tolist() == [6.0, 0.0]
    assert source.tilts.defocus_u_um.tolist() == [2.0, 2.0]
    assert source.warnings == ("1 of 3 tilt images left out (excluded): 3°",)


def test_names_of_aretomo_volumes(tmp_path: Path):
    volume(tmp_path / "T1_Vol.mrc")
    (tmp_path / "tilts").mkdir()
    (tmp_path / "tilts" / "T1.rawtlt").write_text("-3\n0\n")
    (source,) = plain_sources([tmp_path / "T1_Vol.mrc"], tilts=str(tmp_path / "tilts"))
    assert (source.name, len(source.tilts)) == ("T1_Vol", 2)
    (source,) = plain_sources(
        [tmp_path / "T1_Vol.mrc"], tilts=str(tmp_path / "tilts"), pixel_size_angstrom=4.0
    )
    assert source.pixel_size_angstrom == 4.0


@pytest.mark.parametrize("text", ["", "a.tlt", "-60", "-60,60,3", "1,2.mrc"])
def test_other_texts_are_no_wedge(text: str):
    assert wedge_of(text) is None
    assert wedge_of(" -60.5 , 60 ") == (-60.5, 60.0)


def test_plain_files_say_what_the_list_of_relion_says(tmp_path: Path):
    rng = np.random.default_rng(3)
    made = TiltSeries(
        name="007",
        tilt_deg=np.linspace(-42, 42, 29),
        exposure_e_per_a2=np.round(rng.permutation(29) * 2.9, 4),
        defocus_u_um=np.round(rng.uniform(2, 4, 29), 5),
    )
    tilts = tmp_path / "tilts"
    tilts.mkdir()
    volume(tmp_path / "tomograms" / "007.mrc")
    write_tilt_series(tilts / "007.star", made)
    write_tilts(tilts / "007.tlt", made.tilt_deg)
    write_number_list(tilts / "007_exposure.txt", made.exposure_e_per_a2, decimals=4)
    write_number_list(tilts / "007_defocus.txt", made.defocus_u_um, decimals=5)
    entry = TomogramEntry(
        name="007",
        tilt_series_file="tilts/007.star",
        tilt_series_pixel_angstrom=2.0,
        binning=4.0,
        reconstructions={"rlnTomoReconstructedTomogram": "tomograms/007.mrc"},
    )
    write_tomograms(tmp_path / "tomograms.star", [entry])
    (listed,) = relion_sources(tmp_path / "tomograms.star")
    (plain,) = plain_sources(
        [tmp_path / "tomograms"], tilts=str(tilts), dose=str(tilts), defocus=str(tilts),
        tilt_series_pixel_angstrom=2.0,
    )  # fmt: skip
    assert (listed.name, listed.path, listed.binning) == (plain.name, plain.path, plain.binning)
    for name in ("tilt_deg", "exposure_e_per_a2", "defocus_u_um", "defocus_v_um"):
        ours, theirs = getattr(plain.tilts, name), getattr(listed.tilts, name)
        assert ours.tolist() == pytest.approx(theirs.tolist(), abs=1e-9), name
