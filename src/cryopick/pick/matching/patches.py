"""Cut patches out of a volume at chosen voxels, and mix them: the bank without Fourier transforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

_PATCH_VALUES_AT_ONCE = 16_000_000
_PLANES_AT_ONCE = 32


def component_values(
    volume: NDArray[np.float32],
    voxel_zyx: NDArray[np.int64],
    *,
    basis: torch.Tensor,
    offset_zyx: NDArray[np.int64],
    squared: bool = False,
) -> torch.Tensor:
    """What each component map gives at each voxel.

    Parameters
    ----------
    volume
        ``(z, y, x)``, which may be a memory map; outside it counts as 0.
    voxel_zyx
        ``(n, 3)``, in any order.
    basis
        ``(k, voxels)``; the products have its type and device.
    offset_zyx
        ``(voxels, 3)``: where each voxel of a component lies from the centre.
    squared
        Take the squares of the volume.

    Returns
    -------
    Tensor
        ``(k, n)``.

    Examples
    --------
    >>> import torch
    >>> volume = np.arange(27, dtype=np.float32).reshape(3, 3, 3)
    >>> here_and_next = np.array([[0, 0, 0], [0, 0, 1]])
    >>> component_values(volume, np.array([[1, 1, 1]]), basis=torch.ones(1, 2),
    ...                  offset_zyx=here_and_next)
    tensor([[27.]])
    """
    import torch

    out = torch.zeros((basis.shape[0], len(voxel_zyx)), dtype=basis.dtype, device=basis.device)
    order = np.argsort(voxel_zyx[:, 0], kind="stable")
    slab_of = voxel_zyx[order, 0] // _PLANES_AT_ONCE
    margin = int(np.abs(offset_zyx).max(initial=0))
    at_once = max(1, _PATCH_VALUES_AT_ONCE // max(len(offset_zyx), 1))
    for slab in np.unique(slab_of):
        mine = order[slab_of == slab]
        first = int(slab) * _PLANES_AT_ONCE
        block = _padded_slab(volume, first, first + _PLANES_AT_ONCE, margin)
        if squared:
            block = np.square(block)
        stride = np.array([block.shape[1] * block.shape[2], block.shape[2], 1])
        place = (voxel_zyx[mine] - [first, 0, 0] + margin) @ stride
        step = offset_zyx @ stride
        for begin in range(0, len(mine), at_once):
            part = slice(begin, begin + at_once)
            # A third of the time of torch's own indexing.
            patches = torch.from_numpy(block.reshape(-1).take(place[part, None] + step))
            columns = torch.from_numpy(mine[part]).to(basis.device)
            out[:, columns] = basis @ patches.to(basis.device, basis.dtype).T
    return out


def _padded_slab(
    volume: NDArray[np.float32], first: int, stop: int, margin: int
) -> NDArray[np.float32]:
    """Planes ``first - margin`` to ``stop + margin`` with zeros around the volume."""
    low, high = max(0, first - margin), min(volume.shape[0], stop + margin)
    planes = np.asarray(volume[low:high], dtype=np.float32)
    before, after = low - (first - margin), stop + margin - high
    return np.pad(planes, [(before, after), (margin, margin), (margin, margin)])
