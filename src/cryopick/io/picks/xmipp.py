"""Xmipp metadata: ``.pos`` picks of one micrograph, and ``.xmd`` lists of particles.

Both are in the STAR dialect ``XMIPP_STAR_1``. Positions (``xcoor ycoor``, and ``zcoor`` in
tomograms) are pixels of the image, 0 the first, y along the rows.

A ``.pos`` file has a block ``header`` (the state of the micrograph in the picker), ``particles``
(clicked: state ``manual``) and ``particles_auto`` (state ``auto``; ``enabled -1`` marks one that was
thrown out: state ``deleted``, reason ``manual``). Its own name is the micrograph's.

An ``.xmd`` list names a ``micrograph`` per row; its ``angleRot angleTilt anglePsi`` are RELION's
angles and ``shiftX shiftY`` are pixels to be *added* to an image to centre it, so the particle lies at
``coor - shift``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.geometry.euler import (
    psi_deg_from_quaternion,
    quaternion_from_psi_deg,
    quaternion_from_xmipp,
    xmipp_from_quaternion,
)
from cryopick.io.atomic import write_text
from cryopick.io.images import image_name
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.placing import (
    names_of,
    one_image,
    own_name,
    text_column,
    to_px,
    to_specimen,
)
from cryopick.io.star import StarBlock, head_of_star, parse_star
from cryopick.io.star_write import quoted
from cryopick.io.text_file import read_text
from cryopick.model import Picks, active, concatenate

_AXES = ("xcoor", "ycoor", "zcoor")
_ANGLES = ("angleRot", "angleTilt", "anglePsi")
_SHIFTS = ("shiftX", "shiftY", "shiftZ")
_MANUAL = ("manual", "edited")


def read_pos(path: Path, frame: Frame) -> PickFile:
    """Read the picks of one micrograph, thrown out ones too (as deleted).

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> lines = ["# XMIPP_STAR_1 *", "data_particles", "loop_", " _xcoor", " _ycoor", " 10 20"]
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "mic1.pos").write_text(chr(10).join(lines))
    ...     picks = read_pos(Path(folder, "mic1.pos"), Frame(pixel_size_angstrom=2.0)).picks
    >>> picks.state.tolist(), picks.position_angstrom
    (['manual'], array([[20., 40.]]))
    """
    star = parse_star(read_text(path), path)
    name = own_name(path, frame)
    blocks = [(star.get("particles"), "manual"), (star.get("particles_auto"), "auto")]
    found = [(b, state) for b, state in blocks if b is not None and b.has("xcoor", "ycoor")]
    if not found and star.get("header", "particles", "particles_auto") is None:
        raise FormatError(path, "no block particles or particles_auto", "is it an Xmipp .pos file?")
    parts = [_pos_block(path, block, name=name, state=state, frame=frame) for block, state in found]
    return PickFile(
        picks=concatenate(parts) if parts else Picks.empty(2),
        assumed=("centres in pixels, y counted from the first row",),
    )


def _pos_block(path: Path, block: StarBlock, *, name: str, state: str, frame: Frame) -> Picks:
    position_px = np.stack([_finite(block, axis) for axis in _AXES[:2]], axis=1)
    n = len(position_px)
    image = names_of(name, n)
    enabled = _finite(block, "enabled") if "enabled" in block else np.ones(n)
    gone = enabled < 0
    return Picks(
        position_angstrom=to_specimen(position_px, image, path=path, frame=frame),
        image=image,
        score=_finite(block, "cost") if "cost" in block else None,
        source=names_of("xmipp-pos", n),
        state=np.where(gone, "deleted", state),
        reason=np.where(gone, "manual", ""),
    )


def write_pos(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write the picks of one micrograph; deleted ones stay in the file, as ``enabled -1``.

    Picks deleted by hand or by a threshold are what Xmipp's picker learns from as negatives.
    """
    one_image(picks, path, frame)
    position_px = to_px(picks, path=path, frame=frame)
    state = np.full(len(picks), "auto") if picks.state is None else picks.state
    score = np.zeros(len(picks)) if picks.score is None else np.nan_to_num(picks.score)
    by_hand = np.isin(state, _MANUAL)
    told = "Manual" if np.all(by_hand) else "Review"
    lines = ["# XMIPP_STAR_1 *", "#", "data_header", "loop_", " _pickingMicrographState", told]
    for block, rows in (("particles", by_hand), ("particles_auto", ~by_hand)):
        lines += [
            f"data_{block}",
            "loop_",
            *(f" _{c}" for c in ("xcoor", "ycoor", "cost", "enabled")),
        ]
        enabled = np.where(state[rows] == "deleted", -1, 1)
        lines += [
            f" {x:.4f} {y:.4f} {cost!r} {on}"
            for (x, y), cost, on in zip(
                position_px[rows].tolist(), score[rows].tolist(), enabled.tolist(), strict=True
            )
        ]
    write_text(path, "\n".join(lines) + "\n")
    return ("positions with 4 decimals; Xmipp's picker rounds them to whole pixels",)


def read_xmd(path: Path, frame: Frame) -> PickFile:
    """Read a list of particles or coordinates, of any number of images."""
    star = parse_star(read_text(path), path)
    block = star.table_with("xcoor", "ycoor")
    if block is None:
        raise FormatError(path, "no table with xcoor and ycoor", "particles without coordinates")
    ndim = 3 if "zcoor" in block else 2
    position_px = np.stack([_finite(block, axis) for axis in _AXES[:ndim]], axis=1)
    n = len(position_px)
    named = block.first("micrograph", "tomogram")
    image = (
        names_of(own_name(path, frame), n)
        if named is None
        else text_column(path, [_plain_name(v) for v in block.text(named)], column=named)
    )
    shifts = [name for name in _SHIFTS[:ndim] if name in block]
    for name in shifts:
        position_px[:, _SHIFTS.index(name)] -= _finite(block, name)
    enabled = _finite(block, "enabled") if "enabled" in block else np.ones(n)
    gone = enabled < 0
    used = {*_AXES, *shifts, *_ANGLES, "enabled", "cost", "maxCC", named}
    label = block.first("ref")
    score = block.first("cost", "maxCC")
    return PickFile(
        picks=Picks(
            position_angstrom=to_specimen(position_px, image, path=path, frame=frame),
            image=image,
            orientation=_orientation(block, ndim),
            score=None if score is None else _finite(block, score),
            label=None if label is None else block.text(label),
            source=names_of("xmipp-xmd", n),
            state=np.where(gone, "deleted", "auto") if np.any(gone) else None,
            reason=np.where(gone, "manual", "") if np.any(gone) else None,
            extra={name: block.text(name) for name in block.columns if name not in {*used, label}},
        ),
        assumed=(
            "centres in pixels, y counted from the first row",
            *(("shifts are taken off the coordinates",) if shifts else ()),
        ),
    )


def _finite(block: StarBlock, column: str) -> NDArray[np.float64]:
    """A column of numbers none of which is infinite or missing."""
    values = block.number(column)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise FormatError(
            block.path,
            f"column {column}, row {bad[0] + 1}: {values[bad[0]]} is no usable number",
            "correct the row",
        )
    return values


def _plain_name(text: str) -> str:
    """``000001@folder/mic.stk`` is an image in a stack: the file names it."""
    return image_name(text.rpartition("@")[2])


def _orientation(block: StarBlock, ndim: int) -> NDArray[np.float64] | None:
    if ndim == 2:
        return quaternion_from_psi_deg(_finite(block, "anglePsi")) if "anglePsi" in block else None
    if not block.has(*_ANGLES):
        return None
    return quaternion_from_xmipp(np.stack([_finite(block, name) for name in _ANGLES], axis=1))


def write_xmd(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write active picks of any number of images as a table of coordinates."""
    picks = active(picks)
    position_px = to_px(picks, path=path, frame=frame)
    names = ["micrograph", *_AXES[: picks.ndim]]
    columns: list[list[str]] = [
        [quoted(f"{name}.mrc") for name in picks.image.tolist()],
        *([f"{v:.4f}" for v in axis] for axis in position_px.T.tolist()),
    ]
    if picks.score is not None:
        names.append("cost")
        columns.append([repr(v) for v in np.nan_to_num(picks.score).tolist()])
    if picks.orientation is not None and picks.ndim == 3:
        names += _ANGLES
        angles = xmipp_from_quaternion(picks.orientation)
        columns += [[f"{v:.5f}" for v in axis] for axis in angles.T.tolist()]
    elif picks.orientation is not None:
        names.append("anglePsi")
        columns.append([f"{v:.5f}" for v in psi_deg_from_quaternion(picks.orientation).tolist()])
    if picks.label is not None and all(label.isdecimal() for label in picks.label.tolist()):
        names.append("ref")
        columns.append(picks.label.tolist())
    rows = [" " + " ".join(row) for row in zip(*columns, strict=True)]
    lines = ["# XMIPP_STAR_1 *", "#", "data_noname", "loop_", *(f" _{name}" for name in names)]
    write_text(path, "\n".join([*lines, *rows]) + "\n")
    return ("images are named by file name, with .mrc",)


def _is_xmipp(path: Path, head: bytes) -> bool:
    return head.lstrip().startswith(b"# XMIPP_STAR_1") or path.suffix.lower() in (".pos", ".xmd")


def _sniff_pos(path: Path, head: bytes) -> int:
    blocks, columns = head_of_star(path, head)
    if not (_is_xmipp(path, head) and {"particles", "particles_auto", "header"} & blocks):
        return 0
    return 3 if {"xcoor", "pickingMicrographState"} & columns else 1


def _sniff_xmd(path: Path, head: bytes) -> int:
    _, columns = head_of_star(path, head)
    if not _is_xmipp(path, head):
        return 0
    return 2 if {"xcoor", "ycoor"} <= columns else int(bool(columns))


DIALECTS = (
    Dialect(
        name="xmipp-pos",
        title="Xmipp picks of one micrograph (.pos)",
        suffixes=(".pos",),
        dimensions=(2,),
        origin="centre of the first pixel",
        unit="pixels",
        decimals=4,
        sniff=_sniff_pos,
        read=read_pos,
        write=write_pos,
        keeps=frozenset({"score"}),  # and of the states manual, auto and deleted
    ),
    Dialect(
        name="xmipp-xmd",
        title="Xmipp particles or coordinates (.xmd)",
        suffixes=(".xmd",),
        dimensions=(2, 3),
        origin="centre of the first pixel",
        unit="pixels",
        euler="angleRot, angleTilt, anglePsi as RELION; in 2D anglePsi alone",
        decimals=4,
        sniff=_sniff_xmd,
        read=read_xmd,
        write=write_xmd,
        keeps=frozenset({"orientation", "score", "image"}),
    ),
)
