"""RELION ``*_model.star`` and ``class_averages.star``: the classes of a classification.

`cryopick.io.metadata.relion_model_write` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryopick.errors import FormatError
from cryopick.io.metadata.relion_optics import numbers_or
from cryopick.io.star import read_star


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassEntry:
    """One class.

    Attributes
    ----------
    number
        From 1, as ``rlnClassNumber`` of the particles counts.
    image
        ``rlnReferenceImage``: ``000001@run_it025_classes.mrcs`` or a map.
    fraction
        Share of the particles, 0 to 1.
    resolution_angstrom
        Estimated resolution; None where not reached or not said.
    rotation_accuracy_deg, shift_accuracy_angstrom
        Estimated accuracies; None where not said.
    score
        ``rlnClassScore``, 0 to 1, higher is better; None where nobody ranked the classes.
    keep
        ``rlnSelected``; None where nobody chose.
    """

    number: int
    image: str
    fraction: float
    resolution_angstrom: float | None = None
    rotation_accuracy_deg: float | None = None
    shift_accuracy_angstrom: float | None = None
    score: float | None = None
    keep: bool | None = None


def read_classes(path: str | Path) -> tuple[ClassEntry, ...]:
    """Read the classes of a model file, or of a file of chosen class averages."""
    star = read_star(path)
    block = star.get("model_classes")
    if block is None:
        block = star.table_with("rlnReferenceImage", "rlnClassDistribution")
    if block is None or not block.has("rlnReferenceImage", "rlnClassDistribution"):
        raise FormatError(path, "no table with rlnReferenceImage and rlnClassDistribution")
    fraction = block.number("rlnClassDistribution")
    images = block.text("rlnReferenceImage").tolist()

    def known(column: str) -> list[float | None]:
        # RELION writes 999 for an accuracy it did not estimate.
        values = numbers_or(block, column, 0.0).tolist()
        return [value if 0 < value < 999 else None for value in values]

    resolution = known("rlnEstimatedResolution")
    rotation = known("rlnAccuracyRotations")
    shift = known("rlnAccuracyTranslationsAngst")
    number = numbers_or(block, "rlnClassNumber", np.nan)
    score = numbers_or(block, "rlnClassScore", -1.0)
    chosen = numbers_or(block, "rlnSelected", -1.0)
    return tuple(
        ClassEntry(
            number=_place(image, row) if np.isnan(number[row]) else int(number[row]),
            image=image,
            fraction=float(fraction[row]),
            resolution_angstrom=resolution[row],
            rotation_accuracy_deg=rotation[row],
            shift_accuracy_angstrom=shift[row],
            score=float(score[row]) if score[row] >= 0 else None,
            keep=bool(chosen[row]) if chosen[row] >= 0 else None,
        )
        for row, image in enumerate(images)
    )


def _place(image: str, row: int) -> int:
    """Number of a class that is not said: its place in the stack, else its row."""
    place, at, _ = image.partition("@")
    return int(place) if at and place.isdecimal() else row + 1
