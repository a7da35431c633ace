"""How wide a particle is, and on which side of its background."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.ops.particle_extent import contrast_of, measure_particle


def _ball(n=48, radius=12.0, centre=(0, 0, 0), value=1.0, noise=0.0):
    axes = [np.arange(n) - n // 2 - c for c in centre[::-1]]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    volume = np.where(x**2.0 + y**2 + z**2 <= radius**2, value, 0.0)
    rng = np.random.default_rng(0)
    return (volume + rng.normal(0, 1, volume.shape) * noise).astype(np.float32)


@pytest.mark.parametrize("value", [1.0, -3.0, 1e-4])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_the_diameter_of_a_ball(value, noise):
    found = measure_particle(_ball(value=value, noise=noise * abs(value)), 4.0)
    assert found.diameter_angstrom == pytest.approx(4.0 * 25, abs=6)
    assert found.half_width_angstrom == pytest.approx(4.0 * 12.5, abs=6)
    assert found.contrast == ("bright" if value > 0 else "dark")
    assert not found.touches_edge


def test_the_diameter_is_that_about_the_centre_given():
    volume = _ball(radius=8, centre=(6, 0, 0))
    about_box = measure_particle(volume, 1.0)
    about_ball = measure_particle(volume, 1.0, centre_px=(30.0, 24.0, 24.0))
    assert about_box.diameter_angstrom == pytest.approx(2 * 14 + 1, abs=2)
    assert about_ball.diameter_angstrom == pytest.approx(2 * 8 + 1, abs=1)


def test_a_particle_at_the_edge_is_told():
    assert measure_particle(_ball(radius=10, centre=(18, 0, 0)), 1.0).touches_edge


def test_noise_in_a_corner_is_no_particle():
    volume = _ball()
    volume[3, 3, 3] = 1.0
    assert measure_particle(volume, 1.0).diameter_angstrom == pytest.approx(25, abs=1)


def test_nothing_there():
    with pytest.raises(InputError, match="no density above"):
        measure_particle(np.zeros((8, 8, 8), np.float32), 1.0)


def test_contrast_cannot_be_told_from_noise():
    noise = np.random.default_rng(1).normal(size=(24, 24, 24))
    assert contrast_of(noise) == "cannot tell"
    assert contrast_of(np.ones((8, 8, 8))) == "cannot tell"
    assert contrast_of(_ball() + 50) == "bright"
    assert contrast_of(50 - _ball()) == "dark"
