"""Files that appear whole: written under a temporary name, synced, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from cryopick.errors import InputError, MissingFileError


@contextmanager
def atomic_path(path: str | Path) -> Generator[Path]:
    """Give a temporary path beside ``path``; on success it is synced and renamed to ``path``.

    On any error the temporary file is removed and ``path`` is left as it was.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise MissingFileError(path.parent, "make the folder first")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the name of a file")
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        _publish(part, path)
    except BaseException:
        with suppress(FileNotFoundError):
            part.unlink()
        raise


@contextmanager
def atomic_open(path: str | Path, mode: str = "w") -> Generator[IO[Any]]:
    """Open a file for writing (``"w"`` or ``"wb"``) that appears whole or not at all."""
    encoding = None if "b" in mode else "utf-8"
    with (
        atomic_path(path) as part,
        part.open(mode, encoding=encoding, newline="" if encoding else None) as file,
    ):
        yield file


def write_text(path: str | Path, text: str) -> None:
    """Write a text file whole."""
    with atomic_open(path) as file:
        file.write(text)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a binary file whole."""
    with atomic_open(path, "wb") as file:
        file.write(data)


def sync_folder(folder: str | Path) -> None:
    """Make the names in a folder durable (a rename is, only after this)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(part: Path, path: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    part.chmod(0o666 & ~umask)
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(path)
    sync_folder(path.parent)
