"""A copick project folder: ``ExperimentRuns/RUN/Picks/USER_SESSION_OBJECT.json``.

Read with every run, user, session and object that lies in it (the run's folder names the
tomogram); written as one file per run, user, session and object. Tomograms and the project's own
configuration are neither read nor written.
"""

from __future__ import annotations

from pathlib import Path

from cryopick.errors import FormatError, InputError
from cryopick.io.picks.copick import (
    DEFAULT_OBJECT,
    DEFAULT_SESSION,
    DEFAULT_USER,
    checked_name,
    read_points,
    write_points,
    written,
)
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.model import Picks, active, concatenate

RUNS = "ExperimentRuns"


def read_copick_project(path: Path, frame: Frame) -> PickFile:
    """Read all picks of a copick project folder."""
    root = path / RUNS
    if not root.is_dir():
        raise FormatError(path, f"no folder {RUNS}", "name the folder of a copick project")
    parts: list[Picks] = []
    for run in sorted(folder for folder in root.iterdir() if folder.is_dir()):
        if frame.image_name is None or frame.image_name == run.name:
            files = sorted((run / "Picks").glob("*.json"))
            parts += [read_points(file, image=run.name) for file in files]
    return PickFile(
        picks=concatenate(parts) if parts else Picks.empty(3),
        assumed=("positions in Å from the centre of the first voxel",),
    )


def write_copick_project(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:  # noqa: ARG001 (the signature of every writer)
    """Write picks into a copick project folder, which is made where it is not there.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> picks = Picks.of([[1.0, 2.0, 3.0]], image="TS_1", label="ribosome")
    >>> with TemporaryDirectory() as folder:
    ...     _ = write_copick_project(picks, Path(folder), Frame())
    ...     [str(file.relative_to(folder)) for file in Path(folder).rglob("*.json")]
    ['ExperimentRuns/TS_1/Picks/cryopick_0_ribosome.json']
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file; a copick-project is a folder")
    picks = active(picks)
    keys = _keys(picks)
    for _, user, session, label in set(keys):
        checked_name(user, "user")
        checked_name(session, "session")
        checked_name(label, "object")
    rows_of: dict[tuple[str, str, str, str], list[int]] = {}
    for row, key in enumerate(keys):
        rows_of.setdefault(key, []).append(row)
    for (run, user, session, label), rows in rows_of.items():
        if not run or run in (".", "..") or "/" in run or "\\" in run:
            raise InputError(f"{path}: image {run!r} cannot name a folder; rename the image")
        folder = path / RUNS / run / "Picks"
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{user}_{session}_{label}.json"
        write_points(picks[rows], target, run=run, user=user, session=session, label=label)
    (path / RUNS).mkdir(parents=True, exist_ok=True)
    return ("one file per run, user, session and object", *written(picks))


def _keys(picks: Picks) -> list[tuple[str, str, str, str]]:
    n = len(picks)
    labels = [""] * n if picks.label is None else picks.label.tolist()
    users = _texts(picks, "copickUser")
    sessions = _texts(picks, "copickSession")
    return [
        (run, user or DEFAULT_USER, session or DEFAULT_SESSION, label or DEFAULT_OBJECT)
        for run, user, session, label in zip(
            picks.image.tolist(), users, sessions, labels, strict=True
        )
    ]


def _texts(picks: Picks, column: str) -> list[str]:
    return (
        [str(v) for v in picks.extra[column].tolist()]
        if column in picks.extra
        else [""] * len(picks)
    )


def _sniff(path: Path, head: bytes) -> int:
    return 3 if not head and (path / RUNS).is_dir() else 0


DIALECTS = (
    Dialect(
        name="copick-project",
        title="copick project folder (ExperimentRuns/RUN/Picks)",
        suffixes=(),
        dimensions=(3,),
        origin="centre of the first voxel, the same at every voxel spacing",
        unit="Å",
        euler="4 x 4 matrix, template -> tomogram, x y z; its translation is added",
        decimals=5,
        sniff=_sniff,
        read=read_copick_project,
        write=write_copick_project,
        keeps=frozenset({"orientation", "score", "label", "group", "image"}),
    ),
)
