"""Measure particles one by one against their references and their set, then rank them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.difference_features import FEATURES, difference_features, disc_pixels
from cryopick.curate.expected_images import (
    centred_images,
    finer_references,
    particle_transfer,
    through_transfer,
    turned_references,
)
from cryopick.curate.junk import Screening, correlation, screen
from cryopick.curate.self_consistency import (
    NAMES,
    background_standardised,
    descriptors,
    mean_particle,
)
from cryopick.curate.settings import SortSettings
from cryopick.curate.z_scores import select_z_score
from cryopick.errors import InputError
from cryopick.geometry.euler import psi_deg_from_quaternion
from cryopick.ops.threads import in_threads

if TYPE_CHECKING:
    import torch

    from cryopick.model import Particles

UNUSABLE_Z = 999.0
"""z-score of an image that is flat or not finite: nothing can be said for it."""

_AT_ONCE = 256
# Background of images that were normalised, with room for what a disc of another size changes.
_MEAN_OFF, _SD_LOW, _SD_HIGH = 0.2, 0.7, 1.4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """What all particles of a set share, from a sample of them.

    Attributes
    ----------
    mean
        ``(b, b)`` mean particle.
    normalise
        Whether the images still need their background brought to mean 0 and deviation 1.
    references
        ``(k, b, b)`` on the scale of the images; None without references.
    """

    mean: NDArray[np.float32]
    normalise: bool
    references: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParticleFeatures:
    """What was measured of ``n`` particles; NaN rows where nothing could be.

    Attributes
    ----------
    descriptors
        ``(n, f)`` float32, columns `cryopick.curate.self_consistency.NAMES`.
    difference
        ``(n, 6)`` float32, columns `FEATURES`; NaN for particles without a reference.
    correlation
        ``(n,)`` with the reference; NaN for particles without one.
    """

    descriptors: NDArray[np.float32]
    difference: NDArray[np.float32]
    correlation: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.descriptors)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranking:
    """The verdict on ``n`` particles.

    Attributes
    ----------
    z_score
        ``rlnParticleSelectZScore``: small is good; -1 for particles without a reference where
        others have one, `UNUSABLE_Z` for unusable images.
    score
        Screening score, high is good; NaN for unusable images.
    groups
        How odd each particle is in each group of descriptors.
    """

    z_score: NDArray[np.float64]
    score: NDArray[np.float64]
    groups: dict[str, NDArray[np.float64]]


def reference_index(particles: Particles, references: int) -> NDArray[np.int64]:
    """Place ``(n,)`` of each particle's reference; -1 for one without a class.

    A single reference stands for all particles that name no class.
    """
    label = particles.picks.label
    if label is None and references > 1:
        raise InputError(
            "the particles name no classes (rlnClassNumber), so nobody knows their references; "
            "give particles of `classify` or `pick template`, or leave --references out"
        )
    if particles.picks.orientation is None and references > 1:
        raise InputError(
            "the particles have no in-plane angles (rlnAnglePsi), so references cannot be turned; "
            "leave --references out"
        )
    if label is None:
        return np.zeros(len(particles), dtype=np.int64)
    places = {name: _place(name, references) for name in np.unique(label).tolist()}
    return np.array([places[name] for name in label.tolist()], dtype=np.int64)


def common_ground(
    images: NDArray[np.float32],
    particles: Particles,
    settings: SortSettings,
    *,
    references: NDArray[np.float32] | None = None,
    device: str = "cpu",
) -> Ground:
    """Learn from a sample of a set what its particles share.

    Parameters
    ----------
    images
        ``(n, b, b)`` of the sample.
    particles
        The same ones.
    settings
        Diameter and the like.
    references
        ``(k, b, b)`` at the pixel size of the images.
    device
        ``cpu`` or ``cuda:N``.
    """
    import torch

    usable = _usable(images)
    if not usable.any():
        raise InputError("all images of a sample are flat or not finite; extract them again")
    sample = _tensor(images[usable], device)
    radius_px = settings.radius_px(particles)
    outside = torch.from_numpy(~disc_pixels(particles.box_px, radius_px)).to(device)
    sd, mean = torch.std_mean(sample[:, outside], dim=1, correction=0)
    raw = float(mean.abs().median()) > _MEAN_OFF or not _SD_LOW < float(sd.median()) < _SD_HIGH
    scaled = background_standardised(sample, radius_px=radius_px)
    ground = Ground(
        mean=mean_particle(scaled, radius_px=radius_px).cpu().numpy(),
        normalise=raw,
        references=references,
    )
    if references is None or settings.scale == "none":
        return ground
    factor = _scales(sample, particles[usable], ground, settings)
    scaled_references = (references * factor[:, None, None]).astype(np.float32)
    return Ground(mean=ground.mean, normalise=raw, references=scaled_references)


def particle_features(
    images: NDArray[np.float32],
    particles: Particles,
    ground: Ground,
    settings: SortSettings,
    *,
    device: str = "cpu",
    cores: int = 1,
) -> ParticleFeatures:
    """Measure particles.

    Parameters
    ----------
    images
        ``(n, b, b)``.
    particles
        The same ones.
    ground
        From `common_ground`, of this set.
    settings
        Those of the ground.
    device
        ``cpu`` or ``cuda:N``.
    cores
        Threads; the result does not depend on them.
    """
    n = len(particles)
    found = ParticleFeatures(
        descriptors=np.full((n, len(NAMES)), np.nan, dtype=np.float32),
        difference=np.full((n, len(FEATURES)), np.nan, dtype=np.float32),
        correlation=np.full(n, np.nan, dtype=np.float32),
    )
    usable = np.flatnonzero(_usable(images))

    def one(rows: NDArray[np.int64]) -> None:
        _measure(images[rows], particles[rows], ground, settings, device=device, into=(found, rows))

    batches = [usable[i : i + _AT_ONCE] for i in range(0, len(usable), _AT_ONCE)]
    in_threads(one, batches, cores=cores)
    return found


def rank(features: ParticleFeatures, settings: SortSettings) -> Ranking:
    """Rank particles by features of the whole set.

    With references the z-score is RELION's; without them it is made alike from how odd a particle
    is in each group of descriptors.
    """
    n = len(features)
    usable = np.asarray(np.isfinite(features.descriptors).all(axis=1))
    with_reference = np.asarray(np.isfinite(features.difference).all(axis=1))
    score = np.full(n, np.nan)
    groups: dict[str, NDArray[np.float64]] = {}
    z_score = np.full(n, UNUSABLE_Z)
    if not usable.any():
        return Ranking(z_score=z_score, score=score, groups=groups)
    compared = bool(with_reference.any())
    found: Screening = screen(
        features.descriptors[usable],
        difference=features.difference[usable] if compared else None,
        reference_correlation=features.correlation[usable] if compared else None,
    )
    score[usable] = found.score
    for name, values in found.groups.items():
        groups[name] = np.full(n, np.nan)
        groups[name][usable] = values
    if compared:
        manual = np.logical_not(with_reference[usable])
        six = np.where(manual[:, None], 0.0, features.difference[usable])
    else:
        manual = None
        six = np.column_stack(list(found.groups.values()))
    robust = settings.z_score == "robust"
    z_score[usable] = select_z_score(six, min_z=settings.min_z, manual=manual, robust=robust)
    return Ranking(z_score=z_score, score=score, groups=groups)


def _place(name: str, references: int) -> int:
    if not name:
        return -1
    if not name.isdecimal() or not 1 <= int(name) <= references:
        raise InputError(
            f"class {name}: expected a number from 1 to {references}, as there are so many "
            "references; give those that the particles were classified with"
        )
    return int(name) - 1


def _usable(images: NDArray[np.float32]) -> NDArray[np.bool_]:
    flat = images.reshape(len(images), -1)
    # The sum is finite only where all pixels are; one pass, without a mask of all pixels.
    finite = np.isfinite(flat.sum(axis=1, dtype=np.float64))
    varied = np.ptp(flat, axis=1) > 0
    return np.logical_and(finite, varied)


def _measure(
    pixels: NDArray[np.float32],
    particles: Particles,
    ground: Ground,
    settings: SortSettings,
    *,
    device: str,
    into: tuple[ParticleFeatures, NDArray[np.int64]],
) -> None:

    found, rows = into
    images = _tensor(pixels, device)
    radius_px = settings.radius_px(particles)
    mean = _tensor(ground.mean, device)
    found.descriptors[rows] = descriptors(images, mean, radius_px=radius_px).cpu().numpy()
    if ground.references is None:
        return
    which = reference_index(particles, len(ground.references))
    if not (which >= 0).any():
        return
    centred, expected = _compared(images, particles, ground, settings, which)
    limit = settings.frequency_max(particles)
    six = difference_features(centred, expected, radius_px=radius_px, frequency_max=limit)
    chosen = which >= 0
    found.difference[rows[chosen]] = six.cpu().numpy()[chosen]
    alike = correlation(centred, expected, radius_px=radius_px).cpu().numpy()
    found.correlation[rows[chosen]] = alike[chosen]


def _compared(
    images: torch.Tensor,
    particles: Particles,
    ground: Ground,
    settings: SortSettings,
    which: NDArray[np.int64],
) -> tuple[torch.Tensor, torch.Tensor]:
    """The particles at their centres, and what their references should look like."""
    import torch

    assert ground.references is not None
    device = images.device
    if ground.normalise:
        images = background_standardised(images, radius_px=settings.radius_px(particles))
    low_pass = None
    limit = settings.frequency_max(particles)
    if limit < 0.5:
        box = particles.box_px
        ky = torch.fft.fftfreq(box, device=device)[:, None]
        kx = torch.fft.rfftfreq(box, device=device)[None, :]
        low_pass = (torch.hypot(ky, kx) <= limit).float()
    shift = None
    if particles.shift_angstrom is not None:
        shift = torch.from_numpy(particles.shift_angstrom / particles.pixel_size_angstrom)
        shift = shift.float().to(device)
    angle = np.zeros(len(particles))
    if particles.picks.orientation is not None:
        angle = -np.deg2rad(psi_deg_from_quaternion(particles.picks.orientation))
    turned = turned_references(
        finer_references(_tensor(ground.references, device)),
        torch.from_numpy(np.maximum(which, 0)).to(device),
        torch.from_numpy(angle).float().to(device),
    )
    expected = through_transfer(turned, _transfer(particles, settings, device))
    if low_pass is not None:
        expected = through_transfer(expected, low_pass[None])
    return centred_images(images, shift, low_pass=low_pass), expected


def _tensor(values: NDArray[np.float32], device: str | torch.device) -> torch.Tensor:
    import torch

    # torch warns of arrays that it must not write to.
    return torch.from_numpy(np.require(values, np.float32, ["C", "W"])).to(device)


def _transfer(
    particles: Particles, settings: SortSettings, device: str | torch.device
) -> torch.Tensor | None:
    import torch

    known = None
    if settings.ctf != "ignore":
        known = particle_transfer(particles, after_first_peak=settings.ctf == "after-first-peak")
    if known is not None:
        return torch.from_numpy(known).to(device)
    if not particles.dark:
        return None
    half = particles.box_px // 2 + 1
    return torch.full((1, particles.box_px, half), -1.0, device=device)


def _scales(
    images: torch.Tensor, particles: Particles, ground: Ground, settings: SortSettings
) -> NDArray[np.float64]:
    """Factor of each reference that fits its particles best: the median over them.

    A reference without particles in the sample takes the median over all.
    """
    import torch

    assert ground.references is not None
    which = reference_index(particles, len(ground.references))
    disc = torch.from_numpy(disc_pixels(particles.box_px, settings.radius_px(particles)))
    factor = np.full(len(which), np.nan)
    for first in range(0, len(which), _AT_ONCE):
        rows = slice(first, first + _AT_ONCE)
        seen, expected = _compared(images[rows], particles[rows], ground, settings, which[rows])
        a, b = seen[:, disc.to(seen.device)], expected[:, disc.to(seen.device)]
        power = (b * b).sum(dim=1)
        fitted = torch.where(power > 0, (a * b).sum(dim=1) / power.clamp_min(1e-30), torch.nan)
        factor[rows] = fitted.cpu().numpy()
    known = (which >= 0) & np.isfinite(factor)
    if not known.any():
        return np.ones(len(ground.references))
    usual = max(float(np.median(factor[known])), 0.0)
    result = np.full(len(ground.references), usual)
    for place in np.unique(which[known]):
        result[place] = max(float(np.median(factor[known & (which == place)])), 0.0)
    return result
