"""From sums to class averages: division by the CTF, resolution from the halves, mask and centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.band import Band
from cryopick.curate.classes.maximisation import Sums
from cryopick.curate.classes.turning import to_band, working_box

FRC_CUT = 0.143
# Where the CTFs leave nothing, sums are divided by no less than this share of their mean.
_LEAST_DENOMINATOR = 1e-3
_MOST_FRC = 0.999


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Averages:
    """Class averages of one iteration.

    Attributes
    ----------
    coefficients
        ``(K, D)`` regularised, masked averages.
    halves
        ``(2, K, D)`` masked averages of the halves, not regularised.
    frc, ssnr
        ``(K, S)`` correlation of the halves, and what it says of the whole.
    """

    coefficients: NDArray[np.complex64]
    halves: NDArray[np.complex64]
    frc: NDArray[np.float64]
    ssnr: NDArray[np.float64]


def class_averages(
    sums: Sums, *, band: Band, mask: NDArray[np.float32], regularisation: float
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
    """
    halves = np.stack(
        [
            masked(divided(n, d, band), band=band, mask=mask)
            for n, d in zip(sums.numerator, sums.denominator, strict=True)
        ]
    )
    frc = ring_correlation(halves[0], halves[1], band)
    ssnr = shared_ssnr(frc, sums.denominator.sum(0))
    gain = regularisation * ssnr / (1 + regularisation * ssnr)
    whole = divided(sums.numerator.sum(0), sums.denominator.sum(0), band)
    whole *= gain[:, band.shell].astype(np.float32)
    return Averages(
        coefficients=masked(whole, band=band, mask=mask), halves=halves, frc=frc, ssnr=ssnr
    )


def shared_ssnr(
    frc: NDArray[np.float64], denominator: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Signal-to-noise ratio of each average ``(K, S)``, from what all classes say together.

    Particles of all classes are alike in signal and noise, so that the ratio of an average grows with
    its particles. The correlation of one class with few particles is too uncertain to filter it by;
    a class that is filtered too much loses the particles it has.
    """
    import os
    total = denominator.sum(0)
    shared = np.divide((denominator * frc).sum(0), total, out=np.zeros_like(total), where=total > 0)
    typical = np.divide(
        (denominator**2).sum(0), total, out=np.ones_like(total), where=total > 0
    )
    trusted = np.clip(shared, 0, _MOST_FRC)
    pool= 2 * trusted / (1 - trusted) * denominator / typical
    own=np.clip(frc,0,_MOST_FRC); own=2*own/(1-own)
    m=float(os.environ.get('POOL','1'))
    return m*pool+(1-m)*own


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


def resolved_shell(frc: NDArray[np.float64]) -> NDArray[np.int64]:
    """Last shell before the correlation ``(K, S)`` first falls below 0.143; 0: none, ``(K,)``."""
    low = frc < FRC_CUT
    first = np.where(low.any(1), low.argmax(1), frc.shape[1])
    return np.maximum(first - 1, 0)


def centre_offset_px(
    coefficients: NDArray[np.complex64], band: Band, *, mask: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Centre of mass ``(K, 2)`` ``x, y`` of each average from the centre, in pixels of the images.

    Mass is the square of what stands out of the background, so the contrast does not matter.
    """
    work = working_box(band)
    images = band.to_images(coefficients, box_px=work)
    strength = images**2 * mask
    strength = np.maximum(strength - 0.1 * strength.max((1, 2), keepdims=True), 0)
    line = np.arange(work) - work // 2
    total = np.maximum(strength.sum((1, 2)), 1e-30)
    offset = np.stack([strength.sum(1) @ line, strength.sum(2) @ line], axis=1) / total[:, None]
    return offset * (band.box_px / work)
