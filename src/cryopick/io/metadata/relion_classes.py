"""RELION ``*_model.star``: the classes of a 2D or 3D classification (read only)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
    """

    number: int
    image: str
    fraction: float
    resolution_angstrom: float | None = None
    rotation_accuracy_deg: float | None = None
    shift_accuracy_angstrom: float | None = None


def read_classes(path: str | Path) -> tuple[ClassEntry, ...]:
    """Read the classes of a model file."""
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
    return tuple(
        ClassEntry(
            number=row + 1,
            image=image,
            fraction=float(fraction[row]),
            resolution_angstrom=resolution[row],
            rotation_accuracy_deg=rotation[row],
            shift_accuracy_angstrom=shift[row],
        )
        for row, image in enumerate(images)
    )
