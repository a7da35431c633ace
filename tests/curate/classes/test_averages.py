"""From sums to class averages."""

import numpy as np
import pytest

from cryopick.curate.classes.averages import (
    centre_offset_px,
    class_averages,
    divided,
    flattened,
    masked,
    resolved_shell,
    ring_correlation,
    signal_to_noise,
)
from cryopick.curate.classes.band import make_band
from cryopick.curate.classes.maximisation import Sums
from cryopick.curate.classes.spectra import soft_disc
from cryopick.curate.classes.turning import working_box

BAND = make_band(24)
MASK = soft_disc(24, radius_px=8, edge_px=3)


def blob(x, y, width=2.0, box=24):
    line = np.arange(box) - box // 2
    image = np.exp(-((line[None, :] - x) ** 2 + (line[:, None] - y) ** 2) / (2 * width**2))
    return image.astype(np.float32)


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 24, 24)).astype(np.float32)


def sums_of(halves, count):
    """As if each half were ``count`` particles without CTF."""
    values = np.stack([BAND.of_images(half) for half in halves])
    ones = np.full((2, values.shape[1], BAND.radius_px + 1), float(count))
    return Sums(
        numerator=values * count,
        denominator=ones,
        class_weight=np.full(values.shape[1], 2.0 * count),
        power=np.ones(BAND.radius_px + 1),
        particles=2 * count * values.shape[1],
        offset_square_px=0.0,
    )


def averaged(halves, *, count=10, regularisation=2.0):
    return class_averages(
        sums_of(halves, count), band=BAND, mask=MASK, regularisation=regularisation
    )


def test_without_noise_the_average_is_the_image():
    image = np.stack([blob(1, 2), blob(-3, 0)])
    found = averaged([image, image])
    np.testing.assert_allclose(found.frc, 1, atol=1e-4)
    np.testing.assert_allclose(
        BAND.to_images(found.coefficients), image - image.mean((1, 2))[:, None, None], atol=0.02
    )


def test_noise_is_kept_out_by_the_correlation_of_the_halves():
    halves = [blob(0, 0)[None] + 0.2 * noise(1, seed) for seed in (1, 2)]
    found = averaged(halves)
    low, high = BAND.shell <= 2, BAND.shell >= 8
    clean = masked(BAND.of_images(blob(0, 0)[None]), band=BAND, mask=MASK)
    plain = masked(BAND.of_images((halves[0] + halves[1]) / 2), band=BAND, mask=MASK)
    assert found.frc[0, 1:3].min() > 0.8
    error, before = (np.abs(one - clean)[0] ** 2 for one in (found.coefficients, plain))
    assert error[high].sum() < 0.5 * before[high].sum()
    assert error[low].sum() < 2 * before[low].sum()


def test_more_regularisation_factor_keeps_more():
    halves = [blob(0, 0)[None] + 0.3 * noise(1, seed) for seed in (1, 2)]
    power = [
        (np.abs(averaged(halves, regularisation=t).coefficients) ** 2).sum() for t in (0.5, 2, 8)
    ]
    assert power[0] < power[1] < power[2]


def test_signal_to_noise_of_classes_that_agree():
    """All alike: twice the ratio of each half. Of unequal size: in proportion, for the shared part."""
    frc = np.full((2, 3), 0.5)
    np.testing.assert_allclose(signal_to_noise(frc, np.ones((2, 3))), 2)
    size = np.array([[3.0], [1.0]]) * np.ones((2, 3))
    np.testing.assert_allclose(signal_to_noise(frc, size)[:, 0], [0.5 * 2 + 0.5 * 2 * 1.2, 1.4])


def test_a_small_class_is_helped_by_the_others():
    frc = np.array([[0.8] * 3, [0.0] * 3])
    found = signal_to_noise(frc, np.array([[9.0], [1.0]]) * np.ones((2, 3)))
    assert (found[1] > 0.05).all()
    assert (found[0] > 4 * found[1]).all()
    empty = signal_to_noise(frc, np.array([[9.0], [0.0]]) * np.ones((2, 3)))
    assert not empty[1].any()


def test_division_by_the_ctf_and_where_it_is_zero():
    values = BAND.of_images(blob(0, 0)[None])
    ctf = np.cos(np.arange(BAND.radius_px + 1) * 0.5)
    ctf[5] = 0.0
    per_pixel = ctf[BAND.shell].astype(np.float32)
    found = divided(values * per_pixel**2 * 7, 7 * ctf[None] ** 2, BAND)
    seen = np.abs(ctf[BAND.shell]) > 0.1
    np.testing.assert_allclose(found[:, seen], values[:, seen], atol=1e-5)
    assert np.isfinite(found).all()
    assert not found[:, BAND.shell == 5].any()


def test_an_empty_class_is_an_empty_average():
    image = blob(0, 0)[None]
    sums = sums_of([np.concatenate([image, image * 0])] * 2, 4)
    sums.denominator[:, 1] = 0
    found = class_averages(sums, band=BAND, mask=MASK, regularisation=2)
    assert not found.coefficients[1].any()
    assert not found.frc[1, 1:].any()
    assert found.coefficients[0].any()


def test_one_half_alone_is_trusted_with_nothing():
    found = averaged([blob(0, 0)[None], np.zeros((1, 24, 24), np.float32)])
    assert not found.coefficients.any()
    assert not found.ssnr[:, 1:].any()


def test_outside_the_mask_is_nothing():
    image = flattened(noise(2) + 5, MASK)
    assert not image[:, MASK == 0].any()
    edge = MASK * (1 - MASK)
    level = ((image / np.where(MASK > 0, MASK, 1)) * edge).sum((1, 2)) / edge.sum()
    np.testing.assert_allclose(level, 0, atol=1e-5)


def test_a_background_level_is_taken_off():
    np.testing.assert_allclose(
        flattened(blob(0, 0)[None] + 3, MASK), flattened(blob(0, 0)[None], MASK), atol=1e-5
    )


def test_a_mask_without_an_edge():
    sharp = (MASK > 0.5).astype(np.float32)
    np.testing.assert_array_equal(flattened(noise(1), sharp), noise(1) * sharp)


def test_ring_correlation():
    values = BAND.of_images(noise(3))
    np.testing.assert_allclose(ring_correlation(values, values * 3, BAND), 1, atol=1e-6)
    np.testing.assert_allclose(ring_correlation(values, -values, BAND)[:, 1:], -1, atol=1e-6)
    other = ring_correlation(values, BAND.of_images(noise(3, 9)), BAND)
    assert np.abs(other[:, 4:]).mean() < 0.3
    assert not ring_correlation(values, 0 * values, BAND)[:, 1:].any()


@pytest.mark.parametrize(
    ("frc", "shell"),
    [
        ([1, 0.9, 0.5, 0.1, 0.9], 2),
        ([1, 0.1, 0.9, 0.9, 0.9], 0),
        ([1, 0.9, 0.9, 0.9, 0.9], 4),
        ([1, -0.5, 0, 0, 0], 0),
    ],
)
def test_the_resolved_shell(frc, shell):
    assert resolved_shell(np.array([frc])).tolist() == [shell]


@pytest.mark.parametrize("radius", [11, 6])
@pytest.mark.parametrize("contrast", [1, -1])
def test_centre_of_mass(radius, contrast):
    band = BAND.up_to(radius)
    mask = soft_disc(working_box(band), radius_px=9 * working_box(band) / 24, edge_px=1)
    images = contrast * np.stack([blob(0, 0), blob(3, 0), blob(-1, 2)])
    coefficients = masked(band.of_images(images), band=band, mask=mask)
    found = centre_offset_px(
        coefficients, band, mask=mask, weight=np.full(3, 1 / 3), particle_radius_px=7
    )
    np.testing.assert_allclose(found, [[0, 0], [3, 0], [-1, 2]], atol=0.25)


def test_a_neighbour_does_not_pull_the_centre_of_mass():
    mask = soft_disc(working_box(BAND), radius_px=11, edge_px=1)
    coefficients = BAND.of_images(np.stack([blob(1, 0), blob(1, 0) + blob(-9, 2)]))
    weight = np.array([0.5, 0.5])
    found = centre_offset_px(coefficients, BAND, mask=mask, weight=weight, particle_radius_px=6)
    np.testing.assert_allclose(found, [[1, 0], [1, 0]], atol=0.2)


@pytest.mark.parametrize("contrast", [1, -1])
def test_the_gap_beside_a_neighbour_is_no_matter(contrast):
    """Two bright particles with dark ice between them, or the other way round."""
    mask = soft_disc(working_box(BAND), radius_px=11, edge_px=1)
    image = blob(2, 0) - 1.2 * blob(-3.5, 0, 1.2) + blob(-9, 0)
    coefficients = BAND.of_images(contrast * image[None])
    found = centre_offset_px(coefficients, BAND, mask=mask, weight=np.ones(1), particle_radius_px=5)
    np.testing.assert_allclose(found, [[2, 0]], atol=0.4)


def test_the_centre_of_nothing_is_the_centre():
    empty = np.zeros((1, len(BAND)), np.complex64)
    found = centre_offset_px(empty, BAND, mask=MASK, weight=np.ones(1), particle_radius_px=6)
    assert not found.any()
