"""What tells a good class average from a bad one."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from class_sets import BOX, PIXEL, class_set, drawn
from cryopick.curate.classes.features import COMPARED, FEATURES, class_features, region_of
from cryopick.curate.classes.prepare import prepare
from cryopick.curate.classes.settings import ClassifySettings
from cryopick.curate.classes.spectra import soft_disc
from cryopick.curate.classes.start import first_state

N = 40
MASK = soft_disc(BOX, radius_px=9, edge_px=2)


def noise(seed=0):
    return np.random.default_rng(seed).normal(size=(BOX, BOX))


def state_of(averages, *, sizes=None, **more):
    """A state with these averages; particles go to them in turn where no sizes are given."""
    averages = np.asarray(averages, np.float32)
    k = len(averages)
    settings = ClassifySettings(
        classes=k, mask_diameter_angstrom=90.0, ctf="ignore", precision="float32", psi_step_deg=15
    )
    state = first_state(prepare(class_set(N)[0], PIXEL, settings, None), None)
    index = np.arange(N) % k if sizes is None else np.repeat(np.arange(k), sizes)
    fields = {
        "average": averages,
        "class_index": index,
        "class_probability": np.full(N, 0.9),
        "log_likelihood": np.linspace(0, 1, N),
        "resolution_angstrom": np.full(k, 20.0),
    }
    return replace(state, **(fields | more))


def column(state, name):
    return class_features(state, mask_diameter_angstrom=90.0)[:, FEATURES.index(name)]


def test_one_row_for_each_class_in_the_order_of_the_names():
    found = class_features(state_of([drawn(0), drawn(1)]))
    assert found.shape == (2, len(FEATURES))
    assert np.isfinite(found).all()


def test_octaves_of_resolution_and_size():
    state = state_of(
        [drawn(0)] * 3,
        sizes=[24, 8, 8],
        resolution_angstrom=np.array([90.0 / 4, 90.0, np.inf]),
    )
    # Compared with the class of the median particle, the first one.
    np.testing.assert_allclose(column(state, "resolution"), [0, -2, -2])
    np.testing.assert_allclose(column(state, "size"), np.log2([1.8, 0.6, 0.6]))


def test_what_reaches_the_rim_has_an_edge():
    wide = np.roll(drawn(0), 8, axis=1) * MASK
    edge = column(state_of([drawn(0) * MASK, wide]), "edge")
    assert edge[1] > edge[0] + 1.5


def test_a_blurred_class_has_less_detail():
    sharp = drawn(0)
    blurred = ndimage.gaussian_filter(sharp, 2)
    detail = column(state_of([sharp, sharp, blurred, 3 * blurred], sizes=[20, 12, 4, 4]), "detail")
    assert detail[2] < -0.3
    np.testing.assert_allclose(detail, [0, 0, detail[2], detail[2]], atol=1e-3)


def test_noise_is_not_taken_for_detail():
    assert column(state_of([drawn(0), drawn(1), noise()]), "detail")[2] == 0


@pytest.mark.parametrize("name", COMPARED)
def test_features_are_compared_with_the_class_of_the_median_particle(name):
    images = [drawn(0) * MASK, (drawn(1) + 0.3 * noise()) * MASK, drawn(1, width=3.0) * MASK]
    resolution = np.array([20.0, 25.0, 30.0])
    by_usual = [
        column(state_of(images, sizes=sizes, resolution_angstrom=resolution), name)
        for sizes in ([24, 8, 8], [8, 24, 8], [8, 8, 24])
    ]
    assert [found[usual] for usual, found in enumerate(by_usual)] == [0, 0, 0]
    if name != "detail":
        apart = [found - found[0] for found in by_usual]
        np.testing.assert_allclose(apart, np.tile(apart[0], (3, 1)), atol=1e-9)


def test_a_noisy_solvent_counts_against_a_class():
    clean, noisy = (drawn(1) * MASK + s * noise() * MASK for s in (0.02, 0.4))
    found = column(state_of([clean, noisy]), "solvent")
    assert found[0] > found[1] + 2


def test_pieces_apart_are_scattered():
    pair = (np.roll(drawn(1), 6, axis=1) + 0.9 * np.roll(drawn(1), -6, axis=1)) * MASK
    found = column(state_of([drawn(1) * MASK, pair]), "scattered")
    assert found[0] == pytest.approx(0)
    assert found[1] > 0.2


def test_sureness_and_fit_are_means_over_the_particles_of_a_class():
    sure = np.linspace(0.2, 1, N)
    likely = np.where(np.arange(N) % 2, 10.0, 0.0) + np.linspace(0, 0.1, N)
    state = state_of([drawn(0), drawn(1)], class_probability=sure, log_likelihood=likely)
    np.testing.assert_allclose(column(state, "sureness"), [sure[::2].mean(), sure[1::2].mean()])
    fit = column(state, "fit")
    assert fit[1] > 0 > fit[0]
    np.testing.assert_allclose(fit.sum(), 0, atol=0.05)


@pytest.mark.parametrize("name", ["edge", "solvent", "scattered"])
def test_contrast_does_not_matter(name):
    image = (drawn(0) + 0.05 * noise()) * MASK
    bright, dark = column(state_of([image, -image]), name)
    assert bright == pytest.approx(dark, abs=1e-6)


@pytest.mark.parametrize("name", ["edge", "scattered"])
def test_a_quarter_turn_does_not_matter(name):
    image = drawn(0) * MASK
    turned = np.zeros_like(image)
    turned[1:, 1:] = np.rot90(image[1:, 1:])
    one, other = column(state_of([image, turned]), name)
    assert one == pytest.approx(other, abs=0.02)


def test_an_empty_class_is_zeros():
    found = class_features(state_of([drawn(0), drawn(1), np.zeros((BOX, BOX))], sizes=[N, 0, 0]))
    assert not found[1:].any()
    assert found[0].any()


def test_nothing_is_known_of_particles_that_were_not_looked_at():
    state = state_of([drawn(0)], log_likelihood=np.full(N, np.nan))
    found = class_features(replace(state, class_index=np.full(N, -1)))
    assert not found.any()


def test_the_region_is_where_matter_is():
    image = drawn(1, width=2.0)
    region = region_of(image, radius_px=9)
    assert region.inside[BOX // 2, BOX // 2]
    assert not region.inside[BOX // 2, BOX // 2 + 8]
    assert not (region.inside & region.solvent).any()
    assert region.solvent.sum() > 20


def test_the_region_of_a_flat_image_is_nothing():
    region = region_of(np.zeros((BOX, BOX)), radius_px=9)
    assert not region.inside.any()
    assert region.scattered == 1
