import pytest

from cryopick.curate.settings import SortSettings
from cryopick.errors import InputError
from toy_particles import BOX, PIXEL, toy_particles

_, PARTICLES = toy_particles(2)


def test_the_disc_is_three_quarters_of_the_box_unless_told():
    assert SortSettings().radius_px(PARTICLES) == pytest.approx(0.375 * BOX)
    told = SortSettings(particle_diameter_angstrom=100.0)
    assert told.radius_px(PARTICLES) == pytest.approx(100 / PIXEL / 2)


def test_a_disc_as_wide_as_the_box_leaves_no_background():
    with pytest.raises(InputError, match=r"--particle-diameter 160: the boxes are 160 Å wide"):
        SortSettings(particle_diameter_angstrom=160.0).radius_px(PARTICLES)


@pytest.mark.parametrize(("low_pass", "limit"), [(None, 0.5), (20.0, 0.25), (2.0, 0.5)])
def test_the_low_pass_in_cycles_per_pixel(low_pass, limit):
    assert SortSettings(low_pass_angstrom=low_pass).frequency_max(PARTICLES) == limit


@pytest.mark.parametrize("name", ["particle_diameter_angstrom", "low_pass_angstrom"])
def test_lengths_are_above_zero(name):
    with pytest.raises(InputError, match=f"{name}: expected a length above 0 Å, got -3"):
        SortSettings(**{name: -3.0})
