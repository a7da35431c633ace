"""What every tomography list must do, whatever its syntax."""

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFileError, MissingFrameError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.imod_model_binary import read_imod_model
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.io.star import read_star
from cryopick.model import Grid, Picks, delete
from pick_round_trip import in_order, some_picks

LISTS = {
    "dynamo-table": ".tbl",
    "stopgap": ".star",
    "em-motive-list": ".em",
    "imod-model": ".mod",
    "imod-text": ".txt",
    "pytom-xml": ".xml",
    "pytom-coordinates": ".txt",
}
SCORED = ("dynamo-table", "stopgap", "em-motive-list", "pytom-xml")
PIXEL = Frame(pixel_size_angstrom=2.0)

every_list = pytest.mark.parametrize("name", LISTS)


def first_numbers(path, name):
    """The x, y, z that stand in the file for the first pick, shifts added."""
    if name == "dynamo-table":
        return [float(w) for w in path.read_text().split()[23:26]]
    if name == "stopgap":
        block = read_star(path).blocks[0]
        return [block.number(f"orig_{a}")[0] + block.number(f"{a}_shift")[0] for a in "xyz"]
    if name == "em-motive-list":
        row = np.frombuffer(path.read_bytes()[512:], dtype="<f4").astype(float)
        return (row[7:10] + row[10:13]).tolist()
    if name == "imod-model":
        return read_imod_model(path).objects[0].contours[0].point[0].tolist()
    if name == "pytom-xml":
        words = path.read_text().split("<PickPosition ")[1].split('"')
        return [float(words[i]) for i in (1, 3, 5)]
    return [float(w) for w in path.read_text().splitlines()[-1].split()[-3:]]


FIRST_VOXEL = {
    "dynamo-table": [1, 1, 1],
    "stopgap": [1, 1, 1],
    "em-motive-list": [1, 1, 1],
    "imod-model": [0.5, 0.5, 0],
    "imod-text": [0.5, 0.5, 0],
    "pytom-xml": [0, 0, 0],
    "pytom-coordinates": [0, 0, 0],
}


@every_list
@pytest.mark.parametrize("binning", [1, 2, 3, 4])
def test_first_voxel_of_a_binned_tomogram_by_hand(tmp_path, name, binning):
    """The mean of b voxels lies (b - 1) / 2 old voxels from the first one."""
    grid = Grid(shape=(60, 61, 62), pixel_size_angstrom=1.5).binned_by_mean(binning)
    frame = Frame(default_grid=grid)
    corner = (binning - 1) / 2 * 1.5
    path = tmp_path / f"T{LISTS[name]}"
    write_picks(Picks.of([[corner] * 3], image="T"), path, frame, name=name)
    np.testing.assert_allclose(first_numbers(path, name), FIRST_VOXEL[name], atol=1e-6)
    found = read_picks(path, frame, name=name).picks
    np.testing.assert_allclose(found.position_angstrom, [[corner] * 3], atol=1e-6)


@every_list
def test_one_voxel_along_each_axis_is_one_in_the_file(tmp_path, name):
    path = tmp_path / f"T{LISTS[name]}"
    for axis in range(3):
        position = np.zeros((1, 3))
        position[0, axis] = 2.0
        write_picks(Picks.of(position, image="T"), path, PIXEL, name=name)
        expected = np.array(FIRST_VOXEL[name], dtype=float)
        expected[axis] += 1
        np.testing.assert_allclose(first_numbers(path, name), expected, atol=1e-6)


@every_list
def test_a_2d_image_is_refused(tmp_path, name):
    path = tmp_path / f"T{LISTS[name]}"
    write_picks(Picks.of([[2.0, 4, 6]], image="T"), path, PIXEL, name=name)
    flat = Frame(default_grid=Grid(shape=(60, 60), pixel_size_angstrom=2.0))
    with pytest.raises(InputError, match=r"image .*: 3D picks, but the image is 2D"):
        read_picks(path, flat, name=name)


@every_list
def test_2d_picks_are_refused(tmp_path, name):
    with pytest.raises(InputError, match=f"dialect {name}: holds 3D picks, got 2D picks"):
        write_picks(Picks.of([[2.0, 4.0]], image="T"), tmp_path / "T", PIXEL, name=name)


@every_list
def test_without_a_pixel_size_there_is_no_position(tmp_path, name):
    path = tmp_path / f"T{LISTS[name]}"
    write_picks(Picks.of([[2.0, 4, 6]], image="T"), path, PIXEL, name=name)
    with pytest.raises(MissingFrameError, match="give --pixel-size"):
        read_picks(path, Frame(), name=name)


@every_list
def test_deleted_picks_stay_out_of_the_file(tmp_path, name):
    picks = delete(some_picks(5, ["T"]), np.array([0, 1, 0, 0, 1], dtype=bool), reason="edge")
    path = tmp_path / f"T{LISTS[name]}"
    write_picks(picks, path, PIXEL, name=name)
    found = in_order(read_picks(path, PIXEL, name=name).picks)
    kept = in_order(picks[picks.state != "deleted"])
    assert len(found) == 3
    np.testing.assert_allclose(found.position_angstrom, kept.position_angstrom, atol=2e-3)


@every_list
def test_source_is_the_dialect(tmp_path, name):
    path = tmp_path / f"T{LISTS[name]}"
    write_picks(some_picks(2, ["T"]), path, PIXEL, name=name)
    assert set(read_picks(path, PIXEL, name=name).picks.source) == {name}


@pytest.mark.parametrize("name", SCORED)
def test_small_and_missing_scores(tmp_path, name):
    picks = Picks.of([[2.0, 4, i] for i in range(4)], image="T", score=[1e-9, -3.5, np.nan, 0.25])
    path = tmp_path / f"T{LISTS[name]}"
    write_picks(picks, path, PIXEL, name=name)
    found = read_picks(path, PIXEL, name=name).picks.score
    np.testing.assert_allclose(found, [1e-9, -3.5, 0, 0.25], rtol=1e-6)
    assert found[0] > 0


@every_list
def test_order_is_kept_where_labels_are_one(tmp_path, name):
    position = np.random.default_rng(1).uniform(0, 100, (20, 3))
    path = tmp_path / f"T{LISTS[name]}"
    write_picks(Picks.of(position, image="T"), path, PIXEL, name=name)
    found = read_picks(path, PIXEL, name=name).picks.position_angstrom
    np.testing.assert_allclose(found, position, atol=2e-3)


@pytest.mark.parametrize("name", [n for n in LISTS if n != "imod-text"])
def test_a_written_file_is_recognised(tmp_path, name):
    path = tmp_path / f"coords_T{LISTS[name]}"
    write_picks(some_picks(3, ["T"]), path, PIXEL, name=name)
    assert recognise(path).name == name


@every_list
def test_missing_files_and_folders(tmp_path, name):
    with pytest.raises(MissingFileError, match="no such file"):
        read_picks(tmp_path / "none", PIXEL, name=name)
    with pytest.raises(MissingFileError, match="make the folder first"):
        write_picks(some_picks(1, ["T"]), tmp_path / "a" / "b", PIXEL, name=name)


@every_list
def test_a_folder_is_no_list(tmp_path, name):
    folder = tmp_path / f"T{LISTS[name]}"
    folder.mkdir()
    with pytest.raises((FormatError, MissingFileError)):
        read_picks(folder, PIXEL, name=name)
