"""Masks of micrographs: by name, of any binning, together with contamination."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import write_mrc
from cryopick.jobs.micrograph_masks import (
    clean_mask,
    mask_of,
    mask_without_margins,
    masks_by_name,
    open_mask,
)
from cryopick.model import Grid, Image

GRID = Grid(shape=(120, 160), pixel_size_angstrom=2.0)


def test_the_mask_called_like_the_micrograph():
    masks = {"a": "x/a.mrc", "b_mask": "x/b_mask.mrc"}
    assert mask_of("a", masks) == "x/a.mrc"
    assert mask_of("b", masks) == "x/b_mask.mrc"
    with pytest.raises(InputError, match="none is called c or c_mask"):
        mask_of("c", masks)


def test_one_mask_serves_all_and_none_is_none():
    assert mask_of("a", {"whatever": "m.mrc"}) == "m.mrc"
    assert mask_of("a", {}) is None
    assert masks_by_name([]) == {}


def test_masks_of_a_folder(tmp_path):
    for name in ("a", "b"):
        write_mrc(tmp_path / f"{name}_mask.mrc", np.ones((4, 4)), 2.0)
    assert set(masks_by_name([str(tmp_path)])) == {"a_mask", "b_mask"}


@pytest.mark.parametrize("binning", [1, 4])
def test_a_mask_covers_the_field_whatever_its_header_says(tmp_path, binning):
    inside = np.zeros((120 // binning, 160 // binning), np.int8)
    inside[:, : 80 // binning] = 1
    write_mrc(tmp_path / "m.mrc", inside, 17.0, dtype="int8")
    mask = open_mask(tmp_path / "m.mrc", GRID)
    for x, allowed in ((78, True), (82, False)):
        px = np.rint(mask.grid.to_px(GRID.to_angstrom([[float(x), 60.0]]))).astype(int)[0]
        assert bool(mask.read()[px[1], px[0]]) is allowed
    assert mask.grid == (GRID if binning == 1 else GRID.binned_by_mean(4))


def test_masks_that_do_not_fit(tmp_path):
    write_mrc(tmp_path / "m.mrc", np.ones((50, 160)), 2.0)
    with pytest.raises(InputError, match="do not fit"):
        open_mask(tmp_path / "m.mrc", GRID)
    write_mrc(tmp_path / "v.mrc", np.ones((5, 120, 160)), 2.0)
    with pytest.raises(InputError, match="expected one image"):
        open_mask(tmp_path / "v.mrc", GRID)


def lumpy():
    pixels = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    pixels[100:140, 60:100] -= 20.0
    return Image(data=pixels, grid=Grid(shape=(256, 256), pixel_size_angstrom=4.0), name="m")


def allowed_at(mask, x, y):
    px = np.rint(mask.grid.to_px([[x * 4.0, y * 4.0]])).astype(int)[0]
    return bool(mask.read()[px[1], px[0]] > 0)


@pytest.mark.parametrize("own_px", [256, 8])
def test_contamination_and_the_users_mask_both_count(own_px):
    image = lumpy()
    alone = clean_mask(image, 100.0, None)
    assert not allowed_at(alone, 80, 120)
    assert allowed_at(alone, 200, 200)
    inside = np.ones((own_px, own_px), np.int8)
    inside[own_px // 2 :] = 0
    step = 256 / own_px
    grid = Grid(
        shape=inside.shape, pixel_size_angstrom=4.0 * step,
        origin_angstrom=((step - 1) * 2.0, (step - 1) * 2.0),
    )  # fmt: skip
    both = clean_mask(image, 100.0, Image(data=inside, grid=grid, name="own"))
    assert not allowed_at(both, 80, 110)
    assert not allowed_at(both, 200, 200)
    assert allowed_at(both, 200, 30)


def test_margins_and_the_own_mask_both_count():
    pixels = np.random.default_rng(0).normal(size=GRID.shape).astype(np.float32)
    plain = Image(data=pixels.copy(), grid=GRID, name="m")
    inside = np.ones(GRID.shape, np.int8)
    inside[:, 100:] = 0
    own = Image(data=inside, grid=GRID, name="own")
    assert mask_without_margins(plain, None) is None
    assert mask_without_margins(plain, own) is None
    pixels[:12] = pixels[12]
    image = Image(data=pixels, grid=GRID, name="m")
    alone = mask_without_margins(image, None)
    assert alone is not None
    assert 0.85 < alone.read().mean() < 0.93
    both = mask_without_margins(image, own).read()
    assert both[:10].max() == 0
    assert both[:, 100:].max() == 0
    assert both[16:, :100].min() == 1
