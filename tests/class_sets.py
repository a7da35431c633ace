"""Small sets of particle images with known classes, for tests of 2D classification."""

import numpy as np

from cryopick.curate.classes.ctf_table import ParticleCtf
from cryopick.model import Defocus, Optics
from cryopick.ops.ctf import ctf_image

BOX, PIXEL = 24, 5.0
SHAPES = (
    [(4.5, 0.0, 1.0), (-4.5, 0.0, 1.0), (0.0, 3.0, 1.5)],
    [(0.0, 0.0, 2.5), (4.0, 4.0, 0.8)],
    [(5.0, 0.0, 1.0), (-2.5, 4.3, 1.0), (-2.5, -4.3, 1.0)],
)
DEFOCI_UM = (0.8, 1.1, 1.5)


def drawn(shape, *, turn_deg=0.0, move=(0.0, 0.0), box=BOX, width=1.6):
    """A shape turned from x towards y, then moved."""
    c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    y, x = np.mgrid[:box, :box] - box // 2
    image = np.zeros((box, box))
    for cx, cy, height in SHAPES[shape]:
        px, py = c * cx - s * cy + move[0], s * cx + c * cy + move[1]
        image += height * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * width**2))
    return image


def class_set(n=90, *, seed=0, noise=0.4, shapes=3, jitter=1.0, with_ctf=False):
    """Images, true class, turn in degrees, move in pixels, and CTFs."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(shapes, size=n)
    turn = rng.uniform(0, 360, n)
    move = rng.normal(scale=jitter, size=(n, 2))
    defocus = np.zeros((n, 4))
    defocus[:, :2] = np.array(DEFOCI_UM)[rng.integers(3, size=n)][:, None]
    optics = (Optics(amplitude_contrast=0.1),)
    images = np.empty((n, BOX, BOX), np.float32)
    for i in range(n):
        image = drawn(kind[i], turn_deg=turn[i], move=move[i])
        if with_ctf:
            u, v = defocus[i, :2]
            ctf = -ctf_image((BOX, BOX), PIXEL, optics=optics[0], defocus=Defocus(u_um=u, v_um=v))
            image = np.fft.irfft2(np.fft.rfft2(image) * ctf, s=(BOX, BOX))
        images[i] = image + noise * rng.normal(size=(BOX, BOX))
    ctf = ParticleCtf(defocus=defocus, optics=optics, optics_group=np.zeros(n, np.int64))
    return images / np.float32(max(noise, 1e-3)), kind, turn, move, ctf


def agreement(found, true):
    """Share of the particles whose class is mostly of their kind."""
    good = sum(np.bincount(true[found == k]).max() for k in np.unique(found) if (found == k).any())
    return good / len(true)
