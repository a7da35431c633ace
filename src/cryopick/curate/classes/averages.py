"""From sums to class averages: division by the CTF, resolution from the halves, mask and centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.band import Band
from cryopick.curate.classes.maximisation import Sums
from cryopick.curate.classes.turning import to_band, working_box
from cryopick.curate.recentre import mass_centre_px

FRC_CUT = 0.143
# Detail on which the halves, each compared with its own average, agree so well is shared by them.
JOINED_FRC = 0.5
# Where the CTFs leave nothing, sums are divided by no less than this share of their mean.
_LEAST_DENOMINATOR = 1e-3
_MOST_FRC = 0.999
# How much the signal-to-noise ratio of all classes together counts for each.
_SHARED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Averages:
    """Class averages of one iteration.

    Attributes
    ----------
    coefficients
        ``(K, D)`` regularised, masked averages.
    halves
        ``(2, K, D)`` masked averages of the halves, not regularised.
    references
        ``(2, K, D)`` what particles of either half are compared with next: the whole average where
        the halves have been found to agree, beyond that their own half.
    frc, ssnr
        ``(K, S)`` correlation of the halves, and what it says of the whole.
    """

    coefficients: NDArray[np.complex64]
    halves: NDArray[np.complex64]
    references: NDArray[np.complex64]
    frc: NDArray[np.float64]
    ssnr: NDArray[np.float64]


def class_averages(
    sums: Sums,
    *,
    band: Band,
    mask: NDArray[np.float32],
    regularisation: float,
    joined_px: int = 0,
) -> Averages:
    """Average each class.

    Parameters
    ----------
    sums
        Of an iteration.
    band
        Their Fourier pixels.
    mask
        ``(work, work)``, see `cryopick.curate.classes.turning.working_box`.
    regularisation
        RELION's T.
    joined_px
        Up to this shell references are always those of both halves, which keeps them in register.
    """
    halves = np.stack(
        [
            masked(divided(n, d, band), band=band, mask=mask)
            for n, d in zip(sums.numerator, sums.denominator, strict=True)
        ]
    )
    frc = ring_correlation(halves[0], halves[1], band)
    ssnr = signal_to_noise(frc, sums.denominator.sum(0))
    whole = divided(sums.numerator.sum(0), sums.denominator.sum(0), band)
    whole = filtered(whole, regularisation * ssnr, band)
    whole = masked(whole, band=band, mask=mask)
    agreed = np.maximum(resolved_shell(frc, JOINED_FRC), joined_px)
    joined = band.shell <= agreed[:, None]
    own = filtered(halves, regularisation * ssnr / 2, band)
    return Averages(
        coefficients=whole,
        halves=halves,
        references=np.where(joined, whole, own),
        frc=frc,
        ssnr=ssnr,
    )


def filtered(
    averages: NDArray[np.complex64], ratio: NDArray[np.float64], band: Band
) -> NDArray[np.complex64]:
    """Wiener filter of averages ``(..., K, D)`` by signal-to-noise ratios ``(K, S)``."""
    gain = (ratio / (1 + ratio)).astype(np.float32)
    return averages * gain[:, band.shell]


def signal_to_noise(
    frc: NDArray[np.float64], denominator: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Signal-to-noise ratio ``(K, S)`` of averages whose halves correlate by ``frc``.

    Half of it is what the class itself says, half what all classes say together, in proportion to
    the particles of each: the correlation of a class of few particles is uncertain, and a class
    that is filtered too much loses the particles it has.

    Parameters
    ----------
    frc
        ``(K, S)``.
    denominator
        ``(K, S)`` sums of squared CTFs.
    """
    total = denominator.sum(0)
    some = np.maximum(total, 1e-30)
    everyone = np.broadcast_to((denominator * frc).sum(0) / some, frc.shape)
    typical = np.maximum((denominator**2).sum(0) / some, 1e-30)
    own, shared = (2 * f / (1 - f) for f in np.clip([frc, everyone], 0, _MOST_FRC))
    return (1 - _SHARED) * own + _SHARED * shared * denominator / typical


def divided(
    numerator: NDArray[np.complex64], denominator: NDArray[np.float64], band: Band
) -> NDArray[np.complex64]:
    """``numerator / denominator``, ``(K, D)``; 0 for a class that is empty."""
    per_shell = band.per_shell
    mean = (denominator * per_shell).sum(1, keepdims=True) / per_shell.sum()
    safe = np.maximum(denominator, _LEAST_DENOMINATOR * mean)
    inverse = np.divide(1, safe, out=np.zeros_like(safe), where=safe > 0)
    return numerator * inverse[:, band.shell].astype(np.float32)


def masked(
    coefficients: NDArray[np.complex64], *, band: Band, mask: NDArray[np.float32]
) -> NDArray[np.complex64]:
    """Set the background of averages to 0, then what is outside the mask."""
    images = band.to_images(coefficients, box_px=len(mask))
    return to_band(band, flattened(images, mask))


def flattened(images: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Subtract the mean over the mask's soft edge, then multiply by the mask."""
    edge = mask * (1 - mask)
    total = edge.sum()
    level = (images * edge).sum((1, 2)) / total if total > 1e-6 else np.zeros(len(images))
    return ((images - level[:, None, None]) * mask).astype(np.float32)


def ring_correlation(
    first: NDArray[np.complex64], second: NDArray[np.complex64], band: Band
) -> NDArray[np.float64]:
    """Fourier ring correlation ``(K, S)``; shell 0 counts as 1, an empty image correlates with none."""
    cross = band.shell_sums((first * second.conj()).real)
    power = band.shell_sums(np.abs(first) ** 2) * band.shell_sums(np.abs(second) ** 2)
    frc = np.divide(cross, np.sqrt(power), out=np.zeros_like(cross), where=power > 0)
    frc[:, 0] = 1.0
    return frc


def resolved_shell(frc: NDArray[np.float64], cut: float = FRC_CUT) -> NDArray[np.int64]:
    """Last shell before the correlation ``(K, S)`` first falls below a cut; 0: none, ``(K,)``."""
    low = frc < cut
    first = np.where(low.any(1), low.argmax(1), frc.shape[1])
    return np.maximum(first - 1, 0)


def centre_offset_px(
    coefficients: NDArray[np.complex64],
    band: Band,
    *,
    mask: NDArray[np.float32],
    weight: NDArray[np.float64],
    particle_radius_px: float,
) -> NDArray[np.float64]:
    """Centre of mass ``(K, 2)`` ``x, y`` of each average from the centre, in pixels of the images.

    Matter may be dark or bright, the same in all classes: it is what their weighted sum has in its
    middle, compared with the rim of the mask.
    """
    work = working_box(band)
    images = band.to_images(coefficients, box_px=work)
    scale = band.box_px / work
    radius = particle_radius_px / scale
    line = np.arange(work) - work // 2
    away = np.hypot(line[:, None], line[None, :])
    together = np.einsum("k,kij->ij", weight, images)
    rim = (away > radius) & (mask > 0.5)
    middle = together[away <= radius].mean()
    bright = not rim.any() or middle >= together[rim].mean()
    return mass_centre_px(images if bright else -images, radius_px=radius) * scale
