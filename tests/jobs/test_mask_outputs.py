"""What the jobs that make one mask share."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import open_image, write_mrc
from cryopick.jobs.mask_outputs import (
    box_and_pixel,
    collect_mask,
    length_px,
    mask_item,
    open_map,
    sections_svg,
    write_mask,
)
from foreign_mrc import write_foreign_mrc


def test_lengths_are_given_in_angstrom_or_in_pixels():
    assert length_px("radius", 50.0, None, pixel_size_angstrom=4.0) == 12.5
    assert length_px("radius", None, 7.0, pixel_size_angstrom=None) == 7.0
    assert length_px("edge", None, None, pixel_size_angstrom=None, default_px=1.0) == 1.0


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((50.0, 12.0, 4.0), "not in both"),
        ((None, None, 4.0), "--radius: is missing"),
        ((50.0, None, None), "give --pixel-size or --like, or --radius-px"),
    ],
)
def test_lengths_that_make_no_sense(given, text):
    angstrom, px, pixel = given
    with pytest.raises(InputError, match=text):
        length_px("radius", angstrom, px, pixel_size_angstrom=pixel)


def test_box_and_pixel_of_a_template(tmp_path):
    write_mrc(tmp_path / "t.mrc", np.ones((24, 24, 24)), 7.5)
    write_mrc(tmp_path / "brick.mrc", np.ones((24, 24, 20)), 7.5)
    like = str(tmp_path / "t.mrc")
    assert box_and_pixel(None, None, like) == (24, 7.5)
    assert box_and_pixel(24, None, like) == (24, 7.5)
    assert box_and_pixel(None, 8.0, like) == (24, 8.0)
    assert box_and_pixel(32, None, None) == (32, None)
    with pytest.raises(InputError, match="give one of them"):
        box_and_pixel(32, None, like)
    with pytest.raises(InputError, match="--box, or the template"):
        box_and_pixel(None, None, None)
    with pytest.raises(InputError, match="expected a cube"):
        box_and_pixel(None, None, str(tmp_path / "brick.mrc"))


def test_maps_are_volumes_of_known_pixel_size(tmp_path):
    write_mrc(tmp_path / "stack.mrcs", np.ones((5, 8, 8)), 3.0, stack=True)
    write_mrc(tmp_path / "cube.mrcs", np.ones((8, 8, 8)), 3.0, stack=True)
    write_mrc(tmp_path / "flat.mrc", np.ones((8, 8)), 3.0)
    write_foreign_mrc(tmp_path / "one.mrc", np.ones((8, 8, 8)), 1.0)
    assert open_map(tmp_path / "cube.mrcs", None).grid.shape == (8, 8, 8)
    assert open_map(tmp_path / "one.mrc", 2.5).grid.pixel_size_angstrom == 2.5
    for name in ("stack.mrcs", "flat.mrc"):
        with pytest.raises(InputError, match="expected a volume"):
            open_map(tmp_path / name, None)
    with pytest.raises(InputError, match="its pixel size is not known"):
        open_map(tmp_path / "one.mrc", None)


def _written(folder, mask, pixel):
    (item,) = mask_item(len(mask))
    place = folder / "items" / item.id
    place.mkdir(parents=True)
    write_mask(place, mask, pixel, facts={"radius_px": 3.0})
    return collect_mask(folder, [item], what="sphere")


def test_a_mask_gets_its_place_its_header_and_its_picture(tmp_path):
    mask = np.zeros((16, 16, 16), np.float32)
    mask[6:10, 6:10, 6:10] = 1
    outcome = _written(tmp_path, mask, 5.0)
    image = open_image(tmp_path / outcome.files["mask"])
    assert np.array_equal(image.read(), mask)
    assert image.grid.pixel_size_angstrom == 5.0
    assert outcome.summary["voxels_inside"] == 64
    assert outcome.summary["radius_px"] == 3.0
    assert outcome.warnings == []
    assert outcome.plots[0].svg.startswith("<svg")


def test_a_mask_without_pixel_size_or_room_is_warned_of(tmp_path):
    outcome = _written(tmp_path, np.full((8, 8, 8), 0.25, np.float32), None)
    assert any("give --pixel-size" in line for line in outcome.warnings)
    assert any("still 0.25" in line for line in outcome.warnings)


def test_nothing_made(tmp_path):
    assert collect_mask(tmp_path, mask_item(8), what="sphere").sentence == "no mask was made"


def test_pictures_with_and_without_projections():
    volume = np.random.default_rng(0).normal(size=(8, 9, 10))
    one, two = sections_svg(volume), sections_svg(volume, projections=True)
    assert (one.count("<image"), two.count("<image")) == (3, 6)
    names = [f"section along {axis}" for axis in "zyx"]
    assert [text for text in names if text in one] == names
    assert "projection along y" not in one
    assert "projection along y" in two


def test_built_in_shapes_are_maps_of_known_size(tmp_path, monkeypatch):
    shape = open_map("ribosome", None)
    assert shape.grid.pixel_size_angstrom == 2.0
    assert len(set(shape.grid.shape)) == 1
    with pytest.raises(InputError, match="--pixel-size: ribosome is a built-in shape"):
        open_map("ribosome", 3.0)
    # A file of that name comes first.
    monkeypatch.chdir(tmp_path)
    write_mrc(tmp_path / "ribosome", np.zeros((4, 4, 4), np.float32), 7.0)
    assert open_map("ribosome", None).grid.pixel_size_angstrom == 7.0
