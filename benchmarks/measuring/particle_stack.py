"""Stacks of simulated particles with known views, straight from projections: no micrographs.

The particle, its projections and the level of noise are those of ../shared/tools/synthetic
(see `measuring.synthetic_micrographs`); images are 64 x 64 at 4 Å, bright, background of mean 0
and deviation 1, centres off by some pixels. There are no neighbours and no lumps in them.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.io.particles import write_particle_stack, write_particles
from cryopick.model import Defocus, Particles, Picks
from cryopick.ops.ctf import ctf_image
from measuring.class_purity import beam_in_particle
from measuring.synthetic_micrographs import DEFOCUS_UM, GENERATOR, OPTICS
from measuring.synthetic_micrographs import PIXEL_ANGSTROM as MICROGRAPH_PIXEL_ANGSTROM
from measuring.synthetic_tomograms import matrices

BOX_PX, PIXEL_ANGSTROM = 64, 4.0
MODEL_SEED, POINTS, RADIUS_ANGSTROM, BLUR_ANGSTROM = 20, 220, 75.0, 4.0
BFACTOR_ANGSTROM2 = 60.0
NOISE_SD = 3.45  # of a micrograph pixel, in units of one point of the particle
STRUCTURAL = 0.2  # share of the noise's variance that went through the microscope
CENTRE_SD_ANGSTROM = 4.0
BACKGROUND_PX = 24
PER_FILE, CHUNK = 1000, 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParticleStack:
    """A ``particles.star`` and the view of each particle, in its rows' order."""

    star: Path
    views: NDArray[np.float64]


def make(
    folder: Path, n: int, *, seed: int = 1, generator: Path = GENERATOR, reuse: bool = False
) -> ParticleStack:
    """Simulate ``n`` particles, a thousand of one defocus per stack file."""
    star, truth = folder / "particles.star", folder / "views.npy"
    if not (reuse and star.is_file() and truth.is_file() and len(np.load(truth)) == n):
        folder.mkdir(parents=True, exist_ok=True)
        model = particle(generator)
        rng = np.random.default_rng(seed)
        zyz_deg = random_zyz_deg(n, rng)
        part = np.arange(n) // PER_FILE
        defocus_um = np.array(DEFOCUS_UM)[part % len(DEFOCUS_UM)]
        files = np.array([str(folder / f"part{number:02d}.mrcs") for number in part])
        for file in dict.fromkeys(files.tolist()):
            chosen = files == file
            _write_part(Path(file), model, zyz_deg[chosen], float(defocus_um[chosen][0]), rng)
        _write_star(star, files, defocus_um)
        np.save(truth, beam_in_particle(zyz_deg))
    return ParticleStack(star=star, views=np.load(truth))


def particle(generator: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``(m, 3)`` points in Å and their weights."""
    path = generator.with_name("gen_common.py")
    spec = importlib.util.spec_from_file_location("gen_common", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(path)
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.blob_model(MODEL_SEED, POINTS, RADIUS_ANGSTROM)


def images_of(
    model: tuple[NDArray[np.float64], NDArray[np.float64]],
    zyz_deg: NDArray[np.float64],
    shift_px: NDArray[np.float64],
    defocus_um: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """``(n, 64, 64)`` noisy images of the particle in ``n`` poses, all at one defocus."""
    points, weights = model
    turned = np.einsum("nij,mj->nmi", matrices(zyz_deg), points) / PIXEL_ANGSTROM
    line = np.arange(BOX_PX)
    width = BLUR_ANGSTROM / PIXEL_ANGSTROM

    def along(axis: int) -> NDArray[np.float64]:
        centre = BOX_PX // 2 + shift_px[:, None, None, axis] + turned[:, :, None, axis]
        return np.exp(-0.5 * ((line - centre) / width) ** 2)

    clean = np.matmul((along(1) * weights[:, None]).swapaxes(1, 2), along(0))
    ctf = damped_ctf((BOX_PX, BOX_PX), PIXEL_ANGSTROM, defocus_um)
    full = damped_ctf((512, 512), MICROGRAPH_PIXEL_ANGSTROM, defocus_um)
    # Density of the noise in Fourier space is that of the micrograph; a crop keeps it.
    sd = NOISE_SD * MICROGRAPH_PIXEL_ANGSTROM / PIXEL_ANGSTROM
    structural = rng.normal(size=clean.shape) * sd * np.sqrt(STRUCTURAL / _mean_square(full))
    signal = np.fft.irfft2(np.fft.rfft2(clean + structural) * ctf, s=(BOX_PX, BOX_PX))
    noisy = signal + rng.normal(size=clean.shape) * sd * np.sqrt(1 - STRUCTURAL)
    radius = np.hypot(*np.meshgrid(line - BOX_PX // 2, line - BOX_PX // 2))
    around = noisy[:, radius > BACKGROUND_PX]
    mean, deviation = around.mean(1), around.std(1)
    return (-(noisy - mean[:, None, None]) / deviation[:, None, None]).astype(np.float32)


def damped_ctf(
    shape: tuple[int, int], pixel_angstrom: float, defocus_um: float
) -> NDArray[np.float64]:
    """CTF of the half-plane of ``rfft2`` with its envelope."""
    defocus = Defocus(u_um=defocus_um, v_um=defocus_um)
    ctf = np.float64(ctf_image(shape, pixel_angstrom, optics=OPTICS, defocus=defocus))
    ky = np.fft.fftfreq(shape[0], pixel_angstrom)[:, None]
    kx = np.fft.rfftfreq(shape[1], pixel_angstrom)[None]
    return ctf * np.exp(-BFACTOR_ANGSTROM2 / 4 * (ky**2 + kx**2))


def _mean_square(half: NDArray[np.float64]) -> float:
    """Mean square over the whole plane of a half-plane of ``rfft2``."""
    weight = np.full(half.shape[1], 2.0)
    weight[[0, -1]] = 1.0
    return float((half**2 * weight).sum() / (half.shape[0] * weight.sum()))


def _write_part(
    path: Path,
    model: tuple[NDArray[np.float64], NDArray[np.float64]],
    zyz_deg: NDArray[np.float64],
    defocus_um: float,
    rng: np.random.Generator,
) -> None:
    """One stack file."""
    shift_px = rng.normal(size=(len(zyz_deg), 2)) * CENTRE_SD_ANGSTROM / PIXEL_ANGSTROM
    rows = [slice(i, i + CHUNK) for i in range(0, len(zyz_deg), CHUNK)]
    images = [images_of(model, zyz_deg[row], shift_px[row], defocus_um, rng) for row in rows]
    write_particle_stack(path, np.concatenate(images), PIXEL_ANGSTROM)


def _write_star(star: Path, files: NDArray[np.str_], defocus_um: NDArray[np.float64]) -> None:
    n = len(files)
    # A place of its own for each, in micrographs that do not exist.
    place = np.stack([np.arange(n) % 100, np.arange(n) // 100], axis=1) * 300.0
    particles = Particles(
        picks=Picks.of(place, image=np.array([Path(file).stem for file in files.tolist()])),
        file=files,
        index=np.arange(n) % PER_FILE,
        pixel_size_angstrom=PIXEL_ANGSTROM,
        box_px=BOX_PX,
        micrograph_pixel_angstrom=np.full(n, MICROGRAPH_PIXEL_ANGSTROM),
        optics=(OPTICS,),
        defocus=np.stack([defocus_um, defocus_um, 0 * defocus_um, 0 * defocus_um], axis=1),
    )
    write_particles(star, particles)


def random_zyz_deg(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Angles of rotations drawn evenly."""
    first, last = rng.uniform(-180, 180, (2, n))
    return np.stack([first, np.rad2deg(np.arccos(rng.uniform(-1, 1, n))), last], axis=1)
