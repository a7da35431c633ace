"""What a surface must be to be used."""

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.meshes.surface import Surface, checked, fan

POINTS = np.eye(3)
A = Path("a.ply")


def surface(**more):
    return Surface(**{"vertex": POINTS, "triangle": np.array([[0, 1, 2]]), **more})


def test_a_good_surface_passes():
    good = surface(normal=POINTS)
    assert checked(good, A) is good


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"vertex": np.empty((0, 3))}, "holds no vertices"),
        ({"vertex": np.where(POINTS > 0, np.nan, 0)}, r"vertex 1: \[nan"),
        ({"vertex": np.where(np.eye(3)[::-1] > 0, np.inf, 0)}, "vertex 1"),
        ({"normal": np.full((3, 3), np.nan)}, "a normal is not a number"),
        ({"triangle": np.array([[0, 1, 2], [0, 1, 3]])}, "face 2: names a vertex .* the 3"),
        ({"triangle": np.array([[-1, 1, 2]])}, "face 1: names a vertex"),
    ],
)
def test_what_is_wrong_is_named(more, message):
    with pytest.raises(FormatError, match=message):
        checked(surface(**more), A)


def test_fans_have_two_triangles_less_than_corners():
    assert fan([5, 6, 7]) == [(5, 6, 7)]
    assert len(fan(list(range(9)))) == 7
    assert fan([1, 2]) == []
