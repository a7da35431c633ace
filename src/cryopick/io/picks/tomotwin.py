"""TomoTwin ``.tloc``: a data frame of located particles, stored as a pickle.

A pickle runs code when it is loaded, so it is taken apart without being run
(`cryopick.io.picks.pickle_tree`): only plain arrays of numbers are taken out of the data frame.
``X Y Z`` are the voxels of the particles' centres, 0 the first. ``metric_best`` is the score and
``predicted_class`` the label (by the name of its reference where the file has them). The format
belongs to pandas, so it is read and not written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.pickle_tree import Call, Name, read_pickle_tree
from cryopick.io.picks.placing import names_of, own_name, text_column, to_specimen
from cryopick.model import Picks

_AXES = ("X", "Y", "Z")


def read_tloc(path: Path, frame: Frame) -> PickFile:
    """Read the particles TomoTwin located in one tomogram."""
    if path.is_dir():
        raise FormatError(path, "is a folder", "name a file in it")
    tree = read_pickle_tree(path)
    state = _frame_state(path, tree)
    columns = _columns(path, state)
    missing = [axis for axis in _AXES if axis not in columns]
    if missing:
        raise FormatError(path, f"no column {missing[0]}", "is it a TomoTwin .tloc file?")
    position_px = np.stack([columns[axis] for axis in _AXES], axis=1).astype(np.float64)
    if not np.all(np.isfinite(position_px)):
        raise FormatError(path, "columns X, Y, Z: a value is not finite", "correct the row")
    n = len(position_px)
    image = names_of(own_name(path, frame), n)
    sizes = [columns[name] for name in ("width", "height", "depth") if name in columns]
    edges = np.unique(sizes)
    labels = _labels(state, columns.get("predicted_class"))
    score = columns.get("metric_best")
    extra = {k: v for k, v in columns.items() if k in ("size",)}
    return PickFile(
        picks=Picks(
            position_angstrom=to_specimen(position_px, image, path=path, frame=frame),
            image=image,
            score=None if score is None else score.astype(np.float64),
            label=None if labels is None else text_column(path, labels, column="predicted_class"),
            source=names_of("tomotwin", n),
            extra=extra,
        ),
        box_size_px=float(edges[0]) if len(edges) == 1 and edges[0] > 0 else None,
        assumed=("X, Y, Z are centres in voxels, 0 the first",),
    )


def _frame_state(path: Path, tree: Any) -> Mapping[str, Any]:
    if isinstance(tree, Call) and _is(tree.what, "DataFrame") and isinstance(tree.state, dict):
        return cast("Mapping[str, Any]", tree.state)
    raise FormatError(path, "is no pickled pandas DataFrame", "is it a TomoTwin .tloc file?")


def _is(what: Any, *names: str) -> bool:
    return isinstance(what, Name) and what.name in names


def _columns(path: Path, state: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Columns of numbers by name: blocks ``(columns, rows)`` and the places of their columns."""
    manager = state.get("_mgr")
    if not (isinstance(manager, Call) and len(manager.arguments) == 2):
        raise FormatError(path, "pandas tables of this version are not known", "save it as CSV")
    blocks, axes = (
        list(part) if isinstance(part, (tuple, list)) else [] for part in manager.arguments
    )
    names = _index(axes[0]) if axes else None
    if names is None:
        raise FormatError(path, "no column names found", "save it as CSV")
    columns: dict[str, NDArray[Any]] = {}
    rows: set[int] = set()
    for block in blocks:
        if not (isinstance(block, Call) and len(block.arguments) >= 2):
            continue
        values, places = _array(block.arguments[0]), _places(block.arguments[1])
        if values is None or values.ndim != 2 or places is None or len(places) != len(values):
            continue  # a column of texts; none of them is needed
        for place, column in zip(places, values, strict=True):
            if 0 <= place < len(names):
                columns[names[place]] = column
                rows.add(len(column))
    if len(rows) > 1:
        raise FormatError(path, "columns differ in length", "write it again")
    return columns


def _index(node: Any) -> list[str] | None:
    """Names in a pickled ``Index``."""
    if not (isinstance(node, Call) and len(node.arguments) == 2):
        return None
    data = node.arguments[1]
    content = data.get("data") if isinstance(data, dict) else None
    if isinstance(content, Call) and isinstance(content.state, tuple):
        content = content.state[-1]  # an array of objects: its state ends in the list of them
    return [str(name) for name in content] if isinstance(content, list) else None


def _dtype(node: Any) -> np.dtype[Any] | None:
    if not (isinstance(node, Call) and _is(node.what, "dtype") and node.arguments):
        return None
    code = node.arguments[0]
    order = ">" if isinstance(node.state, tuple) and ">" in node.state[1:2] else "<"
    known = ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")
    return np.dtype(order + code) if isinstance(code, str) and code in known else None


def _array(node: Any) -> NDArray[Any] | None:
    """A pickled array of numbers; None for anything else."""
    if not isinstance(node, Call):
        return None
    if _is(node.what, "_frombuffer") and len(node.arguments) == 4:
        data, kind, shape, order = node.arguments
    elif _is(node.what, "_reconstruct") and isinstance(node.state, tuple) and len(node.state) == 5:
        _, shape, kind, fortran, data = node.state
        order = "F" if fortran else "C"
    else:
        return None
    dtype = _dtype(kind)
    if dtype is None or not isinstance(data, (bytes, bytearray)) or not _is_shape(shape):
        return None
    lengths = cast("tuple[int, ...]", shape)
    if int(np.prod(lengths, dtype=object)) * dtype.itemsize != len(data):
        return None
    return np.frombuffer(data, dtype=dtype).reshape(lengths, order="F" if order == "F" else "C")


def _is_shape(shape: Any) -> bool:
    return (
        isinstance(shape, tuple)
        and 1 <= len(shape) <= 2
        and all(isinstance(n, int) and 0 <= n < 2**40 for n in shape)
    )


def _places(node: Any) -> list[int] | None:
    """Column numbers of a block: a slice, or an array of whole numbers."""
    if isinstance(node, Call) and _is(node.what, "slice"):
        bounds = node.arguments
        if len(bounds) != 3 or not all(isinstance(b, int) for b in bounds):
            return None
        start, stop, step = bounds
        return list(range(start, stop, step)) if 0 <= start <= stop < 1000 and step > 0 else None
    found = _array(node)
    return None if found is None or found.dtype.kind not in "iu" else found.ravel().tolist()


def _labels(state: Mapping[str, Any], classes: NDArray[Any] | None) -> list[str] | None:
    """Class of each particle, by the name of its reference file where the table lists them."""
    if classes is None or classes.dtype.kind not in "iu":
        return None
    attributes = state.get("attrs")
    listed = attributes.get("references") if isinstance(attributes, dict) else None
    names = cast("Sequence[Any]", listed) if isinstance(listed, (list, tuple)) else ()
    texts = [Path(name).stem if isinstance(name, str) else "" for name in names]
    return [texts[i] if 0 <= i < len(texts) and texts[i] else str(i) for i in classes.tolist()]


def _sniff(path: Path, head: bytes) -> int:
    if not (head[:1] == b"\x80" and b"pandas" in head):
        return 0
    return 3 if path.suffix.lower() == ".tloc" else 1


DIALECTS = (
    Dialect(
        name="tomotwin",
        title="TomoTwin located particles (.tloc)",
        suffixes=(".tloc",),
        dimensions=(3,),
        origin="centre of the first voxel",
        unit="voxels",
        sniff=_sniff,
        read=read_tloc,
    ),
)
