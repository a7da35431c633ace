"""What ``resample`` and ``filter`` share: one item per image, one image per item, a montage."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.io.images import open_image
from cryopick.jobs.image_inputs import check_pixel_size, image_paths, item_id
from cryopick.jobs.plots.montage import montage_svg
from cryopick.model import Image, ImageStack
from cryopick.run.job import Cost, Item, Outcome, Plot

_SHOWN_PX = 512


def plan_images(
    images: Sequence[str],
    pixel_size_angstrom: float | None,
    *,
    needs_pixel_size: bool,
    copies: int,
    memory_bytes: int,
    seconds_per_pixel: float,
) -> list[Item]:
    """One item per image, volume or stack; only headers are read.

    Parameters
    ----------
    images, pixel_size_angstrom
        As the user gave them.
    needs_pixel_size
        Whether an image whose pixel size is not known is an `InputError`.
    copies, memory_bytes
        Working copies in float32 that are kept, and the limit above which work is done in slabs.
    seconds_per_pixel
        Measured on one core.
    """
    items: list[Item] = []
    for name, path in image_paths(images).items():
        image = open_image(path, pixel_size_angstrom=pixel_size_angstrom)
        if needs_pixel_size:
            check_pixel_size(image)
        shape = tuple(int(n) for n in image.data.shape)
        pixels = math.prod(shape)
        one = math.prod(shape[1:]) if isinstance(image, ImageStack) else pixels
        suffix = ".mrcs" if isinstance(image, ImageStack) else ".mrc"
        items.append(
            Item(
                id=item_id(name),
                inputs={
                    "path": str(path),
                    "name": name,
                    "output": f"{_file_stem(name)}{suffix}",
                    "pixel_size_angstrom": pixel_size_angstrom,
                },
                cost=Cost(
                    memory_bytes=min(one * 4 * copies, memory_bytes),
                    seconds=pixels * seconds_per_pixel,
                ),
            )
        )
    return items


def open_item(item: Item) -> Image | ImageStack:
    """Open the image of an item; what is odd about it is warned of."""
    inputs = item.inputs
    image = open_image(inputs["path"], pixel_size_angstrom=inputs["pixel_size_angstrom"])
    for line in image.warnings:
        warnings.warn(f"{inputs['path']}: {line}", stacklevel=2)
    return image


def collect_images(
    folder: Path,
    items: Sequence[Item],
    *,
    verb: str,
    summary: Mapping[str, Any],
    next_command: str,
) -> Outcome:
    """List the images that are done, and show the first one before and after.

    Parameters
    ----------
    verb
        What was done, in the past tense: ``resampled``.
    summary
        What else belongs into ``summary.json``.
    """
    done = [i for i in items if _output(folder, i).is_file()]
    listed: list[dict[str, Any]] = []
    for item in done:
        image = open_image(_output(folder, item))
        size = image.grid.pixel_size_angstrom if isinstance(image, Image) else (
            image.pixel_size_angstrom
        )  # fmt: skip
        listed.append(
            {
                "name": item.inputs["name"],
                "file": str(_output(folder, item).relative_to(folder)),
                "size_px": [int(n) for n in image.data.shape[::-1]],
                "pixel_size_angstrom": size,
                "origin_angstrom": list(image.grid.origin_angstrom)
                if isinstance(image, Image)
                else [],
            }
        )
    noun = "image" if len(done) == 1 else "images"
    return Outcome(
        summary={"images": len(done), "outputs": listed, **summary},
        sentence=f"{len(done):,} {noun} {verb}",
        files={entry["name"]: entry["file"] for entry in listed},
        plots=[_montage(folder, done[0], verb)] if done else [],
        next_command=next_command,
    )


def _output(folder: Path, item: Item) -> Path:
    return folder / "items" / item.id / item.inputs["output"]


def _file_stem(name: str) -> str:
    """An image name as a file name: the name itself, unless it would be hidden."""
    return name if not name.startswith(".") else f"image{name}"


def _montage(folder: Path, item: Item, verb: str) -> Plot:
    """Central sections before and after, side by side."""
    before = open_image(item.inputs["path"], pixel_size_angstrom=1.0)
    after = open_image(_output(folder, item), pixel_size_angstrom=1.0)
    return Plot(
        title=f"{item.inputs['name']}: before and after",
        caption="Central section, shrunk to fit; grey from the 1st to the 99th percentile of each.",
        svg=montage_svg(
            [("before", _central_section(before)), (verb, _central_section(after))],
            columns=2,
            longest_px=_SHOWN_PX,
            cut_percent=1,
        ),
    )


def _central_section(image: Image | ImageStack) -> NDArray[np.float32]:
    """The middle section of whatever it is."""
    index = tuple(n // 2 for n in image.data.shape[:-2])
    return np.asarray(image.data[index], dtype=np.float32)
