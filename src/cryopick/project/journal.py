"""Which SQLite journal a folder can bear: shared memory on a local disk, none on a network."""

from __future__ import annotations

import sqlite3
from enum import StrEnum
from pathlib import Path

# File systems whose shared memory or locks do not reach other machines, so that the write-ahead
# log of SQLite must not use its shared index there.
# fmt: off
NETWORK_FILE_SYSTEMS = frozenset((
    "9p", "acfs", "afp", "afs", "autofs", "beegfs", "ceph", "cifs", "coda", "dvs", "fhgfs",
    "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "panfs",
    "pvfs2", "smb2", "smb3", "smbfs", "virtiofs", "vboxsf", "wekafs",
))
# fmt: on


class Journal(StrEnum):
    """How edits are made durable."""

    LOCAL = "local"
    NETWORK = "network"


def journal_for(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> Journal:
    """Choose the journal for a folder from the file system it lies on.

    A file system that cannot be named (no ``/proc``, or a foreign one through FUSE) is treated
    as a network, which is slower by some milliseconds per edit and right everywhere.
    """
    kind = file_system(folder, mounts)
    if kind is None or kind in NETWORK_FILE_SYSTEMS:
        return Journal.NETWORK
    if kind.startswith("fuse") and kind != "fuseblk":
        return Journal.NETWORK
    return Journal.LOCAL


def file_system(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> str | None:
    """Name the file system under a folder (``ext4``, ``nfs4``...); None where none is listed."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    target = folder.resolve()
    best, kind = -1, None
    for line in lines:
        words = line.split(" ")
        if len(words) < 3:
            continue
        # Spaces in mount points are written as octal escapes.
        point = Path(words[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        if (target == point or point in target.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), words[2].lower()
    return kind


def apply_journal(connection: sqlite3.Connection, journal: Journal) -> None:
    """Set the pragmas of a journal; nothing may have been read or written before.

    On a network file system the lock is taken for good *before* the write-ahead log is opened:
    SQLite then keeps the log's index in its own memory instead of a shared file.
    """
    if journal is Journal.NETWORK:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
