"""Which files a job read, and whether they are still the same.

Images are large: a file above `WHOLE_BYTES` is known by its size and the SHA-256 of its first and
last MiB, a smaller one by the SHA-256 of all of it, a folder by the names and sizes of its files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict

WHOLE_BYTES = 8 << 20
END_BYTES = 1 << 20
FOLDER_FILES = 20_000


class InputHash(BaseModel):
    """What an input file was when it was read.

    Attributes
    ----------
    kind
        ``file`` (all of it hashed), ``ends`` (first and last MiB) or ``folder`` (names, sizes).
    size_bytes
        Size of the file, or of all files in the folder.
    modified
        Time of the last change, seconds since 1970; for information, not compared.
    sha256
        The digest.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    size_bytes: int
    modified: float
    sha256: str

    def same_content(self, other: InputHash) -> bool:
        """Compare kind, size and digest; the time of change does not matter."""
        return self.model_copy(update={"modified": other.modified}) == other


def hash_inputs(values: Any) -> dict[str, InputHash]:
    """Hash every file and folder named anywhere in nested values.

    Parameters
    ----------
    values
        Mappings, sequences, paths and strings; a string that names nothing is no input.
    """
    hashes: dict[str, InputHash] = {}
    for path in dict.fromkeys(_paths(values)):
        if (found := hash_path(Path(path))) is not None:
            hashes[path] = found
    return hashes


def hash_path(path: Path) -> InputHash | None:
    """Hash one file or folder; None when it is not there or cannot be read."""
    try:
        if path.is_dir():
            return _hash_folder(path)
        if not path.is_file():
            return None
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            size, modified = facts.st_size, facts.st_mtime
            if size <= WHOLE_BYTES:
                digest = hashlib.file_digest(file, "sha256")
                kind = "file"
            else:
                digest = hashlib.sha256(file.read(END_BYTES))
                file.seek(-END_BYTES, os.SEEK_END)
                digest.update(file.read(END_BYTES))
                kind = "ends"
    except (OSError, ValueError):  # ValueError: a string with a NUL is no path
        return None
    return InputHash(kind=kind, size_bytes=size, modified=modified, sha256=digest.hexdigest())


def changed_inputs(before: Mapping[str, InputHash], after: Mapping[str, InputHash]) -> list[str]:
    """Name the inputs that are not what they were: one sentence each."""
    sentences: list[str] = []
    for path, old in before.items():
        new = after.get(path)
        if new is None:
            sentences.append(f"input {path} is gone since the job was started")
        elif not old.same_content(new):
            sentences.append(f"input {path} changed since the job was started")
    return sentences


def _paths(values: Any) -> Iterable[str]:
    if isinstance(values, Mapping):
        for value in cast("Mapping[str, Any]", values).values():
            yield from _paths(value)
    elif isinstance(values, list | tuple | set | frozenset):
        for value in cast("Iterable[Any]", values):
            yield from _paths(value)
    elif isinstance(values, Path):
        yield str(values)
    elif isinstance(values, str) and 0 < len(values) < 4096:
        yield values


def _hash_folder(folder: Path) -> InputHash:
    digest, total, count, newest = hashlib.sha256(), 0, 0, folder.stat().st_mtime
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            count += 1
            if count > FOLDER_FILES:
                folders.clear()
                break
            path = Path(parent) / name
            facts = path.lstat()
            total += facts.st_size
            newest = max(newest, facts.st_mtime)
            line = f"{path.relative_to(folder)}\0{facts.st_size}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
    return InputHash(kind="folder", size_bytes=total, modified=newest, sha256=digest.hexdigest())
