"""Templates and how they look in every orientation."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.geometry.rotation import from_axis_angle, inverse
from cryopick.geometry.so3_grid import rotation_grid
from cryopick.pick.matching.imaging import Band, Imaging
from cryopick.pick.matching.template import Template, TurnedTemplates
from cryopick.pick.matching.weighting import template_weight
from pick.matching.cases import lumpy_template, soft_sphere
from pick.matching.oracle import oversampled, sampled, template_and_mask

NONE = np.array([[1.0, 0, 0, 0]])
ROTATIONS = rotation_grid(70)


def template(**changes):
    cube = np.random.default_rng(0).normal(size=(6, 6, 6)).astype(np.float32)
    given = {
        "density": cube, "mask": np.ones_like(cube), "pixel_size_angstrom": 10.0, "name": "t",
        "diameter_angstrom": 60.0,
    }  # fmt: skip
    return Template(**{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"density": np.zeros((4, 4, 5), np.float32)}, "expected a cube"),
        ({"mask": np.ones((5, 5, 5), np.float32)}, "expected 6 x 6 x 6"),
        ({"mask": np.zeros((6, 6, 6), np.float32)}, "is empty"),
        ({"density": np.ones((6, 6, 6), np.float32)}, "constant under its mask"),
        ({"density": np.full((6, 6, 6), np.nan, np.float32)}, "NaN or infinite"),
    ],
)
def test_what_cannot_be_a_template_is_refused_in_one_line(changes, message):
    with pytest.raises(InputError, match=message) as error:
        template(**changes)
    assert "\n" not in str(error.value)


def test_a_weight_of_another_shape_is_refused():
    with pytest.raises(InputError, match="expected 6 x 6 x 4"):
        TurnedTemplates(template(), np.ones((6, 6, 6), np.float32))


@pytest.mark.parametrize("n", [9, 12])
@pytest.mark.parametrize("spherical", [True, False])
@pytest.mark.parametrize("wedge", [None, (-40, 60)])
def test_turned_templates_are_those_of_plain_numpy(n, spherical, wedge):
    given = lumpy_template(n, spherical=spherical)
    weight = None
    if wedge:
        weight = template_weight(n, 10.0, imaging=Imaging(wedge_deg=wedge), band=Band())
    turned = TurnedTemplates(given, weight)
    found, masks = turned.at(ROTATIONS[:5]).numpy(), turned.masks(ROTATIONS[:5]).numpy()
    assert masks.shape == ((1 if spherical else 5), n, n, n)
    for place in range(5):
        wanted, mask = template_and_mask(given, weight, ROTATIONS[place])
        np.testing.assert_allclose(found[place], wanted, atol=2e-5)
        np.testing.assert_allclose(masks[0 if spherical else place], mask, atol=1e-5)


@pytest.mark.parametrize("n", [9, 12])
@pytest.mark.parametrize("spherical", [True, False])
def test_every_one_has_mean_0_and_deviation_1_under_its_mask(n, spherical):
    turned = TurnedTemplates(lumpy_template(n, spherical=spherical), None)
    found, masks = turned.at(ROTATIONS[:8]), turned.masks(ROTATIONS[:8])
    total = masks.sum((1, 2, 3))
    assert torch.allclose(found.sum((1, 2, 3)) / total, torch.zeros(8), atol=1e-5)
    inside = masks.clamp_min(1e-9)
    # t is (w - m) / s · M: divided by M its square is weighted by M again.
    squares = torch.where(masks > 1e-6, found.square() / inside, 0).sum((1, 2, 3)) / total
    assert torch.allclose(squares, torch.ones(8), atol=1e-4)


@pytest.mark.parametrize("n", [8, 9])
def test_the_centre_of_rotation_is_voxel_n_half(n):
    density = np.zeros((n, n, n), np.float32)
    density[n // 2, n // 2, n // 2] = 1
    one = lumpy_template(n)
    given = Template(
        density=density, mask=one.mask, pixel_size_angstrom=1.0, name="p", diameter_angstrom=4.0
    )
    for values in TurnedTemplates(given, None).weighted(ROTATIONS):
        assert np.unravel_index(int(values.argmax()), values.shape) == (n // 2,) * 3
        assert float(values.max()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("n", [8, 9])
def test_rotations_are_active_and_take_the_template_to_the_image(n):
    """A lump on the x axis goes to y in a quarter turn about z: arrays are z, y, x."""
    c = n // 2
    lump = soft_sphere(n, 1.2)
    on_x = np.roll(lump, 2, axis=2)
    given = Template(
        density=on_x, mask=np.ones_like(lump), pixel_size_angstrom=1.0, name="x",
        diameter_angstrom=6.0,
    )  # fmt: skip
    turned = TurnedTemplates(given, None).weighted(
        np.stack([from_axis_angle([0, 0, 1], 90), from_axis_angle([0, 1, 0], 90)])
    )
    assert np.unravel_index(int(turned[0].argmax()), (n, n, n)) == (c, c + 2, c)
    assert np.unravel_index(int(turned[1].argmax()), (n, n, n)) == (c - 2, c, c)


@pytest.mark.parametrize("n", [10, 11])
def test_no_turn_leaves_the_density_as_it_is(n):
    given = lumpy_template(n)
    found = TurnedTemplates(given, None).weighted(NONE)[0]
    np.testing.assert_allclose(found, given.density, atol=1e-4)


def test_the_weight_comes_after_the_turn():
    """The wedge stays with the tomogram: turning must not turn it."""
    given = lumpy_template(12)
    weight = template_weight(12, 10.0, imaging=Imaging(wedge_deg=(-40, 40)), band=Band())
    power = np.zeros(weight.shape)
    for values in TurnedTemplates(given, weight).weighted(ROTATIONS[:20]):
        power += np.abs(np.fft.rfftn(values.numpy())) ** 2
    assert power[weight == 0].max() < 1e-6 * power.max()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, len(ROTATIONS) - 1), st.booleans())
def test_a_turn_and_its_inverse_meet_at_the_middle(place, even):
    """<R T, U> = <T, R^-1 U> but for interpolation, for smooth densities."""
    n = 14 if even else 15
    one, other = lumpy_template(n, smooth=1.8), lumpy_template(n, seed=5, smooth=1.8)
    rotation = ROTATIONS[place]
    there = TurnedTemplates(one, None).weighted(rotation)[0].numpy()
    back = TurnedTemplates(other, None).weighted(inverse(rotation))[0].numpy()
    scale = np.linalg.norm(one.density) * np.linalg.norm(other.density)
    assert (there * other.density).sum() / scale == pytest.approx(
        (one.density * back).sum() / scale, abs=0.02
    )


def test_many_orientations_come_in_chunks_without_a_seam(monkeypatch):
    from cryopick.pick.matching import template as module

    given = lumpy_template(9)
    whole = TurnedTemplates(given, None).at(ROTATIONS)
    monkeypatch.setattr(module, "_CHUNK_VOXELS", 9**3 * 7)
    np.testing.assert_allclose(TurnedTemplates(given, None).at(ROTATIONS), whole, atol=1e-6)


@pytest.mark.parametrize("n", [7, 8])
def test_the_oracle_itself_interpolates_through_the_voxels(n):
    cube = np.random.default_rng(1).normal(size=(n, n, n))
    fine = oversampled(cube)
    np.testing.assert_allclose(sampled(fine, NONE[0], n=n, fold=2), cube, atol=1e-12)
