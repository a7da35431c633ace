"""Strict pairing: what is left out on one side of a tilt pair is left out on the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.extract.particles import ExtractedParticles
from cryopick.model import PickPairs, Picks, concatenate, delete


def paired_rows(
    untilted: ExtractedParticles,
    tilted: ExtractedParticles,
    *,
    untilted_picks: Picks,
    tilted_picks: Picks,
) -> tuple[ExtractedParticles, ExtractedParticles]:
    """Keep the particles that both sides have; the others are dropped, each with its reason.

    Parameters
    ----------
    untilted, tilted
        Cut from linked picks: ``row`` is the row of the pair.
    untilted_picks, tilted_picks
        The linked picks, row by row.

    Returns
    -------
    untilted, tilted
        Of equal length, row i of both the same pair. A particle that only its partner's loss took
        away has the reason ``partner dropped``.
    """
    both = np.intersect1d(untilted.row, tilted.row)
    return (
        _only(untilted, both, untilted_picks),
        _only(tilted, both, tilted_picks),
    )


def joined_by_id(untilted: Picks, tilted: Picks, *, column: str) -> tuple[PickPairs, int]:
    """Link picks that carry a pair id; those whose id only one side has are left out.

    Parameters
    ----------
    untilted, tilted
        Of one pair of micrographs, in any order.
    column
        Of ``extra`` that holds the ids.

    Returns
    -------
    pairs
        In the order of the untilted side.
    n_lost
        How many picks had no partner.

    Examples
    --------
    >>> ids = lambda *names: {"id": np.array(names)}
    >>> first = Picks.of([[1.0, 1], [2, 2]], image="u", extra=ids("a", "b"))
    >>> second = Picks.of([[9.0, 9], [8, 8]], image="t", extra=ids("c", "a"))
    >>> pairs, lost = joined_by_id(first, second, column="id")
    >>> pairs.tilted.position_angstrom, lost
    (array([[8., 8.]]), 2)
    """
    where = [_rows_by_id(side, column) for side in (untilted, tilted)]
    shared = [name for name in where[0] if name in where[1]]
    lost = len(untilted) + len(tilted) - 2 * len(shared)
    rows = [np.array([table[name] for name in shared], dtype=np.int64) for table in where]
    return PickPairs(untilted=untilted[rows[0]], tilted=tilted[rows[1]]), lost


def _rows_by_id(picks: Picks, column: str) -> dict[str, int]:
    if column not in picks.extra:
        raise InputError(
            f"column {column} is missing: it says which picks are the same particle; give the "
            "files that pairs fit wrote"
        )
    table: dict[str, int] = {}
    for row, name in enumerate(picks.extra[column].tolist()):
        if name in table:
            raise InputError(
                f"column {column}: {name} stands twice, in rows {table[name] + 1} and {row + 1}; "
                "each pair has an id of its own"
            )
        table[name] = row
    return table


def _only(found: ExtractedParticles, rows: NDArray[np.int64], picks: Picks) -> ExtractedParticles:
    """The particles of these rows of the picks; the others dropped."""
    kept = np.isin(found.row, rows)
    lonely = picks[found.row[~kept]]
    dropped = delete(lonely, np.ones(len(lonely), dtype=bool), reason="partner dropped")
    return replace(
        found,
        images=found.images[kept],
        picks=found.picks[kept],
        shift_angstrom=found.shift_angstrom[kept],
        defocus=None if found.defocus is None else found.defocus[kept],
        row=found.row[kept],
        dropped=concatenate([found.dropped, dropped]),
    )
