"""STOPGAP's motive lists: a STAR file with the block ``stopgap_motivelist``.

``orig_x/y/z`` is the voxel at which a particle was cut out, ``x/y/z_shift`` what alignment added.
STOPGAP runs in MATLAB and calls the first voxel 1, so that our position is
``orig + shift - 1``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.geometry.euler import quaternion_from_stopgap, stopgap_from_quaternion
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.numbered_lists import (
    FIRST_VOXEL,
    finite_scores,
    image_names,
    image_numbers,
    numbered,
    whole_numbers,
)
from cryopick.io.picks.placing import names_of, to_px, to_specimen
from cryopick.io.star import read_star
from cryopick.io.star_block import StarBlock, star_block
from cryopick.io.star_write import write_star
from cryopick.model import Picks, active

BLOCK = "stopgap_motivelist"
_AXES = ("x", "y", "z")
_EULER = ("phi", "psi", "the")
_KEPT = ("motl_idx", "subtomo_num", "halfset")


def read_motive_list(path: Path, frame: Frame) -> PickFile:
    """Read a motive list; lists with several entries per particle keep them all."""
    block = read_star(path).block(BLOCK)
    position = _numbers(block, [f"orig_{a}" for a in _AXES], path) - FIRST_VOXEL
    if block.has(*(f"{a}_shift" for a in _AXES)):
        position += _numbers(block, [f"{a}_shift" for a in _AXES], path)
    number = whole_numbers(block.number("tomo_num"), column="tomo_num", path=path)
    image, assumed = image_names(number, path=path, frame=frame)
    extra: dict[str, NDArray[Any]] = {c: block.text(c) for c in _KEPT if c in block}
    picks = Picks(
        position_angstrom=to_specimen(position, image, path=path, frame=frame),
        image=image,
        orientation=(
            quaternion_from_stopgap(_numbers(block, _EULER, path)) if block.has(*_EULER) else None
        ),
        score=block.number("score") if "score" in block else None,
        label=_ids(block, "class", path),
        group=_ids(block, "object", path),
        source=names_of("stopgap", len(block)),
        extra=extra,
    )
    return PickFile(
        picks=picks,
        assumed=(
            "the first voxel is 1; shifts were added to the positions",
            "phi, psi, the: ZXZ",
            *assumed,
        ),
    )


def _numbers(
    block: StarBlock, columns: list[str] | tuple[str, ...], path: Path
) -> NDArray[np.float64]:
    table = np.stack([block.number(name) for name in columns], axis=1)
    bad = np.argwhere(~np.isfinite(table))
    if bad.size:
        row, column = int(bad[0, 0]), columns[int(bad[0, 1])]
        raise FormatError(path, f"row {row + 1}, {column}: not a finite number", "correct it")
    return table


def _ids(block: StarBlock, column: str, path: Path) -> NDArray[np.str_] | None:
    if column not in block:
        return None
    return whole_numbers(block.number(column), column=column, path=path)


def write_motive_list(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write a motive list: whole voxels in ``orig``, the rest in the shifts."""
    kept = active(picks)
    n = len(kept)
    tomogram, assumed = image_numbers(kept.image, path=path)
    objects, said = numbered(kept.group, n=n, what="objects")
    assumed += said
    classes, said = numbered(kept.label, n=n, what="classes")
    assumed += said
    position = to_px(kept, path=path, frame=frame) + FIRST_VOXEL
    voxel = np.round(position)
    angles = np.zeros((n, 3))
    if kept.orientation is None:
        assumed.append("no orientations: angles are 0")
    else:
        angles = stopgap_from_quaternion(kept.orientation)
    columns: dict[str, NDArray[Any]] = {
        "motl_idx": np.arange(1, n + 1),
        "tomo_num": tomogram,
        "object": objects,
        "subtomo_num": np.arange(1, n + 1),
        "halfset": np.asarray(["AB"[i % 2] for i in range(n)], dtype="<U1"),
        **{f"orig_{a}": voxel[:, i] for i, a in enumerate(_AXES)},
        "score": finite_scores(kept.score, n=n),
        **{f"{a}_shift": (position - voxel)[:, i] for i, a in enumerate(_AXES)},
        **{name: angles[:, i] for i, name in enumerate(_EULER)},
        "class": classes,
    }
    columns |= {name: kept.extra[name] for name in _KEPT if name in kept.extra}
    write_star(path, [star_block(BLOCK, columns, comments=())])
    return ("the first voxel is 1; shifts hold what is no whole voxel", *assumed)


def _sniff(path: Path, head: bytes) -> int:
    del path  # the block says it all
    return 3 if b"data_stopgap_motivelist" in head else 0


DIALECTS = (
    Dialect(
        name="stopgap",
        title="STOPGAP motive list",
        suffixes=(".star",),
        dimensions=(3,),
        origin="first voxel is 1; position = orig + shift - 1",
        unit="pixels of the tomogram",
        euler="phi, psi, the in degrees: ZXZ, stored in this order",
        decimals=6,
        sniff=_sniff,
        read=read_motive_list,
        write=write_motive_list,
        keeps=frozenset({"orientation", "score", "image"}),
    ),
)
