import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import fft

from cryopick.ops.blob_filter import (
    disc_contrast_transform,
    disc_transform,
    dome_contrast_transform,
    inverse_inside,
    laplacian_transform,
    noise_gain,
    pad_mirrored,
    radial_frequency,
    tabulated,
    weighted,
)


def drawn_disc(shape, diameter_px):
    """A disc or ball drawn pixel by pixel round the corner, in 8-fold finer steps."""
    fine = 8
    axes = [(np.arange(n * fine) / fine - (fine - 1) / 2 / fine + 0.5) % n for n in shape]
    axes = [np.minimum(a, n - a) for a, n in zip(axes, shape, strict=True)]
    squared = sum(
        (a**2).reshape([-1 if i == j else 1 for j in range(len(shape))]) for i, a in enumerate(axes)
    )
    inside = (squared <= (diameter_px / 2) ** 2).astype(float)
    return inside / inside.sum()


@pytest.mark.parametrize("ndim", [2, 3])
def test_disc_transform_is_that_of_a_drawn_disc(ndim):
    shape = (40,) * ndim
    drawn = drawn_disc(shape, 14.0)
    spectrum = np.abs(fft.rfftn(drawn))[tuple(slice(0, 5) for _ in shape)]
    frequency = radial_frequency(tuple(n * 8 for n in shape), 1 / 8)
    analytic = np.abs(disc_transform(frequency, 14.0, ndim=ndim))[tuple(slice(0, 5) for _ in shape)]
    np.testing.assert_allclose(spectrum, analytic, atol=0.01)


@pytest.mark.parametrize("ndim", [2, 3])
def test_disc_transform_is_smooth_at_zero(ndim):
    k = np.array([0.0, 1e-9, 1e-6, 1e-5, 3.2e-6])
    np.testing.assert_allclose(disc_transform(k, 100.0, ndim=ndim), 1.0, atol=1e-5)


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_dome_is_that_of_a_drawn_one(ndim):
    """Its transform plus that of the ring around it."""
    shape, diameter = (64,) * ndim, 20.0
    lines = [np.arange(n) - n * (np.arange(n) > n // 2) for n in shape]
    squared = sum(line**2 for line in np.meshgrid(*lines, indexing="ij")) / (diameter / 2) ** 2
    dome = np.maximum(1 - squared, 0)
    ring = ((squared > 1) & (squared <= 4 ** (1 / ndim))).astype(float)
    drawn = dome / dome.sum() - ring / ring.sum()
    low = tuple(slice(0, 4) for _ in shape)
    spectrum = fft.rfftn(drawn).real[low]
    found = dome_contrast_transform(radial_frequency(shape, 1.0), diameter, ndim=ndim)[low]
    np.testing.assert_allclose(found, spectrum, atol=0.03)


@pytest.mark.parametrize("transform", [disc_contrast_transform, dome_contrast_transform])
@pytest.mark.parametrize("ndim", [2, 3])
def test_contrast_is_smooth_at_zero(transform, ndim):
    k = np.array([0.0, 1e-9, 1e-6, 1e-5, 3.1e-5, 3.3e-5])
    np.testing.assert_allclose(transform(k, 100.0, ndim=ndim), 0.0, atol=1e-4)


@pytest.mark.parametrize("ndim", [2, 3])
def test_contrast_ignores_flat_and_sloping_ground(ndim):
    assert disc_contrast_transform(np.array([0.0]), 120.0, ndim=ndim)[0] == pytest.approx(0)
    # Even in k and zero at zero: no answer to a constant, none to a slope (the first derivative).
    small = disc_contrast_transform(np.array([1e-5]), 120.0, ndim=ndim)[0]
    assert abs(small) < 1e-5


@pytest.mark.parametrize("ndim", [2, 3])
def test_contrast_of_a_disc_of_the_right_size_is_nearly_one(ndim):
    shape = (64,) * ndim
    frequency = radial_frequency(shape, 5.0)
    particle = disc_transform(frequency, 80.0, ndim=ndim)
    volume_px = (np.pi * 8**2) if ndim == 2 else 4 / 3 * np.pi * 8**3
    answers = {
        d: fft.irfftn(
            weighted(
                np.full((*shape[:-1], shape[-1] // 2 + 1), volume_px + 0j),
                particle * disc_contrast_transform(frequency, d, ndim=ndim),
            ),
            s=shape,
        ).flat[0]
        for d in (40.0, 80.0, 160.0)
    }
    assert answers[80.0] == pytest.approx(1.0, abs=0.25)
    assert answers[80.0] > 2 * max(answers[40.0], answers[160.0])


def test_laplacian_has_its_maximum_where_the_formula_says():
    k = np.linspace(1e-4, 0.1, 20001)
    for diameter in (50.0, 100.0, 200.0):
        response = laplacian_transform(k, diameter)
        assert k[response.argmax()] == pytest.approx(np.sqrt(2) * 0.5 / diameter, rel=1e-3)
        assert response.max() == pytest.approx(2 / np.e, rel=1e-4)
        assert laplacian_transform(np.zeros(1), diameter)[0] == 0


@given(
    shape=st.lists(st.integers(2, 9), min_size=2, max_size=3).map(tuple),
    pixel=st.floats(0.1, 20),
)
def test_radial_frequency_matches_numpy(shape, pixel):
    grids = np.meshgrid(
        *(np.fft.fftfreq(n, pixel) for n in shape[:-1]),
        np.fft.rfftfreq(shape[-1], pixel),
        indexing="ij",
    )
    expected = np.sqrt(sum(g**2 for g in grids))
    # Weights of one orthant, laid on the whole transform.
    found = weighted(np.ones(expected.shape, complex), radial_frequency(shape, pixel))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("shape", [(48, 60), (47, 61), (20, 22, 24), (21, 23, 25)])
def test_the_gain_is_the_spread_of_filtered_noise(shape):
    frequency = radial_frequency(shape, 4.0)
    response = disc_contrast_transform(frequency, 30.0, ndim=len(shape))
    rng = np.random.default_rng(0)
    spread = [
        fft.irfftn(weighted(fft.rfftn(rng.normal(size=shape)), response), s=shape).std()
        for _ in range(20)
    ]
    assert np.mean(spread) == pytest.approx(noise_gain(response, shape, shape).inside, rel=0.03)


@pytest.mark.parametrize("shape", [(30, 41), (12, 15, 18)])
def test_padding_mirrors_and_can_be_cut_away(shape):
    pixels = np.random.default_rng(0).normal(size=shape)
    padded, inside = pad_mirrored(pixels, 5)
    np.testing.assert_array_equal(padded[inside], pixels)
    line = np.moveaxis(padded, 1, 0)
    np.testing.assert_array_equal(line[4], line[5])
    np.testing.assert_array_equal(line[0], line[9])


def test_padding_may_be_wider_than_the_image():
    pixels = np.arange(12.0).reshape(3, 4)
    padded, inside = pad_mirrored(pixels, 11)
    np.testing.assert_array_equal(padded[inside], pixels)
    assert set(padded.ravel().tolist()) == set(range(12))


def test_noise_beside_a_mirror_is_as_loud_as_told():
    shape, pad = (60, 72), 16
    rng = np.random.default_rng(2)
    answers = []
    for _ in range(400):
        padded, inside = pad_mirrored(rng.normal(size=shape), pad)
        response = disc_contrast_transform(radial_frequency(padded.shape, 5.0), 60.0, ndim=2)
        gain = noise_gain(response, padded.shape, shape)
        answer = fft.irfftn(weighted(fft.rfftn(padded), response), s=padded.shape)
        answers.append(answer[inside] / gain.inside)
    measured = np.std(answers, axis=0)
    rows, columns = gain.near_edges
    np.testing.assert_allclose(measured[:, 30:42].mean(1), rows, rtol=0.06)
    np.testing.assert_allclose(measured[24:36].mean(0), columns, rtol=0.06)
    assert rows[0] > 1.2
    assert rows[30] == pytest.approx(1.0, abs=1e-3)
    assert measured[0, 0] == pytest.approx(rows[0] * columns[0], rel=0.15)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("diameter", [40.0, 120.0, 900.0])
def test_a_profile_from_the_table_equals_the_profile(ndim, diameter):
    frequency = radial_frequency((40, 50, 60)[:ndim], 5.0)

    def profile(k):
        return disc_contrast_transform(k, diameter, ndim=ndim)

    exact = profile(frequency.astype(np.float64))
    np.testing.assert_allclose(tabulated(profile, frequency), exact, atol=2e-4)


def test_a_table_of_one_frequency():
    flat = tabulated(lambda k: k + 2.0, np.zeros((3, 4), np.float32))
    np.testing.assert_array_equal(flat, np.full((3, 4), 2.0))


@pytest.mark.parametrize("shape", [(12, 15), (7, 8, 9), (6, 5, 4), (2, 1)])
def test_weights_of_one_orthant_filter_as_those_of_the_whole_transform(shape):
    rng = np.random.default_rng(6)
    values = rng.normal(size=shape)
    kernel = rng.normal(size=tuple(n // 2 + 1 for n in shape))
    folded = np.ix_(*(np.minimum(np.arange(n), n - np.arange(n)) for n in shape))
    whole = kernel[folded]  # over both signs of every frequency
    expected = np.fft.ifftn(np.fft.fftn(values) * whole).real
    transform = fft.rfftn(values)
    before = transform.copy()
    product = weighted(transform, kernel)
    np.testing.assert_array_equal(transform, before)
    np.testing.assert_array_equal(weighted(transform, kernel, out=transform), product)
    inside = tuple(slice(n // 4, n - n // 5) for n in shape)
    found = inverse_inside(product, shape, inside)
    np.testing.assert_allclose(found, expected[inside], atol=1e-12)
    power = noise_gain(kernel, shape, shape).inside ** 2
    assert power == pytest.approx((whole**2).mean())
