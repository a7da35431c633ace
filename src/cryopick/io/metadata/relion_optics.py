"""RELION optics groups (``data_optics``, 3.1 and later; inline columns before)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.io.star_block import StarBlock, StarFile, star_block
from cryopick.model import Optics

_PIXEL = (
    "rlnMicrographPixelSize",
    "rlnMicrographOriginalPixelSize",
    "rlnTomoTiltSeriesPixelSize",
    "rlnImagePixelSize",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpticsGroup:
    """One optics group.

    Attributes
    ----------
    number
        ``rlnOpticsGroup``, as text.
    optics
        Microscope settings.
    pixel_size_angstrom
        Pixel size of the micrographs (else of the movies, tilt series or boxes); None: not said.
    """

    number: str
    optics: Optics
    pixel_size_angstrom: float | None = None


def read_optics(star: StarFile) -> dict[str, OpticsGroup]:
    """Optics groups by ``rlnOpticsGroup``; empty where the file has no such block."""
    block = star.get("optics")
    if block is None:
        return {}
    n = len(block)
    numbers = [str(row + 1) for row in range(n)]
    if "rlnOpticsGroup" in block:
        numbers = block.text("rlnOpticsGroup").tolist()
    column = block.first(*_PIXEL)
    sizes = numbers_or(block, column, 0.0) if column else np.zeros(n)
    return {
        number: OpticsGroup(
            number=number,
            optics=optics,
            pixel_size_angstrom=float(size) if size > 0 else None,
        )
        for number, optics, size in zip(numbers, optics_rows(block), sizes.tolist(), strict=True)
    }


def optics_rows(block: StarBlock) -> list[Optics]:
    """Optics of every row of a table; what it does not say keeps the usual value."""
    usual = Optics()
    names = [usual.group] * len(block)
    if "rlnOpticsGroupName" in block:
        names = block.text("rlnOpticsGroupName").tolist()
    rows = zip(
        numbers_or(block, "rlnVoltage", usual.voltage_kv).tolist(),
        numbers_or(block, "rlnSphericalAberration", usual.cs_mm).tolist(),
        numbers_or(block, "rlnAmplitudeContrast", usual.amplitude_contrast).tolist(),
        names,
        strict=True,
    )
    try:
        return [
            Optics(voltage_kv=kv, cs_mm=cs, amplitude_contrast=contrast, group=name)
            for kv, cs, contrast, name in rows
        ]
    except InputError as error:
        raise FormatError(block.path, f"block {block.name!r}: {error}") from error


def usual_optics_words(star: StarFile, block: StarBlock) -> str | None:
    """Say what of the optics a file does not state, and what is taken for it; None: it states all.

    Parameters
    ----------
    star, block
        The file, and the table of it whose rows have the optics.
    """
    usual = Optics()
    terms = {
        "rlnVoltage": f"{usual.voltage_kv:g} kV",
        "rlnSphericalAberration": f"{usual.cs_mm:g} mm",
        "rlnAmplitudeContrast": f"{usual.amplitude_contrast:g}",
    }
    tables = [table for table in (star.get("optics"), block) if table is not None]
    silent = [name for name in terms if not any(name in table for table in tables)]
    if not silent:
        return None
    taken = ", ".join(f"{name} {terms[name]}" for name in silent)
    return f"{block.path}: does not state its optics; taken: {taken}"


def numbers_or(block: StarBlock, column: str, otherwise: float) -> NDArray[np.float64]:
    """A column of numbers, with another value where it is missing or not finite."""
    if column not in block:
        return np.full(len(block), otherwise)
    values = block.number(column)
    return np.where(np.isfinite(values), values, otherwise)


def optics_table(
    groups: Sequence[OpticsGroup], *, pixel_column: str = "rlnMicrographPixelSize"
) -> StarBlock:
    """The block ``data_optics`` of some groups."""
    columns: Mapping[str, object] = {
        "rlnOpticsGroupName": [g.optics.group for g in groups],
        "rlnOpticsGroup": [g.number for g in groups],
        "rlnVoltage": np.array([g.optics.voltage_kv for g in groups]),
        "rlnSphericalAberration": np.array([g.optics.cs_mm for g in groups]),
        "rlnAmplitudeContrast": np.array([g.optics.amplitude_contrast for g in groups]),
    }
    sizes = [g.pixel_size_angstrom for g in groups]
    if all(size is not None for size in sizes):
        columns = {
            **columns,
            "rlnMicrographOriginalPixelSize": np.array(sizes, dtype=np.float64),
            pixel_column: np.array(sizes, dtype=np.float64),
        }
    return star_block("optics", {k: np.asarray(v) for k, v in columns.items()})
