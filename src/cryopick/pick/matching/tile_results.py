"""What a search of one tile has found so far, kept so that a search can be taken up again."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.io.atomic import atomic_open


@dataclass(slots=True, kw_only=True, eq=False)
class TileResult:
    """The best of the rotations done so far.

    Attributes
    ----------
    score
        ``(z, y, x)`` float32; minus infinity where no rotation was tried.
    rotation
        ``(z, y, x)`` int32; -1 there.
    squares
        ``(rotations,)`` sum of the squared scores of each.
    done
        Rotations done.
    """

    score: NDArray[np.float32]
    rotation: NDArray[np.int32]
    squares: NDArray[np.float64]
    done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints:
    """A folder of tile results that belong to one search.

    Attributes
    ----------
    folder
        Made when first needed.
    key
        Tells the search: results of another one are ignored.
    """

    folder: Path
    key: str

    def load(self, name: str) -> TileResult | None:
        """What was kept under a name; None if nothing, or nothing of this search."""
        try:
            # Opened here: numpy leaves a damaged file open.
            with self._path(name).open("rb") as file, np.load(file, allow_pickle=False) as kept:
                if str(kept["key"]) != self.key:
                    return None
                return TileResult(
                    score=kept["score"],
                    rotation=kept["rotation"],
                    squares=kept["squares"],
                    done=int(kept["done"]),
                )
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            return None

    def save(self, name: str, result: TileResult) -> None:
        """Keep a result; a file appears whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_open(self._path(name), "wb") as file:
            np.savez(
                file,
                key=np.array(self.key),
                score=result.score,
                rotation=result.rotation,
                squares=result.squares,
                done=np.array(result.done),
            )

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npz"


def digest(arrays: Iterable[NDArray[Any] | None], *words: object) -> str:
    """Fingerprint of arrays and of whatever else a result depends on.

    Examples
    --------
    >>> digest([np.zeros(3)], "a") == digest([np.zeros(3)], "a") != digest([np.ones(3)], "a")
    True
    """
    found = hashlib.blake2b(digest_size=16)
    found.update(repr(words).encode())
    for array in arrays:
        if array is None:
            found.update(b"none")
            continue
        found.update(repr((array.shape, array.dtype.str)).encode())
        # Plane by plane: a memory map is not read as a whole.
        for plane in array if array.ndim == 3 else (array,):
            found.update(np.ascontiguousarray(plane).data)
    return found.hexdigest()
