import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFrameError
from cryopick.geometry.euler import quaternion_from_relion
from cryopick.geometry.rotation import (
    angle_between_deg,
    multiply,
    random_rotations,
    rotate,
    to_matrix,
)
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.io.star import read_star
from cryopick.model import Grid, Picks
from shared_data import shared

PROJECT = "formats/relion5_tomo_project"
# The tutorial tomograms: 4000 x 4000 x 2000 unbinned pixels of 1.35 Å, binned to 10 Å.
BINNED = Grid(shape=(270, 540, 540), pixel_size_angstrom=10.0)


def write(path, text):
    path.write_text(text)
    return path


def some_picks(grid: Grid, image: str = "007", n: int = 30) -> Picks:
    rng = np.random.default_rng(5)
    return Picks.of(
        grid.to_angstrom(rng.uniform(0, np.array(grid.size_px) - 1, (n, 3))),
        image=image,
        orientation=random_rotations(n, rng=rng),
        score=rng.uniform(0, 1, n),
        label=rng.choice(["1", "2"], n),
        group=rng.choice(["left", "right one"], n),
        extra={"rlnSphereRadius": rng.uniform(3, 5, n)},
    )


@pytest.mark.parametrize("n", [60, 61])
@pytest.mark.parametrize("binning", [1, 2, 4])
@pytest.mark.parametrize("tilt_pixel", [None, 1.7])
@pytest.mark.parametrize("name", ["relion3", "relion4", "relion5", "warp", "pytom"])
def test_round_trip(tmp_path, name, n, binning, tilt_pixel):
    grid = Grid(shape=(n - 10, n + 4, n), pixel_size_angstrom=1.7).binned_by_mean(binning)
    picks = some_picks(grid)
    frame = Frame(grids={"007": grid}, tilt_series_pixel_angstrom=tilt_pixel)
    path = tmp_path / "p.star"
    write_picks(picks, path, frame, name=name)
    chosen = recognise(path)
    assert chosen is not None
    assert chosen.name == name
    back = read_picks(path, frame).picks
    assert np.abs(back.position_angstrom - picks.position_angstrom).max() < 1e-3
    assert angle_between_deg(back.orientation, picks.orientation).max() < 1e-3
    for column in ("image", "label", "group"):
        np.testing.assert_array_equal(getattr(back, column), getattr(picks, column))
    np.testing.assert_allclose(back.score, picks.score, rtol=1e-5)
    radius = back.extra["rlnSphereRadius"].astype(float)
    np.testing.assert_allclose(radius, picks.extra["rlnSphereRadius"], atol=1e-5)


@pytest.mark.parametrize("shape", [(10, 20, 40), (11, 21, 41)])
def test_centred_zero_is_index_half_n_of_the_unbinned_tomogram(tmp_path, shape):
    path = write(
        tmp_path / "p.star",
        "data_particles\nloop_\n_rlnTomoName\n_rlnCenteredCoordinateXAngst\n"
        "_rlnCenteredCoordinateYAngst\n_rlnCenteredCoordinateZAngst\nTS_1 0 0 6\n",
    )
    grid = Grid(shape=shape, pixel_size_angstrom=3.0)
    picks = read_picks(path, Frame(default_grid=grid)).picks
    expected = np.array(shape[::-1]) / 2 + [0, 0, 2]
    np.testing.assert_allclose(grid.to_px(picks.position_angstrom), [expected])
    # The same specimen binned: the particle stays where it is in Å, whatever the grid's origin.
    if shape == (10, 20, 40):
        binned = grid.binned_by_mean(2)
        again = read_picks(path, Frame(default_grid=binned)).picks
        np.testing.assert_allclose(again.position_angstrom, picks.position_angstrom)


def test_without_the_image_the_way_out_is_named(tmp_path):
    path = write(
        tmp_path / "p.star",
        "data_particles\nloop_\n_rlnTomoName\n_rlnCenteredCoordinateXAngst\n"
        "_rlnCenteredCoordinateYAngst\n_rlnCenteredCoordinateZAngst\nTS_1 0 0 6\n",
    )
    with pytest.raises(MissingFrameError, match=r"TS_1: its shape is needed.*--image"):
        read_picks(path)
    with pytest.raises(InputError, match="3D picks, but the image is 2D"):
        read_picks(path, Frame(default_grid=Grid(shape=(5, 5), pixel_size_angstrom=1.0)))


def test_our_own_file_needs_no_image(tmp_path):
    grid = Grid(shape=(31, 40, 51), pixel_size_angstrom=2.0).binned_by_mean(2)
    picks = some_picks(grid, image="rec_TS_01")
    frame = Frame(grids={"rec_TS_01": grid}, tilt_series_pixel_angstrom=2.0)
    write_picks(picks, tmp_path / "p.star", frame, name="relion5")
    star = read_star(tmp_path / "p.star")
    block = star.block("particles")
    assert set(block.columns["rlnTomoName"]) == {"TS_01"}
    assert block.number("rlnTomoTiltSeriesPixelSize")[0] == 2.0
    assert star.block("optics").number("rlnTomoTiltSeriesPixelSize").tolist() == [2.0]
    px = np.stack([block.number(f"rlnCoordinate{a}") for a in "XYZ"], axis=1)
    np.testing.assert_allclose(px, grid.to_px(picks.position_angstrom), atol=1e-6)
    back = read_picks(tmp_path / "p.star").picks
    assert back.image.tolist() == ["rec_TS_01"] * len(picks)
    assert np.abs(back.position_angstrom - picks.position_angstrom).max() < 1e-4


def test_box_and_particle_compose_and_shifts_turn_with_the_box(tmp_path):
    path = write(
        tmp_path / "p.star",
        "data_particles\nloop_\n_rlnTomoName\n_rlnCenteredCoordinateXAngst\n"
        "_rlnCenteredCoordinateYAngst\n_rlnCenteredCoordinateZAngst\n_rlnOriginXAngst\n"
        "_rlnOriginYAngst\n_rlnOriginZAngst\n_rlnTomoSubtomogramRot\n_rlnTomoSubtomogramTilt\n"
        "_rlnTomoSubtomogramPsi\n_rlnAngleRot\n_rlnAngleTilt\n_rlnAnglePsi\n_rlnAngleTiltPrior\n"
        "T 100 0 0 3 4 5 10 20 30 40 50 60 90\n",
    )
    grid = Grid(shape=(100, 100, 100), pixel_size_angstrom=10.0)
    read = read_picks(path, Frame(default_grid=grid))
    box, particle = quaternion_from_relion([10, 20, 30]), quaternion_from_relion([40, 50, 60])
    assert angle_between_deg(read.picks.orientation[0], multiply(box, particle)) < 1e-6
    np.testing.assert_allclose(
        to_matrix(read.picks.orientation[0]), to_matrix(box) @ to_matrix(particle), atol=1e-12
    )
    expected = np.array([600.0, 500.0, 500.0]) - rotate(box, [3.0, 4.0, 5.0])
    np.testing.assert_allclose(read.picks.position_angstrom[0], expected, atol=1e-9)
    assert dict(read.picks.extra).keys() == {"rlnTomoName"}
    assert len(read.assumed) == 3


def test_relion4_counts_unbinned_pixels(tmp_path):
    path = write(
        tmp_path / "p.star",
        "data_optics\nloop_\n_rlnOpticsGroup\n_rlnTomoTiltSeriesPixelSize\n1 1.5\n2 2.0\n"
        "data_particles\nloop_\n_rlnTomoName\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n"
        "_rlnOriginXAngst\n_rlnOriginYAngst\n_rlnOriginZAngst\n_rlnOpticsGroup\n"
        "A 100 200 300 1 2 3 1\nB 100 200 300 0 0 0 2\n",
    )
    read = read_picks(path, Frame(default_grid=Grid(shape=(9, 9, 9), pixel_size_angstrom=12.0)))
    np.testing.assert_allclose(read.picks.position_angstrom, [[149, 298, 447], [200, 400, 600]])
    assert read.picks.extra["rlnOpticsGroup"].tolist() == ["1", "2"]


def test_optics_groups_survive(tmp_path):
    grid = Grid(shape=(30, 30, 30), pixel_size_angstrom=2.0)
    extra = {"rlnOpticsGroup": np.array(["2", "5", "2"])}
    picks = Picks.of(np.ones((3, 3)), image="a", extra=extra)
    write_picks(picks, tmp_path / "p.star", Frame(default_grid=grid), name="relion5")
    star = read_star(tmp_path / "p.star")
    assert list(star.block("optics").columns["rlnOpticsGroup"]) == ["2", "5"]
    assert list(star.block("particles").columns["rlnOpticsGroup"]) == ["2", "5", "2"]


def test_helical_tubes_are_groups(tmp_path):
    grid = Grid(shape=(30, 30, 30), pixel_size_angstrom=2.0)
    picks = Picks.of(np.ones((3, 3)), image="a", group=["3", "1", "3"])
    write_picks(picks, tmp_path / "p.star", Frame(default_grid=grid), name="relion5")
    block = read_star(tmp_path / "p.star").block("particles")
    assert block.number("rlnHelicalTubeID").tolist() == [3, 1, 3]
    assert read_picks(tmp_path / "p.star").picks.group.tolist() == ["3", "1", "3"]


def test_genuine_annotations_and_particles_are_the_same_points():
    """The pick helper of RELION 5 centres on N / 2 - 1; RELION itself reads N / 2.

    So the same points differ by one unbinned pixel: the first of the sixteen traps, measured on
    the tutorial project. A dialect that mixed both up would show here.
    """
    frame = Frame(default_grid=BINNED)
    folder = f"{PROJECT}/Picks/job019"
    clicked = read_picks(shared(f"{folder}/annotations/TS_01_particles.star"), frame)
    assert "pixels of the tomogram" in clicked.assumed[0]
    particles = read_picks(shared(f"{folder}/particles.star"), frame).picks
    particles = particles[particles.image == "TS_01"]
    step = particles.position_angstrom - clicked.picks.position_angstrom
    np.testing.assert_allclose(step, 1.35, atol=2e-3)


def test_genuine_refined_particles_are_oriented_and_inside():
    read = read_picks(
        shared("formats/relion_tomo/R5_tutorial_run_data_head.star"), Frame(default_grid=BINNED)
    )
    picks = read.picks
    assert len(picks) == 402
    assert BINNED.contains(picks.position_angstrom).all()
    np.testing.assert_allclose(np.linalg.norm(picks.orientation, axis=1), 1, atol=1e-12)
    # HIV capsids are shells: the template's z stands on them, so neighbours point alike.
    z = rotate(picks.orientation, np.array([0.0, 0.0, 1.0]))
    gap = np.linalg.norm(picks.position_angstrom[:, None] - picks.position_angstrom, axis=-1)
    near = (gap > 1) & (gap < 100)
    assert near.sum() > 100
    assert np.median((z @ z.T)[near]) > 0.9


def test_genuine_relion4_has_its_rows_and_shifts():
    picks = read_picks(shared("formats/relion_tomo/relion_4.0.star")).picks
    assert len(picks) == 1746
    np.testing.assert_allclose(
        picks.position_angstrom[0],
        np.array([1700.0, 428.0, 944.0]) * 1.971 - [1.260416, 2.364176, 3.783296],
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("data_\nloop_\n_rlnTomoName\n_rlnX\na 1\n", "no table with rlnTomoName and"),
        (
            "data_\nloop_\n_rlnTomoName\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\na 1 2 inf\n",
            "row 1: rlnCoordinateX, rlnCoordinateY, rlnCoordinateZ are",
        ),
    ],
)
def test_bad_content_is_named(tmp_path, content, message):
    path = write(tmp_path / "p.star", content)
    with pytest.raises(FormatError, match=message):
        read_picks(path, Frame(default_grid=BINNED), name="relion5")


def test_no_picks_at_all(tmp_path):
    frame = Frame(default_grid=BINNED)
    for name in ("relion5", "relion4", "relion3", "pytom", "pytom-relion5", "warp"):
        write_picks(Picks.empty(3), tmp_path / "p.star", frame, name=name)
        back = read_picks(tmp_path / "p.star", frame, name=name).picks
        assert (len(back), back.ndim) == (0, 3)
