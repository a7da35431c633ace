"""What every dialect of boxes and lists promises, each asked the same questions."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError, MissingFileError, MissingFrameError
from cryopick.geometry.rotation import angle_between_deg, multiply
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import dialect, dialects, read_picks, recognise, write_picks
from cryopick.model import Grid, Picks, delete
from pick_round_trip import by_place, grid_of, random_picks, round_trip

NAMES = (
    "copick", "copick-project", "cryolo-cbox", "cryosparc", "cryosparc-flipped", "deepfinder",
    "eman-box", "eman-box-flipped", "eman-json", "points", "portal-ndjson", "shrec", "shrec-zyx",
    "tardis", "topaz", "xmipp-pos", "xmipp-xmd",
)  # fmt: skip
MANY_IMAGES = (
    "copick-project",
    "cryosparc",
    "cryosparc-flipped",
    "deepfinder",
    "topaz",
    "xmipp-xmd",
)
IN_BYTES = ("cryosparc", "cryosparc-flipped")
IN_ANGSTROM = ("copick", "copick-project", "tardis")
ASKS = [(name, ndim) for name in NAMES for ndim in (2, 3) if ndim in dialect(name).dimensions]


def some(ndim: int, **columns: object) -> Picks:
    return replace(random_picks(grid_of(ndim, "odd", 1), n=8, labels=1), **columns)


def path_for(name: str, folder: Path) -> Path:
    suffixes = dialect(name).suffixes
    return folder / f"TS_007{suffixes[0] if suffixes else ''}"


def test_all_dialects_are_in_the_registry():
    assert set(NAMES) <= set(dialects())


@pytest.mark.parametrize("name", NAMES)
def test_conventions_are_told_in_words(name: str):
    told = dialect(name)
    assert min(len(told.title), len(told.origin), len(told.unit)) > 0
    assert ("orientation" in told.keeps) == bool(told.euler)
    assert all(s.startswith(".") and s == s.lower() for s in told.suffixes)
    assert told.decimals is not None
    assert told.decimals >= 4  # 1e-3 pixel and better


@pytest.mark.parametrize(("name", "ndim"), ASKS)
def test_no_picks_stay_no_picks(name: str, ndim: int, tmp_path: Path):
    frame = Frame(default_grid=grid_of(ndim, "odd", 1))
    path = path_for(name, tmp_path)
    write_picks(Picks.empty(ndim), path, frame, name=name)
    back = read_picks(path, frame, name=name).picks
    assert (len(back), back.ndim) == (0, ndim)


@pytest.mark.parametrize(("name", "ndim"), ASKS)
def test_a_file_is_recognised_by_the_dialect_that_wrote_it(name: str, ndim: int, tmp_path: Path):
    path = path_for(name, tmp_path)
    # Named classes, as the lists that know only names of classes need them to be told apart.
    picks = some(ndim, label=np.full(8, "ribosome"))
    write_picks(picks, path, Frame(default_grid=grid_of(ndim, "odd", 1)), name=name)
    found = recognise(path)
    assert found is not None
    # Nothing in a file tells a flipped or a turned one: the plain form is asked first.
    assert found.name == name.removesuffix("-flipped").removesuffix("-zyx")


@pytest.mark.parametrize(("name", "ndim"), ASKS)
def test_deleted_picks_are_not_written(name: str, ndim: int, tmp_path: Path):
    gone = np.arange(8) % 2 == 0
    picks = delete(some(ndim), gone, reason="manual")
    found, _ = round_trip(name, picks, grid_of(ndim, "odd", 1), tmp_path)
    assert len(found.picks) == 4


@pytest.mark.parametrize(("name", "ndim"), ASKS)
def test_moved_picks_move_by_exactly_that(name: str, ndim: int, tmp_path: Path):
    grid = grid_of(ndim, "odd", 1)
    picks = some(ndim)
    shift = np.array([1.25, -2.5, 3.75])[:ndim]
    moved = replace(picks, position_angstrom=picks.position_angstrom + shift)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before, _ = round_trip(name, picks, grid, tmp_path / "a")
    after, _ = round_trip(name, moved, grid, tmp_path / "b")
    a, b = (p.picks.position_angstrom[by_place(p.picks)] for p in (before, after))
    np.testing.assert_allclose(b - a, np.tile(shift, (8, 1)), atol=1e-3)


@pytest.mark.parametrize(("name", "ndim"), ASKS)
@pytest.mark.parametrize("binning", [2, 4])
def test_the_same_specimen_at_two_binnings(name: str, ndim: int, binning: int, tmp_path: Path):
    picks = some(ndim)
    places = []
    for b in (1, binning):
        folder = tmp_path / str(b)
        folder.mkdir()
        found, _ = round_trip(name, picks, grid_of(ndim, "even", b), folder)
        places.append(found.picks.position_angstrom[by_place(found.picks)])
    np.testing.assert_allclose(places[0], places[1], atol=6e-3)


@pytest.mark.parametrize("name", [n for n in NAMES if "orientation" in dialect(n).keeps])
def test_turning_the_template_turns_every_pick(name: str, tmp_path: Path):
    ndim = max(dialect(name).dimensions)
    grid = grid_of(ndim, "odd", 1)
    picks = some(ndim)
    turn = [np.cos(0.3), 0, 0, np.sin(0.3)]
    turned = replace(picks, orientation=multiply(picks.orientation, turn))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before, _ = round_trip(name, picks, grid, tmp_path / "a")
    after, _ = round_trip(name, turned, grid, tmp_path / "b")
    expected = multiply(before.picks.orientation, turn)
    assert angle_between_deg(after.picks.orientation, expected).max() < 2e-3


@pytest.mark.parametrize("name", [n for n in NAMES if "orientation" in dialect(n).keeps])
def test_rotations_at_the_poles_survive(name: str, tmp_path: Path):
    half = np.sqrt(0.5)
    poles = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [half, 0, 0, half]])
    grid = grid_of(3, "odd", 1)
    picks = replace(random_picks(grid, n=5, labels=1), orientation=poles)
    found, _ = round_trip(name, picks, grid, tmp_path)
    error = angle_between_deg(found.picks.orientation, poles)
    assert error.max() < 1e-3


@pytest.mark.parametrize("name", MANY_IMAGES)
def test_picks_of_many_images_keep_their_names(name: str, tmp_path: Path):
    ndim = max(dialect(name).dimensions)
    names = np.array(["007", "1e5", "mic.1", "007", "b", "1e5", "007", "b"])
    picks = some(ndim, image=names)
    fine, coarse = grid_of(ndim, "even", 1), grid_of(ndim, "even", 2)
    frame = Frame(grids={"007": fine, "1e5": coarse, "mic.1": fine}, default_grid=coarse)
    path = path_for(name, tmp_path)
    write_picks(picks, path, frame, name=name)
    back = read_picks(path, frame, name=name).picks
    order, same = by_place(back), by_place(picks)
    assert back.image[order].tolist() == names[same].tolist()
    places = back.position_angstrom[order], picks.position_angstrom[same]
    np.testing.assert_allclose(*places, atol=3e-3)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in MANY_IMAGES])
def test_files_of_one_image_refuse_many_and_stay_as_they_were(name: str, tmp_path: Path):
    ndim = max(dialect(name).dimensions)
    frame = Frame(default_grid=grid_of(ndim, "odd", 1))
    path = path_for(name, tmp_path)
    write_picks(some(ndim), path, frame, name=name)
    before = path.read_bytes()
    with pytest.raises(InputError, match=rf"{path.name}.* one image, got 2"):
        write_picks(some(ndim, image=np.array(["a", "b"] * 4)), path, frame, name=name)
    assert path.read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", NAMES)
def test_the_wrong_number_of_dimensions_is_refused(name: str, tmp_path: Path):
    wrong = {2, 3} - set(dialect(name).dimensions)
    for ndim in wrong:
        with pytest.raises(InputError, match=rf"dialect {name}: holds .D picks, got {ndim}D"):
            write_picks(some(ndim), path_for(name, tmp_path), name=name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [n for n in NAMES if n not in IN_ANGSTROM])
def test_without_an_image_it_says_what_it_needs(name: str, tmp_path: Path):
    picks = some(max(dialect(name).dimensions))
    with pytest.raises(MissingFrameError, match=r"image TS_007: .*--(image|pixel-size)"):
        write_picks(picks, path_for(name, tmp_path), Frame(), name=name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(name: str, tmp_path: Path):
    with pytest.raises(MissingFileError, match="nowhere: no such file"):
        read_picks(tmp_path / "nowhere", name=name)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "copick-project"])
def test_a_missing_folder_is_named(name: str, tmp_path: Path):
    ndim = max(dialect(name).dimensions)
    frame = Frame(default_grid=grid_of(ndim, "odd", 1))
    with pytest.raises(MissingFileError, match="make the folder first"):
        write_picks(some(ndim), tmp_path / "none" / "a.txt", frame, name=name)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "copick-project"])
def test_writing_twice_gives_the_same_bytes(name: str, tmp_path: Path):
    ndim = max(dialect(name).dimensions)
    frame = Frame(default_grid=grid_of(ndim, "odd", 1), box_size_px=30)
    path = path_for(name, tmp_path)
    write_picks(some(ndim), path, frame, name=name)
    first = path.read_bytes()
    write_picks(some(ndim), path, frame, name=name)
    assert path.read_bytes() == first


@pytest.mark.parametrize("name", ["eman-box", "eman-box-flipped", "cryolo-cbox"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    box=st.integers(1, 600),
    x=st.floats(0, 640),
    y=st.floats(0, 480),
    shape=st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    size=st.floats(0.1, 20),
)
def test_a_centre_does_not_depend_on_the_box(
    name: str, box: int, x: float, y: float, shape: tuple[int, int], size: float, tmp_path: Path
):
    frame = Frame(default_grid=Grid(shape=shape, pixel_size_angstrom=size), box_size_px=box)
    picks = Picks.of(np.array([[x, y]]) * size, image="m")
    path = tmp_path / "m.box"
    write_picks(picks, path, frame, name=name)
    found = read_picks(path, frame, name=name)
    assert found.box_size_px == box
    error = found.picks.position_angstrom - picks.position_angstrom
    assert np.abs(error).max() / size < 1e-3


@pytest.mark.parametrize("first", ["points", "portal-ndjson", "eman-json", "deepfinder", "topaz"])
@pytest.mark.parametrize("second", ["copick", "tardis", "shrec", "xmipp-xmd", "cryolo-cbox"])
def test_the_same_particle_lands_on_the_same_voxel(first: str, second: str, tmp_path: Path):
    grid = grid_of(3, "odd", 2)
    voxel = np.array([[17.0, 33.0, 5.0], [0.0, 0.0, 0.0], [100.0, 50.0, 40.0]])
    picks = Picks.of(grid.to_angstrom(voxel), image="TS_007", label="1")
    for step, name in enumerate((first, second)):
        folder = tmp_path / str(step)
        folder.mkdir()
        found, _ = round_trip(name, picks, grid, folder)
        picks = found.picks
    np.testing.assert_allclose(grid.to_px(picks.position_angstrom), voxel, atol=2e-3)


def crlf(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


def with_mark(data: bytes) -> bytes:
    return b"\xef\xbb\xbf" + data


def without_last_newline(data: bytes) -> bytes:
    return data.rstrip(b"\n")


def with_empty_lines(data: bytes) -> bytes:
    return data + b"\n\n  \n"


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("copick-project", *IN_BYTES)])
@pytest.mark.parametrize(
    "change", [crlf, with_mark, without_last_newline, with_empty_lines, gzip.compress]
)
def test_text_as_other_systems_and_editors_leave_it(
    name: str, change: Callable[[bytes], bytes], tmp_path: Path
):
    ndim = max(dialect(name).dimensions)
    frame = Frame(default_grid=grid_of(ndim, "odd", 1))
    path = path_for(name, tmp_path)
    write_picks(some(ndim), path, frame, name=name)
    plain = read_picks(path, frame, name=name).picks
    path.write_bytes(change(path.read_bytes()))
    changed = read_picks(path, frame, name=name).picks
    np.testing.assert_array_equal(changed.position_angstrom, plain.position_angstrom)
    assert changed.image.tolist() == plain.image.tolist()
    if plain.score is not None:
        np.testing.assert_array_equal(changed.score, plain.score)


@pytest.mark.parametrize("name", ["eman-box", "topaz"])
def test_a_score_that_one_pick_lacks_is_left_out_for_all(name: str, tmp_path: Path):
    score = np.array([0.5, np.nan, 1, 2, 3, 4, 5, 6])
    found, _ = round_trip(name, some(2, score=score), grid_of(2, "odd", 1), tmp_path)
    assert found.picks.score is None


@pytest.mark.parametrize("name", [n for n in NAMES if "score" in dialect(n).keeps])
def test_small_and_large_scores_survive(name: str, tmp_path: Path):
    ndim = max(dialect(name).dimensions)
    score = np.array([1e-9, -1e-9, 1e9, -1e9, 0, 0.1, 1 / 3, 123456.789])
    found, _ = round_trip(name, some(ndim, score=score), grid_of(ndim, "odd", 1), tmp_path)
    order = by_place(found.picks)
    expected = score[by_place(some(ndim))]
    np.testing.assert_allclose(found.picks.score[order], expected, rtol=1e-6)
