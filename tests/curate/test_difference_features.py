import numpy as np
import pytest
import torch
from scipy import stats

from cryopick.curate.difference_features import (
    FEATURES,
    difference_features,
    disc_pixels,
    moments,
)

BOX, RADIUS = 24, 8.0


def plain(image, expected, limit=0.5):
    """The six features one by one, in float64, straight from their definitions."""
    y, x = np.mgrid[:BOX, :BOX] - BOX // 2
    disc = y**2 + x**2 <= RADIUS**2
    difference = (image - expected).astype(np.float64) * disc
    values = difference[disc]
    parts = [
        difference[disc & below & left].std()
        for below in (y < 0, y >= 0)
        for left in (x < 0, x >= 0)
    ]
    power = np.abs(np.fft.rfft2(difference)) ** 2
    k = np.hypot(np.fft.fftfreq(BOX)[:, None], np.fft.rfftfreq(BOX)[None])
    rings = np.rint(k * BOX).astype(int)
    residual = []
    for ring in range(rings.max() + 1):
        member = (rings == ring) & (k <= limit + 1e-6)
        if member.any():
            residual.append(power[member] - power[member].mean())
    asymmetry = np.mean(np.concatenate(residual) ** 2)
    return np.array(
        [
            values.mean(),
            values.std(),
            stats.skew(values),
            stats.kurtosis(values),
            np.std(parts),
            asymmetry,
        ]
    )


@pytest.mark.parametrize("limit", [0.5, 0.2])
def test_features_are_those_of_the_plain_formulas(limit):
    rng = np.random.default_rng(0)
    images = rng.gamma(2.0, size=(5, BOX, BOX)).astype(np.float32)
    expected = rng.normal(size=(5, BOX, BOX)).astype(np.float32)
    found = difference_features(
        torch.from_numpy(images), torch.from_numpy(expected), radius_px=RADIUS, frequency_max=limit
    ).numpy()
    assert found.shape == (5, len(FEATURES))
    for row in range(5):
        np.testing.assert_allclose(
            found[row], plain(images[row], expected[row], limit), rtol=2e-4, atol=1e-4
        )


def test_nothing_is_left_where_image_and_reference_agree():
    image = torch.randn(2, BOX, BOX, generator=torch.Generator().manual_seed(0))
    assert torch.equal(
        difference_features(image, image, radius_px=RADIUS), torch.zeros(2, len(FEATURES))
    )


def test_what_lies_outside_the_disc_does_not_count():
    rng = np.random.default_rng(1)
    image = torch.from_numpy(rng.normal(size=(1, BOX, BOX)).astype(np.float32))
    other = image.clone()
    other[:, ~torch.from_numpy(disc_pixels(BOX, RADIUS))] += 100
    zero = torch.zeros_like(image)
    assert torch.equal(
        difference_features(image, zero, radius_px=RADIUS),
        difference_features(other, zero, radius_px=RADIUS),
    )


def test_an_edge_is_asymmetric_and_a_spot_in_one_quarter_uneven():
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(BOX, BOX))
    edge = noise + np.linspace(-3, 3, BOX)[:, None]
    spot = noise.copy()
    spot[14:18, 14:18] += 6 * rng.normal(size=(4, 4))
    images = torch.from_numpy(np.stack([noise, edge, spot]).astype(np.float32))
    found = difference_features(images, torch.zeros_like(images), radius_px=RADIUS).numpy()
    columns = dict(zip(FEATURES, found.T, strict=True))
    assert columns["asymmetry"][1] > 10 * columns["asymmetry"][0]
    assert columns["quadrants"][2] > 2 * columns["quadrants"][0]


def test_moments_of_a_flat_row_are_zero():
    mean, sd, skewness, kurtosis = moments(torch.full((1, 9), 4.0))
    assert (float(mean), float(sd), float(skewness), float(kurtosis)) == (4.0, 0.0, 0.0, 0.0)


def test_the_disc_is_centred_on_the_middle_pixel():
    disc = disc_pixels(9, 2.0)
    assert disc[4, 6]
    assert disc[2, 4]
    assert not disc[3, 6]
    assert disc.sum() == 13
