"""Micrographs: physics of the image, truth that coincides with it, determinism."""

from dataclasses import replace

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.geometry.rotation import rotate
from cryopick.model import Defocus, Optics
from cryopick.ops.ctf import ctf_image, ctf_zeros_per_angstrom
from cryopick.ops.project import project, transform_volume
from cryopick.simulate.maps import load_map
from cryopick.simulate.micrographs import MicrographRecipe, simulate_micrograph

PIXEL = 4.0
RECIPE = MicrographRecipe(
    size_px=(320, 256),
    pixel_size_angstrom=PIXEL,
    particles=(8,),
    defocus=Defocus(u_um=2.0, v_um=2.0),
)


def make(recipe=RECIPE, names=("ribosome",), seed=0):
    species = [load_map(name, recipe.pixel_size_angstrom) for name in names]
    return simulate_micrograph(species, recipe, name="mic", rng=np.random.default_rng(seed))


def score(image, truth, species, offset=(0.0, 0.0), turn=None):
    """Mean correlation of the image with the imaged projection at each true pose."""
    box = len(species.density)
    transform = transform_volume(species.density)
    ctf = ctf_image((box, box), PIXEL, optics=RECIPE.optics, defocus=RECIPE.defocus)
    place = truth.position_angstrom / PIXEL + np.asarray(offset)
    whole = np.round(place).astype(int)
    orientation = truth.orientation if turn is None else turn
    views = project(transform, orientation, shift_px=place - whole)
    values = []
    for view, (x, y) in zip(views, whole, strict=True):
        rows = slice(y - box // 2, y - box // 2 + box)
        columns = slice(x - box // 2, x - box // 2 + box)
        if rows.start < 0 or columns.start < 0 or rows.stop > 256 or columns.stop > 320:
            continue
        seen = np.fft.irfft2(np.fft.rfft2(view) * ctf, s=(box, box))
        values.append(np.corrcoef(seen.ravel(), image[rows, columns].ravel())[0, 1])
    assert values
    return np.mean(values)


@pytest.fixture(scope="module")
def bright():
    """A well exposed micrograph, so that few particles tell."""
    return make(replace(RECIPE, exposure_e_per_a2=500.0, ice_noise=0.0))


def test_shape_name_and_unit(bright):
    assert bright.image.data.shape == (256, 320)
    assert bright.image.data.dtype == np.float32
    assert bright.image.grid.pixel_size_angstrom == PIXEL
    assert bright.image.data.mean() == pytest.approx(500 * PIXEL**2, rel=0.01)
    assert set(bright.truth.image) == {"mic"}
    assert set(bright.truth.label) == {"ribosome"}


def test_the_image_matches_projections_at_the_true_pose_and_nowhere_else(bright):
    species = load_map("ribosome", PIXEL)
    image, truth = bright.image.data, bright.truth
    here = score(image, truth, species)
    assert here > 0.7
    for offset in ((4, 0), (0, -4), (-3, 3)):
        assert score(image, truth, species, offset=offset) < here - 0.1
    assert score(image, truth, species, turn=np.roll(truth.orientation, 1, axis=0)) < here - 0.05


def test_half_a_pixel_matters(bright):
    species = load_map("ribosome", PIXEL)
    here = score(bright.image.data, bright.truth, species)
    for offset in ((0.7, 0), (0, 0.7), (-0.7, 0), (0, -0.7)):
        assert score(bright.image.data, bright.truth, species, offset=offset) < here


def test_underfocused_particles_are_dark(bright):
    y, x = np.indices(bright.image.data.shape) * PIXEL
    inside = np.zeros(bright.image.data.shape, bool)
    for px, py in bright.truth.position_angstrom:
        inside |= np.hypot(x - px, y - py) < 60
    assert bright.image.data[inside].mean() < bright.image.data[~inside].mean()


def test_particles_do_not_overlap_and_lie_inside():
    made = make(replace(RECIPE, particles=(6, 6), gap_angstrom=5.0), ("betagal", "apoferritin"))
    place, size = made.truth.position_angstrom, made.truth.diameter_angstrom
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert np.all(distance >= (size[:, None] + size[None]) / 2 + 5 - 1e-6)
    assert np.all(place >= size[:, None] / 2)
    assert np.all(place <= np.array([319, 255]) * PIXEL - size[:, None] / 2)
    assert sorted(set(made.truth.label)) == ["apoferritin", "betagal"]


@pytest.mark.parametrize("wanted", [0.03, 0.3])
def test_the_signal_to_noise_ratio_is_the_one_asked_for(wanted):
    """Measured from outside: with and without particles at the same noise."""
    recipe = replace(RECIPE, signal_to_noise=wanted, noise="gaussian")
    made = make(recipe, seed=3)
    assert made.signal_to_noise == pytest.approx(wanted, rel=1e-6)
    empty = make(replace(recipe, particles=(0,), signal_to_noise=None), seed=4)
    noise = empty.image.data.var()
    y, x = np.indices(made.image.data.shape) * PIXEL
    inside = np.zeros(made.image.data.shape, bool)
    for (px, py), d in zip(made.truth.position_angstrom, made.truth.diameter_angstrom, strict=True):
        inside |= np.hypot(x - px, y - py) <= d / 2
    got = made.image.data[inside].var() / noise - 1
    assert got == pytest.approx(wanted, rel=0.2, abs=0.02)


def test_more_exposure_gives_a_better_ratio():
    ratios = [make(replace(RECIPE, exposure_e_per_a2=e)).signal_to_noise for e in (10.0, 40.0)]
    assert ratios[1] == pytest.approx(4 * ratios[0], rel=0.05)


def test_texture_shows_the_rings_of_the_ctf():
    recipe = replace(
        RECIPE, size_px=(512, 512), particles=(0,), ice_noise=50.0, pixel_size_angstrom=2.0
    )
    made = make(recipe)
    power = np.abs(np.fft.rfft2(made.image.data - made.image.data.mean())) ** 2
    k = np.hypot(np.fft.fftfreq(512, 2.0)[:, None], np.fft.rfftfreq(512, 2.0)[None])
    zeros = ctf_zeros_per_angstrom(RECIPE.optics, defocus_um=2.0, n=3)
    peaks = (zeros[:-1] + zeros[1:]) / 2
    for zero, peak in zip(zeros, peaks, strict=False):
        at_zero = power[np.abs(k - zero) < 0.0008].mean()
        at_peak = power[np.abs(k - peak) < 0.0008].mean()
        assert at_zero < 0.4 * at_peak


def test_astigmatism_makes_the_rings_oval():
    recipe = replace(
        RECIPE,
        size_px=(512, 512),
        pixel_size_angstrom=2.0,
        particles=(0,),
        ice_noise=50.0,
        defocus=Defocus(u_um=2.4, v_um=1.6, astigmatism_angle_deg=0.0),
    )
    power = np.abs(np.fft.fft2(make(recipe).image.data)) ** 2
    kx, ky = np.fft.fftfreq(512, 2.0)[None], np.fft.fftfreq(512, 2.0)[:, None]
    k, angle = np.hypot(kx, ky), np.rad2deg(np.arctan2(np.abs(ky), np.abs(kx)))

    def at(frequency, sector):
        return power[(np.abs(k - frequency) < 0.001) & sector].mean()

    along_x = ctf_zeros_per_angstrom(Optics(), defocus_um=2.4, n=1)[0]
    along_y = ctf_zeros_per_angstrom(Optics(), defocus_um=1.6, n=1)[0]
    assert at(along_x, angle < 8) < 0.3 * at(along_x, angle > 82)
    assert at(along_y, angle > 82) < 0.3 * at(along_y, angle < 8)


def test_views_follow_the_cone():
    made = make(replace(RECIPE, cone_deg=15.0))
    up = rotate(made.truth.orientation, np.array([0.0, 0, 1]))[:, 2]
    assert np.rad2deg(np.arccos(up)).max() <= 15 + 1e-6


def test_ice_and_carbon_are_dark_and_hold_no_particles():
    recipe = replace(RECIPE, size_px=(512, 512), particles=(10,), ice_crystals=1, carbon_share=0.2)
    made = make(recipe, ("apoferritin",), seed=7)
    (centre,), (diameter,) = (
        made.contamination.position_angstrom,
        made.contamination.diameter_angstrom,
    )
    assert made.contamination.label[0] == "ice"
    away = np.linalg.norm(made.truth.position_angstrom - centre, axis=1)
    assert np.all(away > diameter / 2)
    y, x = np.indices((512, 512)) * PIXEL
    core = np.hypot(x - centre[0], y - centre[1]) < diameter / 4
    assert made.image.data[core].mean() < 0.95 * np.median(made.image.data)


def test_the_same_seed_gives_the_same_micrograph_and_another_does_not():
    first, again, other = make(seed=5), make(seed=5), make(seed=6)
    np.testing.assert_array_equal(first.image.data, again.image.data)
    np.testing.assert_array_equal(first.truth.position_angstrom, again.truth.position_angstrom)
    assert not np.array_equal(first.image.data, other.image.data)


def test_a_micrograph_without_particles_is_still_one():
    made = make(replace(RECIPE, particles=(0,)))
    assert len(made.truth) == 0
    assert made.signal_to_noise == 0
    assert np.isfinite(made.image.data).all()


def test_odd_sizes_work_and_particles_at_the_rim_are_whole():
    recipe = replace(RECIPE, size_px=(201, 167), particles=(3,), exposure_e_per_a2=300.0)
    made = make(recipe, ("apoferritin",))
    assert made.image.data.shape == (167, 201)
    assert len(made.truth) == 3


def test_wrong_numbers_and_wrong_pixels_are_named():
    with pytest.raises(InputError, match="one number for each of 1 maps, got 2"):
        make(replace(RECIPE, particles=(1, 2)))
    with pytest.raises(InputError, match=r"map ribosome: its pixels are 4.0 Å, the micrograph's 5"):
        simulate_micrograph(
            [load_map("ribosome", 4.0)],
            replace(RECIPE, pixel_size_angstrom=5.0),
            name="m",
            rng=np.random.default_rng(0),
        )
