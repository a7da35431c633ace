from dataclasses import replace

import numpy as np
import pytest
import torch

from cryopick.curate.expected_images import (
    centred_images,
    finer_references,
    particle_transfer,
    through_transfer,
    turned_references,
)
from cryopick.errors import InputError
from toy_particles import BOX, references, toy_particles, transfer, turned


def rotated(label, angle_rad):
    fine = finer_references(torch.from_numpy(references()))
    return turned_references(fine, torch.tensor([label]), torch.tensor([float(angle_rad)]))[0]


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("angle", [0.0, 0.3, np.pi / 2, -2.5])
def test_a_reference_turns_as_its_formula_does(label, angle):
    exact = turned(label, angle, (0.0, 0.0))
    assert np.abs(rotated(label, angle).numpy() - exact).max() < 0.03


def test_a_rotation_from_x_towards_y():
    """The bump at x = 6 of the first shape is found at y = 6 after a quarter turn."""
    y, x = np.unravel_index(int(rotated(0, np.pi / 2).argmax()), (BOX, BOX))
    assert (x - BOX // 2, y - BOX // 2) == (0, 5) or (x - BOX // 2, y - BOX // 2) == (0, 6)


@pytest.mark.parametrize("box", [8, 9])
def test_finer_references_pass_through_the_old_pixels(box):
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(2, box, box))).float()
    fine = finer_references(image)
    assert fine.shape == (2, 2 * box, 2 * box)
    # The Nyquist frequency of an even box has no unique finer version; all else is exact.
    low = image - image.mean(dim=(1, 2), keepdim=True)
    assert float((fine[:, ::2, ::2] - image).abs().max()) < (1e-5 if box % 2 else float(low.norm()))


def test_finer_references_of_a_wave_are_that_wave():
    x = torch.arange(16.0)
    wave = torch.cos(2 * np.pi * 3 * x / 16)[None, None, :].repeat(1, 16, 1)
    expected = torch.cos(2 * np.pi * 3 * torch.arange(32.0) / 32)
    assert torch.allclose(finer_references(wave)[0, 5], expected, atol=1e-5)


def test_a_shift_is_added_to_what_an_image_shows():
    image = torch.zeros(1, 16, 16)
    image[0, 8, 11] = 1.0
    moved = centred_images(image, torch.tensor([[-3.0, 2.0]]))
    assert np.unravel_index(int(moved.argmax()), (16, 16)) == (10, 8)


def test_images_without_shift_and_filter_are_untouched():
    image = torch.randn(2, 8, 8, generator=torch.Generator().manual_seed(0))
    assert centred_images(image, None) is image
    assert through_transfer(image, None) is image


def test_the_low_pass_removes_what_it_weighs_with_zero():
    image = torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(0))
    weight = torch.zeros(16, 9)
    weight[0, 0] = 1.0
    flat = centred_images(image, None, low_pass=weight)
    assert torch.allclose(flat, image.mean().expand_as(flat), atol=1e-6)


def test_transfer_has_the_sign_of_the_images():
    _, particles = toy_particles(6, ctf=True)
    bright = particle_transfer(particles)
    assert bright[0, 0, 0] == pytest.approx(0.07, abs=1e-5)
    for row in range(6):
        np.testing.assert_allclose(bright[row], transfer(particles.defocus[row]), atol=1e-6)
    np.testing.assert_array_equal(particle_transfer(replace(particles, dark=True)), -bright)
    flipped = particle_transfer(replace(particles, phase_flipped=True))
    np.testing.assert_allclose(flipped, np.abs(bright), atol=1e-6)
    squared = particle_transfer(replace(particles, ctf_premultiplied=True))
    np.testing.assert_allclose(squared, bright**2, atol=1e-6)


def test_below_the_first_peak_everything_passes():
    _, particles = toy_particles(2, ctf=True)
    whole = particle_transfer(particles)
    late = particle_transfer(particles, after_first_peak=True)
    same = late == whole
    assert (late[~same] == 1).all()
    assert late[0, 0, 0] == 1
    # The first peak of 1.1 µm lies near 1 / 21 Å, ring 7.5 of this box.
    changed = np.flatnonzero(~same[0, 0])
    assert 4 <= changed.max() <= 9


def test_each_particle_has_the_transfer_of_its_own_optics():
    _, particles = toy_particles(4, ctf=True)
    from cryopick.model import Optics

    two = (Optics(), Optics(voltage_kv=200.0, group="b"))
    mixed = replace(particles, optics=two, optics_group=np.array([0, 1, 0, 1]))
    found = particle_transfer(mixed)
    alone = particle_transfer(replace(particles[1], optics=two, optics_group=np.array([1])))
    np.testing.assert_array_equal(found[1], alone[0])
    assert np.abs(found[0] - found[1]).max() > 0.1


def test_defocus_must_be_known_for_all_or_none():
    _, particles = toy_particles(3)
    assert particle_transfer(particles) is None
    _, particles = toy_particles(3, ctf=True)
    particles.defocus[1, 0] = np.nan
    with pytest.raises(InputError, match=r"particle 2 .*defocus is not known"):
        particle_transfer(particles)
