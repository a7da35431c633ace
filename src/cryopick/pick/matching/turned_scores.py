"""`TurnedScores`: the score of single poses, exactly, and quickly with its slope.

The numerator of the score at ``x`` is ``<M (p - p̄), W R T>`` with the box ``p`` of the tomogram
around ``x`` and its mean ``p̄`` under the mask. The weight ``W`` is self-adjoint, so this equals
``<q, R T>`` with ``q = W(M (p - p̄))``, computed once for a place. A pose then only costs reading
the template at ``R^-1 (u - d)`` for all voxels ``u`` that its density can reach: from a table of
values and slopes at twice the sampling, expanded to first order, which gives the slope along all
six directions of a pose by the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.rotation import from_rotation_vector, multiply, random_rotations, to_matrix
from cryopick.pick.matching.local_deviation import deviation
from cryopick.pick.matching.template import OVERSAMPLING, Template, TurnedTemplates

if TYPE_CHECKING:
    import torch

# Beyond the radius that holds the rest, the density is not read.
_ENERGY_LEFT_OUT = 1e-3
# Voxels beyond the mask from which the weight can spread density into it.
_REACH_PX = 4
# Points whose table rows stay in a core's cache.
_POINTS_AT_ONCE = 16_384
_POINTS_AT_ONCE_CUDA = 8_000_000
_BOX_VOXELS_AT_ONCE = 4_000_000
_METRIC_SAMPLES = 6


class TurnedScores:
    """Scores of poses of one template.

    Parameters
    ----------
    template
        What is looked for.
    weight
        ``(n, n, n // 2 + 1)`` as for `TurnedTemplates`.
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
    >>> scores = TurnedScores(template, None)
    >>> box = 3 * template.density[None] + 7
    >>> here = scores.exact(box, np.array([[1.0, 0, 0, 0]]), np.zeros((1, 3)), whole_variance=1.0)
    >>> here.round(4)
    array([1.])
    """

    def __init__(
        self, template: Template, weight: NDArray[np.float32] | None, *, device: str = "cpu"
    ) -> None:
        import torch

        self.template = template
        self.weight = weight
        self.device = device
        self.turned = TurnedTemplates(template, weight, device=device)
        self._weight = None if weight is None else torch.from_numpy(weight.copy()).to(device)
        self._table, self._edge = _value_and_slope_table(self.turned.fine)
        points = _reached_points(template)
        self.inside: torch.Tensor = torch.from_numpy(points).to(device)
        n = template.box_px
        z, y, x = np.unravel_index(points, (n, n, n))
        coordinates = np.stack([np.ones(len(x)), x - n // 2, y - n // 2, z - n // 2])
        # Rows 1, x, y, z: moments of what is multiplied with them.
        self._coordinates = torch.from_numpy(coordinates.astype(np.float32)).to(device)
        at_once = _POINTS_AT_ONCE if device == "cpu" else _POINTS_AT_ONCE_CUDA
        self._poses_at_once = max(1, at_once // len(points)) if device != "cpu" else 1

    def normalised_boxes(
        self, boxes: NDArray[np.float32], orientation: NDArray[np.float64], *, whole_variance: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Boxes ``(m, n, n, n)``: mean 0, over standard deviation and sum of the mask; the masks.

        All under the masks of the orientations. A box as good as flat counts as varied as the
        whole volume (`local_deviation`).
        """
        import torch

        axes = (-3, -2, -1)
        values = torch.from_numpy(boxes).to(self.device)
        mask = self.turned.masks(orientation)
        total = mask.sum(axes, keepdim=True)
        # In two steps: a level far above the variation would drown it in rounding.
        values = values - values.mean(axes, keepdim=True)
        values = values - (values * mask).sum(axes, keepdim=True) / total
        variance = (values.square() * mask).sum(axes, keepdim=True) / total
        return values / (deviation(variance, whole_variance) * total), mask

    def exact(
        self,
        boxes: NDArray[np.float32],
        orientation: NDArray[np.float64],
        shift_px: NDArray[np.float64],
        *,
        whole_variance: float,
    ) -> NDArray[np.float64]:
        """Scores ``(m,)`` in boxes ``(m, n, n, n)`` of templates moved by ``shift_px`` ``(m, 3)``.

        The mask stays at the voxel: with no shift this is the score of that voxel.
        """
        step = max(1, _BOX_VOXELS_AT_ONCE // self.template.box_px**3)
        parts: list[NDArray[np.float64]] = []
        for i in range(0, len(boxes), step):
            rows = slice(i, i + step)
            image, _ = self.normalised_boxes(
                boxes[rows], orientation[rows], whole_variance=whole_variance
            )
            turned = self.turned.at(orientation[rows], shift_px=shift_px[rows])
            parts.append((image * turned).sum((-3, -2, -1)).double().cpu().numpy())
        return np.concatenate(parts) if parts else np.empty(0)

    def spectrum(
        self, boxes: NDArray[np.float32], orientation: NDArray[np.float64], *, whole_variance: float
    ) -> torch.Tensor:
        """Boxes, normalised, masked, and given the weight, on the half space of ``rfftn``."""
        import torch

        image, mask = self.normalised_boxes(boxes, orientation, whole_variance=whole_variance)
        spectrum = torch.fft.rfftn(image * mask, dim=(-3, -2, -1))
        return spectrum if self._weight is None else spectrum * self._weight

    def projected(
        self, boxes: NDArray[np.float32], orientation: NDArray[np.float64], *, whole_variance: float
    ) -> torch.Tensor:
        """The same in real space: ``q`` ``(m, n, n, n)`` at the top of this module."""
        import torch

        spectrum = self.spectrum(boxes, orientation, whole_variance=whole_variance)
        return torch.fft.irfftn(spectrum, s=boxes.shape[-3:], dim=(-3, -2, -1))

    def moments(self, projected: torch.Tensor) -> torch.Tensor:
        """What `slopes` needs of ``q`` ``(m, n, n, n)``: ``(m, 4, points)``."""
        return projected.flatten(1)[:, self.inside][:, None] * self._coordinates

    def slopes(
        self,
        moments: torch.Tensor,
        orientation: NDArray[np.float64],
        shift_px: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give ``<q, R T>`` of ``m`` poses and its slopes.

        Returns
        -------
        value
            ``(m,)``.
        slope
            ``(m, 6)``: for turns of the template about its own x, y, z (per radian) and moves
            along them (per voxel).
        """
        import torch

        matrix = to_matrix(orientation)
        back = np.swapaxes(matrix, 1, 2)
        offset = np.einsum("mab,mb->ma", back, shift_px)
        products = np.empty((len(matrix), 4, 4))
        for i in range(0, len(matrix), self._poses_at_once):
            rows = slice(i, i + self._poses_at_once)
            read = self._read(back[rows], offset[rows])
            products[rows] = torch.bmm(moments[rows], read).double().cpu().numpy()
        force = products[:, 0, 1:]
        # Σ q p_a ∂_b T with p = R^-1 (u - d)
        torque = back @ products[:, 1:, 1:] - offset[:, :, None] * force[:, None, :]
        value = products[:, 0, 0] + np.trace(torque, axis1=1, axis2=2)
        turn = np.stack([torque[:, b, a] - torque[:, a, b] for a, b in ((1, 2), (2, 0), (0, 1))], 1)
        return value, np.concatenate([turn, -force], axis=1)

    def values(self, orientation: NDArray[np.float64]) -> torch.Tensor:
        """Turned densities ``R T`` at the points ``inside``: ``(m, points)``."""
        import torch

        back = np.swapaxes(to_matrix(orientation), 1, 2)
        parts: list[torch.Tensor] = []
        for i in range(0, len(back), self._poses_at_once):
            part = back[i : i + self._poses_at_once]
            rows = self._read(part, np.zeros((len(part), 3)))
            places = (
                torch.from_numpy(part.astype(np.float32)).to(self.device) @ self._coordinates[1:]
            )
            parts.append(rows[..., 0] + (rows[..., 1:] * places.transpose(1, 2)).sum(-1))
        return torch.cat(parts)

    def spread(self, orientation: NDArray[np.float64]) -> NDArray[np.float64]:
        """Exact standard deviations ``s`` ``(m,)`` of the weighted template under its mask."""
        step = max(1, _BOX_VOXELS_AT_ONCE // self.template.box_px**3)
        axes = (-3, -2, -1)
        parts: list[NDArray[np.float64]] = []
        for i in range(0, len(orientation), step):
            weighted = self.turned.weighted(orientation[i : i + step])
            mask = self.turned.masks(orientation[i : i + step])
            total = mask.sum(axes, keepdim=True)
            centred = weighted - (weighted * mask).sum(axes, keepdim=True) / total
            variance = (centred.square() * mask).sum(axes) / total.flatten(0)
            parts.append(variance.double().sqrt().cpu().numpy())
        return np.concatenate(parts)

    def metric(self) -> NDArray[np.float64]:
        """How fast the score falls around a perfect match: ``(6, 6)``, directions as `slopes`.

        Of a score ``S`` at its maximum ``S (1 - eᵀ F e / 2)`` is left at the error ``e``. Averaged
        over a few orientations.
        """
        rotations = random_rotations(_METRIC_SAMPLES, rng=np.random.default_rng(1))
        turn, move = 1.0 / self.template.box_px, 0.25
        total = np.zeros((6, 6))
        for rotation in rotations:
            tangent = np.stack(
                [self._tangent(rotation, direction, turn, move) for direction in range(6)]
            )
            total += tangent @ tangent.T
        return total / _METRIC_SAMPLES / float(self.template.mask.sum())

    def _tangent(
        self, rotation: NDArray[np.float64], direction: int, turn: float, move: float
    ) -> NDArray[np.float64]:
        """Change of ``t`` with one direction, flat."""
        step = np.zeros((2, 3))
        step[:, direction % 3] = [1, -1]
        if direction < 3:
            poses = multiply(rotation, from_rotation_vector(turn * step))
            pair, length = self.turned.at(poses), turn
        else:
            poses = np.stack([rotation, rotation])
            shift = move * step @ to_matrix(rotation).T
            pair, length = self.turned.at(poses, shift_px=shift), move
        return ((pair[0] - pair[1]) / (2 * length)).flatten().double().cpu().numpy()

    def _read(self, back: NDArray[np.float64], offset: NDArray[np.float64]) -> torch.Tensor:
        """Rows of the table ``(m, points, 4)`` nearest to ``R^-1 (u - d)``."""
        import torch

        centre = self.template.box_px // 2 * OVERSAMPLING + 1
        affine = np.concatenate([centre - OVERSAMPLING * offset[..., None], OVERSAMPLING * back], 2)
        rows = torch.from_numpy(affine.reshape(-1, 4).astype(np.float32)).to(self.device)
        place = (rows @ self._coordinates).round_().clamp_(0, self._edge - 1).to(torch.int32)
        place = place.view(len(back), 3, -1)
        index = place[:, 2].mul(self._edge).add_(place[:, 1]).mul_(self._edge).add_(place[:, 0])
        return self._table.index_select(0, index.flatten()).view(len(back), -1, 4)


def _reached_points(template: Template) -> NDArray[np.int64]:
    """Flat indices of the voxels that the density reaches in some orientation."""
    n = template.box_px
    axis = np.arange(n) - n // 2
    radius = np.sqrt(
        (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2).astype(np.float64)
    ).ravel()
    energy = template.density.astype(np.float64).ravel() ** 2
    order = np.argsort(radius, kind="stable")
    share = np.cumsum(energy[order]) / energy.sum()
    of_density = radius[order][np.searchsorted(share, 1 - _ENERGY_LEFT_OUT)]
    of_mask = radius[template.mask.ravel() > 0].max() + _REACH_PX
    return np.flatnonzero(radius <= min(of_density + 1, of_mask))


def _value_and_slope_table(fine: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Rows ``T - g · ∇T, ∂x T, ∂y T, ∂z T`` at the fine places ``g`` (voxels from the centre).

    ``row[0] + p · row[1:]`` is then the density at ``p`` to first order. One layer of zeros around
    stands for all that is outside.
    """
    import torch

    size = fine.shape[0]
    spectrum = torch.fft.rfftn(fine)
    whole = torch.fft.fftfreq(size, device=fine.device)
    half = torch.fft.rfftfreq(size, device=fine.device)
    frequency = (half, whole[:, None], whole[:, None, None])
    place = (torch.arange(size, device=fine.device) - size // OVERSAMPLING // 2 * OVERSAMPLING).to(
        torch.float32
    ) / OVERSAMPLING
    places = (place, place[:, None], place[:, None, None])
    table = torch.zeros((size + 2, size + 2, size + 2, 4), device=fine.device)
    inner = table[1:-1, 1:-1, 1:-1]
    inner[..., 0] = fine
    for axis, along in enumerate(frequency):
        ramp = 2j * np.pi * OVERSAMPLING * along
        slope = torch.fft.irfftn(spectrum * ramp, s=fine.shape)
        inner[..., axis + 1] = slope
        inner[..., 0] -= slope * places[axis]
    return table.view(-1, 4), size + 2
