"""Small stacks of particles with known classes, angles and shifts, and junk among them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from cryopick.geometry.rotation import from_axis_angle
from cryopick.io.particles import write_particle_stack, write_particles
from cryopick.model import Optics, Particles, Picks
from cryopick.ops.ctf import ctf_image

BOX, PIXEL = 32, 5.0
RADIUS_PX = 10.0


def references(box=BOX):
    """Two bright, lopsided shapes of about 20 px, ``(2, box, box)``, centred."""
    y, x = np.mgrid[:box, :box] - box // 2

    def blob(cx, cy, size, height):
        return height * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * size**2))

    first = blob(0, 0, 4.0, 1.0) + blob(6, 0, 2.0, 1.5) + blob(0, 5, 1.5, 1.0)
    second = blob(-5, 0, 2.5, 1.5) + blob(5, 0, 2.5, 1.5) + blob(0, -6, 2.0, 1.0)
    return np.stack([first, second]).astype(np.float32)


def turned(label, angle_rad, shift_px, box=BOX):
    """Reference ``label`` (0 or 1) rotated from x towards y, displaced by ``-shift_px``, exactly.

    The shapes are Gaussians, so they are evaluated anew at turned places: no interpolation.
    """
    y, x = np.mgrid[:box, :box] - box // 2
    x, y = x + shift_px[0], y + shift_px[1]
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    u, v = c * x + s * y, -s * x + c * y

    def blob(cx, cy, size, height):
        return height * np.exp(-((u - cx) ** 2 + (v - cy) ** 2) / (2 * size**2))

    if label == 0:
        return blob(0, 0, 4.0, 1.0) + blob(6, 0, 2.0, 1.5) + blob(0, 5, 1.5, 1.0)
    return blob(-5, 0, 2.5, 1.5) + blob(5, 0, 2.5, 1.5) + blob(0, -6, 2.0, 1.0)


def toy_particles(n=60, *, junk=0, noise=0.3, ctf=False, seed=0, shift_px=2.0, height=3.0):
    """``n`` images: good ones first, then ``junk`` of them empty, bright or off-centre in turn.

    Returns images ``(n, BOX, BOX)`` and `Particles` (of a stack that is not written yet).
    """
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    angle = rng.uniform(-np.pi, np.pi, n)
    shift = rng.uniform(-shift_px, shift_px, (n, 2))
    defocus = np.tile([1.0, 1.2, 30.0, 0.0], (n, 1))
    defocus[n // 2 :, :2] = 2.0, 1.8
    images = np.empty((n, BOX, BOX), np.float32)
    for i in range(n):
        image = height * turned(label[i], angle[i], shift[i])
        kind = (i - (n - junk)) % 3 if i >= n - junk else -1
        if kind == 0:
            image = np.zeros((BOX, BOX))
        if kind == 1:
            image = image + np.linspace(-8, 8, BOX)[None, :] * (1 + rng.random())
        if kind == 2:
            image = np.roll(image, (9, 7), axis=(0, 1))
        images[i] = image
    if ctf:
        for i in range(n):
            images[i] = np.fft.irfft2(np.fft.rfft2(images[i]) * transfer(defocus[i]), s=(BOX, BOX))
    images += noise * rng.standard_normal(images.shape).astype(np.float32)
    picks = Picks.of(
        rng.uniform(200, 4000, (n, 2)),
        image=np.array([f"mic{i % 3}" for i in range(n)]),
        label=(label + 1).astype(str),
        orientation=from_axis_angle([0.0, 0.0, 1.0], np.rad2deg(angle)),
        score=rng.uniform(0, 1, n),
    )
    particles = Particles(
        picks=picks,
        file=np.full(n, "toy.mrcs"),
        index=np.arange(n),
        pixel_size_angstrom=PIXEL,
        box_px=BOX,
        shift_angstrom=shift * PIXEL,
        defocus=defocus if ctf else None,
        micrograph_pixel_angstrom=np.full(n, 1.25),
    )
    return images, particles


def transfer(defocus):
    """CTF of a picture of bright matter."""
    from cryopick.model import Defocus

    u, v, angle, phase = defocus
    known = Defocus(u_um=u, v_um=v, astigmatism_angle_deg=angle, phase_shift_deg=phase)
    return -ctf_image((BOX, BOX), PIXEL, optics=Optics(), defocus=known)


def write_toy(folder: Path, images, particles):
    """Write stack and particles.star; the particles as they are on disk then."""
    folder.mkdir(parents=True, exist_ok=True)
    write_particle_stack(folder / "toy.mrcs", images, PIXEL)
    placed = replace(particles, file=np.full(len(particles), str(folder / "toy.mrcs")))
    write_particles(folder / "particles.star", placed)
    return placed
