"""Templates from maps: place, scale, filter, hand and contrast, each against its definition."""

import numpy as np
import pytest
from scipy.ndimage import center_of_mass, gaussian_filter

from cryopick.errors import InputError
from cryopick.ops.template_map import (
    TemplateSettings,
    blob_contrast,
    contrast_and_pixel_warnings,
    good_box,
    prepare_template,
)
from cryopick.simulate.maps import load_map
from shared_data import shared


def _blobs(n, places, sigma=3.0, shape=None):
    """Gaussians at ``x, y, z`` voxels from the centre, each with its own height."""
    axes = [np.arange(k) - k // 2 for k in (shape or (n, n, n))]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    volume = np.zeros(z.shape)
    for height, (px, py, pz) in enumerate(places, 1):
        r2 = (x - px) ** 2 + (y - py) ** 2 + (z - pz) ** 2
        volume += height * np.exp(-r2 / (2 * sigma**2))
    return volume.astype(np.float32)


PLACES = [(6, 1, -2), (-4, 5, 3), (0, -6, 4)]


def _prepared(volume, pixel, **settings):
    return prepare_template(volume, pixel, TemplateSettings(**settings))


def _blurred(places, *, sigma, box, pixel, ratio):
    """What a low-passed template of Gaussians must be, from the formula."""
    low_pass = 2 * pixel
    blur = np.sqrt(2 * np.log(2)) * low_pass / (2 * np.pi) / pixel * ratio  # in old voxels
    wide = np.sqrt(sigma**2 + blur**2)
    axis = (np.arange(box) - box // 2) * ratio
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    out = np.zeros(z.shape)
    for height, (px, py, pz) in enumerate(places, 1):
        r2 = (x - px) ** 2 + (y - py) ** 2 + (z - pz) ** 2
        out += height * (sigma / wide) ** 3 * np.exp(-r2 / (2 * wide**2))
    return out


@pytest.mark.parametrize("ratio", [1.0, 2.0, 1.37, np.pi / 2])
@pytest.mark.parametrize("box", [24, 25])
def test_any_pixel_size_is_exact_to_the_formula(ratio, box):
    volume = _blobs(48, PLACES)
    template, facts = _prepared(volume, 3.0, pixel_size_angstrom=3.0 * ratio, box_px=box)
    expected = _blurred(PLACES, sigma=3.0, box=box, pixel=3.0 * ratio, ratio=ratio)
    assert template.shape == (box,) * 3
    assert template.dtype == np.float32
    assert np.abs(template - expected).max() < 0.02 * expected.max()
    assert facts.low_pass_angstrom == pytest.approx(6.0 * ratio)
    assert facts.box_px == box


@pytest.mark.parametrize("period", [12.0, 20.0, 40.0])
def test_the_low_pass_has_its_half_width_at_the_resolution(period):
    n = 120
    wave = np.cos(2 * np.pi / period * (np.arange(n) - n // 2))
    # A wave under a wide window, so that the box has no edges.
    window = np.exp(-(((np.arange(n) - n // 2) / 30) ** 4))
    volume = (wave * window)[None, None, :] * window[None, :, None] * window[:, None, None]
    template, _ = _prepared(volume, 1.0, pixel_size_angstrom=1.0, box_px=n, low_pass_angstrom=20.0)
    ratio = template[60, 60, 60] / volume[60, 60, 60]
    assert ratio == pytest.approx(0.5 ** ((20.0 / period) ** 2), abs=0.03)


def test_nothing_aliases():
    n = 96
    fine = np.cos(np.pi * 0.9 * np.arange(n))  # far beyond the new Nyquist frequency
    window = np.exp(-(((np.arange(n) - 48) / 24) ** 4))
    volume = (fine * window)[None, None, :] * window[None, :, None] * window[:, None, None]
    volume += 1e-6 * _blobs(n, [(0, 0, 0)])
    template, _ = _prepared(volume, 1.0, pixel_size_angstrom=4.0, box_px=24, low_pass_angstrom=2.0)
    assert np.abs(template).max() < 1e-3


@pytest.mark.parametrize("n", [40, 41])
@pytest.mark.parametrize("box", [20, 21])
def test_the_centre_of_mass_of_the_square_comes_to_the_middle(n, box):
    volume = _blobs(n, [(4.3, -2.6, 1.8), (1.0, 1.0, 5.0)], sigma=2.5)
    template, facts = _prepared(volume, 5.0, pixel_size_angstrom=10.0, box_px=box, center=True)
    assert np.allclose(center_of_mass(template**2), box // 2, atol=0.02)
    square = volume.astype(float) ** 2
    true = (np.array(center_of_mass(square)) - n // 2)[::-1] * 5.0
    assert np.allclose(facts.offset_angstrom, true, atol=1.5)  # the low-pass moves it a little
    assert facts.warnings == ()


def test_without_centring_the_box_centre_stays_and_a_warning_tells():
    volume = _blobs(48, [(8, 0, 0)])
    template, facts = _prepared(volume, 5.0, pixel_size_angstrom=10.0, box_px=24)
    assert np.unravel_index(template.argmax(), template.shape) == (12, 12, 16)
    assert len(facts.warnings) == 1
    assert "40 Å from the centre" in facts.warnings[0]
    assert "--center" in facts.warnings[0]


@pytest.mark.parametrize("box", [24, 25])
def test_the_mirror_is_about_the_centre_voxel(box):
    volume = _blobs(48, PLACES)
    plain, _ = _prepared(volume, 3.0, pixel_size_angstrom=6.0, box_px=box)
    mirrored, _ = _prepared(volume, 3.0, pixel_size_angstrom=6.0, box_px=box, mirror=True)
    odd = (plain[:, :, 1:], mirrored[:, :, 1:]) if box % 2 == 0 else (plain, mirrored)
    assert np.allclose(odd[0], odd[1][:, :, ::-1], atol=1e-4)
    assert not np.allclose(plain, mirrored, atol=0.1)


def test_inverted_is_minus_and_contrast_is_what_was_asked():
    volume = _blobs(40, [(0, 0, 0)])
    settings = {"pixel_size_angstrom": 4.0, "box_px": 20}
    plain, facts = _prepared(volume, 2.0, **settings)
    assert (facts.contrast, facts.inverted) == ("bright", False)
    dark, facts = _prepared(volume, 2.0, **settings, invert=True)
    assert np.array_equal(dark, -plain)
    assert (facts.contrast, facts.inverted) == ("dark", True)
    for given in (volume, -volume):
        made, facts = _prepared(given, 2.0, **settings, contrast="dark")
        assert np.allclose(made, dark, atol=1e-6)
        assert facts.contrast == "dark"
        assert facts.inverted == (given is volume)


def test_the_background_becomes_zero_and_padding_is_seamless():
    volume = _blobs(32, [(0, 0, 0)], sigma=2.0) + 100
    template, _ = _prepared(volume, 2.0, pixel_size_angstrom=4.0, box_px=48)
    assert np.abs(template[:8]).max() < 1e-2
    assert np.abs(template[24, 24, :10]).max() < 1e-2
    assert template[24, 24, 24] > 0.2


def test_a_map_of_any_shape_is_taken():
    places = [(5, 2, -3), (-4, -2, 2)]
    cube, _ = _prepared(_blobs(48, places), 3.0, pixel_size_angstrom=6.0, box_px=24)
    brick = _blobs(0, places, shape=(37, 48, 44))
    made, _ = _prepared(brick, 3.0, pixel_size_angstrom=6.0, box_px=24)
    assert np.abs(cube - made).max() < 0.01 * cube.max()


def test_the_default_box_holds_one_and_a_half_diameters():
    ball = gaussian_filter((_blobs(64, [(0, 0, 0)], sigma=6) > 0.1).astype(np.float32), 1)
    template, facts = _prepared(ball, 4.0, pixel_size_angstrom=8.0)
    # The ball is 103 Å wide; its soft edge and the low-pass widen it where it is measured.
    assert 103 < facts.diameter_angstrom < 103 + 2 * 8
    assert template.shape == (good_box(1.5 * facts.diameter_angstrom / 8.0),) * 3
    assert facts.warnings == ()


def test_a_box_that_is_too_small_is_told():
    _, facts = _prepared(_blobs(64, [(0, 0, 0)], sigma=7), 4.0, pixel_size_angstrom=8.0, box_px=16)
    assert len(facts.warnings) == 1
    assert "touches the edge of the template's box of 16 px" in facts.warnings[0]


def test_a_map_that_is_cut_is_told():
    volume = _blobs(48, [(0, 0, 0)], sigma=6)[:, :, :30]
    _, facts = _prepared(volume, 4.0, pixel_size_angstrom=8.0, center=True)
    assert any("edge of the map's own box" in line for line in facts.warnings)


def test_a_real_ribosome():
    from cryopick.io.images import open_image

    image = open_image(shared("structures/polnet_10A/4v4r_10A.mrc.gz"))
    template, facts = prepare_template(
        image.read(), 10.0, TemplateSettings(pixel_size_angstrom=13.48, center=True)
    )
    assert 250 < facts.diameter_angstrom < 340
    assert facts.contrast == "bright"
    middle = template.shape[0] // 2
    assert np.allclose(center_of_mass(template.astype(float) ** 2), middle, atol=0.05)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda v: _prepared(v, 4.0, pixel_size_angstrom=3.0), "finer than the map's"),
        (lambda v: _prepared(v, 0.0, pixel_size_angstrom=3.0), "pixel size of the map"),
        (lambda v: _prepared(v, 4.0, pixel_size_angstrom=-1.0), "pixel_size_angstrom"),
        (lambda v: _prepared(v, 4.0, pixel_size_angstrom=4.0, low_pass_angstrom=0), "low_pass"),
        (lambda v: _prepared(v, 4.0, pixel_size_angstrom=4.0, box_px=2), "box"),
        (lambda v: _prepared(v[0], 4.0, pixel_size_angstrom=4.0), "volume"),
        (lambda v: _prepared(v * np.nan, 4.0, pixel_size_angstrom=4.0), "NaN"),
        (lambda v: _prepared(v * 0, 4.0, pixel_size_angstrom=4.0), "no density above"),
        (
            lambda v: _prepared(
                v, 4.0, pixel_size_angstrom=4.0, invert=True, contrast="dark"
            ),
            "not both",
        ),
        (
            lambda v: _prepared(
                np.random.default_rng(0).normal(size=(24, 24, 24)) + (v[:24, :24, :24] > 2),
                4.0, pixel_size_angstrom=4.0, contrast="dark",
            ),
            "cannot tell the contrast|no density",
        ),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(call, text):
    with pytest.raises(InputError, match=text):
        call(_blobs(32, [(0, 0, 0)]))


def test_a_pixel_size_equal_but_for_rounding_is_taken():
    volume = _blobs(24, [(0, 0, 0)])
    template, _ = _prepared(volume, 4.0, pixel_size_angstrom=3.9999, box_px=24)
    assert template.shape == (24, 24, 24)


# Template against tomogram


def _tomogram(sign, n=20, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    species = load_map("ribosome", 16.0).density
    volume = rng.normal(0, noise, (48, 128, 128)).astype(np.float32)
    half = len(species) // 2
    for _ in range(n):
        z, y, x = (int(rng.integers(half, k - half)) for k in volume.shape)
        part = tuple(slice(c - half, c - half + len(species)) for c in (z, y, x))
        volume[part] += sign * species
    return volume


@pytest.mark.parametrize(("sign", "word"), [(1, "bright"), (-1, "dark")])
def test_the_contrast_of_a_tomogram_and_a_template_that_disagrees(sign, word):
    tomogram = _tomogram(sign)
    assert blob_contrast(tomogram, 16.0, diameter_angstrom=290) == word
    template = load_map("ribosome", 16.0).density
    check = {"diameter_angstrom": 290.0}
    assert contrast_and_pixel_warnings(sign * template, 16.0, tomogram, 16.0, **check) == []
    (line,) = contrast_and_pixel_warnings(-sign * template, 16.0, tomogram, 16.0, **check)
    assert f"--contrast {word}" in line


def test_noise_has_no_contrast():
    noise = np.random.default_rng(3).normal(size=(48, 128, 128))
    assert blob_contrast(noise, 16.0, diameter_angstrom=290) == "cannot tell"
    template = load_map("ribosome", 16.0).density
    (line,) = contrast_and_pixel_warnings(template, 16.0, noise, 16.0, diameter_angstrom=290)
    assert "cannot tell" in line
    assert "tomogram" in line


def test_flat_and_broken_volumes_have_no_contrast():
    assert blob_contrast(np.ones((16, 16, 16)), 10.0, diameter_angstrom=60) == "cannot tell"
    broken = _tomogram(-1)
    broken[0, 0, :5] = np.nan
    assert blob_contrast(broken, 16.0, diameter_angstrom=290) == "dark"


@pytest.mark.parametrize(("size", "lines"), [(16.01, 0), (16.1, 1), (13.48, 1)])
def test_pixel_sizes_must_agree(size, lines):
    template = load_map("ribosome", 16.0).density
    found = contrast_and_pixel_warnings(template, 16.0, _tomogram(1), size, diameter_angstrom=290)
    assert len(found) == lines
    assert all("pixel sizes disagree" in line for line in found)


def test_only_the_middle_of_a_large_tomogram_is_read():
    class Watched:
        shape = (400, 600, 600)
        dtype = np.dtype(np.float32)

        def __init__(self):
            self.read = 0

        def __getitem__(self, index):
            sections = range(self.shape[0])[index]
            self.read += len(sections)
            assert abs(np.mean(sections) - 199.5) < 1
            return np.zeros((len(sections), 60, 60), np.float32)

    watched = Watched()
    blob_contrast(watched, 10.0, diameter_angstrom=100)
    assert 16 <= watched.read < 120


# Properties


def test_making_a_template_is_linear():
    first, second = _blobs(40, [(3, 0, 0)]), _blobs(40, [(0, -4, 2)])
    settings = {"pixel_size_angstrom": 7.0, "box_px": 20}
    apart = [_prepared(volume, 5.0, **settings)[0] for volume in (first, second)]
    together, _ = _prepared(2 * first + 3 * second, 5.0, **settings)
    assert np.allclose(together, 2 * apart[0] + 3 * apart[1], atol=2e-4)


@pytest.mark.parametrize("shift", [(2, 0, 0), (0, -4, 0), (0, 0, 6), (2, 4, -2)])
def test_a_map_that_is_moved_gives_the_same_template_once_centred(shift):
    volume = _blobs(64, PLACES)
    moved = np.roll(volume, shift[::-1], axis=(0, 1, 2))
    settings = {"pixel_size_angstrom": 6.0, "box_px": 24, "center": True}
    first, facts = _prepared(volume, 3.0, **settings)
    second, other = _prepared(moved, 3.0, **settings)
    assert np.allclose(first, second, atol=0.01 * first.max())
    difference = np.subtract(other.offset_angstrom, facts.offset_angstrom)
    assert np.allclose(difference, np.multiply(shift, 3.0), atol=0.1)
    assert other.diameter_angstrom == pytest.approx(facts.diameter_angstrom, abs=6.0)


def test_two_mirrors_undo_each_other():
    volume = _blobs(48, PLACES)
    settings = {"pixel_size_angstrom": 4.0, "box_px": 49, "low_pass_angstrom": 8.0}
    once, _ = _prepared(volume, 4.0, **settings, mirror=True)
    # Filtered twice, so that the plain way must be, too.
    twice, _ = _prepared(once, 4.0, **settings, mirror=True)
    plain, _ = _prepared(_prepared(volume, 4.0, **settings)[0], 4.0, **settings)
    assert np.allclose(twice, plain, atol=0.01 * plain.max())


def test_a_larger_box_holds_the_same_template():
    volume = _blobs(48, PLACES)
    small, _ = _prepared(volume, 3.0, pixel_size_angstrom=6.0, box_px=24)
    large, _ = _prepared(volume, 3.0, pixel_size_angstrom=6.0, box_px=40)
    assert np.allclose(large[8:-8, 8:-8, 8:-8], small, atol=0.01 * small.max())


def test_the_mean_density_of_a_particle_stays():
    volume = _blobs(48, PLACES)
    for ratio in (1.0, 1.7, 2.5):
        template, _ = _prepared(volume, 3.0, pixel_size_angstrom=3.0 * ratio, box_px=40)
        assert template.sum() * ratio**3 == pytest.approx(volume.sum(), rel=0.01)


@pytest.mark.parametrize("least", [1, 7.2, 33, 48, 101.5, 255])
def test_good_boxes_are_even_and_factor_well(least):
    box = good_box(least)
    assert box >= least
    assert box % 2 == 0
    rest = box
    for factor in (2, 3, 5):
        while rest % factor == 0:
            rest //= factor
    assert rest == 1
    assert box <= 1.34 * max(least, 3)
