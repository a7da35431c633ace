"""What a template scores by chance: the standard deviation of random poses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.rotation import random_rotations
from cryopick.pick.matching.template import Template, TurnedTemplates

_PLACES = 1024
_ROTATIONS = 48
_PLACES_AT_ONCE = 64
_FLAT = 1e-9


def random_pose_sigma(
    volume: NDArray[np.float32],
    template: Template,
    *,
    weight: NDArray[np.float32] | None,
    seed: int = 0,
    device: str = "cpu",
) -> float:
    """Root mean square of the scores of random orientations at random places.

    Particles are rare, and a random orientation on one scores little, so this is the background's.

    Parameters
    ----------
    volume
        ``(z, y, x)``, filtered.
    template, weight
        At the volume's voxel size.
    """
    import torch

    rng = np.random.default_rng(seed)
    box = template.box_px
    turned = TurnedTemplates(template, weight, device=device)
    orientation = random_rotations(_ROTATIONS, rng=rng)
    templates = turned.at(orientation).flatten(1)
    masks = turned.masks(orientation).flatten(1)
    total = masks.sum(1)
    if min(volume.shape) < box:
        volume = np.pad(volume, [(0, max(0, box - n)) for n in volume.shape])
    corner = np.stack([rng.integers(0, n - box + 1, _PLACES) for n in volume.shape], axis=1)
    corner = corner[np.lexsort(corner.T[::-1])]
    floor = _FLAT * float(np.square(volume[:: max(1, len(volume) // 16)]).mean())
    sum_of_squares, count = 0.0, 0
    for first in range(0, _PLACES, _PLACES_AT_ONCE):
        boxes = [
            volume[z : z + box, y : y + box, x : x + box].ravel()
            for z, y, x in corner[first : first + _PLACES_AT_ONCE]
        ]
        values = torch.from_numpy(np.stack(boxes)).to(device)
        mean = values @ masks.T / total
        variance = values.square() @ masks.T / total - mean.square()
        score = (values @ templates.T) / total * variance.clamp_min(floor + 1e-30).rsqrt()
        score = torch.where(variance > floor, score, torch.zeros_like(score))
        sum_of_squares += float(score.double().square().sum())
        count += int((variance > floor).sum()) * (score.numel() // variance.numel())
    return float(np.sqrt(sum_of_squares / count)) if count else 1.0
