"""Bring the image names of two sets of picks together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.io.images.name import image_name
from cryopick.model import Picks


def with_common_names(picks: Picks, truth: Picks) -> tuple[Picks, Picks, tuple[str, ...]]:
    """Cut folders and suffixes from the image names, and check that both sets share some.

    Where each set has a single image, the two are taken for the same one, with a warning if their
    names differ.

    Returns
    -------
    picks, truth
        With names that can be compared.
    warnings
        One sentence each.
    """
    picks, truth = _renamed(picks, _bare(picks.image)), _renamed(truth, _bare(truth.image))
    ours, theirs = np.unique(picks.image).tolist(), np.unique(truth.image).tolist()
    if not ours or not theirs or set(ours) & set(theirs):
        return picks, truth, ()
    if len(ours) == 1 and len(theirs) == 1:
        warning = f"picks are of image {ours[0]}, the truth of {theirs[0]}: taken for the same"
        return picks, _renamed(truth, np.full(len(truth), ours[0])), (warning,)
    raise InputError(
        f"no image in common: the picks name {_some(ours)}, the truth names {_some(theirs)}; "
        "images are matched by file name without folders and suffix"
    )


def _bare(names: NDArray[np.str_]) -> NDArray[np.str_]:
    unique, place = np.unique(names, return_inverse=True)
    bare = np.array([image_name(name) if name else "" for name in unique.tolist()], dtype=np.str_)
    return bare[place] if len(names) else names


def _renamed(picks: Picks, names: NDArray[np.str_]) -> Picks:
    return replace(picks, image=names)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
