"""Simulated particles: bright, normalised, where they were put, seen as the truth says."""

import numpy as np
import pytest

from cryopick.io.particles import read_particle_images, read_particles
from measuring import particle_stack
from measuring.particle_stack import BOX_PX, damped_ctf, images_of, random_zyz_deg

COMMON = """
import numpy as np

def blob_model(seed, n, radius):
    g = np.random.default_rng(seed)
    p = g.normal(size=(n, 3)) * [1.0, 0.6, 0.3]
    p -= p.mean(0)
    return p * radius / np.linalg.norm(p, axis=1).max(), np.ones(n)
"""


@pytest.fixture
def generator(tmp_path):
    (tmp_path / "gen_common.py").write_text(COMMON)
    return tmp_path / "gen2d.py"


@pytest.fixture
def stack(tmp_path, generator, monkeypatch):
    monkeypatch.setattr(particle_stack, "PER_FILE", 40)
    return particle_stack.make(tmp_path / "stack", 90, generator=generator)


def test_all_particles_lie_where_the_star_says(stack):
    particles = read_particles(stack.star)
    images = read_particle_images(particles)
    assert images.shape == (90, BOX_PX, BOX_PX)
    assert len(set(particles.file.tolist())) == 3
    assert particles.defocus_of(0).u_um == 1.0
    assert particles.defocus_of(89).u_um == 1.6
    assert stack.views.shape == (90, 3)
    np.testing.assert_allclose(np.linalg.norm(stack.views, axis=1), 1)


def test_matter_is_bright_and_the_background_normal(stack):
    images = read_particle_images(read_particles(stack.star))
    line = np.arange(BOX_PX) - BOX_PX // 2
    radius = np.hypot(line[:, None], line)
    around = images[:, radius > 24]
    np.testing.assert_allclose(around.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(around.std(1), 1, atol=1e-5)
    assert images[:, radius < 8].mean() > 0.1


def test_seed_and_reuse(tmp_path, generator):
    first = particle_stack.make(tmp_path / "a", 20, generator=generator)
    again = particle_stack.make(tmp_path / "b", 20, generator=generator)
    np.testing.assert_array_equal(first.views, again.views)
    before = first.star.stat().st_mtime_ns
    particle_stack.make(tmp_path / "a", 20, generator=generator, reuse=True)
    assert first.star.stat().st_mtime_ns == before
    assert len(particle_stack.make(tmp_path / "a", 30, generator=generator, reuse=True).views) == 30


def test_a_shift_moves_the_image_by_so_many_pixels(monkeypatch):
    monkeypatch.setattr(particle_stack, "NOISE_SD", 1e-6)
    model = (np.zeros((1, 3)), np.ones(1))
    pose = np.zeros((2, 3))
    shift = np.array([[0.0, 0.0], [5.0, -3.0]])
    centred, moved = images_of(model, pose, shift, 1.0, np.random.default_rng(0))
    place = [np.unravel_index(image.argmax(), image.shape) for image in (centred, moved)]
    assert place == [(32, 32), (29, 37)]


def test_the_pose_turns_the_particle(monkeypatch):
    """A point on x of the particle, turned by 90 degrees about z, is seen on y."""
    monkeypatch.setattr(particle_stack, "NOISE_SD", 1e-6)
    model = (np.array([[40.0, 0, 0]]), np.ones(1))
    poses = np.array([[0.0, 0, 0], [90.0, 0, 0]])
    images = images_of(model, poses, np.zeros((2, 2)), 1.0, np.random.default_rng(0))
    place = [np.unravel_index(image.argmax(), image.shape) for image in images]
    assert place == [(32, 42), (42, 32)]


def test_views_are_spread_evenly():
    z = np.cos(np.deg2rad(random_zyz_deg(4000, np.random.default_rng(0))[:, 1]))
    assert abs(z.mean()) < 0.03
    assert abs((z**2).mean() - 1 / 3) < 0.02


def test_envelope_damps():
    full = damped_ctf((64, 64), 1.0, 1.0)
    assert full[0, 0] == pytest.approx(-0.1)
    assert np.abs(full[32]).max() < np.exp(-60 / 4 / 4) + 1e-6


def test_a_missing_generator_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="gen_common"):
        particle_stack.particle(tmp_path / "gen2d.py")
