"""Score and rotation maps that fill up tile by tile, and survive a killed process."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cryopick.io.atomic import write_text
from cryopick.pick.matching.search import Means
from cryopick.pick.matching.tiles import Tile

# What a killed search has to do again, at most.
_SECONDS_BETWEEN_CHECKPOINTS = 15.0


class BestMaps:
    """The best score and rotation of every voxel, on disk where checkpoints are kept.

    Parameters
    ----------
    shape
        ``(z, y, x)`` of the volume.
    tiles
        All tiles, in a fixed order.
    key
        Tells the search: what another one left in the folder is not taken up.
    means
        Whose ``checkpoints`` hold the maps, and whose ``progress`` is told.

    Attributes
    ----------
    score, rotation
        ``(z, y, x)``; 0 and -1 where nothing was entered.
    """

    def __init__(
        self, shape: tuple[int, ...], tiles: Sequence[Tile], means: Means, *, key: str = ""
    ) -> None:
        self._tiles = tiles
        self._means = means
        self._lock = threading.Lock()
        self._saved = time.monotonic()
        self._plan = [key, *([*tile.first, *tile.block] for tile in tiles)]
        self._done: set[int] = set()
        if means.checkpoints is None:
            self.score: NDArray[np.float32] = np.zeros(shape, np.float32)
            self.rotation: NDArray[np.int32] = np.full(shape, -1, np.int32)
            return
        means.checkpoints.mkdir(parents=True, exist_ok=True)
        self._record = means.checkpoints / "tiles.json"
        files = means.checkpoints / "score.npy", means.checkpoints / "rotation.npy"
        self._done = self._read_done() if all(path.is_file() for path in files) else set()
        if not self._done:
            # Before the maps begin anew: a record of an earlier search would belie them.
            self._record.unlink(missing_ok=True)
        mode = "r+" if self._done else "w+"
        self.score = np.lib.format.open_memmap(files[0], mode, np.float32, shape)
        self.rotation = np.lib.format.open_memmap(files[1], mode, np.int32, shape)
        if not self._done:
            self.rotation[...] = -1

    def todo(self) -> list[int]:
        """Numbers of the tiles that are not yet done."""
        return [number for number in range(len(self._tiles)) if number not in self._done]

    def keep(
        self,
        number: int,
        voxel: NDArray[np.int64],
        score: NDArray[np.float32],
        row: NDArray[np.int32],
    ) -> None:
        """Enter the searched voxels (flat indices within the tile) of one tile.

        May be called from several threads.
        """
        tile = self._tiles[number]
        for target, values in ((self.score, score), (self.rotation, row)):
            block = np.array(target[tile.place])
            block.reshape(-1)[voxel] = values
            target[tile.place] = block
        with self._lock:
            self._done.add(number)
            if time.monotonic() - self._saved > _SECONDS_BETWEEN_CHECKPOINTS:
                self._save()
                self._saved = time.monotonic()
        self._means.progress(len(self._done) / len(self._tiles))

    def _save(self) -> None:
        """Flush the maps, then say which tiles they hold."""
        if self._means.checkpoints is None:
            return
        for target in (self.score, self.rotation):
            if isinstance(target, np.memmap):
                target.flush()
        record = {"plan": self._plan, "done": sorted(self._done)}
        write_text(self._record, json.dumps(record))

    def _read_done(self) -> set[int]:
        """Tiles of an earlier run with the same key and plan."""
        try:
            record = json.loads(self._record.read_text("utf-8"))
            return set(record["done"]) if record["plan"] == self._plan else set()
        except (OSError, ValueError, KeyError, TypeError):
            return set()
