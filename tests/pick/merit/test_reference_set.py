"""References are checked when they are made; the Gaussian is as wide as a projected ball."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.pick.merit.reference_set import References, gaussian_reference


def images(k=2, n=8):
    return np.random.default_rng(0).standard_normal((k, n, n)).astype(np.float32)


def test_facts_of_a_set():
    references = References(images=images(3, 10), pixel_size_angstrom=3.5)
    assert (len(references), references.box_px, references.box_angstrom) == (3, 10, 35.0)


@pytest.mark.parametrize("bad", [np.ones((4, 4)), np.ones((2, 4, 5)), np.ones((0, 4, 4))])
def test_only_square_images_are_taken(bad):
    with pytest.raises(InputError, match="square images"):
        References(images=bad, pixel_size_angstrom=1.0)


def test_a_bad_image_is_named():
    flat, gap = images(), images()
    flat[1] = 3.0
    gap[0, 2, 2] = np.nan
    with pytest.raises(InputError, match="reference 2: is flat"):
        References(images=flat, pixel_size_angstrom=1.0)
    with pytest.raises(InputError, match="reference 1: has pixels that are not finite"):
        References(images=gap, pixel_size_angstrom=1.0)


@pytest.mark.parametrize("pixel", [0.0, -1.0, float("nan")])
def test_a_pixel_size_is_needed(pixel):
    with pytest.raises(InputError, match="--pixel-size-references"):
        References(images=images(), pixel_size_angstrom=pixel)


def test_the_gaussian_has_the_width_of_a_projected_ball():
    blob = gaussian_reference(120.0, 2.0, peak=0.3)
    assert blob.round
    assert blob.particle_diameter_angstrom == 120.0
    assert blob.box_px == 90
    image = blob.images[0].astype(float)
    assert image.max() == image[45, 45] == pytest.approx(0.3)
    line = (np.arange(90) - 45) * 2.0
    # A ball projects to sqrt(R² - r²); its second moment along one axis is R² / 5.
    y, x = np.meshgrid(line, line, indexing="ij")
    ball = np.sqrt(np.clip(60.0**2 - x**2 - y**2, 0, None))
    spread = [np.sum(values * x**2) / values.sum() for values in (image, ball)]
    assert spread[0] == pytest.approx(spread[1], rel=0.03)


@pytest.mark.parametrize("wrong", [{"particle_diameter_angstrom": 0.0}, {"peak": 0.0}])
def test_a_gaussian_of_nothing_is_refused(wrong):
    given = {"particle_diameter_angstrom": 100.0, "peak": 0.1, **wrong}
    with pytest.raises(InputError, match="Gaussian reference"):
        gaussian_reference(given["particle_diameter_angstrom"], 2.0, peak=given["peak"])
