"""Images matched by name across sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryopick.errors import InputError

_SEPARATORS = "_-."


def matched_name(name: str, known: Iterable[str]) -> str | None:
    """The known image that a name means: the same, or the longest that it begins with.

    Programs put words behind an image's name (``mic1_autopick``, ``TS_01_bin4``): whatever
    follows a separator may follow. ``TS_1`` is therefore no match for ``TS_10``.

    Examples
    --------
    >>> known = ["mic1", "TS_1", "TS_10"]
    >>> matched_name("mic1_autopick", known), matched_name("TS_10_bin4", known)
    ('mic1', 'TS_10')
    >>> matched_name("mic2", known) is None
    True
    """
    names = set(known)
    if name in names:
        return name
    for place in range(len(name) - 1, 0, -1):
        if name[place] in _SEPARATORS and name[:place] in names:
            return name[:place]
    return None


def match_all(names: Sequence[str], known: Sequence[str], *, what: str) -> dict[str, str]:
    """Match names with images of a set; an `InputError` names the first that match none."""
    matches = {name: matched_name(name, known) for name in names}
    strange = [name for name, match in matches.items() if match is None]
    if strange:
        more = f" and {len(strange) - 3:,} more" if len(strange) > 3 else ""
        example = ", ".join(known[:3]) or "none"
        raise InputError(
            f"{what}: no image called {', '.join(strange[:3])}{more}; the set has {example}"
            f"{'...' if len(known) > 3 else ''}. Import those images, rename the files, or leave "
            "them out with --skip-unmatched"
        )
    return {name: match for name, match in matches.items() if match is not None}
