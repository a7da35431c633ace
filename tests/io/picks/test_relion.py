import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFrameError
from cryopick.geometry.euler import psi_deg_from_quaternion, quaternion_from_psi_deg
from cryopick.geometry.rotation import angle_between_deg
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import dialect, read_picks, recognise, write_picks
from cryopick.io.star import read_star
from cryopick.model import Grid, Picks
from shared_data import shared

SPA = "formats/relion5_spa_project"


def write(path, text):
    path.write_text(text)
    return path


def some_picks(grid: Grid, n: int = 40) -> Picks:
    rng = np.random.default_rng(4)
    px = rng.uniform(0, np.array(grid.size_px) - 1, (n, 2))
    return Picks.of(
        grid.to_angstrom(px),
        image="007",
        orientation=quaternion_from_psi_deg(rng.uniform(-180, 180, n)),
        score=rng.normal(0, 1e-7, n),
        label=rng.choice(["ribosome", "proteasome 26S"], n),
        group=rng.choice(["1", "2"], n),
        state=rng.choice(["auto", "manual"], n),
        diameter_angstrom=rng.uniform(80, 120, n),
        extra={"rlnCtfMaxResolution": rng.uniform(3, 5, n), "note": np.full(n, "a b")},
    )


@pytest.mark.parametrize("n", [200, 201])
@pytest.mark.parametrize("binning", [1, 2, 4])
@pytest.mark.parametrize("name", ["relion", "relion-coordinates"])
def test_round_trip(tmp_path, name, n, binning):
    full = Grid(shape=(n, n + 3), pixel_size_angstrom=1.1)
    grid = full.binned_by_mean(binning)
    picks = some_picks(grid)
    frame = Frame(grids={"007": grid})
    path = tmp_path / "picks.star"
    write_picks(picks, path, frame, name=name)
    chosen = recognise(path)
    assert chosen is not None
    assert chosen.name == name
    back = read_picks(path, frame).picks
    assert np.abs(back.position_angstrom - picks.position_angstrom).max() < 1e-3
    assert angle_between_deg(back.orientation, picks.orientation).max() < 1e-3
    for column in ("image", "label", "group", "state"):
        np.testing.assert_array_equal(getattr(back, column), getattr(picks, column))
    np.testing.assert_allclose(back.score, picks.score, rtol=1e-8)
    np.testing.assert_allclose(back.diameter_angstrom, picks.diameter_angstrom, atol=1e-5)
    assert back.extra["note"].tolist() == ["a b"] * len(picks)


def test_the_columns_that_extract_asks_for(tmp_path):
    grid = Grid(shape=(100, 100), pixel_size_angstrom=2.0)
    picks = Picks.of([[20.0, 40.0]], image="mic.1", score=[0.25])
    write_picks(picks, tmp_path / "p.star", Frame(default_grid=grid), name="relion")
    [block] = read_star(tmp_path / "p.star").blocks
    assert {name: list(values) for name, values in block.columns.items()} == {
        "rlnMicrographName": ["mic.1.mrc"],
        "rlnCoordinateX": ["10.000000"],
        "rlnCoordinateY": ["20.000000"],
        "rlnAutopickFigureOfMerit": ["0.250000"],
        "rlnAnglePsi": ["-999.000000"],
        "rlnClassNumber": ["0"],
    }


def test_manual_picks_without_score_are_999_and_come_back_without(tmp_path):
    picks = Picks.of([[20.0, 40.0], [1.0, 2.0]], image="m")
    frame = Frame(pixel_size_angstrom=2.0)
    write_picks(picks, tmp_path / "p.star", frame, name="relion")
    [block] = read_star(tmp_path / "p.star").blocks
    assert block.number("rlnAutopickFigureOfMerit").tolist() == [-999, -999]
    assert block.number("rlnClassNumber").tolist() == [-999, -999]
    back = read_picks(tmp_path / "p.star", frame).picks
    assert back.score is None
    assert back.label is None
    assert back.orientation is None


def test_a_score_that_one_pick_lacks(tmp_path):
    picks = Picks.of([[20.0, 40.0], [1.0, 2.0]], image="m", score=[np.nan, 0.5])
    frame = Frame(pixel_size_angstrom=2.0)
    write_picks(picks, tmp_path / "p.star", frame, name="relion")
    np.testing.assert_array_equal(read_picks(tmp_path / "p.star", frame).picks.score, [np.nan, 0.5])


def test_shifts_in_angstrom_are_subtracted_and_gone(tmp_path):
    path = write(
        tmp_path / "p.star",
        "data_optics\nloop_\n_rlnOpticsGroup\n_rlnMicrographPixelSize\n1 2.0\n2 4.0\n"
        "data_particles\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\n"
        "_rlnOriginXAngst\n_rlnOriginYAngst\n_rlnOpticsGroup\n"
        "Movies/a.mrc 10 20 3 -4 1\nMovies/b.mrc 10 20 0 0 2\n",
    )
    read = read_picks(path)
    np.testing.assert_allclose(read.picks.position_angstrom, [[17, 44], [40, 80]])
    assert read.picks.image.tolist() == ["a", "b"]
    assert "rlnOriginXAngst" not in read.picks.extra
    assert "shifts applied: position = coordinate - origin" in read.assumed
    assert "pixel size of the micrograph: rlnMicrographPixelSize" in read.assumed


def test_shifts_of_relion_30_count_pixels_of_the_particle(tmp_path):
    # 5 µm at magnification 25000 is 2 Å.
    path = write(
        tmp_path / "p.star",
        "data_\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnOriginX\n"
        "_rlnOriginY\n_rlnDetectorPixelSize\n_rlnMagnification\na.mrc 10 20 1.5 -1 5 25000\n",
    )
    np.testing.assert_allclose(read_picks(path).picks.position_angstrom, [[17, 42]])
    # A micrograph of another pixel size scales the coordinate, not the shift.
    frame = Frame(pixel_size_angstrom=1.0)
    np.testing.assert_allclose(read_picks(path, frame).picks.position_angstrom, [[7, 22]])


def test_the_image_decides_and_a_mismatch_is_a_warning(tmp_path):
    path = write(
        tmp_path / "p.star",
        "data_optics\nloop_\n_rlnOpticsGroup\n_rlnMicrographPixelSize\n1 2.0\n"
        "data_particles\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\na 10 20\n",
    )
    grid = Grid(shape=(50, 50), pixel_size_angstrom=4.0, origin_angstrom=(1.0, 1.0))
    read = read_picks(path, Frame(grids={"a": grid}))
    np.testing.assert_allclose(read.picks.position_angstrom, [[41, 81]])
    assert read.warnings == ("image a: rlnMicrographPixelSize is 2 Å, but its pixel size is 4 Å",)


@pytest.mark.parametrize(
    ("name", "image"),
    [("m_007_autopick.star", "m_007"), ("x_manualpick.star", "x"), ("a.b.star", "a.b")],
)
def test_a_file_without_names_is_named_by_its_own(tmp_path, name, image):
    path = write(tmp_path / name, "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 2\n")
    read = read_picks(path, Frame(pixel_size_angstrom=1.0))
    assert read.picks.image.tolist() == [image]
    assert f"micrograph: {image}, as the file names none" in read.assumed
    given = read_picks(path, Frame(pixel_size_angstrom=1.0, image_name="other"))
    assert given.picks.image.tolist() == ["other"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 nan\n", "row 1: rlnCoordinateX"),
        ("data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 b\n", "'b' is not a number"),
        ("data_\nloop_\n_rlnCoordinateX\n1\n", "no table with rlnCoordinateX and rlnCoordinateY"),
        (
            "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n1 2 3\n",
            "picks of a tomogram",
        ),
        (
            "data_optics\nloop_\n_rlnOpticsGroup\n_rlnMicrographPixelSize\n1 2\ndata_particles\n"
            "loop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnOpticsGroup\n1 2 3\n",
            "optics group 3 is not in block data_optics",
        ),
    ],
)
def test_bad_content_is_named(tmp_path, content, message):
    path = write(tmp_path / "p.star", content)
    with pytest.raises(FormatError, match=message):
        dialect("relion").read(path, Frame(pixel_size_angstrom=1.0))


def test_without_any_pixel_size_the_way_out_is_named(tmp_path):
    path = write(tmp_path / "p.star", "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 2\n")
    with pytest.raises(MissingFrameError, match="give --pixel-size"):
        read_picks(path)
    volume = Grid(shape=(5, 5, 5), pixel_size_angstrom=1.0)
    with pytest.raises(InputError, match="2D picks, but the image is 3D"):
        read_picks(path, Frame(default_grid=volume))


def test_genuine_particles_agree_with_their_autopick_file():
    particles = read_picks(shared(f"{SPA}/Extract/job009/particles.star")).picks
    name = "20170629_00021_frameImage"
    frame = Frame(pixel_size_angstrom=0.885)
    auto = read_picks(shared(f"{SPA}/AutoPick/job008/Movies/{name}_autopick.star"), frame).picks
    same = particles[particles.image == name]
    assert auto.image[0] == name
    assert len(auto) == len(same) == 242
    np.testing.assert_allclose(same.position_angstrom, auto.position_angstrom, atol=1e-6)
    np.testing.assert_allclose(same.score, auto.score)
    assert auto.label is None  # class 0: the picker knew no classes


def test_no_picks_at_all(tmp_path):
    frame = Frame(pixel_size_angstrom=1.0)
    for name in ("relion", "relion-coordinates"):
        write_picks(Picks.empty(2), tmp_path / f"{name}.star", frame, name=name)
        back = read_picks(tmp_path / f"{name}.star", frame, name=name).picks
        assert (len(back), back.ndim) == (0, 2)


def test_psi_has_relions_sense(tmp_path):
    path = write(
        tmp_path / "p.star",
        "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnAnglePsi\n1 2 30\n3 4 -999\n",
    )
    q = read_picks(path, Frame(pixel_size_angstrom=1.0)).picks.orientation
    np.testing.assert_allclose(psi_deg_from_quaternion(q), [30, 0], atol=1e-9)


def test_names_come_from_the_path_and_go_back_to_it(tmp_path):
    path = write(
        tmp_path / "p.star",
        "data_\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\nMotionCorr/1e5.mrc 1 2\n",
    )
    frame = Frame(pixel_size_angstrom=1.0)
    picks = read_picks(path, frame).picks
    assert picks.image.tolist() == ["1e5"]
    write_picks(picks, tmp_path / "q.star", frame, name="relion")
    block = read_star(tmp_path / "q.star").blocks[0]
    assert list(block.columns["rlnMicrographName"]) == ["MotionCorr/1e5.mrc"]
