"""Input that readers seldom meet: missing sizes, folders for files, values that cannot be."""

import io
import zipfile

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFileError, MissingFrameError
from cryopick.io.metadata.gctf import read_gctf_star
from cryopick.io.picks import npz
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import load_picks, save_picks
from cryopick.io.picks.registry import read_picks, write_picks
from cryopick.model import Grid, Picks

GRID_3D = Grid(shape=(20, 20, 20), pixel_size_angstrom=2.0)


def star(path, names, *rows, block="particles"):
    loop = "".join(f"_{name}\n" for name in names)
    path.write_text(f"data_{block}\nloop_\n{loop}" + "".join(f"{row}\n" for row in rows))
    return path


# Refined shifts of RELION 3.0 count pixels of the particle.
SHIFTED = ["rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY", "rlnOriginX", "rlnOriginY"]


@pytest.mark.parametrize(
    ("names", "values", "particle_pixel"),
    [
        (["rlnMagnification", "rlnDetectorPixelSize"], "10000 4.0", 4.0),
        (["rlnImagePixelSize"], "6.0", 6.0),
        (["rlnPixelSize"], "6.0", 6.0),
        ([], "", 2.0),  # that of the micrograph, for want of anything better
    ],
)
def test_shifts_in_pixels_need_the_size_of_the_particles_pixel(
    tmp_path, names, values, particle_pixel
):
    path = star(tmp_path / "p.star", [*SHIFTED, *names], f"a.mrc 10 20 1 -2 {values}")
    found = read_picks(path, Frame(pixel_size_angstrom=2.0), name="relion").picks
    # The coordinate counts pixels of the micrograph, which are 2 Å; the shift is taken off.
    expected = np.array([10.0, 20.0]) * 2.0 - np.array([1.0, -2.0]) * particle_pixel
    np.testing.assert_allclose(found.position_angstrom, [expected])


def test_shifts_in_pixels_of_unknown_size_are_refused(tmp_path):
    path = star(tmp_path / "p.star", SHIFTED, "a.mrc 10 20 1 -2")
    with pytest.raises(MissingFrameError, match=r"p\.star: image a: its pixel size is needed"):
        read_picks(path, name="relion")
    names = ["rlnTomoName", *(f"rlnCenteredCoordinate{a}Angst" for a in "XYZ")]
    names += [f"rlnOrigin{a}" for a in "XYZ"]
    path = star(tmp_path / "t.star", names, "T 0 0 0 1 2 3")
    with pytest.raises(FormatError, match="rlnOriginX is in pixels of unknown size; remove it"):
        read_picks(path, Frame(default_grid=GRID_3D), name="relion5")


def test_a_3d_list_that_names_no_tomogram_is_of_the_files_own(tmp_path):
    names = [f"rlnCoordinate{a}" for a in "XYZ"]
    path = star(tmp_path / "TS_007.star", names, "1 2 3", block="")
    found = read_picks(path, Frame(default_grid=GRID_3D), name="relion3")
    assert found.picks.image.tolist() == ["TS_007"]
    assert "tomogram: TS_007, as the file names none" in found.assumed
    given = read_picks(path, Frame(default_grid=GRID_3D, image_name="1e5"), name="relion3")
    assert given.picks.image.tolist() == ["1e5"]
    path = star(tmp_path / "x.star", ["rlnAngleRot"], "1")
    with pytest.raises(FormatError, match="no table with rlnCoordinateX"):
        read_picks(path, Frame(default_grid=GRID_3D), name="relion3")


def test_relions_folder_of_coordinates_must_be_free_to_use(tmp_path):
    picks = Picks.of([[2.0, 4.0]], image="a")
    frame = Frame(pixel_size_angstrom=2.0)
    (tmp_path / "coords").write_text("a file of that name")
    with pytest.raises(InputError, match=r"coords: is a file, but coordinate files go into"):
        write_picks(picks, tmp_path / "coords.star", frame, name="relion-coordinates")
    with pytest.raises(MissingFileError, match=r"nowhere.*make the folder first"):
        write_picks(picks, tmp_path / "nowhere" / "c.star", frame, name="relion-coordinates")


@pytest.mark.parametrize(("voltage", "contrast"), [(0, 0.1), (5000, 0.1), (300, 1.5)])
def test_a_microscope_that_cannot_be(tmp_path, voltage, contrast):
    names = ["rlnMicrographName", "rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle"]
    names += ["rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast"]
    path = star(tmp_path / "g.star", names, f"a 1e4 1e4 0 {voltage} 2.7 {contrast}", block="")
    with pytest.raises(FormatError, match=rf"g\.star: rlnVoltage {voltage}, rlnAmplitudeContrast"):
        read_gctf_star(path)


def test_two_microscopes_in_one_list_are_none(tmp_path):
    names = ["rlnMicrographName", "rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle"]
    names += ["rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast"]
    rows = [f"{n} 1e4 1e4 0 {kv} 2.7 0.1" for n, kv in (("a", 200), ("b", 300))]
    assert read_gctf_star(star(tmp_path / "g.star", names, *rows, block="")).optics is None


def test_a_line_break_in_a_name_would_break_the_list(tmp_path):
    picks = Picks.of([[2.0, 4.0, 6.0]], image="a\nb")
    with pytest.raises(FormatError, match="the tomogram's name has a line break; rename it"):
        write_picks(picks, tmp_path / "c.txt", Frame(pixel_size_angstrom=2.0),
                    name="pytom-coordinates")  # fmt: skip
    assert not (tmp_path / "c.txt").exists()


def test_an_archive_that_would_unpack_too_far_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "p.npz"
    save_picks(Picks.of(np.zeros((1000, 2)), image="a"), path)
    assert len(load_picks(path)) == 1000
    monkeypatch.setattr(npz, "_LARGEST_BYTES", 10_000)
    with pytest.raises(FormatError, match="more than 2 GiB of picks; split it by image"):
        load_picks(path)
    with pytest.raises(MissingFileError):
        load_picks(tmp_path / "none.npz")


def test_an_archive_never_runs_what_is_pickled_in_it(tmp_path):
    """numpy would unpickle objects, and with them anything."""
    body = io.BytesIO()
    np.save(body, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "p.npz", "w") as archive:
        archive.writestr("position_angstrom.npy", body.getvalue())
    with pytest.raises(FormatError, match=r"p\.npz: not a whole archive of picks"):
        load_picks(tmp_path / "p.npz")


def test_a_folder_is_no_table(tmp_path):
    (tmp_path / "a.cs").mkdir()
    with pytest.raises(FormatError, match=r"a\.cs: is a folder; name a file in it"):
        read_picks(tmp_path / "a.cs", name="cryosparc")
