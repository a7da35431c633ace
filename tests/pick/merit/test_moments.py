"""Means over the circle of what a reference looks like in the micrograph."""

import numpy as np
import pytest

from cryopick.model import Defocus, Optics
from cryopick.pick.merit.masked_references import mask_references
from cryopick.pick.merit.moments import reference_moments
from cryopick.pick.merit.settings import MeritSettings
from merit_scenes import two_references

PIXEL = 4.0


def moments(*, shape=None, **changes):
    settings = MeritSettings(
        **{
            "particle_diameter_angstrom": 130.0,
            "ctf": "none",
            "low_pass_angstrom": None,
            "reference_contrast": "dark",
            **changes,
        }
    )
    masked = mask_references(two_references(PIXEL), settings, pixel_size_angstrom=PIXEL)
    defocus = Defocus(u_um=1.5, v_um=1.2)
    found = reference_moments(masked, settings, optics=Optics(), defocus=defocus, shape=shape)
    return masked, found


def test_without_a_filter_they_are_those_of_the_reference():
    masked, found = moments(low_pass_angstrom=None)
    for k, image in enumerate(masked.images):
        values = image[masked.inside].astype(float)
        assert found.mean[k] == pytest.approx(values.mean(), rel=1e-3)
        assert found.square[k] == pytest.approx(np.mean(values**2), rel=1e-3)


def test_the_drawn_ratio_has_the_averaged_one_for_its_mean():
    """``exp(m)`` where the micrograph shows the reference in unit noise, over many draws."""
    drawn = np.array([moments(expected_ratio="drawn", seed=s)[1].expected for s in range(60)])
    _, averaged = moments()
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    assert (np.abs(drawn.mean(axis=0) - averaged.expected) < 4 * error).all()
    # RELION draws once: that is off by a good part of what exceeds 1.
    assert (drawn.std(axis=0) > 0.05 * (averaged.expected - 1)).all()


def test_the_averaged_ratio_needs_no_seed():
    one, two = (moments(seed=seed)[1].expected for seed in (0, 1))
    np.testing.assert_array_equal(one, two)
    masked, found = moments()
    bound = np.exp(found.square / 2)
    assert (found.expected > bound).all()
    np.testing.assert_allclose(found.expected, bound, rtol=1 / masked.inside.sum())


def test_the_seed_draws_the_noise():
    one, two, again = (moments(seed=seed, expected_ratio="drawn")[1].expected for seed in (0, 1, 0))
    np.testing.assert_array_equal(one, again)
    assert (one != two).all()


def test_the_ctf_takes_out_the_mean():
    masked, found = moments(ctf="full")
    values = masked.images[0][masked.inside]
    assert abs(found.mean[0]) < 0.5 * abs(values.mean())
    assert found.square[0] < np.mean(values**2)


def test_contrast_changes_the_sign_of_the_mean_alone():
    bright, dark = (moments(particle_contrast=c)[1] for c in ("bright", "dark"))
    np.testing.assert_allclose(bright.mean, -dark.mean)
    np.testing.assert_allclose(bright.square, dark.square)


def test_the_size_of_the_box_hardly_matters():
    small, large = moments(ctf="full")[1], moments(ctf="full", shape=(256, 300))[1]
    np.testing.assert_allclose(small.square, large.square, rtol=5e-3)
    np.testing.assert_allclose(small.mean, large.mean, atol=5e-3 * np.sqrt(small.square.max()))


def test_a_faint_reference_keeps_a_positive_excess():
    settings = MeritSettings(particle_diameter_angstrom=130.0, ctf="none", expected_ratio="drawn")
    references = two_references(PIXEL)
    faint = type(references)(images=references.images * 1e-6, pixel_size_angstrom=PIXEL)
    masked = mask_references(faint, settings, pixel_size_angstrom=PIXEL)
    assert (reference_moments(masked, settings, optics=None, defocus=None).expected > 1).all()
