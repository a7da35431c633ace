"""Particles are found at the class, the angle and the shift they were drawn with."""

import numpy as np

from measuring.aligned_particles import ANGLES, align
from toy_particles import references, toy_particles, transfer


def test_poses_are_recovered():
    images, particles = toy_particles(12, noise=0.3, ctf=True, seed=7)
    seen = np.stack([transfer(row) for row in particles.defocus]).astype(np.float32)
    which, angle, shift = align(images, references(), seen, reach_px=4)
    assert (which + 1).astype(str).tolist() == particles.picks.label.tolist()
    q = particles.picks.orientation
    off = (angle - 2 * np.arctan2(q[:, 3], q[:, 0]) + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(off).max() < 1.5 * 2 * np.pi / ANGLES
    true_px = particles.shift_angstrom / particles.pixel_size_angstrom
    assert np.abs(shift - true_px).max() < 1.6
