"""`PickPairs`: both sides stay linked."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.model import PickPairs, Picks


def _side(n, offset=0.0):
    position = np.arange(2.0 * n).reshape(n, 2) + offset
    return Picks.of(position, image="m") if n else Picks.empty(2)


@pytest.mark.parametrize("index", [slice(1, 3), np.array([2, 0]), np.array([True, False, True])])
def test_selecting_selects_both_sides(index):
    pairs = PickPairs(untilted=_side(3), tilted=_side(3, 100.0))[index]
    difference = pairs.tilted.position_angstrom - pairs.untilted.position_angstrom
    assert (difference == 100.0).all()
    assert len(pairs) == len(pairs.untilted) == len(pairs.tilted) == 2


def test_no_pairs():
    assert len(PickPairs(untilted=_side(0), tilted=_side(0))) == 0


def test_sides_of_different_length_are_refused():
    with pytest.raises(InputError, match="got 2 and 3"):
        PickPairs(untilted=_side(3), tilted=_side(2))


def test_sides_in_3d_are_refused():
    with pytest.raises(InputError, match="2D picks on both sides"):
        PickPairs(untilted=Picks.empty(3), tilted=Picks.empty(3))
