"""From the raw tomogram to what is searched: repaired, clipped, filled, filtered, resampled."""

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from cryopick.errors import InputError
from cryopick.model import Grid, Image
from cryopick.pick.matching import prepare
from cryopick.pick.matching.imaging import Band, Imaging
from cryopick.pick.matching.prepare import clip, on_grid, prepare_tomogram
from cryopick.pick.matching.search import Means
from cryopick.pick.matching.settings import MatchSettings
from pick.matching.cases import noise

SHAPE = (40, 48, 54)
NO_WEDGE = Imaging()
WEDGE = Imaging(wedge_deg=(-50, 50))


def prepared(volume, tmp_path, *, fine=10.0, screen=10.0, imaging=NO_WEDGE, means=None, **options):
    pixel = options.pop("pixel", 10.0)
    origin = options.pop("origin_angstrom", ())
    grid = Grid(shape=volume.shape, pixel_size_angstrom=pixel, origin_angstrom=origin)
    return prepare_tomogram(
        Image(data=volume, grid=grid, name="t"), imaging=imaging,
        settings=MatchSettings(**{"fill_gold": False, "clip_sd": 1e6, **options}),
        fine_pixel_angstrom=fine, screen_pixel_angstrom=screen, box_px=16,
        means=means or Means(), scratch=tmp_path / "scratch",
    )  # fmt: skip


def test_nothing_to_do_leaves_the_volume_but_for_its_mean(tmp_path):
    volume = noise(SHAPE) + np.float32(5)
    found = prepared(volume, tmp_path)
    np.testing.assert_allclose(found.fine, volume - volume.mean(), atol=1e-4)
    assert found.screen is found.fine
    assert found.fine_grid == found.screen_grid == Grid(shape=SHAPE, pixel_size_angstrom=10.0)
    assert (found.gold, found.beads, found.whitening) == (None, 0, None)
    # The tomogram itself is left as it was.
    np.testing.assert_array_equal(volume, noise(SHAPE) + np.float32(5))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_becomes_the_median(tmp_path, value):
    volume = noise(SHAPE) + np.float32(100)
    hole = np.zeros(SHAPE, bool)
    hole[3:9, 20:30, 7:11] = True
    volume[hole] = value
    found = prepared(volume, tmp_path).fine
    assert np.isfinite(found).all()
    inside = found[hole]
    np.testing.assert_allclose(inside, inside[0], atol=1e-3)
    assert abs(inside[0] - np.median(found[~hole])) < 0.02
    with pytest.raises(InputError, match="t: holds no finite value"):
        prepared(np.full(SHAPE, value, np.float32), tmp_path)


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.uint16, np.float64])
def test_any_type_of_voxel_is_read(tmp_path, kind):
    volume = np.abs(20 * noise(SHAPE)).astype(kind)
    found = prepared(volume, tmp_path)
    assert found.fine.dtype == np.float32
    np.testing.assert_allclose(found.fine, volume - volume.mean(dtype=float), atol=1e-3)


def test_clipping_is_at_robust_deviations_and_centres():
    volume = noise((30, 30, 30)) * np.float32(2) + np.float32(7)
    volume[:3, :3, :3] = 1e6
    volume[5, 5, 5] = -1e6
    before = volume.copy()
    clip(volume, 3.0)
    sd = 1.4826 * np.median(np.abs(before - np.median(before)))
    low, high = np.median(before) + sd * np.array([-3, 3])
    wanted = np.clip(before, low, high)
    np.testing.assert_allclose(volume, wanted - wanted.mean(), atol=1e-4)
    assert sd == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize("value", [0.0, 7.0, -1e6])
def test_clipping_a_flat_volume_leaves_zeros(value):
    volume = np.full((5, 6, 7), value, np.float32)
    clip(volume, 3.0)
    assert np.all(volume == 0)


def test_clipping_where_more_than_half_is_one_value_keeps_the_rest():
    """The median of the deviations is 0 there; it must not clip all."""
    volume = np.zeros((20, 20, 20), np.float32)
    volume[:5] = noise((5, 20, 20))
    clip(volume, 6.0)
    assert volume.std() > 0.3


def test_clipping_slab_by_slab_gives_the_same(monkeypatch):
    one, other = noise((20, 30, 30)), noise((20, 30, 30))
    clip(one, 2.0)
    monkeypatch.setattr(prepare, "_SLAB_VOXELS", 3000)
    clip(other, 2.0)
    np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("pixel", [10.0, 8.0])
@pytest.mark.parametrize("origin", [(), (30.0, -5.0, 12.0)])
def test_a_blob_stays_where_it_is_in_angstrom(tmp_path, pixel, origin):
    index = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1)
    grid = Grid(shape=SHAPE, pixel_size_angstrom=pixel, origin_angstrom=origin)
    place = grid.to_angstrom([[26.3, 24.1, 19.4]])[0]
    square = ((grid.to_angstrom(index[..., ::-1]) - place) ** 2).sum(axis=-1)
    volume = np.exp(-square / 2 / (3 * pixel) ** 2).astype(np.float32)
    found = prepared(
        volume, tmp_path, pixel=pixel, origin_angstrom=origin, fine=1.3 * pixel, screen=2 * pixel
    )
    assert found.fine_grid.pixel_size_angstrom == pytest.approx(1.3 * pixel)
    assert found.screen_grid.pixel_size_angstrom == pytest.approx(2 * pixel)
    for filtered, own in ((found.fine, found.fine_grid), (found.screen, found.screen_grid)):
        assert filtered.shape == own.shape
        height = np.clip(filtered - filtered.max() / 10, 0, None)
        centre = own.to_angstrom(np.array(center_of_mass(height))[::-1])
        np.testing.assert_allclose(centre, place, atol=0.05 * pixel)


def test_the_screen_at_the_fine_voxel_is_the_fine_volume_itself(tmp_path):
    found = prepared(noise(SHAPE), tmp_path, fine=13.0, screen=13.0)
    assert found.screen is found.fine
    assert found.fine_grid == found.screen_grid
    assert found.fine_grid.pixel_size_angstrom == 13


def test_wedge_and_band_are_taken_out_of_both_volumes(tmp_path):
    found = prepared(
        noise(SHAPE), tmp_path, screen=20.0, imaging=WEDGE, band=Band(low_pass_angstrom=60)
    )
    for volume, grid in ((found.fine, found.fine_grid), (found.screen, found.screen_grid)):
        power = np.abs(np.fft.rfftn(volume)) ** 2
        kz, ky = np.fft.fftfreq(volume.shape[0]), np.fft.fftfreq(volume.shape[1])
        kx = np.fft.rfftfreq(volume.shape[2])
        kz, ky, kx = np.meshgrid(kz, ky, kx, indexing="ij")
        k = np.sqrt(kz**2 + ky**2 + kx**2) / grid.pixel_size_angstrom
        angle = np.degrees(np.arctan2(np.abs(kz), np.abs(kx) + 1e-9))
        band = (k > 1 / 200) & (k < 1 / 80)
        away = np.hypot(kz, kx) > 0.1
        seen, missing = band & away & (angle < 40), band & away & (angle > 60)
        assert min(seen.sum(), missing.sum()) > 30
        assert power[missing].mean() < 0.02 * power[seen].mean()
        assert power[(k > 1 / 25) & (angle < 40)].sum() < 0.01 * power.sum()
        assert abs(volume.mean()) < 1e-4


def test_whitening_is_measured_and_used(tmp_path):
    smooth = noise((64, 64, 64), smooth=0.7)
    plain = prepared(smooth, tmp_path)
    found = prepared(smooth, tmp_path, whitening=True)
    assert found.whitening is not None

    def slope(volume):
        power = np.abs(np.fft.rfftn(volume))[0, 0] ** 2
        return power[4:9].mean() / power[16:21].mean()

    assert slope(found.fine) < slope(plain.fine) / 3


def with_bead(*, shape=(48, 64, 64)):
    volume = noise(shape)
    z, y, x = np.indices(shape)
    bead = (z - 20) ** 2 + (y - 30) ** 2 + (x - 40) ** 2 < 4**2
    volume[bead] -= 60
    return volume, bead


@pytest.mark.parametrize("screen", [10.0, 20.0])
def test_gold_is_filled_and_marked_on_the_grid_of_the_search(tmp_path, screen):
    volume, bead = with_bead()
    found = prepared(volume, tmp_path, fill_gold=True, screen=screen)
    assert found.beads == 1
    assert found.gold.shape == found.screen.shape
    step = round(screen / 10)
    np.testing.assert_array_equal(
        bead[::step, ::step, ::step] & ~found.gold, np.zeros(found.gold.shape, bool)
    )
    assert found.gold.mean() < 0.1
    assert np.abs(found.fine[bead]).max() < 6
    left = prepared(volume, tmp_path, fill_gold=False)
    assert (left.gold, left.beads) == (None, 0)
    assert left.fine[bead].mean() < -50


def test_gold_is_as_bright_or_dark_as_said(tmp_path):
    volume, _ = with_bead()
    assert prepared(-volume, tmp_path, fill_gold=True).beads == 0
    assert prepared(-volume, tmp_path, fill_gold=True, gold_contrast="bright").beads == 1


def test_little_memory_gives_the_same_from_files(tmp_path, monkeypatch):
    volume, _ = with_bead()
    options = {"fill_gold": True, "screen": 16.0, "imaging": WEDGE, "clip_sd": 4.0}
    wanted = prepared(volume, tmp_path, **options)
    monkeypatch.setattr(prepare, "_SLAB_VOXELS", 20_000)
    found = prepared(volume, tmp_path / "b", means=Means(memory_bytes=3_000_000), **options)
    assert isinstance(found.fine, np.memmap)
    assert not isinstance(wanted.fine, np.memmap)
    for name in ("fine", "screen"):
        one, other = getattr(found, name), getattr(wanted, name)
        np.testing.assert_allclose(one, other, atol=1e-4)
    np.testing.assert_array_equal(found.gold, wanted.gold)
    assert (found.beads, found.fine_grid, found.screen_grid) == (
        wanted.beads, wanted.fine_grid, wanted.screen_grid,
    )  # fmt: skip


def test_a_memory_map_is_read_and_left_alone(tmp_path):
    volume, _ = with_bead()
    np.save(tmp_path / "volume.npy", volume)
    mapped = np.load(tmp_path / "volume.npy", mmap_mode="r+")
    found = prepared(mapped, tmp_path, fill_gold=True)
    np.testing.assert_array_equal(np.load(tmp_path / "volume.npy"), volume)
    np.testing.assert_array_equal(found.fine, prepared(volume, tmp_path, fill_gold=True).fine)


@pytest.mark.parametrize("value", [0.0, 3.0, -1e5])
@pytest.mark.parametrize("whitening", [False, True])
def test_a_flat_tomogram_is_prepared_as_zeros(tmp_path, value, whitening):
    volume = np.full((32, 32, 32), value, np.float32)
    found = prepared(
        volume, tmp_path, fill_gold=True, clip_sd=6.0, whitening=whitening, imaging=WEDGE,
        screen=20.0,
    )  # fmt: skip
    assert np.all(np.abs(found.fine) < 1e-4)
    assert np.all(np.abs(found.screen) < 1e-4)


def test_an_image_of_two_dimensions_is_told(tmp_path):
    image = Image(
        data=np.zeros((8, 8)), grid=Grid(shape=(8, 8), pixel_size_angstrom=1.0), name="mic"
    )
    with pytest.raises(InputError, match="mic: is not a tomogram"):
        prepare_tomogram(
            image, imaging=NO_WEDGE, settings=MatchSettings(), fine_pixel_angstrom=1.0,
            screen_pixel_angstrom=1.0, box_px=8, means=Means(), scratch=tmp_path,
        )  # fmt: skip


def test_a_mask_on_another_grid_is_looked_up_at_its_place():
    grid = Grid(shape=(6, 8, 10), pixel_size_angstrom=10.0, origin_angstrom=(5.0, 0.0, -10.0))
    mask = np.zeros(grid.shape, bool)
    mask[2, 3, 4] = True
    same = on_grid(mask, grid, grid)
    np.testing.assert_array_equal(same, mask)
    target = Grid(shape=(20, 20, 30), pixel_size_angstrom=4.0)
    found = on_grid(mask, grid, target)
    # The voxel reaches from 40 to 50, 25 to 35 and 5 to 15 Å along x, y and z.
    inside = np.argwhere(found)[:, ::-1] * 4.0
    assert len(inside) > 0
    assert np.all(np.abs(inside - [45, 30, 10]) <= 5)
    assert not on_grid(np.ones(grid.shape, bool), grid, target)[:, :, -1].all()
