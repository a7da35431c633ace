"""`Picks` as a NumPy archive: every column, to the last bit, in Å.

Jobs keep the picks of one item this way until `collect` joins them; no other program reads it.
"""

from __future__ import annotations

import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np

from cryopick.errors import FormatError, MissingFileError
from cryopick.io.atomic import atomic_open
from cryopick.io.picks.dialect import EVERY_COLUMN, Dialect, Frame, PickFile
from cryopick.model import Picks

_EXTRA = "extra/"
_LARGEST_BYTES = 2**31


def save_picks(picks: Picks, path: str | Path) -> None:
    """Write every column of picks, deleted ones included."""
    columns = {
        f.name: value
        for f in fields(picks)
        if f.name != "extra" and (value := getattr(picks, f.name)) is not None
    }
    columns |= {_EXTRA + name: values for name, values in picks.extra.items()}
    with atomic_open(path, "wb") as file:
        np.savez(file, **columns)


def load_picks(path: str | Path) -> Picks:
    """Read what `save_picks` wrote."""
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(path)
    known = {f.name for f in fields(Picks)} - {"extra"}
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LARGEST_BYTES:
                raise FormatError(path, "more than 2 GiB of picks", "split it by image")
        with np.load(path, allow_pickle=False) as archive:
            columns = {name: archive[name] for name in archive.files}
        extra = {n.removeprefix(_EXTRA): v for n, v in columns.items() if n.startswith(_EXTRA)}
        return Picks(**{n: v for n, v in columns.items() if n in known}, extra=extra)
    except FormatError:
        raise
    # A damaged archive fails in zlib, zipfile, numpy or in Picks, each with its own exception.
    except Exception as error:
        raise FormatError(path, f"not a whole archive of picks ({error})") from error


def _sniff(path: Path, head: bytes) -> int:
    del path  # the content says it
    return 3 if head[:2] == b"PK" and b"position_angstrom.npy" in head else 0


def _read(path: Path, frame: Frame) -> PickFile:
    del frame  # Å of the specimen frame need nothing else
    return PickFile(picks=load_picks(path))


def _write(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    del frame
    save_picks(picks, path)
    return ()


DIALECTS = (
    Dialect(
        name="cryopick-npz",
        title="cryopick archive of picks (.npz)",
        suffixes=(".npz",),
        dimensions=(2, 3),
        origin="specimen frame: centre of the first pixel of the unbinned image",
        unit="Å",
        euler="unit quaternion w, x, y, z, template -> image",
        decimals=15,
        sniff=_sniff,
        read=_read,
        write=_write,
        keeps=EVERY_COLUMN,
    ),
)
