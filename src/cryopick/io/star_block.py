"""`StarBlock` and `StarFile`: the content of a STAR file, typed only when asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryopick.errors import FormatError
from cryopick.io.star_column import TextColumn

Column = Sequence[str] | NDArray[Any]

# A column of text becomes a rectangular array: one huge value must not blow up all others.
_TEXT_FLOOR = 32 << 20
_TEXT_RATIO = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StarBlock:
    """One table or one list of single values.

    Attributes
    ----------
    name
        What follows ``data_``; may be empty.
    columns
        Values by column name (without the leading underscore), in the order of the file. Text
        where read from a file; text or numbers where about to be written.
    loop
        True for a table, False for single values (each column then holds one).
    comments
        Comment lines before the block, without ``#``: ``version 50001``.
    path
        The file it came from, for messages.

    Examples
    --------
    >>> block = StarBlock(name="a", columns={"rlnTomoName": ["007"], "rlnX": ["1.50"]})
    >>> block.text("rlnTomoName").tolist(), block.number("rlnX").tolist()
    (['007'], [1.5])
    """

    name: str
    columns: Mapping[str, Column]
    loop: bool = True
    comments: tuple[str, ...] = ()
    path: Path = field(default=Path("STAR"))

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def has(self, *names: str) -> bool:
        """Tell whether all these columns are there."""
        return all(name in self.columns for name in names)

    def first(self, *names: str) -> str | None:
        """The first of these columns that is there."""
        return next((name for name in names if name in self.columns), None)

    def text(self, column: str) -> NDArray[np.str_]:
        """One column as text, exactly as in the file."""
        values = self._column(column)
        if not isinstance(values, TextColumn):
            return np.asarray(values).astype(np.str_)
        longest, total = values.widths()
        size = 4 * longest * len(values)
        if size > _TEXT_FLOOR and size > _TEXT_RATIO * total:
            raise FormatError(
                self.path,
                f"block {self.name!r}, column {column}: a value of {longest} characters",
                "the file looks damaged",
            )
        return values.texts()

    def number(self, column: str) -> NDArray[np.float64]:
        """One column as float64; a value that is no number is a `FormatError`."""
        values = self._column(column)
        try:
            if isinstance(values, TextColumn):
                return values.numbers()
            return np.asarray(values).astype(np.float64)
        except ValueError:
            pass
        texts = [str(v) for v in values]
        row = next((i for i, text in enumerate(texts) if not is_number(text)), 0)
        raise FormatError(
            self.path,
            f"block {self.name!r}, column {column}, row {row + 1}: "
            f"{texts[row][:60]!r} is not a number",
            "correct the row",
        )

    def value(self, column: str) -> str:
        """The single value of a column, as text; the first where it is a table."""
        values = self._column(column)
        if len(values) == 0:
            raise FormatError(self.path, f"block {self.name!r}: column {column} is empty")
        return str(values[0])

    def _column(self, column: str) -> Column:
        if column not in self.columns:
            known = ", ".join(list(self.columns)[:12])
            raise FormatError(
                self.path,
                f"block {self.name!r}: no column {column}",
                f"it has {known}" if known else "it is empty",
            )
        return self.columns[column]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StarFile:
    """All blocks of a STAR file, in their order."""

    blocks: tuple[StarBlock, ...]
    path: Path = field(default=Path("STAR"))

    def get(self, *names: str) -> StarBlock | None:
        """The first block with one of these names, tried in the order given."""
        return next((b for name in names for b in self.blocks if b.name == name), None)

    def block(self, *names: str) -> StarBlock:
        """Like `get`; a `FormatError` where there is none."""
        found = self.get(*names)
        if found is None:
            there = ", ".join(f"data_{b.name}" for b in self.blocks[:12])
            raise FormatError(self.path, f"no block data_{' or data_'.join(names)}; it has {there}")
        return found

    def table_with(self, *columns: str) -> StarBlock | None:
        """The last block that has all these columns (RELION puts optics first)."""
        return next((b for b in reversed(self.blocks) if b.has(*columns)), None)


def is_number(text: str) -> bool:
    """Tell whether a value reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def star_block(
    name: str,
    columns: Mapping[str, ArrayLike],
    *,
    loop: bool = True,
    comments: Sequence[str] = ("version 50001",),
) -> StarBlock:
    """Make a block to be written; single values need not be in lists."""
    arrays = {key: np.atleast_1d(np.asarray(value)) for key, value in columns.items()}
    return StarBlock(name=name, columns=arrays, loop=loop, comments=tuple(comments))
