import numpy as np
import pytest

from cryopick.curate.recentre import (
    mass_centre_px,
    moved_images,
    recentred_shift_angstrom,
    settled_centre_px,
)
from cryopick.geometry.rotation import from_axis_angle
from toy_particles import BOX, references, turned


def disc(x, y, radius=5.0, box=BOX):
    v, u = np.mgrid[:box, :box] - box // 2
    return 1 / (1 + np.exp(np.hypot(u - x, v - y) - radius))


@pytest.mark.parametrize("place", [(0.0, 0.0), (3.0, -2.0), (-1.4, 4.2)])
def test_the_centre_of_a_disc_is_found(place):
    rng = np.random.default_rng(0)
    image = disc(*place) + 0.05 * rng.normal(size=(BOX, BOX)) + 10
    found = mass_centre_px(image[None].astype(np.float32))
    np.testing.assert_allclose(found[0], place, atol=0.25)


@pytest.mark.parametrize("neighbour", [(16.0, 0.0), (-9.0, 9.5), (2.0, -15.5)])
def test_neighbours_do_not_pull(neighbour):
    """Two rings of the same particle in one box: the one near the centre counts."""

    def ring(x, y):
        return disc(x, y, 6.0, 40) - 0.7 * disc(x, y, 3.5, 40)

    image = ring(1.5, -1.0) + ring(*neighbour)
    found = mass_centre_px(image[None].astype(np.float32), radius_px=6)
    np.testing.assert_allclose(found[0], (1.5, -1.0), atol=0.8)


def test_a_long_particle_is_centred_as_a_whole():
    image = disc(-3, 0, 4.0) + disc(2, 0, 4.0) + disc(7, 0, 4.0)
    found = mass_centre_px(image[None].astype(np.float32))
    np.testing.assert_allclose(found[0], (2, 0), atol=0.4)


def test_each_image_settles_by_itself():
    mass = np.stack([disc(0, 0), disc(4, 1), np.zeros((BOX, BOX))])
    together = settled_centre_px(mass, radius_px=8)
    alone = [settled_centre_px(one[None], radius_px=8)[0] for one in mass]
    np.testing.assert_allclose(together, alone, atol=0.02)
    np.testing.assert_allclose(together, [(0, 0), (4, 1), (0, 0)], atol=0.1)


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0])
def test_an_empty_image_is_centred(value):
    assert mass_centre_px(np.full((1, 16, 16), value, np.float32)).tolist() == [[0.0, 0.0]]


def test_moving_by_the_negative_centre_centres():
    image = disc(3.0, -2.0)[None].astype(np.float32)
    moved = moved_images(image, -mass_centre_px(image))
    np.testing.assert_allclose(mass_centre_px(moved), 0, atol=0.05)
    np.testing.assert_allclose(moved[0], disc(0, 0), atol=0.05)


def test_moved_images_move_x_along_the_rows():
    image = np.zeros((1, 16, 16), np.float32)
    image[0, 8, 8] = 1
    moved = moved_images(image, np.array([[3.0, -2.0]]))
    assert np.unravel_index(moved[0].argmax(), (16, 16)) == (6, 11)


def test_particles_follow_their_reference():
    """Centring a reference and its particles leaves what they show together unchanged.

    A particle is drawn from the reference as it was, and again from the centred one with the new
    shift: both drawings are the same image.
    """
    rng = np.random.default_rng(1)
    reference = references()[:1]
    centre = mass_centre_px(reference)
    assert np.abs(centre).max() > 0.8
    centred = moved_images(reference, -centre)
    angle = rng.uniform(-np.pi, np.pi, 5)
    shift = rng.uniform(-2, 2, (5, 2))
    orientation = from_axis_angle([0.0, 0.0, 1.0], np.rad2deg(angle))
    new = recentred_shift_angstrom(shift, orientation, np.repeat(centre, 5, axis=0))
    for i in range(5):
        # A mass at -R c of the old reference's centre: undo it by hand on the formula's drawing.
        c, s = np.cos(angle[i]), np.sin(angle[i])
        off = np.array([c * centre[0, 0] - s * centre[0, 1], s * centre[0, 0] + c * centre[0, 1]])
        np.testing.assert_allclose(new[i], shift[i] - off)
        drawn = turned(0, angle[i], shift[i])
        # Adding the new shift brings the particle's mass to the centre.
        there = moved_images(drawn[None].astype(np.float32), new[i : i + 1])
        np.testing.assert_allclose(mass_centre_px(there), 0, atol=0.3)
    assert centred.shape == reference.shape
