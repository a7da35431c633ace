"""The built-in particles: symmetric as they say, distinct, dense as protein."""

from itertools import combinations

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.geometry.rotation import from_axis_angle
from cryopick.geometry.symmetry import point_group
from cryopick.ops.rotate_volume import rotate_volume
from cryopick.simulate.maps import load_map
from cryopick.simulate.shapes import SHAPES, shape_points, shape_volume


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


@pytest.mark.parametrize("name", SHAPES)
def test_density_has_the_symmetry_it_names(name):
    density = load_map(name, 5.0).density
    group = point_group(SHAPES[name].symmetry)
    for turned in rotate_volume(density, group[: min(len(group), 12)]):
        assert correlation(turned, density) > 0.97


@pytest.mark.parametrize("name", ["ribosome", "spike", "channel", "proteasome"])
def test_density_has_no_more_symmetry_than_it_names(name):
    density = load_map(name, 5.0).density
    odd = np.stack([from_axis_angle([0, 0, 1], 41.0), from_axis_angle([1, 0, 0], 67.0)])
    for turned in rotate_volume(density, odd):
        assert correlation(turned, density) < 0.95


@pytest.mark.parametrize("name", SHAPES)
def test_points_are_the_same_every_time_and_centred(name):
    points, weights = shape_points(name)
    again, same = shape_points(name)
    np.testing.assert_array_equal(points, again)
    np.testing.assert_array_equal(weights, same)
    assert weights.min() > 0
    if SHAPES[name].symmetry not in ("C1", "C2", "C3", "C4"):
        np.testing.assert_allclose(np.average(points, axis=0, weights=weights), 0, atol=1e-6)


def test_shapes_can_be_told_apart():
    maps = {name: load_map(name, 8.0).density for name in SHAPES}
    box = max(len(m) for m in maps.values())
    padded = {}
    for name, density in maps.items():
        rim = box // 2 - len(density) // 2
        padded[name] = np.pad(density, ((rim, box - len(density) - rim),) * 3)
    for a, b in combinations(padded, 2):
        assert correlation(padded[a], padded[b]) < 0.9, (a, b)


@pytest.mark.parametrize(
    ("name", "smallest", "largest"),
    [("ribosome", 250, 300), ("apoferritin", 120, 150), ("proteasome", 140, 190),
     ("betagal", 150, 200), ("capsid", 280, 320), ("spike", 160, 220)],
)  # fmt: skip
def test_sizes_are_those_of_their_namesakes(name, smallest, largest):
    assert smallest < load_map(name, 4.0).diameter_angstrom < largest


@pytest.mark.parametrize("name", ["apoferritin", "capsid"])
def test_shells_are_hollow(name):
    density = load_map(name, 4.0).density
    c = len(density) // 2
    assert density[c - 2 : c + 3, c - 2 : c + 3, c - 2 : c + 3].max() < 0.1


def test_the_filament_is_the_only_one_with_a_rise():
    assert [n for n, s in SHAPES.items() if s.rise_angstrom > 0] == ["filament"]


def test_the_native_volume_holds_nothing_near_its_nyquist_frequency():
    volume = shape_volume("apoferritin")
    power = np.abs(np.fft.rfftn(volume)) ** 2
    k = np.fft.fftfreq(len(volume))
    radius = np.sqrt(
        k[:, None, None] ** 2 + k[None, :, None] ** 2 + np.fft.rfftfreq(len(volume)) ** 2
    )
    assert power[radius > 0.4].sum() < 1e-4 * power.sum()


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match=r"shape virus: not built in; use one of ribosome"):
        shape_points("virus")
