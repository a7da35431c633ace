"""`image_name`: the name by which an image is known across sets, from whatever names its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_COMPRESSED = (".gz", ".bz2")
# Longest first: `.ome.zarr` is one suffix, not two.
IMAGE_SUFFIXES = (
    ".ome.zarr", ".ome.tiff", ".ome.tif", ".preali", ".mrcs", ".ccp4", ".tiff", ".jpeg", ".zarr",
    ".hdf5", ".mrc", ".map", ".rec", ".ali", ".tif", ".png", ".jpg", ".spi", ".stk", ".vol",
    ".xmp", ".hdf", ".st", ".em", ".h5",
)  # fmt: skip


def image_name(path: str | Path) -> str:
    """Cut folders and suffix from the file name of an image.

    ``.gz`` and ``.bz2`` go first, then one image suffix, in whatever case they are written. Any
    other dot is part of the name.

    Examples
    --------
    >>> image_name("tomograms/TS_007.b4.rec.gz")
    'TS_007.b4'
    >>> image_name("1e5.mrc"), image_name("007")
    ('1e5', '007')
    """
    name = Path(path).name
    for suffixes in (_COMPRESSED, IMAGE_SUFFIXES):
        for suffix in suffixes:
            if name.lower().endswith(suffix) and len(name) > len(suffix):
                name = name[: -len(suffix)]
                break
    return name


def referenced_name(text: str) -> str:
    r"""`image_name` of an image as RELION, Warp, Dynamo and pytom refer to it in their files.

    Such names may hold Windows folders, RELION's ``:mrc`` and Warp's ``.tomostar``.

    >>> referenced_name("warp/TS_17.tomostar"), referenced_name("TS_1_aligned.st:mrc")
    ('TS_17', 'TS_1_aligned')
    >>> referenced_name(r"D:\data\TS_2.mrc")
    'TS_2'
    """
    plain = text.strip().replace("\\", "/")
    return image_name(plain.removesuffix(":mrc").removesuffix(":mrcs").removesuffix(".tomostar"))


def referenced_names(texts: NDArray[np.str_]) -> NDArray[np.str_]:
    """`referenced_name` of every value."""
    values = texts.tolist()
    known = {text: referenced_name(text) for text in set(values)}
    return np.array([known[text] for text in values], dtype=np.str_)
