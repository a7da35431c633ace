"""What is prepared once per process, and when it is made anew."""

from dataclasses import replace

import pytest

from cryopick.errors import InputError
from cryopick.pick.merit.search import kept_search, prepare_search
from cryopick.pick.merit.settings import MeritSettings
from merit_scenes import two_references

SETTINGS = MeritSettings(particle_diameter_angstrom=130.0, angular_step_deg=45.0, ctf="none")
SHAPE = (128, 160)


def kept(references, settings=SETTINGS, *, shape=SHAPE, pixel=4.0):
    return kept_search(references, settings, shape=shape, pixel_size_angstrom=pixel)


def test_the_same_references_are_prepared_once():
    one = kept(two_references(4.0))
    assert kept(two_references(4.0)) is one
    # Another shape of micrograph needs nothing new.
    assert kept(two_references(4.0), shape=(300, 200)) is one


def test_whatever_changes_the_search_makes_a_new_one():
    references = two_references(4.0)
    one = kept(references)
    brighter = replace(references, images=references.images * 2)
    assert kept(brighter) is not one
    one = kept(references)
    assert kept(references, replace(SETTINGS, angular_step_deg=30.0)) is not one
    one = kept(references)
    assert kept(references, pixel=4.2) is not one
    one = kept(references)
    assert kept(replace(references, pixel_size_angstrom=4.1)) is not one


def test_few_are_kept():
    references = two_references(4.0)
    one = kept(references)
    for step in (60.0, 72.0, 90.0):
        kept(references, replace(SETTINGS, angular_step_deg=step))
    assert kept(references) is not one


def test_a_small_micrograph_is_padded_to_twice_the_box():
    found = prepare_search(two_references(4.0), SETTINGS, shape=(50, 400), pixel_size_angstrom=4.0)
    grid = found.grid((50, 400))
    assert grid.padded[0] >= 96
    assert grid.kept == tuple(-(-n // found.step) for n in (50, 400))


def test_a_wrong_diameter_is_told_at_once():
    with pytest.raises(InputError, match="larger than the box"):
        prepare_search(
            two_references(4.0),
            replace(SETTINGS, particle_diameter_angstrom=500.0),
            shape=SHAPE,
            pixel_size_angstrom=4.0,
        )
