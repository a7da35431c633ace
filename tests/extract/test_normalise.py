"""Each normalisation against its formula, written out on a toy image."""

import warnings

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.extract.normalise import background_mask, normalise

RADIUS = 3.5
Y, X = np.indices((10, 10)) - 5
BG = X**2 + Y**2 > RADIUS**2
TOY = np.random.default_rng(5).gamma(3.0, 2.0, size=(10, 10)) + 6.0 * ~BG


def toy():
    return TOY.astype(np.float32)[np.newaxis]


def run(method, images=None, **more):
    return normalise(toy() if images is None else images, method=method, radius_px=RADIUS, **more)


def levelled(image):
    """Least squares of a plane through the background, by numpy's own solver."""
    design = np.stack([X[BG], Y[BG], np.ones(BG.sum())], axis=1)
    a, b, c = np.linalg.lstsq(design, image[BG], rcond=None)[0]
    return image - (a * X + b * Y + c)


def expected(method, image):
    bg, fg = image[BG], image[~BG]
    flat = levelled(image)
    return {
        "old-xmipp": lambda: (image - image.mean()) / image.std(ddof=1),
        "near-old-xmipp": lambda: (image - image.mean()) / bg.std(ddof=1),
        "new-xmipp": lambda: (image - bg.mean()) / bg.std(ddof=1),
        "new-xmipp2": lambda: (image - bg.mean()) / abs(image.mean() - bg.mean()),
        "ramp": lambda: (flat - flat[BG].mean()) / flat[BG].std(ddof=1),
        "relion": lambda: (flat - flat[BG].mean()) / flat[BG].std(),
        "relion-no-ramp": lambda: (image - bg.mean()) / bg.std(),
        "robust": lambda: (image - np.median(bg)) / np.percentile(fg - np.median(bg), 99),
        "none": lambda: image,
    }[method]()


METHODS = [
    "old-xmipp", "near-old-xmipp", "new-xmipp", "new-xmipp2", "ramp", "relion",
    "relion-no-ramp", "robust", "none",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_it_equals_its_formula(method):
    np.testing.assert_allclose(run(method)[0], expected(method, TOY), atol=2e-6)


@pytest.mark.parametrize("method", METHODS)
def test_images_do_not_mix(method):
    three = np.concatenate([toy(), 3 * toy() + 40, toy()[:, ::-1]])
    found = run(method, three)
    for one, image in zip(found, three.astype(np.float64), strict=True):
        np.testing.assert_allclose(one, expected(method, image), atol=1e-5)


@pytest.mark.parametrize("method", [m for m in METHODS if m != "none"])
def test_scale_and_level_of_the_recording_do_not_matter(method):
    np.testing.assert_allclose(run(method, 7 * toy() + 300), run(method), atol=1e-3)


@pytest.mark.parametrize("method", ["ramp", "relion", "neighbour"])
def test_a_plane_does_not_matter_either(method):
    tilted = toy() + (0.7 * X - 0.3 * Y).astype(np.float32)
    np.testing.assert_allclose(run(method, tilted), run(method), atol=1e-5)


def test_robust_values_can_be_cut_off():
    bright = toy()
    bright[0, 5, 5] = 1000
    assert run("robust", bright).max() > 1.5
    clipped = run("robust", bright, clip=True)
    assert clipped.max() == pytest.approx(1.3284)
    np.testing.assert_allclose(clipped, np.clip(run("robust", bright), -1.3284, 1.3284))


def slopes(images):
    """Mean tilt of the middle of images, per deviation."""
    y, x = np.indices(images.shape[1:]) - 32
    disc = x**2 + y**2 < 26**2
    design = np.stack([x[disc], y[disc], np.ones(disc.sum())], axis=1)
    found = np.linalg.lstsq(design, images.mean(axis=0)[disc], rcond=None)[0]
    return np.abs(found[:2]).max() / images[:, disc].std()


def test_neighbours_do_not_tilt_the_background():
    """A bright particle in the corner spoils a plane; replaced, it does not."""
    clean = np.random.default_rng(0).normal(size=(20, 64, 64)).astype(np.float32)
    crowded = clean.copy()
    crowded[:, :16, :16] += 15
    plain = slopes(normalise(crowded, method="ramp", radius_px=28))
    found = normalise(crowded, method="neighbour", radius_px=28, neighbour_threshold_sd=1.2)
    assert slopes(found) < plain / 5
    high = normalise(crowded, method="neighbour", radius_px=28, neighbour_threshold_sd=50)
    np.testing.assert_allclose(high, normalise(crowded, method="ramp", radius_px=28), atol=1e-5)


@pytest.mark.parametrize("threshold", [1.2, 2.0, 4.0])
def test_undisturbed_noise_keeps_its_scale_whatever_is_replaced(threshold):
    clean = np.random.default_rng(0).normal(7, 3, size=(20, 64, 64)).astype(np.float32)
    found = normalise(clean, method="neighbour", radius_px=20, neighbour_threshold_sd=threshold)
    inside = ~background_mask(64, radius_px=20)
    assert found[:, inside].std() == pytest.approx(1, abs=0.03)


def test_noise_of_neighbour_depends_on_its_source_only():
    images = np.random.default_rng(0).normal(size=(2, 16, 16)).astype(np.float32)
    first, again, other = (
        normalise(images, method="neighbour", radius_px=5, rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_background_begins_beyond_the_radius():
    mask = background_mask(9, radius_px=3)
    y, x = np.indices((9, 9)) - 4
    np.testing.assert_array_equal(mask, np.hypot(x, y) > 3)
    assert not mask[4, 1]
    assert mask[4, 0]


@pytest.mark.parametrize("method", [m for m in METHODS if m != "none"])
def test_a_flat_image_is_levelled_with_a_warning(method):
    flat = np.full((1, 10, 10), 5, np.float32)
    with pytest.warns(UserWarning, match="1 flat images were levelled"):
        found = run(method, flat)
    np.testing.assert_allclose(found, 0, atol=1e-6)


def test_no_images_give_none_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run("relion", toy()[:0]).shape == (0, 10, 10)


def test_a_circle_that_leaves_no_background_is_refused():
    with pytest.raises(InputError, match="--background-radius 8: leaves no background"):
        normalise(toy(), method="relion", radius_px=8)
