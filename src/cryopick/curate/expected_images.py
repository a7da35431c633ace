"""What each particle should look like: its reference, rotated, seen through its CTF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.ops.ctf import ctf_image

if TYPE_CHECKING:
    import torch

    from cryopick.model import Particles

# References are sampled this much finer before they are turned: interpolation blurs less.
_FINER = 2


def turned_references(
    references: torch.Tensor, which: torch.Tensor, angle_rad: torch.Tensor
) -> torch.Tensor:
    """Rotate one reference per particle about pixel ``N // 2``.

    Parameters
    ----------
    references
        ``(k, b, b)`` from `finer_references`, so ``b`` is twice the box.
    which
        ``(n,)`` reference of each particle.
    angle_rad
        ``(n,)`` active rotation template -> image, from x towards y.

    Returns
    -------
    torch.Tensor
        ``(n, b / 2, b / 2)``; 0 where the reference does not reach.
    """
    import torch

    fine = references.shape[-1]
    box = fine // _FINER
    centre = box // 2
    offset = torch.arange(box, device=references.device, dtype=torch.float32) - centre
    cos, sin = torch.cos(angle_rad), torch.sin(angle_rad)
    # The rotation is undone to find where each pixel comes from.
    x = cos[:, None, None] * offset[None, None, :] + sin[:, None, None] * offset[None, :, None]
    y = cos[:, None, None] * offset[None, :, None] - sin[:, None, None] * offset[None, None, :]
    scale = 2 * _FINER / (fine - 1)
    grid = torch.stack([(x + centre) * scale - 1, (y + centre) * scale - 1], dim=-1)
    turned = torch.nn.functional.grid_sample(
        references[which][:, None], grid, mode="bilinear", padding_mode="zeros", align_corners=True
    )
    return turned[:, 0]


def finer_references(references: torch.Tensor) -> torch.Tensor:
    """Sample references ``(k, b, b)`` twice as fine, exactly in Fourier space."""
    import torch

    box = references.shape[-1]
    fine = box * _FINER
    spectrum = torch.fft.fftshift(torch.fft.fft2(references), dim=(-2, -1))
    low = fine // 2 - box // 2
    padded = spectrum.new_zeros((*references.shape[:-2], fine, fine))
    padded[..., low : low + box, low : low + box] = spectrum
    back = torch.fft.ifft2(torch.fft.ifftshift(padded, dim=(-2, -1))).real
    return (back * _FINER**2).contiguous()


def through_transfer(images: torch.Tensor, transfer: torch.Tensor | None) -> torch.Tensor:
    """Multiply images ``(n, b, b)`` by ``(n, b, b // 2 + 1)`` in Fourier space."""
    import torch

    if transfer is None:
        return images
    return torch.fft.irfft2(torch.fft.rfft2(images) * transfer, s=images.shape[-2:])


def centred_images(
    images: torch.Tensor, shift_px: torch.Tensor | None, *, low_pass: torch.Tensor | None = None
) -> torch.Tensor:
    """Move particles to their centres, and low-pass them, in one Fourier transform.

    Parameters
    ----------
    images
        ``(n, b, b)``.
    shift_px
        ``(n, 2)`` ``x, y`` to add to what the images show; None: they are centred.
    low_pass
        Weight on ``rfft2``, ``(b, b // 2 + 1)``; None: all frequencies.
    """
    import torch

    if shift_px is None and low_pass is None:
        return images
    box = images.shape[-1]
    spectrum = torch.fft.rfft2(images)
    if shift_px is not None:
        ky = torch.fft.fftfreq(box, device=images.device)[None, :, None]
        kx = torch.fft.rfftfreq(box, device=images.device)[None, None, :]
        turns = kx * shift_px[:, 0, None, None] + ky * shift_px[:, 1, None, None]
        spectrum = spectrum * torch.polar(torch.ones_like(turns), -2 * torch.pi * turns)
    if low_pass is not None:
        spectrum = spectrum * low_pass
    return torch.fft.irfft2(spectrum, s=(box, box))


def particle_transfer(
    particles: Particles, *, after_first_peak: bool = False
) -> NDArray[np.float32] | None:
    """CTF of each particle, with the sign that its image has; None where no defocus is known.

    Bright matter in a reference times this transfer is bright matter in the image, or dark where
    ``particles.dark``. Flipped phases leave the CTF's magnitude, multiplied images its square.

    Parameters
    ----------
    particles
        ``n`` particles; those of one micrograph are expected to share a defocus, so few CTFs are
        computed.
    after_first_peak
        Leave frequencies below the CTF's first peak at 1.

    Returns
    -------
    ndarray or None
        ``(n, b, b // 2 + 1)`` on ``rfft2``.
    """
    if particles.defocus is None:
        return None
    if not np.isfinite(particles.defocus).all():
        row = int(np.flatnonzero(~np.isfinite(particles.defocus).all(axis=1))[0])
        raise InputError(
            f"particle {row + 1} ({particles.picks.image[row]}): its defocus is not known, but "
            "that of others is; give a CTF for all or none"
        )
    n, box = len(particles), particles.box_px
    group = np.zeros(n) if particles.optics_group is None else particles.optics_group
    keys, which = np.unique(
        np.column_stack([group, particles.defocus]), axis=0, return_inverse=True
    )
    first = np.zeros(len(keys), dtype=np.int64)
    first[which.ravel()[::-1]] = np.arange(n)[::-1]
    unique = np.empty((len(keys), box, box // 2 + 1), dtype=np.float32)
    for place, row in enumerate(first.tolist()):
        unique[place] = _one_transfer(particles, row, after_first_peak=after_first_peak)
    return unique[which.ravel()]


def _one_transfer(particles: Particles, row: int, *, after_first_peak: bool) -> NDArray[np.float32]:
    defocus = particles.defocus_of(row)
    assert defocus is not None  # checked for all rows before
    box = particles.box_px
    # The recorded image begins dark; a picture of bright matter begins with the other sign.
    ctf = -ctf_image(
        (box, box),
        particles.pixel_size_angstrom,
        optics=particles.optics_of(row),
        defocus=defocus,
    )
    if after_first_peak:
        ctf = np.where(_below_first_peak(ctf), np.float32(1), ctf)
    if particles.ctf_premultiplied:
        ctf = ctf * ctf
    elif particles.phase_flipped:
        ctf = np.abs(ctf)
    return -ctf if particles.dark else ctf


def _below_first_peak(ctf: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Frequencies nearer to 0 than the first maximum of the magnitude, by the mean over rings."""
    box = ctf.shape[0]
    k = np.hypot(np.fft.fftfreq(box)[:, None], np.fft.rfftfreq(box)[None, :]) * box
    ring = np.rint(k).astype(np.int64)
    count = np.bincount(ring.ravel())
    mean = np.bincount(ring.ravel(), weights=np.abs(ctf).ravel()) / np.maximum(count, 1)
    falls = np.flatnonzero(np.diff(mean[: box // 2 + 1]) < 0)
    peak = int(falls[0]) if falls.size else box // 2
    return k < peak
