"""What a classification prepares once: masks, Fourier pixels, CTFs; and chunks of particles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.band import Band, make_band
from cryopick.curate.classes.ctf_table import CtfTable, ParticleCtf
from cryopick.curate.classes.expectation import Chunk
from cryopick.curate.classes.pose_grid import PoseGrid, pose_grid
from cryopick.curate.classes.settings import ClassifySettings
from cryopick.curate.classes.spectra import check_images, particle_spectra, soft_disc
from cryopick.curate.classes.turning import working_box
from cryopick.errors import InputError
from cryopick.ops.threads import in_threads

# Particles held in Fourier space at once.
CHUNK = 2048
# Particles that one task transforms.
_TRANSFORMED_AT_ONCE = 128
_EDGE_ANGSTROM = 15.0
_DEFAULT_RANGE_PX = 5.0
# Finest detail of the first iteration, in the diameter of the mask.
_FIRST_DETAIL = 5.0


class ImageRows(Protocol):
    """Particle images read on demand; an array ``(n, b, b)`` is one too."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n, b, b)``."""
        ...

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.float32]:
        """Give the images of these rows."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """What does not change from iteration to iteration.

    Attributes
    ----------
    images
        Particle images.
    settings
        What is asked for.
    pixel_size_angstrom
        Of the images.
    band
        All Fourier pixels that may be used.
    ctf
        CTFs.
    image_mask
        ``(b, b)`` soft disc that images are multiplied with; None: not masked.
    mask_radius_px, mask_edge_px
        Of the soft disc that averages are masked with.
    device, cores
        Where to compute.
    """

    images: ImageRows
    settings: ClassifySettings
    pixel_size_angstrom: float
    band: Band
    ctf: CtfTable
    image_mask: NDArray[np.float32] | None
    mask_radius_px: float
    mask_edge_px: float
    device: str
    cores: int

    @property
    def particles(self) -> int:
        """How many images."""
        return self.images.shape[0]

    @property
    def masked_share(self) -> float:
        """Share of the noise's variance that the mask lets through."""
        return 1.0 if self.image_mask is None else float((self.image_mask**2).mean())

    def average_mask(self, band: Band) -> NDArray[np.float32]:
        """``(work, work)`` soft disc in the working box of a band."""
        work = working_box(band)
        scale = work / band.box_px
        return soft_disc(
            work, radius_px=self.mask_radius_px * scale, edge_px=self.mask_edge_px * scale
        )

    def shell_of(self, resolution_angstrom: float) -> int:
        """Shell of a resolution, within the band."""
        shell = self.band.box_px * self.pixel_size_angstrom / resolution_angstrom
        return max(1, min(self.band.radius_px, math.floor(shell + 1e-6)))

    @property
    def first_shell(self) -> int:
        """Last shell that the first iteration uses."""
        diameter = 2 * self.mask_radius_px * self.pixel_size_angstrom
        return self.shell_of(self.settings.start_resolution_angstrom or diameter / _FIRST_DETAIL)

    def grid(self, iteration: int) -> PoseGrid:
        """Angles and shifts of an iteration."""
        step, most = self.settings.offset_step_angstrom, self.settings.offset_range_angstrom
        pixel = self.pixel_size_angstrom
        return pose_grid(
            psi_step_deg=self.settings.psi_step_deg,
            offset_step_px=1.0 if step is None else step / pixel,
            offset_range_px=_DEFAULT_RANGE_PX if most is None else most / pixel,
            rng=np.random.default_rng([self.settings.seed, 1, iteration]),
        )


def prepare(
    images: ImageRows,
    pixel_size_angstrom: float,
    settings: ClassifySettings,
    ctf: ParticleCtf | None,
    *,
    device: str = "cpu",
    cores: int = 1,
) -> Run:
    """Check the input, and make what all iterations need."""
    n, box = _checked_shape(images, settings)
    if ctf is not None and len(ctf.defocus) != n:
        raise InputError(f"classify: {n} images, but CTFs of {len(ctf.defocus)} particles")
    diameter = settings.mask_diameter_angstrom
    diameter_px = 0.9 * box if diameter is None else diameter / pixel_size_angstrom
    edge = min(_EDGE_ANGSTROM / pixel_size_angstrom, box / 8)
    radius = min(diameter_px / 2, box / 2 - 1)
    band = make_band(box)
    if settings.resolution_limit_angstrom is not None:
        band = band.up_to(int(box * pixel_size_angstrom / settings.resolution_limit_angstrom))
    disc = soft_disc(box, radius_px=radius, edge_px=edge)
    return Run(
        images=images,
        settings=settings,
        pixel_size_angstrom=pixel_size_angstrom,
        band=band,
        ctf=CtfTable(ctf, model=settings.ctf, band=band, pixel_size_angstrom=pixel_size_angstrom),
        image_mask=disc if settings.zero_mask else None,
        mask_radius_px=radius,
        mask_edge_px=edge,
        device=device,
        cores=cores,
    )


def _checked_shape(images: ImageRows, settings: ClassifySettings) -> tuple[int, int]:
    if len(images.shape) != 3 or images.shape[1] != images.shape[2]:
        raise InputError(f"classify: expected images (n, b, b), got {tuple(images.shape)}")
    n, box = images.shape[:2]
    if n < 2:
        raise InputError(f"classify: expected 2 particles or more, got {n}")
    if settings.classes > n:
        raise InputError(
            f"classify: {settings.classes} classes of {n} particles; ask for {n} or fewer"
        )
    return n, box


def chunk_of(
    run: Run, band: Band, particles: NDArray[np.int64], shift_px: NDArray[np.float64]
) -> Chunk:
    """Read some particles and transform them, moved by their shifts to the nearest pixel."""
    import torch

    centre = np.rint(shift_px).astype(np.int64)
    spectra = np.empty((len(particles), len(band)), np.complex64)

    def one(first: int) -> None:
        rows = slice(first, first + _TRANSFORMED_AT_ONCE)
        images = np.asarray(run.images[particles[rows]], np.float32)
        check_images(images, particles[rows])
        spectra[rows] = particle_spectra(
            images, band=band, centre_px=centre[rows], mask=run.image_mask
        )

    in_threads(one, range(0, len(particles), _TRANSFORMED_AT_ONCE), cores=run.cores)
    table, whose = run.ctf.rows(particles)
    return Chunk(
        spectra=torch.from_numpy(spectra).to(run.device),
        ctf=torch.from_numpy(np.ascontiguousarray(table[:, : len(band)])).to(run.device),
        whose_ctf=torch.from_numpy(whose).to(run.device),
        centre_px=torch.from_numpy(centre).to(run.device),
        premultiplied=run.settings.ctf == "premultiplied",
    )
