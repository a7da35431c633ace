from dataclasses import replace

import numpy as np
import pytest

from cryopick.curate.settings import SortSettings
from cryopick.curate.sorting import (
    UNUSABLE_Z,
    Ground,
    common_ground,
    particle_features,
    rank,
    reference_index,
)
from cryopick.curate.z_scores import MANUAL, select_z_score
from cryopick.errors import InputError
from toy_particles import PIXEL, RADIUS_PX, references, toy_particles

SETTINGS = SortSettings(particle_diameter_angstrom=2 * RADIUS_PX * PIXEL)
HEIGHT = 3.0


def features_of(images, particles, settings=SETTINGS, refs=None, **more):
    ground = common_ground(images, particles, settings, references=refs)
    return particle_features(images, particles, ground, settings, **more)


@pytest.mark.parametrize("ctf", [False, True])
def test_without_noise_nothing_is_left_of_a_particle(ctf):
    """Class, rotation, shift, CTF and their signs are all right, or this would fail."""
    images, particles = toy_particles(12, noise=0.0, ctf=ctf)
    ground = Ground(mean=images.mean(0), normalise=False, references=HEIGHT * references())
    found = particle_features(images, particles, ground, replace(SETTINGS, scale="none"))
    assert found.correlation.min() > 0.999
    assert found.difference[:, 1].max() < 0.03 * images.std()


@pytest.mark.parametrize("wrong", ["angle", "shift", "class", "ctf"])
def test_a_wrong_pose_leaves_more(wrong):
    images, particles = toy_particles(12, noise=0.0, ctf=True)
    picks = particles.picks
    if wrong == "angle":
        particles = replace(
            particles, picks=replace(picks, orientation=picks.orientation * [1, 1, 1, -1])
        )
    if wrong == "shift":
        particles = replace(particles, shift_angstrom=-particles.shift_angstrom)
    if wrong == "class":
        other = np.where(picks.label == "1", "2", "1")
        particles = replace(particles, picks=replace(picks, label=other))
    if wrong == "ctf":
        particles = replace(particles, dark=True)
    ground = Ground(mean=images.mean(0), normalise=False, references=HEIGHT * references())
    found = particle_features(images, particles, ground, replace(SETTINGS, scale="none"))
    assert np.median(found.correlation) < 0.95


def test_dark_particles_are_compared_with_bright_references():
    images, particles = toy_particles(12, noise=0.0)
    ground = Ground(mean=images.mean(0), normalise=False, references=references())
    dark = replace(particles, dark=True)
    assert particle_features(-images, dark, ground, SETTINGS).correlation.min() > 0.999


def test_each_reference_is_scaled_to_its_particles():
    images, particles = toy_particles(80, noise=1.0)
    two = references() * np.array([0.5, 20.0], np.float32)[:, None, None]
    ground = common_ground(images, particles, SETTINGS, references=two)
    peak = ground.references.max(axis=(1, 2)) / references().max(axis=(1, 2))
    np.testing.assert_allclose(peak, HEIGHT, rtol=0.1)
    as_is = common_ground(images, particles, replace(SETTINGS, scale="none"), references=two)
    np.testing.assert_array_equal(as_is.references, two)


def test_raw_images_are_normalised_for_the_comparison_alone():
    images, particles = toy_particles(60, noise=1.0)
    ground = common_ground(images, particles, SETTINGS, references=references())
    assert not ground.normalise
    raw = images * 50 + 1000
    kept = raw.copy()
    ground = common_ground(raw, particles, SETTINGS, references=references())
    assert ground.normalise
    found = particle_features(raw, particles, ground, SETTINGS)
    np.testing.assert_array_equal(raw, kept)
    plain = features_of(images, particles, refs=references())
    np.testing.assert_allclose(found.correlation, plain.correlation, atol=1e-3)


@pytest.mark.parametrize("refs", [None, references()], ids=["alone", "references"])
def test_good_particles_rank_before_junk(refs):
    images, particles = toy_particles(150, junk=40, noise=1.0, ctf=refs is not None)
    found = features_of(images, particles, refs=refs)
    ranking = rank(found, SETTINGS)
    assert np.mean(ranking.score[:110, None] > ranking.score[None, 110:]) > 0.97
    assert ranking.groups.keys() >= {"intensity", "centring"}
    assert ("correlation" in ranking.groups) == (refs is not None)


def test_the_z_score_is_that_of_the_six_features():
    images, particles = toy_particles(50, noise=1.0)
    found = features_of(images, particles, refs=references())
    for kind in ("relion", "robust"):
        settings = replace(SETTINGS, z_score=kind, min_z=0.5)
        expected = select_z_score(found.difference, min_z=0.5, robust=kind == "robust")
        np.testing.assert_allclose(rank(found, settings).z_score, expected)


def test_particles_without_a_class_are_manual():
    images, particles = toy_particles(40, noise=1.0)
    label = particles.picks.label.copy()
    label[[2, 5]] = ""
    particles = replace(particles, picks=replace(particles.picks, label=label))
    found = features_of(images, particles, refs=references())
    assert np.flatnonzero(np.isnan(found.correlation)).tolist() == [2, 5]
    ranking = rank(found, SETTINGS)
    assert (ranking.z_score[[2, 5]] == MANUAL).all()
    assert np.isfinite(ranking.score).all()
    assert ranking.z_score[[0, 1]].min() >= 0


def test_images_that_are_flat_or_not_finite_come_last():
    images, particles = toy_particles(40, noise=1.0)
    images[3], images[7, 4, 4], images[9, 0, 0] = 1.0, np.nan, np.inf
    found = features_of(images, particles, refs=references())
    ranking = rank(found, SETTINGS)
    bad = [3, 7, 9]
    assert np.flatnonzero(np.isnan(ranking.score)).tolist() == bad
    assert (ranking.z_score[bad] == UNUSABLE_Z).all()
    assert np.delete(ranking.z_score, bad).max() < 10
    # The others are judged as if those were not there.
    rest = np.delete(np.arange(40), bad)
    alone = rank(features_of(images[rest], particles[rest], refs=references()), SETTINGS)
    np.testing.assert_allclose(ranking.score[rest], alone.score, atol=1e-4)
    with pytest.raises(InputError, match="all images of a sample are flat"):
        common_ground(np.zeros_like(images), particles, SETTINGS)
    nothing = particle_features(
        np.zeros_like(images), particles, Ground(mean=images[0], normalise=False, references=None),
        SETTINGS,
    )  # fmt: skip
    assert (rank(nothing, SETTINGS).z_score == UNUSABLE_Z).all()


def test_cores_and_batches_do_not_change_the_result():
    images, particles = toy_particles(600, noise=1.0)
    ground = common_ground(images, particles, SETTINGS, references=references())
    one = particle_features(images, particles, ground, SETTINGS, cores=1)
    two = particle_features(images, particles, ground, SETTINGS, cores=2)
    np.testing.assert_array_equal(one.descriptors, two.descriptors)
    np.testing.assert_array_equal(one.difference, two.difference)
    part = particle_features(images[500:], particles[500:], ground, SETTINGS)
    np.testing.assert_allclose(part.correlation, one.correlation[500:], atol=1e-5)


def test_the_low_pass_leaves_out_fine_differences():
    images, particles = toy_particles(20, noise=1.0)
    coarse = replace(SETTINGS, low_pass_angstrom=40.0)
    fine = features_of(images, particles, refs=references())
    smooth = features_of(images, particles, coarse, refs=references())
    assert smooth.difference[:, 1].max() < 0.6 * fine.difference[:, 1].min()
    assert np.median(smooth.correlation) > np.median(fine.correlation)


def test_which_reference_a_particle_has():
    _, particles = toy_particles(6)
    expected = particles.picks.label.astype(int) - 1
    np.testing.assert_array_equal(reference_index(particles, 2), expected)
    plain = replace(particles, picks=replace(particles.picks, label=None, orientation=None))
    assert reference_index(plain, 1).tolist() == [0] * 6
    with pytest.raises(InputError, match=r"name no classes \(rlnClassNumber\)"):
        reference_index(plain, 2)
    lying = replace(particles, picks=replace(particles.picks, orientation=None))
    with pytest.raises(InputError, match=r"no in-plane angles \(rlnAnglePsi\)"):
        reference_index(lying, 2)
    for text in ("3", "0", "apo"):
        named = replace(particles, picks=replace(particles.picks, label=np.full(6, text)))
        with pytest.raises(InputError, match=f"class {text}: expected a number from 1 to 2"):
            reference_index(named, 2)
