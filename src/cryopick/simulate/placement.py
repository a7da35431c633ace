"""Put particles where they do not overlap: random sequential addition of balls (or discs)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_DARTS = 64

Free = Callable[[NDArray[np.float64], float], NDArray[np.bool_]]


@dataclass(slots=True, kw_only=True)
class Occupancy:
    """Where there is room; fills up as balls are placed.

    Attributes
    ----------
    low, high
        Corners of the region in Å, ``x, y(, z)``; a ball lies wholly inside it.
    gap_angstrom
        Least distance between the surfaces of two balls; negative lets them overlap.
    free
        Further rules: ``free(positions, radius)`` tells which positions have room for a ball.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    gap_angstrom: float = 0.0
    free: list[Free] = field(default_factory=list[Free])
    _centres: list[NDArray[np.float64]] = field(default_factory=list[NDArray[np.float64]])
    _radii: list[float] = field(default_factory=list[float])

    def room_for(self, positions: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
        """Tell at which of the ``(n, d)`` positions a ball of that radius would fit."""
        inside = (positions >= self.low + radius) & (positions <= self.high - radius)
        fits = np.asarray(inside.all(axis=1), dtype=np.bool_)
        for rule in self.free:
            if fits.any():
                fits[fits] = rule(positions[fits], radius)
        if self._centres and fits.any():
            offset = positions[fits][:, None, :] - np.asarray(self._centres)[None]
            reach = radius + np.asarray(self._radii) + self.gap_angstrom
            fits[fits] = np.all((offset**2).sum(axis=-1) >= np.maximum(reach, 0) ** 2, axis=1)
        return fits

    def occupy(self, position: NDArray[np.float64], radius: float) -> None:
        """Take the room of one ball, whether or not it was free."""
        self._centres.append(np.asarray(position, dtype=np.float64))
        self._radii.append(float(radius))

    def place(
        self, radii: Sequence[float], rng: np.random.Generator, *, tries: int = 2048
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Place balls of these radii at random, the largest first.

        Returns
        -------
        tuple of ndarray
            ``(m, d)`` centres in Å, and ``(m,)`` which of ``radii`` each belongs to, ascending. A
            ball that finds no room after ``tries`` darts is left out, so ``m`` may be smaller.

        Examples
        --------
        >>> room = Occupancy(low=np.zeros(2), high=np.full(2, 100.0))
        >>> centres, which = room.place([10.0] * 5, np.random.default_rng(0))
        >>> centres.shape
        (5, 2)
        """
        found: dict[int, NDArray[np.float64]] = {}
        hopeless = np.inf
        for index in np.argsort(-np.asarray(radii, dtype=np.float64), kind="stable"):
            radius = float(radii[index])
            # Room only shrinks: what did not fit will not fit later.
            if radius >= hopeless:
                continue
            for _ in range(max(1, tries // _DARTS)):
                darts = rng.uniform(self.low, self.high, (_DARTS, len(self.low)))
                fits = np.flatnonzero(self.room_for(darts, radius))
                if len(fits):
                    found[int(index)] = darts[fits[0]]
                    self.occupy(darts[fits[0]], radius)
                    break
            else:
                hopeless = radius
        which = np.asarray(sorted(found), dtype=np.int64)
        centres = np.asarray([found[i] for i in which]).reshape(-1, len(self.low))
        return centres, which
