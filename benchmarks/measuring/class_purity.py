"""How pure 2D classes are, where the viewing direction of every particle is known.

Directions fill the sphere without natural groups, so both figures are made to be fair to any
number and any sizes of classes:

- *angular spread*: the mean over all particles of the angle between a particle's direction and the
  mean direction of the **other** particles of its class. Without the "other", many tiny classes
  would look pure. A particle alone in its class counts 90°, what a guess gets.
- *adjusted Rand index* against the cells of evenly spread directions, as many as there are
  classes, averaged over random rotations of the cells, since where their borders lie means nothing.

``ceiling`` is the index between cells and their own rotated copies: what a partition of the sphere
into compact, equal pieces gets. Images seen from opposite sides are mirror images of each other,
which no rotation in the plane makes equal: they count as different directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

DRAWS = 20
ALONE_DEG = 90.0


def class_purity(
    labels: ArrayLike, views: ArrayLike, *, classes: int | None = None, seed: int = 0
) -> dict[str, Any]:
    """Figures of a classification.

    Parameters
    ----------
    labels
        ``(n,)`` class of each particle; any values.
    views
        ``(n, 3)`` direction from which each was seen, in its own frame.
    classes
        Number of cells that the sphere is cut into; as many as there are labels where not given.
        Give the number that was asked for, so that programs are compared with the same cells.
    seed
        Of the rotations.

    Returns
    -------
    dict
        ``angular_spread_deg``, ``adjusted_rand_index``, ``ceiling``, ``classes_used``,
        ``largest_share``, ``particles``.

    Examples
    --------
    >>> views = np.repeat(np.eye(3), 40, axis=0)
    >>> found = class_purity(np.repeat([1, 2, 3], 40), views)
    >>> found["angular_spread_deg"], found["classes_used"]
    (0.0, 3)
    """
    kinds, label, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    view = _unit(np.asarray(views, dtype=np.float64))
    if label.shape != (len(view),) or not len(view):
        raise ValueError(f"expected one label per direction, got {label.shape} and {view.shape}")
    k = len(kinds) if classes is None else classes
    cells = [cell_of(view, k, turn) for turn in _rotations(DRAWS, seed)]
    return {
        "particles": len(view),
        "classes_used": len(kinds),
        "largest_share": round(float(counts.max() / len(view)), 4),
        "angular_spread_deg": round(float(spread_deg(label, view).mean()), 3),
        "adjusted_rand_index": round(
            float(np.mean([adjusted_rand_index(label, cell) for cell in cells])), 4
        ),
        "ceiling": round(
            float(np.mean([adjusted_rand_index(a, b) for a, b in pairwise(cells)])),
            4,
        ),
    }  # fmt: skip


def spread_deg(label: NDArray[np.int64], view: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(n,)`` angle of each direction from the mean of the others of its class, in degrees.

    Examples
    --------
    >>> spread_deg(np.array([0, 0, 1]), np.eye(3)).round(6)
    array([90., 90., 90.])
    """
    total = np.zeros((int(label.max()) + 1, 3))
    np.add.at(total, label, view)
    others = total[label] - view
    length = np.linalg.norm(others, axis=1)
    cosine = np.einsum("ni,ni->n", others, view) / np.maximum(length, 1e-9)
    angle = np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))
    return np.where(length > 1e-9, angle, ALONE_DEG)


def adjusted_rand_index(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Agreement of two partitions: 1 for the same, 0 on average for unrelated ones.

    Hubert and Arabie 1985, doi 10.1007/BF01908075.

    Examples
    --------
    >>> adjusted_rand_index(np.array([0, 0, 1, 1]), np.array([5, 5, 3, 3]))
    1.0
    >>> round(adjusted_rand_index(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])), 6)
    -0.5
    """
    a, b = (np.unique(part, return_inverse=True)[1] for part in (first, second))
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), 1)
    both, rows, columns = (
        float((n * (n - 1) / 2).sum()) for n in (table, table.sum(1), table.sum(0))
    )
    expected = rows * columns / max(len(a) * (len(a) - 1) / 2, 1)
    most = (rows + columns) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


def cell_of(
    view: NDArray[np.float64], n: int, turn: NDArray[np.float64] | None = None
) -> NDArray[np.int64]:
    """``(m,)`` the nearest of ``n`` directions evenly spread over the sphere, rotated by ``turn``.

    Examples
    --------
    >>> cell_of(np.array([[0, 0, 1.0], [0, 0, -1.0]]), 2).tolist()
    [0, 1]
    """
    place = np.arange(n)
    z = 1 - (2 * place + 1) / n
    around = np.pi * (1 + np.sqrt(5)) * place
    flat = np.sqrt(1 - z**2)
    points = np.stack([flat * np.cos(around), flat * np.sin(around), z], axis=1)
    if turn is not None:
        points = points @ turn.T
    return (view @ points.T).argmax(axis=1)


def beam_in_particle(zyz_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(n, 3)`` direction of the beam in the frame of a particle turned by ``Rz(a) Ry(b) Rz(c)``.

    Examples
    --------
    >>> beam_in_particle(np.array([[77.0, 90.0, 0.0]])).round(6) + 0.0
    array([[-1.,  0.,  0.]])
    """
    _, b, c = np.deg2rad(zyz_deg).T
    return np.stack([-np.sin(b) * np.cos(c), np.sin(b) * np.sin(c), np.cos(b)], axis=1)


def compared(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether our classes are not less pure than theirs, in both figures.

    Examples
    --------
    >>> good = {"angular_spread_deg": 20.0, "adjusted_rand_index": 0.4}
    >>> compared(good, good), compared(good | {"adjusted_rand_index": 0.3}, good)
    (True, False)
    """
    return (
        ours["angular_spread_deg"] <= theirs["angular_spread_deg"]
        and ours["adjusted_rand_index"] >= theirs["adjusted_rand_index"]
    )


def _rotations(n: int, seed: int) -> NDArray[np.float64]:
    """``(n, 3, 3)`` random rotations, from normalised quaternions."""
    w, x, y, z = _unit(np.random.default_rng(seed).normal(size=(n, 4))).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
