"""IMOD's ``tilt.com``: how a tomogram was reconstructed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryopick.errors import FormatError
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import to_integer, to_number

_MAX_EXCLUDED = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TiltCom:
    """The entries of a ``tilt.com`` that place a tomogram.

    Attributes
    ----------
    thickness_px
        ``THICKNESS``: in unbinned pixels along the beam.
    full_image_px
        ``FULLIMAGE``: x, y of the unbinned tilt images; None: not given.
    binning
        ``IMAGEBINNED``: of the images that were reconstructed.
    offset_deg
        ``OFFSET``: added to every tilt.
    axis_offset_px
        Second value of ``OFFSET``: shift of the tilt axis in unbinned pixels.
    x_axis_tilt_deg
        ``XAXISTILT``: rotation of the tomogram about x.
    shift_px
        ``SHIFT``: x and z of the tomogram in unbinned pixels.
    excluded_views
        ``EXCLUDELIST`` and ``EXCLUDELIST2``: views left out, counted from 1.
    tilt_file, x_tilt_file, input_file, output_file
        Names as written; empty where not given.
    """

    thickness_px: int | None = None
    full_image_px: tuple[int, int] | None = None
    binning: int = 1
    offset_deg: float = 0.0
    axis_offset_px: float = 0.0
    x_axis_tilt_deg: float = 0.0
    shift_px: tuple[float, float] = (0.0, 0.0)
    excluded_views: tuple[int, ...] = ()
    tilt_file: str = ""
    x_tilt_file: str = ""
    input_file: str = ""
    output_file: str = ""


def read_tilt_com(path: str | Path) -> TiltCom:
    r"""Read a ``tilt.com``; keywords in any case, separated by spaces, tabs or commas.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tilt.com"
    >>> _ = path.write_text("$tilt -StandardInput\nTHICKNESS 1500\nEXCLUDELIST 1,3-5\n")
    >>> read_tilt_com(path).excluded_views
    (1, 3, 4, 5)
    """
    entries = _entries(read_text(path), path)

    def number(key: str, place: int, default: float) -> float:
        words = entries.get(key, [])
        return to_number(words[place], path, key) if len(words) > place else default

    def name(key: str) -> str:
        return " ".join(entries.get(key, []))

    thickness = entries.get("THICKNESS", [])
    full = entries.get("FULLIMAGE", [])
    if full and len(full) != 2:
        raise FormatError(path, f"FULLIMAGE: expected x and y, got {' '.join(full)[:60]}")
    binning = entries.get("IMAGEBINNED", ["1"])
    com = TiltCom(
        thickness_px=to_integer(thickness[0], path, "THICKNESS") if thickness else None,
        full_image_px=(
            to_integer(full[0], path, "FULLIMAGE"),
            to_integer(full[1], path, "FULLIMAGE"),
        )
        if full
        else None,
        binning=to_integer(binning[0] if binning else "", path, "IMAGEBINNED"),
        offset_deg=number("OFFSET", 0, 0.0),
        axis_offset_px=number("OFFSET", 1, 0.0),
        x_axis_tilt_deg=number("XAXISTILT", 0, 0.0),
        shift_px=(number("SHIFT", 0, 0.0), number("SHIFT", 1, 0.0)),
        excluded_views=_excluded(entries, path),
        tilt_file=name("TILTFILE"),
        x_tilt_file=name("XTILTFILE"),
        input_file=name("INPUTPROJECTIONS") or name("INPUTFILE"),
        output_file=name("OUTPUTFILE"),
    )
    _check(com, path)
    return com


def _entries(text: str, path: str | Path) -> dict[str, list[str]]:
    """Keyword in capitals -> words; of a keyword given twice the lists are joined."""
    if not any(line.lstrip().lower().startswith("$tilt") for line in text.split("\n")):
        raise FormatError(path, "no line $tilt: not a tilt.com")
    entries: dict[str, list[str]] = {}
    for line in text.split("\n"):
        words = line.replace(",", " ").split()
        if words and words[0][0] not in "$#":
            entries.setdefault(words[0].upper(), []).extend(words[1:])
    return entries


def _excluded(entries: dict[str, list[str]], path: str | Path) -> tuple[int, ...]:
    views: set[int] = set()
    for key in ("EXCLUDELIST", "EXCLUDELIST2"):
        for word in entries.get(key, []):
            first, dash, last = word.partition("-")
            start = to_integer(first, path, key)
            end = to_integer(last, path, key) if dash else start
            if not 1 <= start <= end <= _MAX_EXCLUDED:
                raise FormatError(path, f"{key}: {word} is no view or range of views")
            views.update(range(start, end + 1))
    return tuple(sorted(views))


def _check(com: TiltCom, path: str | Path) -> None:
    if com.thickness_px is not None and com.thickness_px < 1:
        raise FormatError(path, f"THICKNESS: expected above 0, got {com.thickness_px}")
    if com.binning < 1:
        raise FormatError(path, f"IMAGEBINNED: expected 1 or more, got {com.binning}")
    if com.full_image_px is not None and min(com.full_image_px) < 1:
        raise FormatError(path, f"FULLIMAGE: expected above 0, got {com.full_image_px}")
