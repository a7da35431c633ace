"""`Picks`: positions found in images, as a structure of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import InputError

STATES = ("auto", "manual", "edited", "deleted")
REASONS = (
    "manual",
    "below threshold",
    "above threshold",
    "outside mask",
    "edge",
    "duplicate",
    "class rejected",
    "not sharp",
    "not prominent",
    "membrane",
    "other template",
    "outside cone",
    "too close",
    "noisy background",
    "dark background",
    "image statistics",
    "no partner",
    "partner dropped",
)

_TEXT = ("image", "label", "source", "state", "reason", "group")
_NUMBER = ("score", "diameter_angstrom")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picks:
    """``n`` picks in one or many images.

    Every column but ``position_angstrom`` and ``image`` may be None: not known. Nothing found is
    an empty `Picks`, never None. Verbs that act on picks are functions elsewhere.

    Attributes
    ----------
    position_angstrom
        ``(n, 2)`` or ``(n, 3)`` float64: ``x, y(, z)`` in the specimen frame (see `Grid`).
    image
        ``(n,)`` names of the images, as in `Image.name`.
    orientation
        ``(n, 4)`` unit quaternions ``w, x, y, z``: the active rotation template -> image.
        For 2D picks a rotation about z.
    score
        ``(n,)``, higher is better; NaN where one pick has none.
    label
        ``(n,)`` species or class name.
    source
        ``(n,)`` what made the pick (``log``, ``manual``, a file's dialect, ...).
    state
        ``(n,)`` one of `STATES`.
    reason
        ``(n,)`` why a deleted pick was deleted, one of `REASONS`; empty for the others.
    group
        ``(n,)`` group id: filament, membrane, picking group. Kept through every step.
    diameter_angstrom
        ``(n,)`` estimated size.
    extra
        Further columns by name, each ``(n,)``: what a file carried that has no place above.
        Kept through every step and written back where the dialect can.

    Examples
    --------
    >>> picks = Picks.of([[10.0, 20.0], [30.0, 40.0]], image="mic1", score=[0.5, 0.9])
    >>> len(picks), picks.ndim
    (2, 2)
    >>> picks[picks.score > 0.6].position_angstrom
    array([[30., 40.]])
    """

    position_angstrom: NDArray[np.float64]
    image: NDArray[np.str_]
    orientation: NDArray[np.float64] | None = None
    score: NDArray[np.float64] | None = None
    label: NDArray[np.str_] | None = None
    source: NDArray[np.str_] | None = None
    state: NDArray[np.str_] | None = None
    reason: NDArray[np.str_] | None = None
    group: NDArray[np.str_] | None = None
    diameter_angstrom: NDArray[np.float64] | None = None
    extra: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])

    def __post_init__(self) -> None:
        position = np.asarray(self.position_angstrom, dtype=np.float64)
        if position.ndim != 2 or position.shape[1] not in (2, 3):
            raise InputError(f"Picks: expected positions (n, 2) or (n, 3), got {position.shape}")
        object.__setattr__(self, "position_angstrom", position)
        for name in _TEXT:
            _set_column(self, name, np.str_, ())
        for name in _NUMBER:
            _set_column(self, name, np.float64, ())
        _set_column(self, "orientation", np.float64, (4,))
        for name, values in self.extra.items():
            if len(values) != len(position):
                raise InputError(
                    f"Picks: expected {len(position)} values in column {name}, got {len(values)}"
                )

    def __len__(self) -> int:
        return self.position_angstrom.shape[0]

    @property
    def ndim(self) -> int:
        """2 for picks in micrographs, 3 for picks in tomograms."""
        return self.position_angstrom.shape[1]

    def __getitem__(self, index: Any) -> Picks:
        """Select picks by mask, slice or index array (a single integer gives one pick)."""
        rows: Any = [int(index)] if isinstance(index, (int, np.integer)) else index
        chosen: dict[str, Any] = {
            f.name: None if (value := getattr(self, f.name)) is None else value[rows]
            for f in fields(self)
            if f.name != "extra"
        }
        return Picks(**chosen, extra={k: v[rows] for k, v in self.extra.items()})

    @staticmethod
    def of(position_angstrom: ArrayLike, *, image: str | ArrayLike, **columns: Any) -> Picks:
        """Make `Picks` from anything array-like; a single string stands for every pick."""
        position = np.asarray(position_angstrom, dtype=np.float64)
        if position.size == 0 and position.ndim < 2:
            raise InputError("Picks.of: no positions; use Picks.empty(ndim)")
        n = position.shape[0]
        filled: dict[str, Any] = {
            name: np.full(n, value) if isinstance(value, str) else value
            for name, value in {"image": image, **columns}.items()
        }
        return Picks(position_angstrom=position, **filled)

    @staticmethod
    def empty(ndim: int) -> Picks:
        """No picks, in 2 or 3 dimensions."""
        return Picks(position_angstrom=np.zeros((0, ndim)), image=np.zeros(0, dtype="<U1"))


def _set_column(picks: Picks, name: str, kind: Any, tail: tuple[int, ...]) -> None:
    """Cast one column and check its shape, telling its name where it is wrong."""
    value = getattr(picks, name)
    if value is None:
        return
    column = np.asarray(value, dtype=kind)
    expected = (len(picks), *tail)
    if column.shape != expected:
        raise InputError(f"Picks: expected column {name} of shape {expected}, got {column.shape}")
    object.__setattr__(picks, name, column)


_FILL: Mapping[str, Any] = {
    "score": np.nan,
    "diameter_angstrom": np.nan,
    "state": "auto",
    "orientation": (1.0, 0.0, 0.0, 0.0),
}


def concatenate(parts: Sequence[Picks]) -> Picks:
    """Join picks of one dimension; a column known to some parts is filled for the others.

    Missing numbers become NaN, missing texts become empty, a missing state becomes ``auto``, a
    missing orientation the identity.
    """
    if not parts:
        raise InputError("concatenate: expected at least one Picks; use Picks.empty(ndim)")
    if len({p.ndim for p in parts}) > 1:
        raise InputError("concatenate: expected picks all in 2D or all in 3D, got both")
    joined: dict[str, Any] = {}
    for f in fields(Picks):
        if f.name == "extra":
            continue
        columns = [getattr(p, f.name) for p in parts]
        if all(c is None for c in columns):
            continue
        joined[f.name] = np.concatenate(
            [_filled(c, len(p), f.name) for c, p in zip(columns, parts, strict=True)]
        )
    names = dict.fromkeys(name for p in parts for name in p.extra)
    extra = {name: np.concatenate([_extra_filled(p, name, parts) for p in parts]) for name in names}
    return Picks(**joined, extra=extra)


def _filled(column: NDArray[Any] | None, n: int, name: str) -> NDArray[Any]:
    if column is not None:
        return column
    value = _FILL.get(name, "")
    return np.tile(np.asarray(value), (n, 1)) if name == "orientation" else np.full(n, value)


def _extra_filled(picks: Picks, name: str, parts: Sequence[Picks]) -> NDArray[Any]:
    if name in picks.extra:
        return picks.extra[name]
    kinds = {p.extra[name].dtype.kind for p in parts if name in p.extra}
    return np.full(len(picks), np.nan if kinds <= set("fiub") else "")


def delete(picks: Picks, which: NDArray[np.bool_], *, reason: str) -> Picks:
    """Mark picks as deleted for a reason; they stay in the set and can be exported."""
    n = len(picks)
    state = np.full(n, "auto", dtype="<U8") if picks.state is None else picks.state.astype("<U8")
    old = np.full(n, "") if picks.reason is None else picks.reason
    width = max(len(reason), old.dtype.itemsize // 4, 1)
    reasons = old.astype(f"<U{width}")
    fresh = which & (state != "deleted")
    state[fresh] = "deleted"
    reasons[fresh] = reason
    return replace(picks, state=state, reason=reasons)


def active(picks: Picks) -> Picks:
    """Keep the picks that are not deleted."""
    return picks if picks.state is None else picks[picks.state != "deleted"]


def deleted(picks: Picks) -> Picks:
    """Keep the picks that are deleted, with their reasons."""
    return picks[np.zeros(len(picks), bool) if picks.state is None else picks.state == "deleted"]
