"""Small sets of particles on disk, with known class, in-plane angle and shift."""

from pathlib import Path

import numpy as np

from cryopick.geometry.euler import quaternion_from_psi_deg
from cryopick.geometry.rotation import to_matrix
from cryopick.io.particles import write_particle_stack, write_particles
from cryopick.model import Particles, Picks

BOX, PIXEL = 32, 4.0
# Species: blobs at x, y (px), of a width and a height.
SPECIES = (
    np.array([[0, 0, 3, 1], [6, 1, 1.6, 1.2], [-3, 6, 1.5, 0.9], [2, -5, 1.2, 0.8]]),
    np.array([[-5, 0, 2, 1.2], [5, 0, 2, 1.2], [0, 4, 1.3, 0.7]]),
    np.array([[0, -7, 1.5, 1.2], [0, 0, 1.6, 1.1], [0, 7, 1.5, 1.3], [5, 7, 1.2, 0.8]]),
)


def picture(species, psi_deg=0.0, offset_px=(0.0, 0.0), box=BOX):
    """A bright particle, actively rotated from its template, its centre off that of the box."""
    turn = to_matrix(quaternion_from_psi_deg(psi_deg))[:2, :2]
    y, x = np.mgrid[:box, :box] - box // 2
    image = np.zeros((box, box))
    for bx, by, width, height in SPECIES[species]:
        cx, cy = turn @ [bx, by] + offset_px
        image += height * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * width**2))
    return image


def particle_set(folder, n=90, species=3, *, noise_sd=0.5, seed=1, **changes):
    """Write ``particles.star`` and its stack.

    Returns
    -------
    path, truth, psi_deg
        The file; the particles with their true class, rotation and shift; their angles.
    """
    folder = Path(folder)
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % species
    psi = rng.uniform(-180, 180, n)
    offset = rng.uniform(-2, 2, (n, 2))
    images = np.stack([picture(*each) for each in zip(kind, psi, offset, strict=True)])
    images = images / noise_sd + rng.normal(size=images.shape)
    write_particle_stack(folder / "particles.mrcs", images.astype(np.float32), PIXEL)
    picks = Picks.of(
        rng.uniform(100, 3000, (n, 2)),
        image=np.array([f"mic{i % 2 + 1}" for i in range(n)]),
        score=rng.uniform(size=n),
        orientation=quaternion_from_psi_deg(psi),
        label=(kind + 1).astype(str),
    )
    truth = Particles(
        **{
            "picks": picks,
            "file": np.full(n, str(folder / "particles.mrcs")),
            "index": np.arange(n),
            "pixel_size_angstrom": PIXEL,
            "box_px": BOX,
            "shift_angstrom": -offset * PIXEL,
            "micrograph_pixel_angstrom": np.full(n, 2.0),
            **changes,
        }
    )
    write_particles(folder / "particles.star", truth)
    return folder / "particles.star", truth, psi
