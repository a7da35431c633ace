import numpy as np
import pytest

from cryopick.errors import InputError, MissingFileError
from cryopick.io.images import write_mrc
from cryopick.jobs.image_inputs import (
    image_grids,
    image_paths,
    item_id,
    only_grid,
    open_single,
)
from cryopick.model import Grid


@pytest.fixture
def folder(tmp_path):
    for name in ("b", "a", "c.v2"):
        write_mrc(tmp_path / f"{name}.mrc", np.zeros((4, 5), np.float32), 2.0)
    (tmp_path / "notes.txt").write_text("not an image")
    return tmp_path


def test_files_globs_and_folders(folder):
    assert list(image_paths([str(folder)])) == ["a", "b", "c.v2"]
    assert list(image_paths([str(folder / "*.mrc")])) == ["a", "b", "c.v2"]
    assert list(image_paths([str(folder / "b.mrc"), str(folder / "a.mrc")])) == ["b", "a"]
    assert list(image_paths([str(folder / "b.mrc"), str(folder)])) == ["b", "a", "c.v2"]


def test_a_star_of_micrographs_relative_to_its_project(folder, monkeypatch):
    star = folder / "CtfFind" / "micrographs_ctf.star"
    star.parent.mkdir()
    star.write_text("data_micrographs\nloop_\n_rlnMicrographName #1\na.mrc\nb.mrc\n")
    monkeypatch.chdir("/")
    assert image_paths([str(star)])["a"] == folder.resolve() / "a.mrc"
    star.write_text("data_micrographs\nloop_\n_rlnMicrographName #1\nmissing.mrc\n")
    with pytest.raises(MissingFileError, match=r"missing\.mrc.*listed in"):
        image_paths([str(star)])
    star.write_text("data_\nloop_\n_rlnFoo #1\n1\n")
    with pytest.raises(InputError, match="no column of images"):
        image_paths([str(star)])


def test_what_is_not_there_is_told(folder):
    with pytest.raises(MissingFileError, match=r"none\*\.mrc"):
        image_paths([str(folder / "none*.mrc")])
    empty = folder / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="no such files in this folder"):
        image_paths([str(empty)])
    with pytest.raises(InputError, match="no images given"):
        image_paths([])


def test_two_images_of_one_name_are_refused(folder):
    other = folder / "other"
    other.mkdir()
    write_mrc(other / "a.mrc", np.zeros((4, 5), np.float32), 2.0)
    with pytest.raises(InputError, match="another image is called a too"):
        image_paths([str(folder), str(other)])


def test_item_ids_are_unique_folder_names():
    assert item_id("TS_007.b4") == "TS_007.b4"
    odd = {item_id(name) for name in ("a b", "a_b", "a/b", "µ", "", ".hidden", "..", "x" * 300)}
    assert len(odd) == 8
    for name in odd:
        assert "/" not in name
        assert not name.startswith(".")
        assert len(name) < 120


def test_grids_of_single_images_by_name(folder):
    grids = image_grids([str(folder)], None)
    assert list(grids) == ["a", "b", "c.v2"]
    assert grids["a"] == Grid(shape=(4, 5), pixel_size_angstrom=2.0)
    assert image_grids([str(folder)], 3.0)["a"].pixel_size_angstrom == 3.0
    assert image_grids([], None) == {}


def test_only_a_single_grid_stands_for_files_that_name_no_image(folder):
    one, three = image_grids([str(folder / "a.mrc")], None), image_grids([str(folder)], None)
    assert only_grid(one) == one["a"]
    assert only_grid(three) is None
    assert only_grid({}) is None


def test_stacks_are_refused_where_single_images_are_meant(tmp_path):
    write_mrc(tmp_path / "s.mrcs", np.zeros((3, 4, 5), np.float32), 2.0)
    with pytest.raises(InputError, match=r"s\.mrcs: is a stack of images; name single images"):
        open_single(tmp_path / "s.mrcs", None)


def test_an_unknown_pixel_size_is_refused_until_it_is_given(tmp_path):
    write_mrc(tmp_path / "a.mrc", np.zeros((4, 5), np.float32), 1.5)
    header = bytearray((tmp_path / "a.mrc").read_bytes())
    header[40:52] = bytes(12)  # the cell
    (tmp_path / "a.mrc").write_bytes(header)
    with pytest.raises(InputError, match=r"a\.mrc: its pixel size is not known; give --pixel-size"):
        open_single(tmp_path / "a.mrc", None)
    assert open_single(tmp_path / "a.mrc", 1.5).grid.pixel_size_angstrom == 1.5
