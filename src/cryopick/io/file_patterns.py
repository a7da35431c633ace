"""What files a user means: names, patterns, folders, and names that STAR files hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from cryopick.errors import InputError, MissingFileError
from cryopick.io.images.name import IMAGE_SUFFIXES, image_name

_PLACEHOLDER = "{TS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFile:
    """A file and the name of the image it belongs to."""

    path: Path
    name: str


def expand(
    patterns: Sequence[str | Path],
    *,
    suffixes: Sequence[str] = IMAGE_SUFFIXES,
    exclude: Sequence[str] = (),
) -> list[NamedFile]:
    """Find the files that patterns mean, in order, each once.

    Parameters
    ----------
    patterns
        Files, glob patterns, folders (their files of these ``suffixes``), or patterns with
        ``{TS}`` in the place of the name: ``tomograms/rec_{TS}.mrc``.
    suffixes
        Lower case, with the dot.
    exclude
        Files whose name holds one of these words are left out.
    """
    found: dict[Path, NamedFile] = {}
    for pattern in patterns:
        matches = _matches(str(pattern), suffixes)
        kept = [m for m in matches if not any(word in m.path.name for word in exclude if word)]
        if not kept:
            raise _nothing(str(pattern), n_excluded=len(matches))
        for match in kept:
            found.setdefault(match.path, match)
    if not found:
        raise InputError("no files given; name files, patterns or folders")
    return list(found.values())


def _matches(pattern: str, suffixes: Sequence[str]) -> list[NamedFile]:
    if _PLACEHOLDER in pattern:
        return _placed(pattern)
    path = Path(pattern)
    if path.is_dir() and not _has_suffix(path, suffixes):
        inside = (p for p in path.iterdir() if _has_suffix(p, suffixes))
        paths = sorted(p for p in inside if not p.name.startswith("."))
    elif path.exists():
        paths = [path]
    else:
        paths = sorted(Path(p) for p in glob(pattern, recursive=True))  # noqa: PTH207 - see below
    return [NamedFile(path=p, name=image_name(p)) for p in paths]


def _nothing(pattern: str, *, n_excluded: int) -> MissingFileError | InputError:
    if n_excluded:
        return InputError(f"{pattern}: all {n_excluded} files are excluded; exclude fewer words")
    if Path(pattern).is_dir():
        return InputError(f"{pattern}: no such files in this folder; name files or another folder")
    return MissingFileError(pattern, "check the name or the pattern")


def _has_suffix(path: Path, suffixes: Sequence[str]) -> bool:
    name = path.name.lower().removesuffix(".gz").removesuffix(".bz2")
    return name.endswith(tuple(suffixes))


def _placed(pattern: str) -> list[NamedFile]:
    """Files of a pattern with ``{TS}``; what stands in its place is the name."""
    parts = [
        re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
        for part in pattern.split(_PLACEHOLDER)
    ]
    expression = re.compile(f"{parts[0]}(?P<name>[^/]+?)" + "(?P=name)".join(parts[1:]))
    # Path.glob takes no absolute pattern.
    paths = sorted(glob(pattern.replace(_PLACEHOLDER, "*")))  # noqa: PTH207
    return [
        NamedFile(path=Path(p), name=match["name"])
        for p in paths
        if (match := expression.fullmatch(p)) is not None
    ]


def located(name: str, star: Path) -> Path:
    """A file that a STAR file names relative to its project: sought from its folder upwards.

    Where it is nowhere, the name within RELION's project folder, which holds ``TYPE/job001``;
    without one, the name beside the STAR file.
    """
    path = Path(name)
    if path.is_absolute():
        return path
    folders = star.absolute().parents
    for folder in (*folders, Path()):
        if (folder / path).exists():
            return folder / path
    for folder in folders:
        if re.fullmatch(r"job\d+", folder.name):
            return folder.parent.parent / path
    return folders[0] / path
