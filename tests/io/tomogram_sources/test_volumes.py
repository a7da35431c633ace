"""Volumes and masks by name; pixel sizes of headers against those of lists."""

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import InputError, MissingFileError
from cryopick.io.images import write_mrc
from cryopick.io.tomogram_sources.volumes import (
    find_mask,
    find_volume,
    place_volume,
    volumes_in,
)


def volume(path: Path, pixel: float = 10.0, shape=(3, 4, 5), **more) -> Path:
    write_mrc(path, np.zeros(shape, np.float32), pixel, **more)
    return path


def names(folder: Path, *files: str) -> dict[str, Path]:
    for file in files:
        volume(folder / file)
    return volumes_in(folder)


def test_a_folder_is_read_once_by_name(tmp_path: Path):
    found = names(tmp_path, "TS_1.rec", "TS_1.mrc", "007.mrc", "1e5.map", ".hidden.mrc")
    (tmp_path / "notes.txt").write_text("")
    assert {name: path.name for name, path in found.items()} == {
        "TS_1": "TS_1.mrc",
        "007": "007.mrc",
        "1e5": "1e5.map",
    }
    with pytest.raises(MissingFileError):
        volumes_in(tmp_path / "nowhere")


def test_the_exact_name_wins(tmp_path: Path):
    found = names(tmp_path, "TS_1.mrc", "rec_TS_1.mrc", "TS_1_bin4.mrc", "TS_10.mrc")
    assert find_volume(found, "TS_1").name == "TS_1.mrc"
    found.pop("TS_1")
    assert find_volume(found, "TS_1").name == "rec_TS_1.mrc"
    assert find_volume(found, "TS_1", endings=["_bin4"]).name == "TS_1_bin4.mrc"
    assert find_volume(found, "TS_1", prefixes=["tomo_"]).name == "TS_1_bin4.mrc"


def test_half_maps_masks_and_scores_are_no_tomograms(tmp_path: Path):
    beside = ("TS_1_half1.mrc", "TS_1_EVN_Vol.mrc", "TS_1_CTF.mrc", "TS_1_mask.mrc")
    found = names(tmp_path, *beside, "TS_1_13.48Apx.mrc", "TS_10_13.48Apx.mrc")
    assert find_volume(found, "TS_1").name == "TS_1_13.48Apx.mrc"
    assert find_volume(found, "TS_2") is None
    found = names(tmp_path, "TS_3_3dctf.rec", "TS_3_scores.mrc")
    assert find_volume(found, "TS_3").name == "TS_3_3dctf.rec"


def test_a_stack_of_tilt_images_is_no_tomogram(tmp_path: Path):
    write_mrc(tmp_path / "TS_1_ali.mrc", np.zeros((3, 4, 5), np.float32), 1.5, stack=True)
    assert find_volume(volumes_in(tmp_path), "TS_1") is None


def test_two_that_fit_are_not_guessed_at(tmp_path: Path):
    found = names(tmp_path, "TS_1_bin4.mrc", "TS_1_bin8.mrc")
    with pytest.raises(
        InputError, match=r"TS_1_bin4.mrc, TS_1_bin8.mrc could all be it; give the ending"
    ):
        find_volume(found, "TS_1")


def test_masks_by_ending(tmp_path: Path):
    found = names(tmp_path, "TS_1_mask.mrc", "TS_2.mrc", "rec_TS_3_bmask.mrc")
    where = tmp_path / "elsewhere.mrc"
    assert find_mask(found, "TS_1", volume=where) == (tmp_path / "TS_1_mask.mrc", ())
    assert find_mask(found, "TS_2", volume=where)[0].name == "TS_2.mrc"
    assert find_mask(found, "TS_3", volume=where)[0].name == "rec_TS_3_bmask.mrc"
    mask, said = find_mask(found, "TS_4", volume=where)
    assert (mask, said) == (None, ("no mask for TS_4: the whole tomogram is searched",))
    assert find_mask(None, "TS_4", volume=where) == (None, ())


def test_a_tomogram_is_not_its_own_mask(tmp_path: Path):
    found = names(tmp_path, "TS_1.mrc")
    mask, said = find_mask(found, "TS_1", volume=tmp_path / "TS_1.mrc")
    assert mask is None
    assert said


def test_header_and_list_agree(tmp_path: Path):
    placing = place_volume(
        volume(tmp_path / "a.mrc", 10.0, (50, 100, 100)),
        tilt_pixel_angstrom=1.35,
        binning=7.407407,
        size_unbinned_px=(740, 740, 370),
    )
    assert placing.pixel_size_angstrom == pytest.approx(10.0)
    assert placing.binning == 7.407407
    assert placing.warnings == ()


def test_the_header_wins_over_the_list_and_it_is_said(tmp_path: Path):
    path = volume(tmp_path / "a.mrc", 13.5)
    placing = place_volume(path, tilt_pixel_angstrom=1.35, binning=4.0)
    assert placing.pixel_size_angstrom == pytest.approx(13.5)
    assert placing.binning == pytest.approx(10.0)
    (said,) = placing.warnings
    assert "its header says 13.5 Å, the list 1.35 Å x binning 4 = 5.4 Å; the header" in said


def test_the_user_wins_over_both(tmp_path: Path):
    path = volume(tmp_path / "a.mrc", 13.5)
    placing = place_volume(path, tilt_pixel_angstrom=1.35, binning=4.0, given_angstrom=2.7)
    assert (placing.pixel_size_angstrom, placing.binning) == (2.7, pytest.approx(2.0))
    assert placing.warnings == ()


def test_a_header_without_a_pixel_size(tmp_path: Path):
    path = tmp_path / "a.em"
    path.write_bytes(
        bytes([6, 0, 0, 5]) + np.array([5, 4, 3], "<i4").tobytes() + bytes(496 + 60 * 4)
    )
    placing = place_volume(path)
    assert placing.pixel_size_angstrom is None
    assert placing.warnings == ("a.em: its pixel size is not known; give --pixel-size",)
    placing = place_volume(path, tilt_pixel_angstrom=2.0, binning=4.0)
    assert (placing.pixel_size_angstrom, placing.binning) == (8.0, 4.0)


def test_a_volume_of_another_size_is_told(tmp_path: Path):
    path = volume(tmp_path / "a.mrc", 10.0, (50, 100, 100))
    placing = place_volume(
        path, tilt_pixel_angstrom=2.5, binning=4.0, size_unbinned_px=(400, 400, 400)
    )
    (said,) = placing.warnings
    assert said == (
        "a.mrc: 100 x 100 x 50 voxels, but the list's 400 x 400 x 400 at binning 4 "
        "are 100 x 100 x 100"
    )


def test_an_image_or_a_stack_is_not_searched(tmp_path: Path):
    path = tmp_path / "a.mrcs"
    write_mrc(path, np.zeros((3, 4, 5), np.float32), 1.5, stack=True)
    with pytest.raises(InputError, match=r"not a tomogram"):
        place_volume(path)
