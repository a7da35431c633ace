"""What the jobs that make one mask or template share: its place, its picture, its pixel size."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.io.atomic import write_text
from cryopick.io.images import open_image, write_mrc
from cryopick.jobs.plots.montage import montage_svg
from cryopick.jobs.simulated_images import hand_out
from cryopick.model import Grid, Image, ImageStack
from cryopick.run.job import Cost, Item, Outcome, Plot
from cryopick.simulate.maps import load_map
from cryopick.simulate.shapes import NATIVE_PIXEL_ANGSTROM, SHAPES

MASK = "mask.mrc"
FACTS = "facts.json"
_SHOWN_PX = 400
_SECONDS_PER_VOXEL = 1e-7


def open_map(
    path: str | Path, pixel_size_angstrom: float | None, *, flag: str = "--pixel-size"
) -> Image:
    """Open a map of known pixel size; a cube that is written as a stack of sections is a map.

    Where the pixel size is not known, ``flag`` is how to give it. A built-in shape of
    ``simulate`` may be named in place of a file.
    """
    if str(path) in SHAPES and not Path(path).exists():
        if pixel_size_angstrom is not None:
            raise InputError(
                f"{flag}: {path} is a built-in shape, whose size is known; leave it out"
            )
        return _built_in(str(path))
    image = open_image(path, pixel_size_angstrom=pixel_size_angstrom)
    shape = tuple(int(n) for n in image.data.shape)
    if len(shape) != 3 or (isinstance(image, ImageStack) and len(set(shape)) > 1):
        raise InputError(
            f"{path}: expected a volume, got {' x '.join(str(n) for n in shape[::-1])} pixels"
        )
    if isinstance(image, ImageStack):
        image = open_image(path, pixel_size_angstrom=pixel_size_angstrom, kind="volume")
    if not isinstance(image, Image):
        raise InputError(f"{path}: expected a volume")
    if not image.facts["pixel_size_known"]:
        raise InputError(f"{path}: its pixel size is not known; give {flag}")
    return image


def _built_in(name: str) -> Image:
    density = load_map(name, NATIVE_PIXEL_ANGSTROM).density
    grid = Grid(shape=density.shape, pixel_size_angstrom=NATIVE_PIXEL_ANGSTROM)
    return Image(data=density, grid=grid, name=name, facts={"pixel_size_known": True})


def box_and_pixel(
    box_px: int | None, pixel_size_angstrom: float | None, like: str | None
) -> tuple[int, float | None]:
    """Box and pixel size of a mask: as given, else those of the template it is for."""
    if like is None:
        if box_px is None:
            raise InputError("mask: how large? give --box, or the template with --like")
        return box_px, pixel_size_angstrom
    grid = open_map(like, pixel_size_angstrom).grid
    if len(set(grid.shape)) > 1:
        raise InputError(f"--like {like}: expected a cube, got {grid.size_px} px")
    if box_px is not None and box_px != grid.shape[0]:
        raise InputError(f"--box: {box_px} px, but {like} has {grid.shape[0]} px; give one of them")
    return grid.shape[0], grid.pixel_size_angstrom


def length_px(
    name: str,
    length_angstrom: float | None,
    length_px: float | None,
    *,
    pixel_size_angstrom: float | None,
    default_px: float | None = None,
) -> float:
    """A length given in Å or in pixels, in pixels.

    Examples
    --------
    >>> length_px("radius", 120.0, None, pixel_size_angstrom=10.0)
    12.0
    """
    if length_angstrom is not None and length_px is not None:
        raise InputError(f"--{name}: give it in Å or in px (--{name}-px), not in both")
    if length_px is not None:
        return length_px
    if length_angstrom is None:
        if default_px is None:
            raise InputError(f"--{name}: is missing; give it in Å, or in px with --{name}-px")
        return default_px
    if pixel_size_angstrom is None:
        raise InputError(
            f"--{name}: {length_angstrom:g} Å are how many pixels? give --pixel-size or --like, "
            f"or --{name}-px"
        )
    return length_angstrom / pixel_size_angstrom


def mask_item(box_px: int, **inputs: Any) -> list[Item]:
    """One item: a mask of that box."""
    voxels = box_px**3
    cost = Cost(memory_bytes=50_000_000 + 8 * voxels, seconds=1 + voxels * _SECONDS_PER_VOXEL)
    return [Item(id="mask", inputs={"box_px": box_px, **inputs}, cost=cost)]


def write_mask(
    folder: Path,
    mask: NDArray[np.float32],
    pixel_size_angstrom: float | None,
    *,
    facts: Mapping[str, Any],
) -> None:
    """Write a mask, and what is to be said of it."""
    write_mrc(folder / MASK, mask, pixel_size_angstrom or 1.0)
    warnings: list[str] = []
    if pixel_size_angstrom is None:
        warnings.append("the pixel size of the mask is not known: 1 Å written; give --pixel-size")
    rim = max(float(mask.take(i, axis=axis).max()) for axis in range(3) for i in (0, -1))
    if rim > 0:
        warnings.append(f"the mask reaches the edge of its box, where it is still {rim:.2f}")
    document = {
        "size_px": list(mask.shape[::-1]),
        "pixel_size_angstrom": pixel_size_angstrom,
        "voxels_inside": int(np.count_nonzero(mask >= 0.5)),
        **facts,
        "warnings": warnings,
    }
    write_text(folder / FACTS, json.dumps(document, allow_nan=False))


def collect_mask(folder: Path, items: Sequence[Item], *, what: str) -> Outcome:
    """Give the mask its place in the job folder, and show it."""
    done = [item for item in items if (folder / "items" / item.id / FACTS).is_file()]
    if not done:
        return Outcome(summary={}, sentence="no mask was made")
    hand_out(folder, done, into=".", files=[MASK])
    facts = json.loads((folder / "items" / done[0].id / FACTS).read_text("utf-8"))
    warnings = facts.pop("warnings")
    image = open_image(folder / MASK, pixel_size_angstrom=1.0)
    x, y, z = facts["size_px"]
    return Outcome(
        summary={"kind": what, **facts},
        sentence=f"{what} mask of {x} x {y} x {z} px, {facts['voxels_inside']:,} voxels inside",
        files={"mask": MASK},
        plots=[
            Plot(
                title="Mask",
                caption="Sections through the centre, N // 2.",
                svg=sections_svg(np.asarray(image.data[...], dtype=np.float32)),
            )
        ],
        warnings=warnings,
        next_command="cryopick match tomogram.mrc --template template.mrc --mask "
        f"{folder / MASK} -o match",
    )


def sections_svg(volume: NDArray[Any], *, projections: bool = False) -> str:
    """Central sections of a volume along z, y and x; with the projections below, where wanted."""
    planes = [
        (f"section along {name}", volume.take(volume.shape[axis] // 2, axis=axis))
        for axis, name in enumerate("zyx")
    ]
    if projections:
        planes += [
            (f"projection along {name}", volume.sum(axis=axis)) for axis, name in enumerate("zyx")
        ]
    return montage_svg(planes, columns=3, longest_px=_SHOWN_PX, cut_percent=0)
