"""What searches are given and what they give back."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.geometry.rotation import from_axis_angle, rotate
from cryopick.geometry.so3_grid import rotation_grid
from cryopick.pick.matching.search import Cones, Means, SearchResult


def result(**changes):
    given = {
        "score": np.zeros((2, 3, 4), np.float32),
        "rotation": np.full((2, 3, 4), -1, np.int32),
        "variance": 0.04,
        "tests": 24.0,
    }
    return SearchResult(**{**given, **changes})


def test_sigma_is_the_root_of_the_variance():
    assert result().sigma == pytest.approx(0.2)


def test_scores_and_rotations_must_be_of_one_shape():
    with pytest.raises(InputError, match="do not agree"):
        result(rotation=np.zeros((2, 3, 5), np.int32))


def test_cones_allow_what_lies_within_their_angle():
    axes = np.array([[0, 0, 1.0], [0, 1.0, 0]])
    cones = Cones(axis=axes, nearest=np.zeros((1, 1, 1), np.int32), half_angle_deg=30)
    tilted = np.stack([from_axis_angle([1, 0, 0], angle) for angle in (0, 29, 31, -61, -90, 180)])
    # A turn about x by a negative angle takes z towards y.
    np.testing.assert_array_equal(
        cones.allowed(tilted),
        [[True, True, False, False, False, False], [False, False, False, True, True, False]],
    )


def test_the_turn_about_the_axis_itself_is_free_and_the_limit_belongs_to_the_cone():
    rotations = rotation_grid(30)
    cones = Cones(
        axis=np.array([[1.0, 0, 0]]), nearest=np.zeros((1, 1, 1), np.int32), half_angle_deg=90
    )
    towards = rotate(rotations, [0, 0, 1.0])
    np.testing.assert_array_equal(cones.allowed(rotations)[0], towards[:, 0] >= -1e-9)
    whole = Cones(axis=cones.axis, nearest=cones.nearest, half_angle_deg=180)
    assert whole.allowed(rotations).all()


def test_means_tell_nobody_by_default():
    means = Means()
    means.progress(0.5)
    assert (means.cores, means.device, means.checkpoints) == (1, "cpu", None)
    told = []
    Means(progress=told.append).progress(0.25)
    assert told == [0.25]
