"""Runs in pyTME's own environment: its pickle of results -> an npz that anybody can read.

    ENVIRONMENT/bin/python pytme_export.py RESULT.pickle OUT.npz

pyTME keeps arrays x, y, z; they are written as z, y, x. ``score`` is the best over the rotations,
``index`` the row of ``matrix`` (in x, y, z, as pyTME has it) that gave it.
"""

import sys

import numpy as np
from tme.utils.serialization import deserialize


def main() -> None:
    source, target = sys.argv[1:]
    score, _, index, matrices, *_ = deserialize(source)
    keys = np.array(sorted(matrices))
    np.savez(
        target,
        score=np.ascontiguousarray(np.transpose(score)),
        index=np.ascontiguousarray(np.transpose(np.searchsorted(keys, index).astype(np.int32))),
        matrix=np.array([matrices[key] for key in keys.tolist()], dtype=np.float64),
    )


if __name__ == "__main__":
    main()
