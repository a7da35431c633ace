"""`Project`: an open ``project.sqlite`` and the sets in it."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from cryopick.errors import InputError, MissingFileError, StoreError
from cryopick.model import Optics
from cryopick.model.sets import Acquisition, Dataset, SetKind
from cryopick.project import backup, lock
from cryopick.project.journal import Journal, apply_journal, journal_for
from cryopick.project.schema import migrate
from cryopick.project.set_rows import member_from, member_values, set_values

DATABASE = "project.sqlite"
LOCK = "project.lock"
SETS = "sets"
_LEAST_BYTES = 512  # the smallest page of SQLite

JournalChoice = Literal["auto", "local", "network"]


class Project:
    """A project folder, opened by `create_project` or `open_project`.

    Attributes
    ----------
    folder
        The project.
    read_only
        Whether another process owns it, or the caller asked for no more than to look.
    journal
        How edits are made durable.
    clock
        Seconds since 1970; tests give their own.
    """

    def __init__(
        self,
        folder: Path,
        connection: sqlite3.Connection,
        *,
        journal: Journal,
        owner: lock.Owner | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self.journal = journal
        self.clock = clock
        self._owner = owner
        self._connection = connection
        # One server process answers many clients from threads; each transaction is one of them.
        self._guard = threading.RLock()

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed through this `Project`."""
        return self._owner is None

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / DATABASE

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and give the project back; twice is once."""
        with self._guard:
            self._connection.close()
            if self._owner is not None:
                lock.release(self.folder / LOCK, self._owner)

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """Change the file: all of it or nothing, on the disk when the block ends.

        A block within a block is a part of it.
        """
        if self.read_only:
            raise StoreError(f"{self.folder}: the project is open read-only; nothing was changed")
        with self._guard, _worded(self.database):
            connection = self._connection
            if connection.in_transaction:  # a part of a larger change
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def rows(self, question: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask the file."""
        with self._guard, _worded(self.database):
            return self._connection.execute(question, values).fetchall()

    def check(self) -> None:
        """Let SQLite check the whole file; raise a `StoreError` where it finds damage."""
        words = " ".join(str(self.rows("PRAGMA integrity_check(1)")[0][0]).split())
        if words != "ok":
            raise StoreError(
                f"{self.database}: damaged ({words}); restore a copy from {backup.FOLDER}/"
            )

    def back_up(self, *, keep: int = backup.KEEP) -> Path:
        """Copy the file into ``backups/``; the oldest copies beyond ``keep`` go."""
        with self._guard, _worded(self.database):
            return backup.back_up(self._connection, self.folder, now=self.clock(), keep=keep)

    def back_up_if_due(self, *, every_s: float = 3600.0) -> Path | None:
        """Copy the file, if the last copy is older than ``every_s`` seconds."""
        last = backup.last_backup(self.folder)
        if last is not None and 0 <= self.clock() - last < every_s:
            return None
        return self.back_up()

    def relative(self, path: str | Path) -> str:
        """How a path is kept: relative inside the project, absolute outside."""
        full = Path(path).absolute()
        inside = full.is_relative_to(self.folder)
        return str(full.relative_to(self.folder) if inside else full)

    def resolve(self, path: str) -> Path:
        """The file behind a kept path."""
        return self.folder / path

    # Sets ---------------------------------------------------------------------------------

    def names(self, kind: SetKind | None = None) -> list[str]:
        """Names of the sets, oldest first."""
        found = self.rows("SELECT name, kind FROM sets ORDER BY created, rowid")
        return [str(name) for name, its_kind in found if kind is None or its_kind == kind.value]

    def kind_of(self, name: str) -> tuple[SetKind, int]:
        """Kind and number of dimensions of a set."""
        found = self.rows("SELECT kind, ndim FROM sets WHERE name = ?", (name,))
        if not found:
            known = ", ".join(self.names()) or "none yet"
            raise InputError(f"{self.folder}: set {name}: not in this project; it has {known}")
        return SetKind(found[0][0]), int(found[0][1])

    def get(self, name: str) -> Dataset:
        """A set by its name."""
        self.kind_of(name)
        found = self.rows(
            "SELECT kind, ndim, pixel_size_angstrom, box_size_px, precedents, acquisition, optics "
            "FROM sets WHERE name = ?",
            (name,),
        )
        kind, ndim, pixel_size, box_size, precedents, acquisition, optics = found[0]
        members = self.rows(
            "SELECT name, path, count, group_id, size_px, origin_angstrom, files, defocus "
            "FROM members WHERE set_name = ? ORDER BY place",
            (name,),
        )
        return Dataset(
            name=name,
            kind=SetKind(kind),
            ndim=ndim,
            pixel_size_angstrom=pixel_size,
            box_size_px=box_size,
            precedents=tuple(json.loads(precedents)),
            acquisition=None if acquisition is None else Acquisition(**json.loads(acquisition)),
            optics=None if optics is None else Optics(**json.loads(optics)),
            members=tuple(member_from(row) for row in members),
        )

    def put(self, dataset: Dataset, *, replace: bool = False) -> Dataset:
        """Keep a set; an existing one of that name is an error unless it is to be replaced.

        Replacing keeps the picks of the set.
        """
        with self.transaction() as connection:
            for name in dataset.precedents:
                self.get(name)
            exists = bool(self.rows("SELECT 1 FROM sets WHERE name = ?", (dataset.name,)))
            if exists and not replace:
                raise InputError(
                    f"{self.folder}: set {dataset.name}: exists already; give --name, or "
                    f"{self.fresh_name(dataset.name)}"
                )
            connection.execute(
                "INSERT INTO sets (name, kind, ndim, pixel_size_angstrom, box_size_px, "
                "precedents, acquisition, optics, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, ndim = excluded.ndim, "
                "pixel_size_angstrom = excluded.pixel_size_angstrom, "
                "box_size_px = excluded.box_size_px, precedents = excluded.precedents, "
                "acquisition = excluded.acquisition, optics = excluded.optics, exported_seq = -1",
                set_values(dataset, self.clock()),
            )
            connection.execute("DELETE FROM members WHERE set_name = ?", (dataset.name,))
            connection.executemany(
                "INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (member_values(dataset.name, i, m) for i, m in enumerate(dataset.members)),
            )
        return dataset

    def drop(self, name: str) -> None:
        """Forget a set and its picks; sets made from it are in the way."""
        self.get(name)
        users = [n for n in self.names() if n != name and name in self.get(n).precedents]
        if users:
            raise InputError(f"set {name}: the set {users[0]} was made from it; drop that first")
        with self.transaction() as connection:
            connection.execute("DELETE FROM sets WHERE name = ?", (name,))

    def fresh_name(self, name: str) -> str:
        """``name``, or ``name2``, ``name3``...: the first that is free."""
        taken = set(self.names())
        number, fresh = 1, name
        while fresh in taken:
            number += 1
            fresh = f"{name}{number}"
        return fresh


def create_project(
    folder: str | Path, *, journal: JournalChoice = "auto", clock: Callable[[], float] = time.time
) -> Project:
    """Make a project in a new or empty folder and open it for writing."""
    folder = Path(folder).absolute()
    if (folder / DATABASE).exists():
        raise InputError(f"{folder}: is a project already; see it with: cryopick status {folder}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is not an empty folder; give a new name")
    try:
        (folder / SETS).mkdir(parents=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
    return _open(folder, journal, read_only=False, url="", clock=clock)


def open_project(
    folder: str | Path,
    *,
    read_only: bool = False,
    journal: JournalChoice = "auto",
    url: str = "",
    clock: Callable[[], float] = time.time,
) -> Project:
    """Open a project; for writing it must not be open elsewhere.

    Parameters
    ----------
    folder
        The project.
    read_only
        Look only, whoever owns it.
    journal
        ``auto`` finds out whether the folder lies on a network file system.
    url
        Where the calling server answers; told to whoever finds the project locked.
    clock
        Seconds since 1970.
    """
    folder = Path(folder).absolute()
    if not (folder / DATABASE).is_file():
        raise MissingFileError(folder / DATABASE, f"make a project with: cryopick new {folder}")
    # SQLite would take a file cut to nothing for a new one, and a project would seem empty.
    size = (folder / DATABASE).stat().st_size
    if size < _LEAST_BYTES:
        raise StoreError(
            f"{folder / DATABASE}: cut to {size} bytes; "
            f"restore a copy from {folder / backup.FOLDER}, or delete it for a new project"
        )
    return _open(folder, journal, read_only=read_only, url=url, clock=clock)


def _open(
    folder: Path,
    choice: JournalChoice,
    *,
    read_only: bool,
    url: str,
    clock: Callable[[], float],
) -> Project:
    path = folder / DATABASE
    journal = journal_for(folder) if choice == "auto" else Journal(choice)
    owner = None if read_only else lock.acquire(folder / LOCK, url=url)
    connection: sqlite3.Connection | None = None
    try:
        with _worded(path):
            mode = "ro" if read_only else "rwc"
            connection = sqlite3.connect(
                f"{path.as_uri()}?mode={mode}",
                uri=True,
                timeout=1.0 if read_only else 5.0,
                isolation_level=None,
                check_same_thread=False,
            )
            if read_only:
                _refuse_newer(connection, path)
            else:
                apply_journal(connection, journal)
                migrate(
                    connection,
                    str(path),
                    before_change=lambda old: backup.back_up(
                        connection, folder, now=clock(), name=f"before-schema-{old + 1}"
                    ),
                )
    except BaseException:
        if connection is not None:
            connection.close()
        if owner is not None:
            lock.release(folder / LOCK, owner)
        raise
    return Project(folder, connection, journal=journal, owner=owner, clock=clock)


def _refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    """A reader changes nothing, so it must find the tables as this program knows them."""
    from cryopick.project.schema import STEPS, version_of

    version = version_of(connection)
    if version != len(STEPS):
        newer = version > len(STEPS)
        raise StoreError(
            f"{path}: has schema {version}, this program knows {len(STEPS)}; "
            + ("update cryopick" if newer else "open it once for writing")
        )


@contextmanager
def _worded(path: Path) -> Generator[None]:
    """Turn what SQLite says into one line that names the file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        words = str(error)
        if "locked" in words:
            words = "in use by another process, which alone may open it; close it there"
        raise StoreError(f"{path}: {words}") from error
    except sqlite3.ProgrammingError as error:
        if "closed" not in str(error):
            raise  # a mistake of this program, not of the file
        raise StoreError(f"{path}: the project is closed; open it again") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"{path}: {error}; restore a copy from {path.parent / backup.FOLDER}"
        ) from error
