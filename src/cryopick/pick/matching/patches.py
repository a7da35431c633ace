"""Cut patches out of a volume at chosen voxels, and mix them: the bank without Fourier transforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

_PATCH_VALUES_AT_ONCE = 16_000_000


def padded(volume: torch.Tensor, margin_px: int) -> torch.Tensor:
    """Surround a volume by zeros, so that patches at its rim are whole."""
    import torch

    return torch.nn.functional.pad(volume, (margin_px,) * 6)


def component_values(
    volume: torch.Tensor,
    voxel_zyx: NDArray[np.int64],
    *,
    basis: torch.Tensor,
    offset_zyx: NDArray[np.int64],
    margin_px: int,
) -> torch.Tensor:
    """What each component map gives at each voxel.

    Parameters
    ----------
    volume
        ``(z, y, x)`` float32 with ``margin_px`` of padding on every face.
    voxel_zyx
        ``(n, 3)`` in the volume before it was padded.
    basis
        ``(k, voxels)``; its type is that of the products (bfloat16 where that is faster).
    offset_zyx
        ``(voxels, 3)``, no component above ``margin_px``.

    Returns
    -------
    Tensor
        ``(k, n)`` of the type of ``basis``.

    Examples
    --------
    >>> import torch
    >>> volume = padded(torch.arange(27.0).reshape(3, 3, 3), 1)
    >>> here_and_next = np.array([[0, 0, 0], [0, 0, 1]])
    >>> component_values(volume, np.array([[1, 1, 1]]), basis=torch.ones(1, 2),
    ...                  offset_zyx=here_and_next, margin_px=1)
    tensor([[27.]])
    """
    import torch

    _, ny, nx = volume.shape
    stride = np.array([ny * nx, nx, 1])
    place = (voxel_zyx + margin_px) @ stride
    step = offset_zyx @ stride
    out = torch.empty((basis.shape[0], len(place)), dtype=basis.dtype, device=basis.device)
    at_once = max(1, _PATCH_VALUES_AT_ONCE // max(len(step), 1))
    for first in range(0, len(place), at_once):
        part = slice(first, first + at_once)
        patches = _gathered(volume, place[part, None] + step)
        out[:, part] = basis @ patches.to(basis.dtype).T
    return out


def _gathered(volume: torch.Tensor, index: NDArray[np.int64]) -> torch.Tensor:
    import torch

    flat = volume.reshape(-1)
    if flat.device.type == "cpu":
        # A third of the time of torch's own indexing.
        return torch.from_numpy(flat.numpy().take(index))
    return flat[torch.from_numpy(index).to(flat.device)]
