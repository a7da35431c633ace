"""One process owns a project: who it is stands in ``project.lock``, also for the other hosts."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from cryopick.errors import StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that may write.

    Attributes
    ----------
    pid, host
        Where it runs.
    started
        Start time of the process as the kernel tells it, so that a later process with the same
        number is not taken for it; empty where the kernel does not tell.
    url
        Where its server answers, if it is one.
    """

    pid: int
    host: str
    started: str
    url: str = ""

    def words(self) -> str:
        """``process 1234 on host ws1, at http://...``."""
        return f"process {self.pid} on host {self.host}" + (f", at {self.url}" if self.url else "")


def this_process(url: str = "") -> Owner:
    """The process that calls."""
    pid = os.getpid()
    return Owner(pid=pid, host=socket.gethostname(), started=_start_of(pid), url=url)


def is_alive(owner: Owner) -> bool:
    """Tell whether an owner still runs; one on another host is taken to."""
    if owner.host != socket.gethostname():
        return True
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return owner.started == _start_of(owner.pid)


def acquire(path: Path, *, url: str = "") -> Owner:
    """Take the lock, or raise a `StoreError` that names who has it."""
    with _held(path) as descriptor:
        old = _read(descriptor)
        if old is not None and is_alive(old):
            raise StoreError(
                f"{path.parent}: the project is open in {old.words()}; close it there, "
                "or open it read-only"
                + (
                    f" (if that host is down, delete {path})"
                    if old.host != socket.gethostname()
                    else ""
                )
            )
        owner = this_process(url)
        _write(descriptor, json.dumps(asdict(owner)))
    return owner


def release(path: Path, owner: Owner) -> None:
    """Give the lock back, if it is still the owner's."""
    with suppress(FileNotFoundError), _held(path) as descriptor:
        if _read(descriptor) == owner:
            _write(descriptor, "")


def owner_of(path: Path) -> Owner | None:
    """The living owner of a lock file; None where there is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    owner = _parsed(text)
    return owner if owner is not None and is_alive(owner) else None


@contextmanager
def _held(path: Path) -> Generator[int]:
    """Hold the file's kernel lock while its words are read and changed.

    The file stays for good: were it removed, two processes could hold locks on two files of the
    same name.
    """
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror}); open the project read-only"
        ) from error
    try:
        # A file system without locks: the words in the file are all there is.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> Owner | None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return _parsed(os.read(descriptor, 65536).decode("utf-8", errors="replace"))


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text.encode())
    os.fsync(descriptor)


def _parsed(text: str) -> Owner | None:
    """The owner in a lock file; words that are none mean that nobody finished taking it."""
    try:
        words = json.loads(text)
        return Owner(
            pid=int(words["pid"]),
            host=str(words["host"]),
            started=str(words["started"]),
            url=str(words.get("url", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _start_of(pid: int) -> str:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name of the program, in brackets, may hold spaces: count fields after it. A zombie has
    # ended, although its parent has not asked for its exit status yet.
    words = status.rpartition(")")[2].split()
    return "ended" if words[0] in ("Z", "X") else words[19]
