"""`describe_file`: what any file is, and what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from cryopick.errors import CryopickError, FormatError, InputError, MissingFileError
from cryopick.io.describe_metadata import describe_metadata
from cryopick.io.images import describe_image, recognise_image
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.registry import recognise
from cryopick.model import Grid

Facts = dict[str, Any]

_HEAD_BYTES = 65536
_LARGEST_JSON_BYTES = 64 << 20


def describe_file(path: str | Path) -> Facts:
    r"""Tell what a file or folder is, as JSON types.

    Returns
    -------
    dict
        ``kind`` in words and, by kind: ``size_px`` and ``pixel_size_angstrom`` of images;
        ``rows`` of lists; ``blocks`` of STAR files; ``dialect`` and ``picks`` of pick files.

    Raises
    ------
    FormatError
        For a file of no format known here, and for one that is damaged.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.tlt"
    >>> _ = path.write_text("-60.0\n0.0\n60.0\n")
    >>> describe_file(path)
    {'kind': 'tilt angles', 'rows': 3, 'columns': 1, 'tilt_deg': [-60.0, 60.0]}
    """
    path = Path(path)
    if not path.exists():
        raise MissingFileError(path)
    if path.is_dir():
        return _describe_folder(path)
    head = _head(path)
    if not head:
        raise FormatError(path, "is empty")
    if _is_star(path, head):
        return _describe_star(path)
    found = describe_metadata(path, head)
    if found is not None:
        return found
    dialect = recognise(path)
    if recognise_image(path) is not None and (dialect is None or dialect.sniff(path, head) < 2):
        return describe_image(path)
    if dialect is not None:
        return _describe_picks(path, dialect)
    return _describe_text(path, head)


def _describe_folder(path: Path) -> Facts:
    if recognise_image(path) is not None:
        return describe_image(path)
    dialect = recognise(path)
    if dialect is not None:
        return _describe_picks(path, dialect)
    alignments = sorted(p.stem for p in path.glob("*.aln"))
    if alignments:
        return {"kind": "AreTomo3 session", "tilt_series": alignments}
    raise InputError(f"{path}: is a folder of no kind known here; name its files")


def _describe_star(path: Path) -> Facts:
    from cryopick.io.star_recognise import recognised_star

    facts = recognised_star(path)
    dialect = recognise(path)
    if dialect is not None:
        facts["dialect"] = dialect.name
    return facts


def _describe_picks(path: Path, dialect: Dialect) -> Facts:
    try:
        found = _read_anyhow(path, dialect)
    except FormatError:
        # cryoSPARC also stores particles without their places this way.
        if dialect.name == "cryosparc":
            return _describe_cs(path)
        raise
    picks = found.picks
    return {
        "kind": "picks",
        "dialect": dialect.name,
        "title": dialect.title,
        "picks": len(picks),
        "images": len(set(picks.image.tolist())),
        "dimensions": picks.ndim,
        "box_size_px": found.box_size_px,
        "columns": [
            name
            for name in ("orientation", "score", "label", "group", "state", "diameter_angstrom")
            if getattr(picks, name) is not None
        ]
        + list(picks.extra),
        "origin": dialect.origin,
        "unit": dialect.unit,
        "warnings": list(found.warnings),
    }


def _describe_cs(path: Path) -> Facts:
    from cryopick.io.picks.npy_table import read_structured

    table = read_structured(path)
    return {"kind": "cryoSPARC table", "rows": len(table), "columns": list(table.dtype.names or ())}


def _read_anyhow(path: Path, dialect: Dialect) -> PickFile:
    """Read picks only to count them: any image will do where the dialect asks for one."""
    frames = [Frame(pixel_size_angstrom=1.0)]
    frames += [
        Frame(default_grid=Grid(shape=(1024,) * n, pixel_size_angstrom=1.0), box_size_px=1.0)
        for n in sorted(dialect.dimensions, reverse=True)
    ]
    for frame in frames[:-1]:
        try:
            return dialect.read(path, frame)
        except FormatError:
            raise
        except InputError:  # it needs to know more of the image
            continue
    return dialect.read(path, frames[-1])


def _describe_text(path: Path, head: bytes) -> Facts:
    """JSON, XML, or a table; whatever else is refused."""
    from cryopick.io.metadata.number_list import read_number_rows

    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in (b"{", b"[") and path.stat().st_size <= _LARGEST_JSON_BYTES:
        return _describe_json(path)
    if start[:1] == b"<":
        from cryopick.io.xml_document import read_xml

        return {"kind": "XML document", "root": read_xml(path).tag}
    unknown = FormatError(
        path, "not a format cryopick reads", "see the formats page of the documentation"
    )
    if b"\x00" in head:
        raise unknown
    if path.name.lower().endswith((".csv", ".tsv")):
        return _describe_csv(path)
    try:
        rows = read_number_rows(path)
    except CryopickError:
        raise unknown from None
    return {"kind": "table of numbers", "rows": len(rows), "columns": max(map(len, rows))}


def _describe_json(path: Path) -> Facts:
    from cryopick.io.json_text import parse_json
    from cryopick.io.text_file import read_text

    value = parse_json(path, read_text(path, max_bytes=_LARGEST_JSON_BYTES))
    if isinstance(value, dict):
        keys = [str(key) for key in cast("dict[str, Any]", value)]
        return {"kind": "JSON object", "keys": keys[:50]}
    return {"kind": "JSON list", "rows": len(value)}


def _describe_csv(path: Path) -> Facts:
    from cryopick.io.text_file import read_text

    lines = [line for line in read_text(path).split("\n") if line.strip()]
    separator = max(",;\t", key=lines[0].count)
    columns = [name.strip() for name in lines[0].split(separator)]
    return {"kind": "table", "rows": len(lines) - 1, "columns": columns}


def _is_star(path: Path, head: bytes) -> bool:
    if path.name.lower().endswith((".star", ".star.gz", ".xmd")):
        return True
    return head.lstrip().startswith(b"# version ")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
