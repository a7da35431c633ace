from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import FormatError
from cryopick.geometry.rotation import angle_between_deg, random_rotations, to_matrix
from cryopick.io.picks.rotation_matrix import quaternions_of

HERE = Path("a.json")


@given(st.integers(0, 10_000))
def test_rounded_rotations_come_back(seed: int):
    rotation = random_rotations(5, rng=np.random.default_rng(seed))
    rounded = np.round(to_matrix(rotation), 3)
    back = quaternions_of(rounded, path=HERE, what="matrix")
    assert angle_between_deg(back, rotation).max() < 0.1
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), 1)


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag([1.0, 1, -1]),
        1.01 * np.eye(3),
        np.zeros((3, 3)),
        np.full((3, 3), np.nan),
        np.full((3, 3), 1e300),
    ],
)
def test_other_matrices_are_refused_by_number(matrix: np.ndarray):
    stack = np.stack([np.eye(3), matrix])
    with pytest.raises(FormatError, match="matrix of point 2 is no rotation"):
        quaternions_of(stack, path=HERE, what="matrix")


def test_no_points():
    assert quaternions_of(np.zeros((0, 3, 3)), path=HERE, what="matrix").shape == (0, 4)
