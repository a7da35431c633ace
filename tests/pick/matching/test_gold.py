"""Gold beads: found where they are, nowhere else, in either contrast; filled without a trace."""

import numpy as np
import pytest
from scipy import ndimage

from cryopick.errors import InputError
from cryopick.pick.matching import gold
from cryopick.pick.matching.gold import fill_gold, find_gold
from cryopick.simulate.maps import load_map
from cryopick.simulate.specimen import SpecimenRecipe
from cryopick.simulate.tilt_series import TiltRecipe
from cryopick.simulate.tomograms import simulate_tomogram

PIXEL = 12.0


def simulated(*, beads=0, ribosomes=30, diameter=100.0, seed=0, sheets=1):
    recipe = SpecimenRecipe(
        size_px=(140, 140, 72),
        pixel_size_angstrom=PIXEL,
        ice_angstrom=800.0,
        particles=(ribosomes,),
        gap_angstrom=0.0,
        sheets=sheets,
        gold_beads=beads,
        gold_diameter_angstrom=diameter,
    )
    return simulate_tomogram(
        [load_map("ribosome", PIXEL)],
        recipe,
        TiltRecipe(tilt_step_deg=6.0),
        name="tomo",
        rng=np.random.default_rng(seed),
    )


@pytest.fixture(scope="module")
def with_gold():
    return simulated(beads=5)


@pytest.fixture(scope="module")
def found(with_gold):
    return find_gold(with_gold.image.data, pixel_size_angstrom=PIXEL)


def distances(beads, truth, pixel=PIXEL):
    """From each true bead to the nearest one found, in Å."""
    gap = np.linalg.norm(beads.centre_px[:, None] * pixel - truth[None], axis=-1)
    return gap.min(axis=0)


def balls(*, shape=(60, 100, 100), places=((70, 30, 20), (30, 60, 40)), height=40.0, seed=0):
    """White noise with soft balls of 100 Å at x, y, z (10 Å voxels), bright."""
    volume = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    z, y, x = np.indices(shape)
    for cx, cy, cz in places:
        radius = np.sqrt((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2)
        volume += np.float32(height) * np.clip(5.5 - radius, 0, 1).astype(np.float32)
    return volume


def test_every_bead_of_a_simulated_tomogram_is_found_and_no_more(with_gold, found):
    truth = with_gold.gold.position_angstrom
    assert len(found) == len(truth) == 5
    assert distances(found, truth).max() < 20
    assert np.all(np.abs(found.diameter_angstrom - 100) < 50)


def test_little_else_than_the_beads_is_masked(with_gold, found):
    assert found.mask.shape == with_gold.image.data.shape
    assert found.mask.mean() < 0.03
    place = np.rint(with_gold.gold.position_angstrom / PIXEL).astype(int)
    assert found.mask[place[:, 2], place[:, 1], place[:, 0]].all()
    # What stays is what a tomogram without beads may hold; their rims are gone.
    volume = with_gold.image.data
    middle, deviation = np.median(volume), volume[~found.mask].std()
    assert np.abs(volume - middle).max() > 15 * deviation
    assert np.abs(volume - middle)[~found.mask].max() < 9 * deviation
    particles = np.rint(with_gold.truth.position_angstrom / PIXEL).astype(int)
    assert found.mask[particles[:, 2], particles[:, 1], particles[:, 0]].mean() < 0.15


@pytest.mark.parametrize(("ribosomes", "sheets"), [(0, 0), (4, 0), (60, 1)])
def test_none_is_found_where_there_is_none(ribosomes, sheets):
    """In ice alone, beside few particles, and among crowded ones and a membrane."""
    made = simulated(ribosomes=ribosomes, sheets=sheets, seed=3)
    beads = find_gold(made.image.data, pixel_size_angstrom=PIXEL)
    assert len(beads) == 0
    assert beads.mask is None
    assert beads.centre_px.shape == (0, 3)


def test_filled_beads_are_gone(with_gold, found):
    volume = with_gold.image.data.copy()
    fill_gold(volume, found.mask, rng=np.random.default_rng(0))
    assert len(find_gold(volume, pixel_size_angstrom=PIXEL)) == 0
    assert np.array_equal(volume[~found.mask], with_gold.image.data[~found.mask])
    inside = volume[found.mask]
    # Noise like that around: neither flat nor off.
    near = ndimage.binary_dilation(found.mask, iterations=4) & ~found.mask
    around = volume[near]
    assert inside.std() == pytest.approx(around.std(), rel=0.3)
    assert abs(inside.mean() - around.mean()) < 0.3 * around.std()


def test_the_same_seed_fills_the_same(with_gold, found):
    first, second, third = (with_gold.image.data.copy() for _ in range(3))
    fill_gold(first, found.mask, rng=np.random.default_rng(1))
    fill_gold(second, found.mask, rng=np.random.default_rng(1))
    fill_gold(third, found.mask, rng=np.random.default_rng(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_bright_beads_in_coloured_noise_behind_a_wedge():
    """Gaussian beads six times as high as a particle, as a hard synthetic set has them."""
    rng = np.random.default_rng(5)
    shape, truth = (64, 96, 96), np.array([[30, 30, 20], [70, 50, 40], [40, 75, 30]])
    z, y, x = np.indices(shape)
    signal = np.zeros(shape)
    for cx, cy, cz in truth:
        square = (x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2
        signal += 11 * np.exp(-square / (2 * 2.5**2))
    kz, kx = np.fft.fftfreq(64)[:, None, None], np.fft.rfftfreq(96)[None, None, :]
    wedge = np.abs(kz) <= np.tan(np.deg2rad(60)) * np.abs(kx) + 1e-9
    noise = rng.normal(size=shape) + 0.3 * ndimage.gaussian_filter(rng.normal(size=shape), 1.3) * 8
    volume = np.fft.irfftn(np.fft.rfftn(signal + noise) * wedge, s=shape, axes=(0, 1, 2))
    volume = volume.astype(np.float32)
    beads = find_gold(volume, pixel_size_angstrom=13.8, contrast="bright")
    assert len(beads) == 3
    assert distances(beads, truth * 13.8, 13.8).max() < 15
    assert len(find_gold(volume, pixel_size_angstrom=13.8)) == 0
    dark = find_gold(-volume, pixel_size_angstrom=13.8)
    assert np.allclose(np.sort(dark.centre_px, 0), np.sort(beads.centre_px, 0))


@pytest.mark.parametrize("repeat", [1, 2])
def test_the_same_place_at_another_voxel_size(repeat):
    volume = balls()
    for axis in range(3):
        volume = np.repeat(volume, repeat, axis=axis)
    beads = find_gold(volume, pixel_size_angstrom=10.0 / repeat, contrast="bright")
    truth = np.array([[70, 30, 20], [30, 60, 40]]) * 10 + (repeat - 1) / 2 * 10 / repeat
    assert len(beads) == 2
    assert distances(beads, truth, 10.0 / repeat).max() < 12


def test_beads_move_with_the_volume():
    volume = balls()
    moved = np.roll(volume, (4, -6, 8), axis=(0, 1, 2))
    here = find_gold(volume, pixel_size_angstrom=10.0, contrast="bright").centre_px
    there = find_gold(moved, pixel_size_angstrom=10.0, contrast="bright").centre_px
    assert len(here) == 2
    assert np.allclose(here + np.array([8, -6, 4]), there)


def test_scale_and_offset_do_not_matter():
    volume = balls()
    here = find_gold(volume, pixel_size_angstrom=10.0, contrast="bright")
    there = find_gold(volume * 37 - 1000, pixel_size_angstrom=10.0, contrast="bright")
    assert np.array_equal(here.centre_px, there.centre_px)
    assert np.array_equal(here.mask, there.mask)


def test_a_bead_at_the_very_end_is_masked_to_the_end():
    """The last voxels of an odd length fill no block of two."""
    volume = balls(shape=(61, 101, 101), places=((98, 98, 58), (40, 40, 30)))
    beads = find_gold(volume, pixel_size_angstrom=10.0, contrast="bright")
    assert len(beads) == 2
    assert beads.mask[60, 100, 100]
    assert not beads.mask[0, 0, 0]


def test_of_a_known_diameter_only_those_are_taken():
    volume = balls()
    for diameter, number in ((100.0, 2), (400.0, 0), (40.0, 0)):
        beads = find_gold(
            volume, pixel_size_angstrom=10.0, contrast="bright", diameter_angstrom=diameter
        )
        assert len(beads) == number


def test_what_is_no_round_thing_is_left():
    """A rod as dense as gold, and a carbon edge, less dense but large."""
    volume = balls(places=((70, 30, 20),))
    volume[:, 90:96, :] += 8
    volume[30:38, 60:68, 10:60] += 40
    beads = find_gold(volume, pixel_size_angstrom=10.0, contrast="bright")
    assert len(beads) == 1
    assert distances(beads, np.array([[700.0, 300.0, 200.0]]), 10.0).max() < 15


@pytest.mark.parametrize(("pixel", "diameter"), [(12.0, 60.0), (12.0, 150.0)])
def test_beads_of_other_sizes(pixel, diameter):
    made = simulated(beads=3, diameter=diameter, seed=7)
    truth = made.gold.position_angstrom
    beads = find_gold(made.image.data, pixel_size_angstrom=pixel)
    assert len(beads) == len(truth) == 3
    assert distances(beads, truth).max() < 20
    assert np.all(np.abs(beads.diameter_angstrom / diameter - 1) < 0.5)


def test_two_beads_that_nearly_touch_are_two():
    volume = balls(places=((40, 40, 30), (56, 40, 30)))
    beads = find_gold(volume, pixel_size_angstrom=10.0, contrast="bright")
    assert len(beads) == 2
    assert distances(beads, np.array([[400.0, 400, 300], [560, 400, 300]]), 10.0).max() < 15


def test_holes_in_the_background_are_not_beads_of_the_other_contrast():
    volume = balls()
    assert len(find_gold(volume, pixel_size_angstrom=10.0, contrast="dark")) == 0
    assert len(find_gold(-volume, pixel_size_angstrom=10.0, contrast="bright")) == 0


def test_the_volume_is_read_in_slabs_and_left_as_it_is(monkeypatch):
    volume = balls()
    before = volume.copy()
    taken = []

    class Source:
        shape, dtype = volume.shape, volume.dtype

        def __getitem__(self, index):
            taken.append(index.stop - index.start)
            return volume[index]

    monkeypatch.setattr(gold, "_SLAB_VOXELS", 100_000)
    beads = find_gold(Source(), pixel_size_angstrom=10.0, contrast="bright")
    assert len(beads) == 2
    assert max(taken) <= 10
    assert sum(taken) == volume.shape[0]
    assert np.array_equal(volume, before)


def test_a_file_is_filled_in_place(tmp_path):
    volume = balls()
    beads = find_gold(volume, pixel_size_angstrom=10.0, contrast="bright")
    on_disk = np.lib.format.open_memmap(tmp_path / "v.npy", "w+", np.float32, volume.shape)
    on_disk[:] = volume
    fill_gold(on_disk, beads.mask, rng=np.random.default_rng(0))
    on_disk.flush()
    fill_gold(volume, beads.mask, rng=np.random.default_rng(0))
    assert np.array_equal(np.load(tmp_path / "v.npy"), volume)


def test_regions_cover_the_mask_and_do_not_meet():
    mask = ndimage.binary_dilation(np.random.default_rng(0).random((37, 50, 41)) > 0.9998)
    assert mask.any()
    seen = np.zeros(mask.shape, int)
    for place in gold._regions(mask):
        assert mask[place].any()
        seen[place] += 1
    assert np.all(seen[mask] == 1)


def test_each_hole_is_filled_like_its_own_surroundings():
    rng = np.random.default_rng(2)
    volume = rng.normal(size=(24, 40, 80)).astype(np.float32)
    volume[:, :, 40:] = volume[:, :, 40:] * 5 + 100
    mask = np.zeros(volume.shape, bool)
    mask[8:16, 14:24, 10:20] = mask[8:16, 14:24, 58:68] = True
    volume[mask] = -1000
    fill_gold(volume, mask, rng=rng)
    left, right = volume[8:16, 14:24, 10:20], volume[8:16, 14:24, 58:68]
    assert left.mean() == pytest.approx(0, abs=0.2)
    assert left.std() == pytest.approx(1, rel=0.1)
    assert right.mean() == pytest.approx(100, abs=1)
    assert right.std() == pytest.approx(5, rel=0.1)


def test_slabs_do_not_matter(monkeypatch):
    volume = balls()
    whole = find_gold(volume, pixel_size_angstrom=10.0, contrast="bright")
    monkeypatch.setattr(gold, "_SLAB_VOXELS", 50_000)
    parts = find_gold(volume, pixel_size_angstrom=10.0, contrast="bright")
    assert np.array_equal(whole.mask, parts.mask)


def test_empty_flat_and_broken_volumes():
    for volume in (np.zeros((8, 9, 10)), np.full((8, 9, 10), np.nan), np.ones((1, 1, 1))):
        beads = find_gold(volume.astype(np.float32), pixel_size_angstrom=10.0)
        assert len(beads) == 0
    volume = balls()
    volume[5, 5, 5], volume[6, 6, 6] = np.nan, np.inf
    assert len(find_gold(volume, pixel_size_angstrom=10.0, contrast="bright")) == 2


def test_a_hole_without_surroundings_becomes_flat():
    volume = np.full((4, 4, 4), 9.0, np.float32)
    fill_gold(volume, np.ones((4, 4, 4), bool), rng=np.random.default_rng(0))
    assert np.all(volume == 0)
    volume = np.full((4, 4, 4), 9.0, np.float32)
    fill_gold(volume, np.zeros((4, 4, 4), bool), rng=np.random.default_rng(0))
    assert np.all(volume == 9)


def test_bad_input_is_named():
    volume = np.zeros((4, 4, 4), np.float32)
    with pytest.raises(InputError, match="expected a volume"):
        find_gold(volume[0], pixel_size_angstrom=10.0)
    with pytest.raises(InputError, match="pixel size"):
        find_gold(volume, pixel_size_angstrom=0.0)
    with pytest.raises(InputError, match="contrast"):
        find_gold(volume, pixel_size_angstrom=10.0, contrast="grey")
    with pytest.raises(InputError, match="diameter"):
        find_gold(volume, pixel_size_angstrom=10.0, diameter_angstrom=-1.0)
    with pytest.raises(InputError, match="mask of shape"):
        fill_gold(volume, np.zeros((2, 2, 2), bool), rng=np.random.default_rng(0))
