"""Maps: loading, scale of density, pixel sizes, refusals."""

import numpy as np
import pytest

from cryopick.errors import InputError, MissingFileError
from cryopick.io.images import write_mrc
from cryopick.simulate.maps import load_map, normalise_density
from cryopick.simulate.rescale import rescale_volume
from shared_data import shared


def ball(n, radius, value=1.0):
    axis = np.arange(n) - n // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    return (value * (np.sqrt(x**2 + y**2 + z**2) <= radius)).astype(np.float32)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 40.0])
@pytest.mark.parametrize("offset", [-5.0, 0.0, 3.0])
def test_a_solid_gets_density_one_whatever_its_scale_and_background(scale, offset):
    density = normalise_density(ball(24, 8) * np.float32(scale) + np.float32(offset), "ball")
    assert density[12, 12, 12] == pytest.approx(1, rel=1e-3)
    assert density[0, 0, 0] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("n", [32, 33])
def test_a_file_keeps_its_centre_and_diameter(tmp_path, n):
    write_mrc(tmp_path / "ball.mrc", ball(n, 10), 3.0)
    species = load_map(tmp_path / "ball.mrc", 5.0)
    assert species.name == "ball"
    assert species.diameter_angstrom == pytest.approx(62, abs=8)
    assert species.height_angstrom == pytest.approx(30, abs=5)
    index = np.indices(species.density.shape)
    centre = (index * species.density).sum(axis=(1, 2, 3)) / species.density.sum()
    np.testing.assert_allclose(centre, len(species.density) // 2, atol=0.1)


def test_volume_in_cubic_angstrom_is_the_same_at_all_pixel_sizes():
    volumes = [load_map("proteasome", p).density.sum() * p**3 for p in (2.0, 3.3, 5.0, 8.0)]
    np.testing.assert_allclose(volumes, volumes[0], rtol=0.02)


def test_the_header_can_be_overridden(tmp_path):
    write_mrc(tmp_path / "ball.mrc", ball(24, 8), 2.0)
    plain = load_map(tmp_path / "ball.mrc", 4.0)
    wide = load_map(tmp_path / "ball.mrc", 4.0, map_pixel_size_angstrom=4.0)
    assert wide.diameter_angstrom == pytest.approx(2 * plain.diameter_angstrom, rel=0.15)


def test_a_box_that_is_no_cube_is_padded_about_its_centre(tmp_path):
    cube = ball(32, 6)
    write_mrc(tmp_path / "flat.mrc", cube[4:28, :, 2:30], 2.0)
    species = load_map(tmp_path / "flat.mrc", 2.0)
    centre = np.array(np.indices(species.density.shape)).reshape(3, -1) @ species.density.ravel()
    np.testing.assert_allclose(centre / species.density.sum(), len(species.density) // 2, atol=0.05)


def test_maps_are_kept_and_cannot_be_spoilt():
    first = load_map("apoferritin", 7.0)
    assert load_map("apoferritin", 7.0) is first
    with pytest.raises(ValueError, match="read-only"):
        first.density[0, 0, 0] = 1


def test_a_cube_of_sections_is_a_map_but_other_stacks_are_not(tmp_path):
    write_mrc(tmp_path / "cube.mrc", ball(24, 8), 2.0, stack=True)
    write_mrc(tmp_path / "map.mrc", ball(24, 8), 2.0)
    cube, plain = (load_map(tmp_path / f"{n}.mrc", 4.0) for n in ("cube", "map"))
    np.testing.assert_array_equal(cube.density, plain.density)
    write_mrc(tmp_path / "stack.mrc", ball(24, 8)[:20], 2.0, stack=True)
    with pytest.raises(InputError, match="expected a volume, got 20x24x24"):
        load_map(tmp_path / "stack.mrc", 4.0)


def test_an_unknown_pixel_size_must_be_given(tmp_path):
    write_mrc(tmp_path / "bare.mrc", ball(24, 8), 2.0)
    data = bytearray((tmp_path / "bare.mrc").read_bytes())
    data[40:52] = bytes(12)  # cell lengths of 0
    (tmp_path / "bare.mrc").write_bytes(data)
    with pytest.raises(InputError, match="pixel size is not known; give --map-pixel-size"):
        load_map(tmp_path / "bare.mrc", 4.0)
    given = load_map(tmp_path / "bare.mrc", 4.0, map_pixel_size_angstrom=2.0)
    assert given.diameter_angstrom == pytest.approx(33, abs=6)


def test_a_rise_makes_a_map_a_filament(tmp_path):
    write_mrc(tmp_path / "segment.mrc", ball(16, 5), 5.0)
    assert load_map(tmp_path / "segment.mrc", 5.0).rise_angstrom == 0
    assert load_map(tmp_path / "segment.mrc", 5.0, rise_angstrom=44.0).rise_angstrom == 44


def test_what_cannot_be_a_map_is_refused(tmp_path):
    with pytest.raises(MissingFileError, match="give a map or one of ribosome"):
        load_map(tmp_path / "nothing.mrc", 4.0)
    write_mrc(tmp_path / "image.mrc", np.ones((8, 8), np.float32), 2.0)
    with pytest.raises(InputError, match="expected a volume, got 8x8"):
        load_map(tmp_path / "image.mrc", 4.0)
    write_mrc(tmp_path / "flat.mrc", np.ones((8, 8, 8), np.float32), 2.0)
    with pytest.raises(InputError, match="map flat: expected density above its background"):
        load_map(tmp_path / "flat.mrc", 4.0)
    holes = ball(8, 3)
    holes[4, 4, 4] = np.nan
    write_mrc(tmp_path / "holes.mrc", holes, 2.0)
    with pytest.raises(InputError, match="map holes: holds values that are not finite"):
        load_map(tmp_path / "holes.mrc", 4.0)


def test_a_pixel_size_that_would_fill_the_memory_is_refused():
    with pytest.raises(InputError, match="use larger pixels or a smaller map"):
        load_map("capsid", 0.2)


def test_a_genuine_ribosome_has_the_size_of_a_ribosome():
    species = load_map(shared("structures/maps/ribosome_6A_64.mrc"), 10.0)
    assert species.name == "ribosome_6A_64"
    assert 220 < species.diameter_angstrom < 380
    # 2.5 to 4.5 MDa at 1.21 Å³ per Da; the dense part of a map is a little more.
    assert 2e6 < (species.density > 0.5).sum() * 1000 < 8e6


def test_a_genuine_map_without_pixel_size_asks_for_it():
    path = shared("structures/maps/clean70SRibosome_65.mrc")
    with pytest.raises(InputError, match="give --map-pixel-size"):
        load_map(path, 10.0)


@pytest.mark.parametrize("n", [20, 21])
@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.0, 1.7, 2.0])
def test_rescaling_samples_the_same_smooth_function(n, ratio):
    def gauss(size, step):
        axis = (np.arange(size) - size // 2) * step
        d2 = axis[:, None, None] ** 2 + (axis[None, :, None] - 1) ** 2 + axis[None, None, :] ** 2
        return np.exp(-d2 / (2 * 2.0**2)).astype(np.float32)

    got = rescale_volume(gauss(n, 1.0), pixel_size_angstrom=1.0, new_pixel_size_angstrom=ratio)
    wanted = gauss(len(got), ratio)
    half = (np.abs(np.arange(len(got)) - len(got) // 2) * ratio <= n / 2 - 1).nonzero()[0]
    inner = np.ix_(half, half, half)
    np.testing.assert_allclose(got[inner], wanted[inner], atol=0.02)


def test_rescaling_to_the_same_pixels_changes_nothing_but_nyquist():
    volume = np.random.default_rng(0).normal(size=(9, 9, 9)).astype(np.float32)
    same = rescale_volume(volume, pixel_size_angstrom=2.0, new_pixel_size_angstrom=2.0, box_px=9)
    np.testing.assert_allclose(same, volume, atol=1e-5)


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan")])
def test_rescaling_refuses_bad_pixel_sizes(size):
    with pytest.raises(InputError, match="pixel size: expected more than 0 Å"):
        rescale_volume(ball(4, 1), pixel_size_angstrom=1.0, new_pixel_size_angstrom=size)


def test_a_file_that_changed_is_read_again(tmp_path):
    path = tmp_path / "ball.mrc"
    write_mrc(path, ball(24, 8), 2.0)
    first = load_map(path, 4.0)
    assert load_map(path, 4.0) is first
    write_mrc(path, ball(24, 4), 2.0)
    assert load_map(path, 4.0).diameter_angstrom < 0.7 * first.diameter_angstrom
    path.unlink()
    with pytest.raises(MissingFileError, match=r"ball\.mrc"):
        load_map(path, 4.0)
