"""Small micrographs of dark discs and bars, and the references to find them with."""

import numpy as np

from cryopick.io.images import write_mrc
from cryopick.io.metadata.relion_micrographs import Micrograph, write_micrographs
from cryopick.model import Defocus, Grid, Image, Optics
from cryopick.pick.merit.maps import MeritMaps
from cryopick.pick.merit.pool import MeritPool

PIXEL = 5.0
SHAPE = (240, 260)
DISCS = [(40, 50), (110, 45), (80, 140), (190, 60), (200, 200)]
BARS = [(150, 110), (60, 200), (140, 190)]
DIAMETER = 120.0


def disc(box=36, radius=10.0):
    y, x = np.indices((box, box)) - box // 2
    return 1 / (1 + np.exp((np.hypot(x, y) - radius) / 0.8))


def bar(box=36, length=22.0, width=8.0):
    y, x = np.indices((box, box)) - box // 2
    along, across = np.abs(x) - length / 2, np.abs(y) - width / 2
    return 1 / (1 + np.exp(np.maximum(along, across) / 0.6))


def references():
    """Two bright images ``(2, 36, 36)``, in units of the noise."""
    return np.stack([disc(), bar()]).astype(np.float32)


def micrograph(*, seed=0, discs=DISCS, bars=BARS, strength=1.0):
    """Dark particles, as strong as their references, in noise of deviation 1."""
    pixels = np.random.default_rng(seed).normal(size=SHAPE)
    for centres, shape in ((discs, disc()), (bars, bar())):
        half = len(shape) // 2
        for x, y in centres:
            pixels[y - half : y + half, x - half : x + half] -= strength * shape
    return pixels.astype(np.float32)


def write_set(folder, names=("007", "1e5"), *, ctf=False):
    """Micrographs, references and, where wanted, ``ctf.star``, in a folder."""
    folder.mkdir(exist_ok=True)
    for seed, name in enumerate(names):
        write_mrc(folder / f"{name}.mrc", micrograph(seed=seed), PIXEL)
    write_mrc(folder.parent / "references.mrcs", references(), PIXEL, stack=True)
    if ctf:
        entries = [
            Micrograph(path=f"{name}.mrc", name=name, optics=Optics(), pixel_size_angstrom=PIXEL,
                       defocus=Defocus(u_um=1 + 0.5 * i, v_um=1 + 0.5 * i))
            for i, name in enumerate(names)
        ]  # fmt: skip
        write_micrographs(folder.parent / "ctf.star", entries)


def image_of(pixels, name="007"):
    grid = Grid(shape=pixels.shape, pixel_size_angstrom=PIXEL)
    return Image(data=pixels, grid=grid, name=name)


def maps_of(merit, *, step=2.0, diameter=DIAMETER, sd=None, mean=None, psi=None):
    """`MeritMaps` of one reference or several ``(r, y, x)``, on pixels of 10 Å."""
    merit = np.asarray(merit, dtype=np.float32)
    flat = np.zeros(merit.shape[1:], np.float32)
    number = np.arange(len(merit), dtype=np.int16)[:, None, None]
    return MeritMaps(
        merit=merit,
        psi_deg=np.zeros_like(merit) if psi is None else psi,
        reference=np.broadcast_to(number, merit.shape).copy(),
        mean=flat if mean is None else mean,
        sd=flat + 1 if sd is None else sd,
        grid=Grid(shape=merit.shape[1:], pixel_size_angstrom=PIXEL * step),
        step_px=step,
        particle_diameter_angstrom=diameter,
        box_angstrom=180.0,
        expected=np.full(len(merit), 1.5),
    )


def peaks_map(peaks, *, shape=(120, 130), level=-0.5, noise=0.05, seed=0):
    """A merit map ``(y, x)`` with peaks ``{(x, y): height}`` of three working pixels' width."""
    y, x = np.indices(shape)
    merit = np.random.default_rng(seed).normal(level, noise, shape)
    for (px, py), height in peaks.items():
        merit = np.maximum(merit, height - 0.05 * ((x - px) ** 2 + (y - py) ** 2))
    return merit


def pool_of(
    position_angstrom, merit, *, name="007", location=0.0, scale=0.1, diameter=DIAMETER, **columns
):
    """A pool of candidates made by hand."""
    n = len(merit)
    values = {
        "psi_deg": np.zeros(n, np.float32),
        "reference": np.zeros(n, np.int16),
        "noise_mean": np.zeros(n, np.float32),
        "noise_sd": np.ones(n, np.float32),
        "apart": np.ones(n, bool),
    } | columns
    return MeritPool(
        position_angstrom=np.asarray(position_angstrom, dtype=np.float32).reshape(-1, 2),
        merit=np.asarray(merit, dtype=np.float32),
        name=name,
        grid=Grid(shape=SHAPE, pixel_size_angstrom=PIXEL),
        particle_diameter_angstrom=diameter,
        box_angstrom=180.0,
        location=location,
        scale=scale,
        **values,
    )
