"""`Template`: what is searched for, and how it looks in every orientation.

A template in orientation ``R`` is turned about voxel ``N // 2``, given the weight that the tomogram
has in Fourier space (missing wedge, CTF, exposure, band), and brought to mean 0 and standard
deviation 1 under its mask::

    w = W (R T)    m = Σ w M / Σ M    s² = Σ w² M / Σ M - m²    t = (w - m) / s · M

The score at voxel ``x`` is then ``Σ_u V(x + u) t(u) / (σ_V(x) Σ M)``, a normalised correlation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.rotation import to_matrix

if TYPE_CHECKING:
    import torch

# Linear interpolation in a map sampled twice as finely errs no more than a cubic one in the map.
OVERSAMPLING = 2
_CHUNK_VOXELS = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Template:
    """A particle to search for.

    Attributes
    ----------
    density
        ``(n, n, n)`` float32, with the contrast of the tomogram; centre at ``n // 2``.
    mask
        ``(n, n, n)`` float32 from 0 to 1.
    pixel_size_angstrom
        Of both.
    name
        Becomes the label of the picks.
    diameter_angstrom
        Of the particle.
    symmetry
        Point group of the density.
    spherical_mask
        A spherical mask stays as it is when the template turns; any other turns with it.
    """

    density: NDArray[np.float32]
    mask: NDArray[np.float32]
    pixel_size_angstrom: float
    name: str
    diameter_angstrom: float
    symmetry: str = "C1"
    spherical_mask: bool = True

    def __post_init__(self) -> None:
        shape = self.density.shape
        if len(shape) != 3 or len(set(shape)) != 1:
            raise InputError(f"template {self.name}: expected a cube, got {_words(shape)} voxels")
        if self.mask.shape != shape:
            raise InputError(
                f"mask of template {self.name}: expected {_words(shape)} voxels as the template "
                f"has, got {_words(self.mask.shape)}"
            )
        if not np.any(self.mask > 0):
            raise InputError(f"mask of template {self.name}: is empty")
        if not (np.isfinite(self.density).all() and np.isfinite(self.mask).all()):
            raise InputError(f"template {self.name}: template or mask holds NaN or infinite values")
        inside = self.density[self.mask > 0]
        if float(np.ptp(inside)) == 0.0:
            raise InputError(f"template {self.name}: is constant under its mask")

    @property
    def box_px(self) -> int:
        """Edge of the box."""
        return self.density.shape[0]


class TurnedTemplates:
    """Templates ``t`` of many orientations, as defined at the top of this module.

    Parameters
    ----------
    template
        What is turned.
    weight
        ``(n, n, n // 2 + 1)``, on the half space of ``rfftn``; None: no weight.
    device
        Torch device.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> template = Template(
    ...     density=rng.normal(size=(8, 8, 8)).astype(np.float32),
    ...     mask=np.ones((8, 8, 8), np.float32),
    ...     pixel_size_angstrom=10.0, name="noise", diameter_angstrom=80.0,
    ... )
    >>> turned = TurnedTemplates(template, None).at(np.array([[1.0, 0, 0, 0]]))
    >>> abs(float(turned.mean())) < 1e-6, round(float(turned.square().mean()), 4)
    (True, 1.0)
    """

    def __init__(
        self, template: Template, weight: NDArray[np.float32] | None, *, device: str = "cpu"
    ) -> None:
        import torch

        n = template.box_px
        if weight is not None and weight.shape != (n, n, n // 2 + 1):
            raise InputError(
                f"weight of template {template.name}: expected {_words((n, n, n // 2 + 1))}, "
                f"got {_words(weight.shape)}"
            )
        self.template = template
        self.device = device
        self._fine = torch.from_numpy(_oversampled(template.density)).to(device)
        self._mask = torch.from_numpy(np.array(template.mask, dtype=np.float32)).to(device)
        self._weight = None if weight is None else torch.from_numpy(weight.copy()).to(device)
        axis = torch.arange(n, dtype=torch.float32, device=device) - n // 2
        z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
        self._points = torch.stack([x, y, z], dim=-1).reshape(-1, 3)

    @property
    def fine(self) -> torch.Tensor:
        """The density sampled `OVERSAMPLING` times as finely; centre at ``n // 2`` times that."""
        return self._fine

    def at(
        self, orientation: NDArray[np.float64], *, shift_px: NDArray[np.float64] | None = None
    ) -> torch.Tensor:
        """Templates ``t``, ``(m, n, n, n)`` float32, in ``m`` orientations ``(m, 4)``.

        ``shift_px`` ``(m, 3)`` moves each template by x, y, z; the mask stays.
        """
        import torch

        parts: list[torch.Tensor] = []
        for rows in self._chunks(orientation):
            part = np.atleast_2d(orientation)[rows]
            weighted = self.weighted(part, shift_px=None if shift_px is None else shift_px[rows])
            mask = self.masks(part)
            total = mask.sum((-3, -2, -1), keepdim=True)
            mean = (weighted * mask).sum((-3, -2, -1), keepdim=True) / total
            centred = weighted - mean
            variance = (centred.square() * mask).sum((-3, -2, -1), keepdim=True) / total
            parts.append(centred * mask * variance.clamp_min(1e-20).rsqrt())
        return torch.cat(parts)

    def weighted(
        self, orientation: NDArray[np.float64], *, shift_px: NDArray[np.float64] | None = None
    ) -> torch.Tensor:
        """Turned, moved and weighted densities ``w``, ``(m, n, n, n)``, without mask."""
        import torch

        turned = self._sampled(self._fine, orientation, shift_px, oversampling=OVERSAMPLING)
        if self._weight is None:
            return turned
        spectrum = torch.fft.rfftn(turned, dim=(-3, -2, -1)) * self._weight
        return torch.fft.irfftn(spectrum, s=turned.shape[-3:], dim=(-3, -2, -1))

    def masks(self, orientation: NDArray[np.float64]) -> torch.Tensor:
        """Masks that go with `at`: ``(1, n, n, n)`` where spherical, else ``(m, n, n, n)``."""
        if self.template.spherical_mask:
            return self._mask[None]
        return self._sampled(self._mask, orientation, None, oversampling=1)

    def _chunks(self, orientation: NDArray[np.float64]) -> list[slice]:
        step = max(1, _CHUNK_VOXELS // self.template.box_px**3)
        return [slice(i, i + step) for i in range(0, len(np.atleast_2d(orientation)), step)]

    def _sampled(
        self,
        source: torch.Tensor,
        orientation: NDArray[np.float64],
        shift_px: NDArray[np.float64] | None,
        *,
        oversampling: int,
    ) -> torch.Tensor:
        """Sample ``source`` at ``R^-1 (u - shift)`` for every voxel ``u``; outside it is 0."""
        import torch

        n, fine = self.template.box_px, source.shape[0]
        matrix = torch.from_numpy(to_matrix(np.atleast_2d(orientation)).astype(np.float32))
        points = self._points
        if shift_px is not None:
            points = points - torch.from_numpy(shift_px.astype(np.float32)).to(self.device)[:, None]
        # (R^-1 u)ᵀ = uᵀ R
        index = points @ matrix.to(self.device) * oversampling + (n // 2) * oversampling
        places = (index * (2 / max(fine - 1, 1)) - 1).reshape(-1, n, n, n, 3)
        sampled = torch.nn.functional.grid_sample(
            source.expand(len(places), 1, -1, -1, -1), places, align_corners=True
        )
        return sampled[:, 0]


def _oversampled(density: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sample a cube ``OVERSAMPLING`` times as finely by padding its Fourier transform."""
    from scipy import fft

    n, fine = density.shape[0], density.shape[0] * OVERSAMPLING
    spectrum = fft.fftshift(fft.fftn(density.astype(np.float64)))
    if n % 2 == 0:
        # The highest frequency of an even box stands for itself and its mirror image.
        spectrum = np.pad(spectrum, [(0, 1)] * 3)
        for axis in range(3):
            first = [slice(None)] * 3
            last = [slice(None)] * 3
            first[axis], last[axis] = slice(0, 1), slice(n, n + 1)
            half = spectrum[tuple(first)] / 2
            spectrum[tuple(first)] = half
            spectrum[tuple(last)] = half
    start = fine // 2 - n // 2
    wide = np.zeros((fine,) * 3, dtype=np.complex128)
    window = slice(start, start + spectrum.shape[0])
    wide[window, window, window] = spectrum
    values = fft.ifftn(fft.ifftshift(wide)).real * OVERSAMPLING**3
    return np.ascontiguousarray(values, dtype=np.float32)


def _words(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
