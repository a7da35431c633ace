"""Text files read whole: bounded in size, unpacked where packed, refused where binary."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

from cryopick.errors import FormatError, MissingFileError

# A list of three million picks; more is a wrong file, and would fill the memory as text.
MAX_BYTES = 128 * 1024 * 1024
# As objects of Python a line costs some 200 bytes, however short it is in the file.
_MAX_LINES = 4_000_000
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")


def read_bounded(path: str | Path, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a whole file, unpacked where it is gzip; a larger one is a `FormatError`."""
    path = Path(path)
    if path.is_dir():
        raise FormatError(path, "is a folder", "name a file in it")
    if not path.is_file():
        raise MissingFileError(path)
    if path.stat().st_size > max_bytes:
        raise FormatError(
            path, f"is larger than {max_bytes // 2**20} MiB", "check the name, or split the file"
        )
    data = path.read_bytes()
    return _unzipped(path, max_bytes) if data[:2] == b"\x1f\x8b" else data


def read_text(path: str | Path, *, max_bytes: int = MAX_BYTES) -> str:
    r"""Read a whole text file (``.gz`` too); binary content and absurd sizes are a `FormatError`.

    UTF-8 with or without a byte order mark, else Latin-1 (SerialEM and others write the user's
    code page). Line ends become ``\n``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "a.txt")
    ...     _ = file.write_text("1 2")
    ...     read_text(file)
    '1 2'
    """
    data = read_bounded(path, max_bytes=max_bytes)
    if max(data.count(b"\n"), data.count(b"\r")) > _MAX_LINES:
        raise FormatError(path, f"has more than {_MAX_LINES} lines", "split the file")
    odd = _CONTROL.search(data)
    if odd is not None:
        raise FormatError(
            path,
            f"holds the byte 0x{odd[0].hex()}: binary content where text is expected",
            "check the name and the format",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unzipped(path: Path, max_bytes: int) -> bytes:
    try:
        with gzip.open(path) as file:
            data = file.read(max_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(path, f"damaged gzip file: {error}", "copy it again") from None
    if len(data) > max_bytes:
        raise FormatError(path, f"unpacks to more than {max_bytes // 2**20} MiB", "split the file")
    return data
