"""The large tomogram: wedge, places and copies are what they are said to be."""

import numpy as np
import pytest

from cryopick.io.images import open_image
from cryopick.model import Grid
from cryopick.ops.rotate_volume import rotate_volume
from measuring.wedge_tomogram import place_apart, wedge_zx, write_tomogram

GRID = Grid(shape=(40, 44, 48), pixel_size_angstrom=10.0)


def blob():
    z, y, x = np.indices((12, 12, 12)) - 6
    return np.exp(-(((x - 1) / 3.0) ** 2 + (y / 1.5) ** 2 + (z / 2.0) ** 2)).astype(np.float32)


def test_places_are_apart_and_inside():
    found = place_apart((30, 60, 90), 12, apart_px=14, rng=np.random.default_rng(0))
    assert len(found) == 12
    away = np.linalg.norm(found[:, None] - found[None], axis=2)[np.triu_indices(12, 1)]
    assert away.min() >= 14
    assert (found > 7).all()
    assert (found < np.array([90, 60, 30]) - 8).all()


def test_as_many_as_find_room():
    found = place_apart((30, 30, 30), 50, apart_px=14, rng=np.random.default_rng(0))
    assert 1 <= len(found) < 50


@pytest.mark.parametrize("tilt", [40.0, 60.0])
def test_share_of_the_plane_that_is_seen(tilt):
    # Of a square plane, the two triangles that are not seen hold 1 / tan(tilt) or so.
    seen = wedge_zx(256, 256, tilt_deg=tilt)
    tangent = np.tan(np.radians(tilt))
    expected = 1 - 0.5 / tangent if tangent > 1 else 0.5 * tangent
    assert seen[:, 1:-1].mean() == pytest.approx(expected, abs=0.01)


def test_nothing_in_the_wedge_and_noise_outside(tmp_path):
    write_tomogram(tmp_path / "t.mrc", blob(), grid=GRID, n=2, signal_to_noise=0.1, seed=1)
    pixels = open_image(tmp_path / "t.mrc").read()
    power = np.abs(np.fft.rfft2(pixels, axes=(0, 2))) ** 2
    seen = np.broadcast_to(wedge_zx(40, 48, tilt_deg=60)[:, None] > 0, power.shape)
    assert power[~seen].max() < 1e-6 * power[seen].mean()


def test_copies_lie_dark_at_their_places_in_any_slab(tmp_path):
    # So much signal that noise does not count; no wedge worth the name.
    truth = write_tomogram(
        tmp_path / "t.mrc", blob(), grid=GRID, n=4, signal_to_noise=1e6, tilt_deg=89.9, seed=2
    )
    pixels = open_image(tmp_path / "t.mrc").read()
    assert len(truth) == 4
    place = GRID.to_px(truth.position_angstrom)
    for at, turn in zip(place, truth.orientation, strict=True):
        low = np.floor(at).astype(int)
        copy = rotate_volume(blob(), turn[None], shift_px=(at - low)[None], box_px=14)[0]
        box = pixels[tuple(slice(c - 7, c + 7) for c in low[::-1])]
        assert np.corrcoef(box.ravel(), -copy.ravel())[0, 1] > 0.97


def test_same_seed_same_tomogram(tmp_path):
    for name in ("a", "b"):
        write_tomogram(
            tmp_path / f"{name}.mrc", blob(), grid=GRID, n=2, signal_to_noise=0.1, seed=3
        )
    one, two = (open_image(tmp_path / f"{name}.mrc").read() for name in ("a", "b"))
    np.testing.assert_array_equal(one, two)
