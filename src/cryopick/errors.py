"""Every error that cryopick raises on purpose.

The tree::

    CryopickError
    ├── InputError (ValueError)            a value, file or field that cannot be used
    │   ├── FormatError                    a file whose content is not what its format asks for
    │   └── MissingFrameError              a conversion that needs an image's shape or pixel size
    ├── MissingFileError (FileNotFoundError)
    ├── JobError (RuntimeError)            some items of a job failed; they are named
    └── StoreError (RuntimeError)          a project that is locked, newer than the program, or damaged

Each message is one line: the file, the field, the value, and the way out.
The command line prints it after ``cryopick:`` and exits with 2 (1 for `JobError`).
"""

from __future__ import annotations

from pathlib import Path


class CryopickError(Exception):
    """The root of all errors raised on purpose."""


class InputError(CryopickError, ValueError):
    """A value, file or field that cannot be used as given."""


class FormatError(InputError):
    """A file whose content is not what its format asks for.

    Parameters
    ----------
    path
        The file.
    problem
        What is wrong, with the field and its value.
    remedy
        What the reader can do about it; may be empty.

    Examples
    --------
    >>> str(FormatError("a.star", "column rlnCoordinateX: 'abc' is not a number", "correct the row"))
    "a.star: column rlnCoordinateX: 'abc' is not a number; correct the row"
    """

    def __init__(self, path: str | Path, problem: str, remedy: str = "") -> None:
        self.path = Path(path)
        self.problem = problem
        self.remedy = remedy
        super().__init__(_one_line(f"{path}: {problem}" + (f"; {remedy}" if remedy else "")))


class MissingFrameError(InputError):
    """A conversion that needs the shape or the pixel size of an image nobody named."""


class MissingFileError(CryopickError, FileNotFoundError):
    """A file or folder that is not there."""

    def __init__(self, path: str | Path, remedy: str = "check the name") -> None:
        self.path = Path(path)
        super().__init__(_one_line(f"{path}: no such file or folder; {remedy}"))


class JobError(CryopickError, RuntimeError):
    """Some items of a job failed; the message names them."""


class StoreError(CryopickError, RuntimeError):
    """A project that is locked, written by a newer program, or damaged."""


def _one_line(text: str) -> str:
    """Fold all white space, so that a message is one line whatever the value held."""
    return " ".join(text.split())
