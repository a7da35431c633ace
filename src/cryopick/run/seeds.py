"""The seed of each item: stable, independent of order, of other items and of the machine."""

from __future__ import annotations

import hashlib


def item_seed(seed: int, item_id: str) -> int:
    """Derive the seed of one item from the seed of the job and the item's id.

    Parameters
    ----------
    seed
        The job's seed.
    item_id
        The item's id.

    Returns
    -------
    int
        Between 0 and 2**53 - 1: exact in JSON, and fit for numpy and torch alike.

    Examples
    --------
    >>> item_seed(0, "mic_001") == item_seed(0, "mic_001")
    True
    >>> item_seed(0, "mic_001") == item_seed(1, "mic_001")
    False
    """
    digest = hashlib.sha256(f"{seed}\0{item_id}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") >> 11
