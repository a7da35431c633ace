import numpy as np
import pytest

from cryopick.jobs.plots.colours import UNKNOWN, colour_table, score_colours


def lightness(colours):
    """L* of CIELAB."""
    rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16


def test_brighter_is_higher_in_even_steps():
    steps = np.diff(lightness(colour_table(21)))
    assert (steps > 0).all()
    assert steps.max() < 2.5 * steps.mean()


def test_ends_hold_all_beyond_them():
    first, *_, last = colour_table(64)
    assert score_colours(np.array([-9.0, 0, 1, 9]), low=0, high=1) == [first, first, last, last]
    assert score_colours(np.array([np.inf, -np.inf]), low=0, high=1) == [last, first]


def test_equal_scores_have_one_colour_and_none_has_its_own():
    same = score_colours(np.array([2.0, 2.0]), low=2, high=2)
    assert len(set(same)) == 1
    assert score_colours(np.array([np.nan]), low=0, high=1) == [UNKNOWN]
    assert score_colours(np.array([np.nan]), low=2, high=2) == [UNKNOWN]


@pytest.mark.parametrize("n", [1, 2, 6, 64])
def test_a_table_has_as_many_colours_as_asked(n):
    table = colour_table(n)
    assert len(table) == n
    assert all(len(c) == 7 and c.startswith("#") for c in table)
