"""Pixels of particles in the order that is asked for, from several stacks."""

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.images import write_mrc
from cryopick.io.particles import read_particle_images, write_particle_stack
from cryopick.model import Particles, Picks


@pytest.fixture
def stacks(tmp_path):
    """Two stacks whose pixels tell which image they are: 0, 1, 2, ... and 100, 101, ..."""
    for name, first in (("a", 0), ("b", 100)):
        images = np.arange(first, first + 40, dtype=np.float32)[:, None, None]
        write_particle_stack(tmp_path / f"{name}.mrcs", np.broadcast_to(images, (40, 8, 8)), 4.0)
    return tmp_path


def listed(folder, places, box=8):
    return Particles(
        picks=Picks.of(np.zeros((len(places), 2)), image="mic1"),
        file=np.array([str(folder / f"{name}.mrcs") for name, _ in places]),
        index=np.array([i for _, i in places]),
        pixel_size_angstrom=4.0,
        box_px=box,
    )


def test_the_order_is_that_of_the_list(stacks):
    particles = listed(stacks, [("b", 3), ("a", 39), ("a", 0), ("b", 1), ("a", 39)])
    images = read_particle_images(particles)
    assert images.dtype == np.float32
    assert images[:, 0, 0].tolist() == [103, 39, 0, 101, 39]
    assert np.ptp(images, axis=(1, 2)).max() == 0


@pytest.mark.parametrize("rows", [[3, 0], np.array([1, 4, 2])])
def test_some_of_them(stacks, rows):
    particles = listed(stacks, [("b", 3), ("a", 39), ("a", 0), ("b", 1), ("a", 5)])
    wanted = np.array([103, 39, 0, 101, 5])[rows]
    np.testing.assert_array_equal(read_particle_images(particles, rows)[:, 0, 0], wanted)


def test_a_file_of_one_image(tmp_path):
    write_mrc(tmp_path / "a.mrcs", np.full((8, 8), 7, np.float32), 4.0)
    assert read_particle_images(listed(tmp_path, [("a", 0)]))[0, 0, 0] == 7


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_stacks_of_both_precisions(tmp_path, dtype):
    images = np.random.default_rng(0).normal(size=(3, 8, 8)).astype(np.float32)
    write_particle_stack(tmp_path / "a.mrcs", images, 4.0, dtype=dtype)
    found = read_particle_images(listed(tmp_path, [("a", i) for i in range(3)]))
    np.testing.assert_allclose(found, images, atol=2e-3 if dtype == "float16" else 0)


def test_a_stack_that_is_not_what_its_table_says(stacks):
    with pytest.raises(FormatError, match="images of 8x8 px; expected 16x16"):
        read_particle_images(listed(stacks, [("a", 0)], box=16))
    with pytest.raises(FormatError, match="holds 40 images, but image 41 is listed"):
        read_particle_images(listed(stacks, [("a", 40)]))


def test_no_particles(stacks):
    particles = listed(stacks, [("a", 0)])
    assert read_particle_images(particles, []).shape == (0, 8, 8)
