"""Ranking of class averages."""

from dataclasses import replace

import numpy as np
import pytest

from class_sets import BOX, PIXEL, class_set, drawn
from cryopick.curate.classes.classify import classify
from cryopick.curate.classes.features import FEATURES
from cryopick.curate.classes.ranking import WEIGHTS, Weights, rank_classes, scores
from cryopick.curate.classes.settings import ClassifySettings
from cryopick.errors import InputError

SETTINGS = ClassifySettings(
    classes=4,
    iterations=8,
    mask_diameter_angstrom=90.0,
    psi_step_deg=11.25,
    offset_range_angstrom=15.0,
    ctf="ignore",
    precision="float32",
)


@pytest.fixture(scope="module")
def particles_and_rubbish():
    """Two thirds particles, one third noise alone."""
    rng = np.random.default_rng(0)
    images = class_set(100, noise=0.5)[0]
    rest = rng.normal(size=(50, BOX, BOX)).astype(np.float32)
    real = np.arange(150) < 100
    state = classify(np.concatenate([images, rest]), pixel_size_angstrom=PIXEL, settings=SETTINGS)
    return state, real


def test_classes_of_particles_score_above_classes_of_noise(particles_and_rubbish):
    state, real = particles_and_rubbish
    found = rank_classes(state, mask_diameter_angstrom=90.0)
    used = np.flatnonzero(state.class_size > 0)
    share = np.array([real[state.class_index == k].mean() for k in used])
    score = found.score[used]
    assert share.max() > 0.9
    assert share.min() < 0.5
    assert score[share > 0.8].min() > score[share < 0.5].max()
    assert ((found.score >= 0) & (found.score <= 1)).all()


def test_the_best_come_first_and_the_proposal_is_a_cut(particles_and_rubbish):
    state, _ = particles_and_rubbish
    found = rank_classes(state, mask_diameter_angstrom=90.0)
    assert sorted(found.order.tolist()) == list(range(4))
    assert (np.diff(found.score[found.order]) <= 0).all()
    np.testing.assert_array_equal(found.keep, (found.score >= 0.5) & (state.class_size > 0))
    all_of_them = rank_classes(state, mask_diameter_angstrom=90.0, keep_above=0.0)
    np.testing.assert_array_equal(all_of_them.keep, state.class_size > 0)


def test_an_empty_class_is_last_and_not_kept(particles_and_rubbish):
    state, _ = particles_and_rubbish
    average = state.average.copy()
    average[2] = drawn(0)
    moved = replace(
        state, average=average, class_index=np.where(state.class_index == 2, 1, state.class_index)
    )
    found = rank_classes(moved, keep_above=0.0)
    assert found.score[2] == 0
    assert found.order[-1] == 2
    assert not found.keep[2]


def test_weights_are_one_for_each_feature_and_fitted():
    for values in (WEIGHTS.centre, WEIGHTS.scale, WEIGHTS.weight):
        assert len(values) == len(FEATURES)
    assert min(WEIGHTS.scale) > 0
    assert any(WEIGHTS.weight)


def test_more_of_a_good_sign_never_lowers_the_score():
    """Resolution speaks for a class, whatever else is the same."""
    low = np.array(WEIGHTS.centre)[None].repeat(2, axis=0)
    low[1, FEATURES.index("resolution")] += 1
    first, second = scores(low, WEIGHTS)
    assert second >= first


def test_scores_are_a_logistic_curve():
    flat = Weights(centre=(0.0,), scale=(2.0,), weight=(1.0,), bias=1.0)
    found = scores(np.array([[-2.0], [0.0]]), flat)
    np.testing.assert_allclose(found, [0.5, 1 / (1 + np.exp(-1))], atol=1e-6)


def test_no_feature_decides_alone_however_far_out_it_is():
    flat = Weights(centre=(0.0,), scale=(2.0,), weight=(1.0,), bias=0.0)
    far, farther = scores(np.array([[1e3], [1e9]]), flat)
    assert far == farther < 0.95


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_cut_out_of_range(value, particles_and_rubbish):
    with pytest.raises(InputError, match="expected keep_above from 0 to 1"):
        rank_classes(particles_and_rubbish[0], keep_above=value)
