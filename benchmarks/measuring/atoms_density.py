"""A density from an atomic model in a PDB file, for species of which there is no map."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Grams per mole of the elements of proteins and nucleic acids; others (ions) count as carbon.
MASSES = {"H": 1.0, "C": 12.0, "N": 14.0, "O": 16.0, "P": 31.0, "S": 32.1}
_ROOM_ANGSTROM = 20.0


def read_atoms(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions ``(n, 3)`` x y z in Å and masses ``(n,)`` of the first model; water is left out."""
    opener = gzip.open if path.suffix == ".gz" else open
    positions: list[list[float]] = []
    masses: list[float] = []
    with opener(path, "rt", encoding="latin-1") as file:
        for line in file:
            if line.startswith("ENDMDL"):
                break
            if not line.startswith(("ATOM  ", "HETATM")) or line[17:20] == "HOH":
                continue
            positions.append([float(line[start : start + 8]) for start in (30, 38, 46)])
            element = line[76:78].strip().upper() or line[12:16].strip().lstrip("0123456789")[:1]
            masses.append(MASSES.get(element, MASSES["C"]))
    if not masses:
        raise ValueError(f"{path}: no atoms")
    return np.array(positions), np.array(masses)


def density_of(
    positions: NDArray[np.float64],
    masses: NDArray[np.float64],
    *,
    pixel_size_angstrom: float,
    sigma_angstrom: float,
) -> NDArray[np.float32]:
    """Mass blurred by a Gaussian, in a cubic box with the centre of mass at voxel ``N // 2``.

    Each atom is shared among the eight voxels around it.

    Examples
    --------
    >>> one = density_of(
    ...     np.zeros((1, 3)), np.array([12.0]), pixel_size_angstrom=5.0, sigma_angstrom=5.0
    ... )
    >>> one.shape, bool(abs(one.sum() - 12) < 1e-3), np.unravel_index(one.argmax(), one.shape)
    ((10, 10, 10), True, (np.int64(5), np.int64(5), np.int64(5)))
    """
    from scipy.ndimage import gaussian_filter

    centred = positions - np.average(positions, axis=0, weights=masses)
    reach = np.abs(centred).max() + _ROOM_ANGSTROM
    edge = 2 * int(np.ceil(reach / pixel_size_angstrom)) + 2
    place = centred[:, ::-1] / pixel_size_angstrom + edge // 2
    low = np.floor(place).astype(np.int64)
    upper_share = place - low
    volume = np.zeros((edge, edge, edge))
    for corner in np.ndindex(2, 2, 2):
        share = np.prod(np.where(corner, upper_share, 1 - upper_share), axis=1)
        np.add.at(volume, tuple((low + corner).T), masses * share)
    blurred = gaussian_filter(volume, sigma_angstrom / pixel_size_angstrom, mode="constant")
    return blurred.astype(np.float32)
