import numpy as np

from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.relion_columns import (
    magnified,
    mismatches,
    per_row,
    tomogram_names,
)
from cryopick.io.star import parse_star
from cryopick.model import Grid


def test_a_tomogram_is_known_with_and_without_rec():
    grid = Grid(shape=(4, 4, 4), pixel_size_angstrom=1.0)
    names = np.array(["TS_1", "TS_2", "TS_3"])
    frame = Frame(grids={"rec_TS_1": grid, "TS_2": grid, "rec_TS_2": grid})
    assert tomogram_names(names, frame).tolist() == ["rec_TS_1", "TS_2", "TS_3"]


def test_many_mismatches_are_one_sentence():
    names = np.array(["a", "b", "c"])
    own = np.array([2.0, 2.0, 2.0])
    found = mismatches(names, Frame(pixel_size_angstrom=1.0), own, "x")
    assert found == ["image a: x is 2 Å, but its pixel size is 1 Å (and so for 2 more images)"]
    assert mismatches(names, Frame(pixel_size_angstrom=2.001), own, "x") == []
    assert mismatches(names, Frame(), own, "x") == []


def test_values_of_optics_groups_reach_the_rows():
    star = parse_star(
        "data_optics\nloop_\n_rlnOpticsGroup\n_a\n2 20\n1 10\n"
        "data_particles\nloop_\n_rlnOpticsGroup\n_b\n1 5\n2 0\n1 7\n"
    )
    block = star.block("particles")
    assert per_row(star, block, "a").tolist() == [10, 20, 10]
    assert per_row(star, block, "b") is None  # not all above 0
    assert per_row(star, block, "c") is None


def test_a_single_optics_group_holds_for_all_rows():
    star = parse_star("data_optics\nloop_\n_a\n20\ndata_particles\nloop_\n_b\n1\n2\n")
    assert per_row(star, star.block("particles"), "a").tolist() == [20, 20]


def test_magnification():
    block = parse_star(
        "data_\nloop_\n_rlnDetectorPixelSize\n_rlnMagnification\n5 25000\n14 100000\n"
    ).blocks[0]
    np.testing.assert_allclose(magnified(block), [2.0, 1.4])
