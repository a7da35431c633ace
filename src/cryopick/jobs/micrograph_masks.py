"""Where in a micrograph picks may lie: masks of the user, and contamination that was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cryopick.errors import InputError
from cryopick.io.images import open_image
from cryopick.jobs.image_inputs import image_paths
from cryopick.model import Grid, Image
from cryopick.ops.nearest import on_grid

# A mask may be binned, but not stretched.
_SAME_STRETCH = 0.02


def masks_by_name(given: Sequence[str]) -> dict[str, str]:
    """Masks by the name of their file."""
    return {name: str(path) for name, path in image_paths(given).items()} if given else {}


def mask_of(name: str, masks: Mapping[str, str]) -> str | None:
    """The mask called like the micrograph, else the only one; None: there are no masks."""
    if not masks:
        return None
    found = masks.get(name) or masks.get(f"{name}_mask")
    if found is None and len(masks) == 1:
        (found,) = masks.values()
    if found is None:
        raise InputError(f"--mask: none is called {name} or {name}_mask; add it")
    return found


def open_mask(path: str | Path, micrograph: Grid) -> Image:
    """Open a mask of a micrograph; whatever its header says, it covers the same field.

    Parameters
    ----------
    path
        One image, of the micrograph's size or binned.
    micrograph
        Grid of the micrograph.
    """
    mask = open_image(path)
    if not isinstance(mask, Image) or mask.ndim != 2:
        raise InputError(f"--mask: {path}: expected one image, got a volume or a stack")
    steps = [big / small for big, small in zip(micrograph.shape, mask.grid.shape, strict=True)]
    if abs(steps[0] / steps[1] - 1) > _SAME_STRETCH:
        raise InputError(
            f"--mask: {path}: {mask.grid.size_px} px do not fit a micrograph of "
            f"{micrograph.size_px} px"
        )
    pixel = micrograph.pixel_size_angstrom
    # The first pixel of a binned mask covers several of the micrograph: its centre lies between.
    shift = (steps[0] - 1) / 2 * pixel
    grid = Grid(
        shape=mask.grid.shape,
        pixel_size_angstrom=pixel * steps[0],
        origin_angstrom=tuple(v + shift for v in micrograph.origin_angstrom),
    )
    return replace(mask, grid=grid)


def clean_mask(image: Image, particle_diameter_angstrom: float, own: Image | None) -> Image:
    """Leave out contamination of a micrograph, and what the user's own mask leaves out.

    Parameters
    ----------
    image
        The micrograph.
    particle_diameter_angstrom
        Of the particles.
    own
        The user's mask; None: there is none.
    """
    from cryopick.pick.contamination import find_contamination

    return _both(own, find_contamination(image, particle_diameter_angstrom).mask)


def mask_without_margins(image: Image, own: Image | None) -> Image | None:
    """Leave out margins that repeat a row, and what the user's own mask leaves out.

    Parameters
    ----------
    image
        The micrograph.
    own
        The user's mask; None: there is none.

    Returns
    -------
    Image or None
        None: the micrograph has no such margins, so that ``own`` alone counts.
    """
    from cryopick.pick.contamination import find_margins

    found = find_margins(image)
    return None if found is None else _both(own, found)


def _both(own: Image | None, found: Image) -> Image:
    """Where both masks allow picks."""
    if own is None:
        return found
    # On the finer of both grids, at its places.
    fine, other = (own, found) if own.grid.shape[0] >= found.grid.shape[0] else (found, own)
    allowed = (fine.read() > 0) & on_grid(other.read() > 0, other.grid, fine.grid, beyond="edge")
    return replace(fine, data=allowed.astype(np.int8))
