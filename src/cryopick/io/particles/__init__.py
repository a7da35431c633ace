"""Particles on disk: the STAR file that lists them, and the stacks that hold their pixels."""

from cryopick.io.particles.pixels import read_particle_images, write_particle_stack
from cryopick.io.particles.star_reader import read_particles
from cryopick.io.particles.star_writer import write_particles

__all__ = [
    "read_particle_images",
    "read_particles",
    "write_particle_stack",
    "write_particles",
]
