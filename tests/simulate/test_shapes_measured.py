"""Built-in particles, measured: size, weight, symmetry axes, outline, sampling."""

import numpy as np
import pytest
from scipy.ndimage import label

from cryopick.geometry.rotation import from_axis_angle
from cryopick.geometry.symmetry import point_group
from cryopick.ops.rotate_volume import rotate_volume
from cryopick.simulate.maps import load_map
from cryopick.simulate.shapes import NATIVE_PIXEL_ANGSTROM, SHAPES, shape_points, shape_volume

# Protein takes 1.21 Å³ per Dalton, and a residue weighs 110 Da.
RESIDUE_ANGSTROM3 = 1.21 * 110


@pytest.mark.parametrize("name", SHAPES)
def test_points_are_the_orbit_of_the_point_group(name):
    """Every point turned by every element of the group is a point again, of the same weight."""
    points, weights = shape_points(name)
    order = len(point_group(SHAPES[name].symmetry))
    assert len(points) % order == 0
    unit = len(points) // order
    radius = np.linalg.norm(points, axis=1).reshape(order, unit)
    np.testing.assert_allclose(radius, np.tile(radius[0], (order, 1)), atol=1e-6)
    np.testing.assert_array_equal(weights.reshape(order, unit), np.tile(weights[:unit], (order, 1)))


@pytest.mark.parametrize(
    ("name", "axis", "fold"),
    [("proteasome", (0, 0, 1), 7), ("proteasome", (1, 0, 0), 2), ("betagal", (0, 0, 1), 2),
     ("betagal", (1, 0, 0), 2), ("betagal", (0, 1, 0), 2), ("spike", (0, 0, 1), 3),
     ("channel", (0, 0, 1), 4), ("filament", (0, 0, 1), 2), ("apoferritin", (0, 0, 1), 4),
     ("apoferritin", (1, 1, 1), 3), ("apoferritin", (1, 1, 0), 2), ("capsid", (0, 0, 1), 2)],
)  # fmt: skip
def test_axes_lie_where_the_point_group_puts_them(name, axis, fold):
    density = load_map(name, 6.0).density
    own, half = rotate_volume(
        density,
        np.stack([from_axis_angle(axis, 360 / fold), from_axis_angle(axis, 180 / fold)]),
    )
    right = np.corrcoef(own.ravel(), density.ravel())[0, 1]
    wrong = np.corrcoef(half.ravel(), density.ravel())[0, 1]
    assert right > 0.96
    assert wrong < right - 0.03


@pytest.mark.parametrize("name", SHAPES)
def test_density_takes_the_room_of_its_residues(name):
    """The volume above half of the plateau, per pseudo-residue, is that of an amino acid."""
    species = load_map(name, 4.0)
    volume = (species.density > 0.5).sum() * 4.0**3
    points, _ = shape_points(name)
    assert 0.7 < volume / len(points) / RESIDUE_ANGSTROM3 < 2.0


@pytest.mark.parametrize("name", SHAPES)
def test_the_plateau_is_about_one_and_the_background_nothing(name):
    density = load_map(name, 5.0).density
    dense = density[density > 0.3]
    assert np.average(dense, weights=dense) == pytest.approx(1.0, abs=0.15)
    for axis in range(3):
        assert np.abs(density.take([0, -1], axis=axis)).max() < 0.05


@pytest.mark.parametrize("name", SHAPES)
def test_the_diameter_holds_the_points(name):
    points, _ = shape_points(name)
    reach = np.linalg.norm(points, axis=1)
    diameter = load_map(name, 3.0).diameter_angstrom
    # The blur of 3 Å puts the edge a little beyond the outermost residues.
    assert diameter / 2 > np.quantile(reach, 0.98)
    assert diameter / 2 < reach.max() + 10.0


@pytest.mark.parametrize("name", ["ribosome", "spike", "apoferritin"])
def test_sizes_do_not_depend_on_the_pixels(name):
    sizes = [(load_map(name, p).diameter_angstrom, load_map(name, p).height_angstrom)
             for p in (2.0, 3.7, 6.0, 10.0)]  # fmt: skip
    np.testing.assert_allclose(sizes, np.tile(sizes[0], (4, 1)), atol=14.0)


@pytest.mark.parametrize("pixel", [1.9, 3.3, 7.1, 13.48, 20.0])
def test_any_pixel_size_gives_an_even_box_with_the_particle_in_its_middle(pixel):
    species = load_map("apoferritin", pixel)
    n = len(species.density)
    assert n % 2 == 0
    assert n * pixel > species.diameter_angstrom
    index = np.indices(species.density.shape).reshape(3, -1)
    centre = index @ species.density.ravel().astype(float) / species.density.sum()
    np.testing.assert_allclose(centre, n // 2, atol=0.1)
    assert species.pixel_size_angstrom == pixel


@pytest.mark.parametrize("name", ["ribosome", "betagal", "spike", "channel", "capsid"])
def test_each_particle_is_one_piece(name):
    pieces, n = label(load_map(name, 5.0).density > 0.25)
    sizes = np.bincount(pieces.ravel())[1:]
    assert n >= 1
    assert sizes.max() > 0.98 * sizes.sum()


def test_the_spike_stands_on_a_thin_stalk_and_its_height_is_the_stalks():
    """Its z axis points away from the membrane: the heavy head is on top."""
    species = load_map("spike", 4.0)
    c = len(species.density) // 2
    mass = species.density.sum(axis=(1, 2))
    assert mass[c + 5 :].sum() > 3 * mass[: c - 5].sum()
    assert species.height_angstrom == pytest.approx(92, abs=14)


def test_the_channel_and_the_proteasome_have_a_pore():
    for name, radius in (("channel", 5.0), ("proteasome", 10.0)):
        density = load_map(name, 3.0).density
        c = len(density) // 2
        y, x = np.indices(density.shape[1:]) * 3.0
        pore = np.hypot(x - c * 3.0, y - c * 3.0) <= radius
        assert density[:, pore].mean() < 0.1


def test_the_native_volume_holds_all_the_weight_in_its_box():
    for name in ("apoferritin", "filament"):
        _, weights = shape_points(name)
        volume = shape_volume(name)
        assert volume.sum(dtype=float) == pytest.approx(weights.sum(), rel=1e-3)
        assert len(volume) % 2 == 0
        edge = max(volume.take([0, -1], axis=a).max() for a in range(3))
        assert edge < 1e-3 * volume.max()
    assert NATIVE_PIXEL_ANGSTROM == 2.0


def test_segments_of_the_filament_join():
    """Stacked at their rise, neighbouring segments leave no gap along the axis."""
    species = load_map("filament", 5.0)
    steps = round(species.rise_angstrom / 5.0)
    profile = np.zeros(len(species.density) + 2 * steps)
    for k in range(3):
        profile[k * steps : k * steps + len(species.density)] += species.density.sum(axis=(1, 2))
    middle = profile[len(profile) // 2 - steps // 2 : len(profile) // 2 + steps // 2]
    assert middle.min() > 0.25 * middle.max()
