"""The same particles as RELION 3.0, 3.1, 4 and 5, Warp, pytom and CSV write them: the same picks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import CryopickError, FormatError, InputError, MissingFrameError
from cryopick.geometry.euler import quaternion_from_psi_deg, quaternion_from_relion
from cryopick.geometry.rotation import angle_between_deg, rotate
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.io.star import read_star
from cryopick.model import Grid, Picks

NAMES_2D = ("rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY")
# Two micrographs of 2 Å a pixel; shifts of (1.5, -1) pixels, which are (3, -2) Å.
EXPECTED_2D = [[10 * 2 - 3, 20 * 2 + 2], [30 * 2, 40 * 2]]
OPTICS = "data_optics\n\nloop_\n_rlnOpticsGroupName #1\n_rlnOpticsGroup #2\n"


def table(name, columns, *rows):
    head = "".join(f"_{column} #{i + 1}\n" for i, column in enumerate(columns))
    return f"\ndata_{name}\n\nloop_\n{head}" + "".join(f"{row}\n" for row in rows)


VERSIONS_2D = {
    "3.0": table(
        "", (*NAMES_2D, "rlnOriginX", "rlnOriginY", "rlnMagnification", "rlnDetectorPixelSize"),
        "Micrographs/a.mrc 10 20 1.5 -1 25000 5", "Micrographs/b.mrc 30 40 0 0 25000 5",
    ),
    "3.0 refined, particles named": table(
        "images", ("rlnImageName", *NAMES_2D, "rlnOriginX", "rlnOriginY", "rlnMagnification",
                   "rlnDetectorPixelSize"),
        "1@x/a.mrcs Micrographs/a.mrc 10 20 1.5 -1 25000 5",
        "1@x/b.mrcs Micrographs/b.mrc 30 40 0 0 25000 5",
    ),
    "3.1": OPTICS + "_rlnMicrographOriginalPixelSize #3\n_rlnImagePixelSize #4\nopt1 1 2.0 4.0\n"
    + table(
        "particles", (*NAMES_2D, "rlnOriginXAngst", "rlnOriginYAngst", "rlnOpticsGroup"),
        "MotionCorr/job002/a.mrc 10 20 3 -2 1", "MotionCorr/job002/b.mrc 30 40 0 0 1",
    ),
    "4, two groups": OPTICS + "_rlnMicrographPixelSize #3\nopt1 1 2.0\nopt2 2 2.0\n" + table(
        "particles", (*NAMES_2D, "rlnOriginXAngst", "rlnOriginYAngst", "rlnOpticsGroup"),
        "MotionCorr/job002/a.mrc 10 20 3 -2 2", "MotionCorr/job002/b.mrc 30 40 0 0 1",
    ),
    "5, group names that are no numbers in order": OPTICS + "_rlnMicrographPixelSize #3\n"
    "opt1 17 2.0\nopt2 3 2.0\n" + table(
        "particles", (*NAMES_2D, "rlnOpticsGroup", "rlnOriginXAngst", "rlnOriginYAngst"),
        "a.mrc 10 20 3 3 -2", "b.mrc 30 40 17 0 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS_2D)
def test_particles_of_micrographs_in_every_version(tmp_path, version):
    path = tmp_path / "particles.star"
    path.write_text(VERSIONS_2D[version])
    chosen = recognise(path)
    assert chosen is not None
    assert chosen.name == "relion"
    read = read_picks(path)
    np.testing.assert_allclose(read.picks.position_angstrom, EXPECTED_2D)
    assert read.picks.image.tolist() == ["a", "b"]
    assert read.picks.score is None
    assert read.warnings == ()


@pytest.mark.parametrize("version", VERSIONS_2D)
def test_any_version_becomes_the_newest(tmp_path, version):
    path, new = tmp_path / "old.star", tmp_path / "new.star"
    path.write_text(VERSIONS_2D[version])
    frame = Frame(pixel_size_angstrom=2.0)
    picks = read_picks(path, frame).picks
    write_picks(picks, new, frame, name="relion")
    back = read_picks(new, frame).picks
    np.testing.assert_allclose(back.position_angstrom, EXPECTED_2D, atol=1e-6)
    block = read_star(new).blocks[-1]
    # Shifts are applied once: a second reader must not apply them again.
    assert not any(c.startswith("rlnOrigin") for c in block.columns)
    assert [n.rsplit("/", 1)[-1] for n in block.columns["rlnMicrographName"]] == ["a.mrc", "b.mrc"]


ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
XYZ = tuple(f"rlnCoordinate{a}" for a in "XYZ")
CENTRED = tuple(f"rlnCenteredCoordinate{a}Angst" for a in "XYZ")
# A tomogram of 100 x 80 x 41 unbinned voxels of 2 Å; one particle at voxel (12, 30, 7).
GRID = Grid(shape=(41, 80, 100), pixel_size_angstrom=2.0)
FRAME = Frame(default_grid=GRID, tilt_series_pixel_angstrom=2.0)
EXPECTED_3D = [[24.0, 60.0, 14.0]]
# Centre at N / 2: (50, 40, 20.5) voxels, so (-38, -10, -13.5) voxels from it.
VERSIONS_3D = {
    "relion3": table(
        "", ("rlnMicrographName", *XYZ, *ANGLES, "rlnMagnification", "rlnDetectorPixelSize"),
        "T.mrc 12 30 7 10 20 30 10000 2.0",
    ),
    "relion4": OPTICS + "_rlnTomoTiltSeriesPixelSize #3\no 1 2.0\n" + table(
        "particles", ("rlnTomoName", *XYZ, *ANGLES, "rlnOpticsGroup"), "T 12 30 7 10 20 30 1"
    ),
    "relion5": OPTICS + "_rlnTomoTiltSeriesPixelSize #3\no 1 2.0\n" + table(
        "particles", ("rlnTomoName", *CENTRED, *ANGLES, "rlnOpticsGroup"),
        "T -76 -20 -27 10 20 30 1",
    ),
    "warp": table(
        "", ("rlnMicrographName", *XYZ, *ANGLES, "rlnMagnification", "rlnDetectorPixelSize"),
        "T.tomostar 12 30 7 10 20 30 10000 2.0",
    ),
    "pytom": table(
        "", ("rlnMicrographName", *XYZ, *ANGLES, "rlnLCCmax", "rlnCutOff", "rlnSearchStd",
             "rlnDetectorPixelSize"),
        "T 12 30 7 10 20 30 0.5 0.1 0.02 2.0",
    ),
    # Metadata at hand: (coordinate - (N / 2 - 1)) * pixel size.
    "pytom-relion5": table(
        "particles", ("rlnTomoName", *CENTRED, *ANGLES, "rlnLCCmax", "rlnCutOff", "rlnSearchStd",
                      "rlnTomoTiltSeriesPixelSize"),
        "T -74 -18 -25 10 20 30 0.5 0.1 0.02 2.0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VERSIONS_3D)
def test_one_particle_of_a_tomogram_in_every_dialect(tmp_path, name):
    path = tmp_path / "particles.star"
    path.write_text(VERSIONS_3D[name])
    chosen = recognise(path)
    assert chosen is not None
    assert chosen.name == name
    read = read_picks(path, FRAME)
    np.testing.assert_allclose(read.picks.position_angstrom, EXPECTED_3D, atol=1e-9)
    expected = quaternion_from_relion([10.0, 20.0, 30.0])
    assert angle_between_deg(read.picks.orientation[0], expected) < 1e-9
    assert read.picks.image.tolist() == ["T"]
    assert read.warnings == ()


@pytest.mark.parametrize("start", VERSIONS_3D)
@pytest.mark.parametrize("end", VERSIONS_3D)
def test_from_every_dialect_to_every_other(tmp_path, start, end):
    path, other = tmp_path / "a.star", tmp_path / "b.star"
    path.write_text(VERSIONS_3D[start])
    picks = read_picks(path, FRAME).picks
    write_picks(picks, other, FRAME, name=end)
    back = read_picks(other, FRAME, name=end).picks
    np.testing.assert_allclose(back.position_angstrom, EXPECTED_3D, atol=1e-5)
    assert angle_between_deg(back.orientation[0], picks.orientation[0]) < 1e-4
    assert back.image.tolist() == ["T"]


@pytest.mark.parametrize("binning", [2, 4])
@pytest.mark.parametrize("name", ["relion4", "relion5"])
def test_unbinned_files_land_in_the_same_place_of_a_binned_tomogram(tmp_path, name, binning):
    full = Grid(shape=(40, 80, 96), pixel_size_angstrom=2.0)
    path = tmp_path / "a.star"
    path.write_text(
        VERSIONS_3D[name].replace("-76 -20 -27", "-72 -20 -26")  # centre (48, 40, 20)
    )
    binned = full.binned_by_mean(binning)
    frame = Frame(default_grid=binned, tilt_series_pixel_angstrom=2.0)
    picks = read_picks(path, frame).picks
    np.testing.assert_allclose(picks.position_angstrom, EXPECTED_3D, atol=1e-9)
    # Voxel 12 of the full image lies in voxel (12 - (b - 1) / 2) / b of the binned one.
    np.testing.assert_allclose(binned.to_px(picks.position_angstrom)[0, 0],
                               (12 - (binning - 1) / 2) / binning)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-180, 180), min_size=3, max_size=3),
    st.lists(st.floats(-180, 180), min_size=3, max_size=3),
    st.lists(st.floats(-50, 50), min_size=3, max_size=3),
)
def test_boxes_turn_their_shifts(tmp_path_factory, box, particle, shift):
    path = tmp_path_factory.getbasetemp() / "boxes.star"
    boxes = ("rlnTomoSubtomogramRot", "rlnTomoSubtomogramTilt", "rlnTomoSubtomogramPsi")
    shifts = tuple(f"rlnOrigin{a}Angst" for a in "XYZ")
    numbers = " ".join(f"{v:.9f}" for v in (*box, *particle, *shift))
    path.write_text(
        OPTICS + "_rlnTomoTiltSeriesPixelSize #3\no 1 2.0\n"
        + table("particles", ("rlnTomoName", *XYZ, *boxes, *ANGLES, *shifts, "rlnOpticsGroup"),
                f"T 12 30 7 {numbers} 1")
    )  # fmt: skip
    picks = read_picks(path, FRAME).picks
    turned = rotate(quaternion_from_relion(np.array([box])), np.array([shift]))
    np.testing.assert_allclose(picks.position_angstrom, EXPECTED_3D - turned, atol=1e-6)
    # A shift has the same length in whatever box.
    moved = np.linalg.norm(picks.position_angstrom - EXPECTED_3D)
    assert moved == pytest.approx(np.linalg.norm(shift), abs=1e-6)


def test_a_project_of_nested_folders(tmp_path):
    """Names in a list start at the project, wherever in it the list lies."""
    job = tmp_path / "project" / "AutoPick" / "job008"
    deep = job / "Movies" / "day 1"
    deep.mkdir(parents=True)
    coordinates = table("", ("rlnCoordinateX", "rlnCoordinateY"), "1 2", "3 4")
    (deep / "a_autopick.star").write_text(coordinates)
    (deep / "b_autopick.star").write_text(table("", ("rlnCoordinateX", "rlnCoordinateY")))
    path = job / "autopick.star"
    path.write_text(
        table("coordinate_files", ("rlnMicrographName", "rlnMicrographCoordinates"),
              '"MotionCorr/day 1/a.mrc" "AutoPick/job008/Movies/day 1/a_autopick.star"',
              '"MotionCorr/day 1/b.mrc" "AutoPick/job008/Movies/day 1/b_autopick.star"',
              '"MotionCorr/day 1/c.mrc" "AutoPick/job008/Movies/day 1/c_autopick.star"')
    )  # fmt: skip
    read = read_picks(path, Frame(pixel_size_angstrom=2.0))
    np.testing.assert_allclose(read.picks.position_angstrom, [[2, 4], [6, 8]])
    assert read.picks.image.tolist() == ["a", "a"]
    assert read.picks.extra["rlnMicrographName"].tolist() == ["MotionCorr/day 1/a.mrc"] * 2
    [warning] = read.warnings
    assert warning.endswith("left out: AutoPick/job008/Movies/day 1/c_autopick.star")
    # The nearest file wins: a copy of the list with its files beside it is whole.
    nearer = job / "AutoPick" / "job008" / "Movies" / "day 1"
    nearer.mkdir(parents=True)
    (nearer / "a_autopick.star").write_text(coordinates.replace("1 2", "9 9"))
    again = read_picks(path, Frame(pixel_size_angstrom=2.0)).picks
    np.testing.assert_allclose(again.position_angstrom, [[18, 18], [6, 8]])


@pytest.mark.parametrize("name", ["../outside.star", "/etc/hostname", "x" * 5000, "a\tb", "."])
def test_names_in_a_list_that_lead_nowhere(tmp_path, name):
    (tmp_path / "p").mkdir()
    path = tmp_path / "p" / "l.star"
    path.write_text(
        table(
            "coordinate_files", ("rlnMicrographName", "rlnMicrographCoordinates"), f'a.mrc "{name}"'
        )
    )
    with pytest.raises(CryopickError) as caught:
        read_picks(path, Frame(pixel_size_angstrom=2.0), name="relion-coordinates")
    assert "\n" not in str(caught.value)


def test_a_list_of_lists_ends(tmp_path):
    path = tmp_path / "l.star"
    path.write_text(
        table("coordinate_files", ("rlnMicrographName", "rlnMicrographCoordinates"), "a.mrc l.star")
    )
    read = read_picks(path, Frame(pixel_size_angstrom=2.0))
    assert len(read.picks) == 0  # the list itself holds no coordinates


@pytest.mark.parametrize("score", ["rlnAutopickFigureOfMerit", "rlnLCCmax"])
def test_scores_and_classes_of_other_programs(tmp_path, score):
    path = tmp_path / "p.star"
    path.write_text(table("", (*NAMES_2D, score, "rlnClassNumber", "rlnAnglePsi"),
                          "a.mrc 1 2 0.75 3 45", "a.mrc 3 4 -999 -999 -999"))  # fmt: skip
    picks = read_picks(path, Frame(pixel_size_angstrom=1.0)).picks
    np.testing.assert_array_equal(picks.score, [0.75, np.nan])
    assert picks.label.tolist() == ["3", ""]
    assert angle_between_deg(picks.orientation[0], quaternion_from_psi_deg([45.0])[0]) < 1e-9


@pytest.mark.parametrize(
    ("group", "message"),
    [("9", "optics group 9 is not in block data_optics"), ("", "optics group is not")],
)
def test_particles_of_an_optics_group_that_is_not_there(tmp_path, group, message):
    path = tmp_path / "p.star"
    path.write_text(
        OPTICS + "_rlnMicrographPixelSize #3\no 1 2.0\no 2 3.0\n"
        + table("particles", (*NAMES_2D, "rlnOpticsGroup"), f'a.mrc 1 2 "{group}"')
    )  # fmt: skip
    with pytest.raises(FormatError, match=message):
        read_picks(path)


@pytest.mark.parametrize("size", ["0", "-2", "nan"])
def test_pixel_sizes_that_are_none_are_asked_for(tmp_path, size):
    path = tmp_path / "p.star"
    path.write_text(
        OPTICS + f"_rlnMicrographPixelSize #3\no 1 {size}\n"
        + table("particles", (*NAMES_2D, "rlnOpticsGroup"), "a.mrc 1 2 1")
    )  # fmt: skip
    with pytest.raises(MissingFrameError, match="give --pixel-size"):
        read_picks(path)


@pytest.mark.parametrize("end", ["relion3", "relion4", "relion5", "warp", "pytom", "pytom-relion5"])
def test_picks_of_micrographs_are_no_picks_of_tomograms(tmp_path, end):
    picks = Picks.of([[1.0, 2.0]], image="a")
    with pytest.raises(InputError):
        write_picks(picks, tmp_path / "p.star", FRAME, name=end)
    assert list(tmp_path.iterdir()) == []
