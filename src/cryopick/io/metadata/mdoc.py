"""SerialEM's ``.mdoc``: how each image was taken."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.metadata.tlt import check_tilts, prior_exposure
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import to_integer, to_number
from cryopick.model import TiltSeries

IMAGE_KINDS = ("ZValue", "FrameSet")
KINDS = (*IMAGE_KINDS, "MontSection")

_SECTION = re.compile(r"\[\s*(\w+)\s*=\s*(-?\d{1,9})\s*\]")
_TITLE = re.compile(r"\[\s*T\s*=(.*)\]")
_AXIS = re.compile(r"Tilt axis angle\s*=\s*([-+0-9.]+)")
_DATE = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{2}|\d{4})\s+(\d{1,2}):(\d{2}):(\d{2})")
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2}):(\d{2})")
# Month names are English whatever the locale, so the clock of the C library must not read them.
_MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec"


@dataclass(frozen=True, slots=True, kw_only=True)
class MdocSection:
    """One image (``ZValue``, ``FrameSet``) or one montage (``MontSection``).

    Attributes
    ----------
    kind
        One of `KINDS`.
    index
        Number in the section's head.
    entries
        Values as text, by key.
    """

    kind: str
    index: int
    entries: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mdoc:
    """A whole ``.mdoc``.

    Attributes
    ----------
    path
        The file.
    entries
        Values before the first section, as text, by key.
    titles
        Lines ``T = ...``.
    sections
        In the order of the file.
    """

    path: Path
    entries: Mapping[str, str]
    titles: tuple[str, ...]
    sections: tuple[MdocSection, ...]

    @property
    def images(self) -> tuple[MdocSection, ...]:
        """The sections that stand for an image."""
        return tuple(s for s in self.sections if s.kind in IMAGE_KINDS)

    @property
    def axis_angle_deg(self) -> float | None:
        """Angle of the tilt axis from a title line; else ``RotationAngle`` less 90°."""
        for title in self.titles:
            found = _AXIS.search(title)
            if found:
                return to_number(found[1], self.path, "Tilt axis angle")
        for section in self.images:
            if "RotationAngle" in section.entries:
                place = f"{section.kind} {section.index}: RotationAngle"
                return to_number(section.entries["RotationAngle"], self.path, place) - 90.0
        return None

    @property
    def pixel_size_angstrom(self) -> float | None:
        """Pixel size of the images; None where it is not given or 0."""
        for entries in (self.entries, *(s.entries for s in self.images)):
            if "PixelSpacing" in entries:
                size = to_number(entries["PixelSpacing"], self.path, "PixelSpacing")
                return size if size > 0 else None
        return None

    @property
    def voltage_kv(self) -> float | None:
        """Acceleration voltage; None where it is not given."""
        text = self.entries.get("Voltage")
        return None if text is None else to_number(text, self.path, "Voltage")


def read_mdoc(path: str | Path) -> Mdoc:
    """Read a ``.mdoc``: global entries, titles and sections, all values as text."""
    path = Path(path)
    entries: dict[str, str] = {}
    titles: list[str] = []
    sections: list[MdocSection] = []
    current = entries
    for number, raw in enumerate(read_text(path).split("\n"), start=1):
        line = raw.strip()
        if not line:
            continue
        section, title = _SECTION.fullmatch(line), _TITLE.fullmatch(line)
        if title:
            titles.append(title[1].strip())
        elif section and section[1] in KINDS:
            current = dict[str, str]()
            index = to_integer(section[2], path, f"line {number}")
            sections.append(MdocSection(kind=section[1], index=index, entries=current))
        elif line.startswith("["):
            raise FormatError(path, f"line {number}: '{line[:60]}' is no section of an mdoc")
        else:
            key, equals, value = line.partition("=")
            if not equals or not key.strip() or len(key) > 80:
                raise FormatError(path, f"line {number}: '{line[:60]}' is not 'key = value'")
            if key.strip() == "T":
                titles.append(value.strip())
            else:
                current[key.strip()] = value.strip()
    if not sections:
        raise FormatError(path, "holds no [ZValue = n], [FrameSet = n] or [MontSection = n]")
    return Mdoc(path=path, entries=entries, titles=tuple(titles), sections=tuple(sections))


def seconds_of(text: str) -> float | None:
    """Turn an mdoc's ``DateTime`` into seconds on a running clock; None where it is no date.

    >>> seconds_of("06-Jun-23  23:19:46") - seconds_of("06-Jun-2023 23:19:40")
    6.0
    """
    import datetime as dt

    day = _DATE.fullmatch(text.strip())
    iso = _ISO_DATE.match(text.strip())
    month = _MONTHS.find(day[2].lower()) if day else -1
    if day and month >= 0 and month % 3 == 0:
        year = int(day[3]) + (2000 if len(day[3]) == 2 else 0)
        parts = (year, month // 3 + 1, int(day[1]))
        clock = (int(day[4]), int(day[5]), int(day[6]))
    elif iso:
        parts = (int(iso[1]), int(iso[2]), int(iso[3]))
        clock = (int(iso[4]), int(iso[5]), int(iso[6]))
    else:
        return None
    try:
        moment = dt.datetime(*parts, *clock, tzinfo=dt.UTC)
    except ValueError:
        return None
    return moment.timestamp()


def mdoc_tilt_series(mdoc: Mdoc, *, name: str | None = None) -> TiltSeries:
    """Make a `TiltSeries` of the images of an mdoc, in the order of the file.

    Parameters
    ----------
    mdoc
        From `read_mdoc`.
    name
        Name of the series; default: the file's name without ``.mdoc`` and image suffix.

    Notes
    -----
    The exposure before each image is the sum of ``ExposureDose`` of all images taken earlier, by
    ``DateTime`` (``FrameSet``/``ZValue`` order where a date is missing or equal). It is not known
    (None) where an image has no ``ExposureDose`` or where all are 0.
    """
    path, images = mdoc.path, mdoc.images
    if not images:
        raise FormatError(path, "holds montages only, no images of a tilt series")
    tilt = np.asarray([_number(mdoc, s, "TiltAngle") for s in images])
    check_tilts(tilt, path)
    files = [_basename(s.entries.get("SubFramePath", "")) for s in images]
    axis = mdoc.axis_angle_deg
    return TiltSeries(
        name=name or _series_name(path),
        tilt_deg=tilt,
        exposure_e_per_a2=_prior_exposure(mdoc),
        axis_angle_deg=None if axis is None else np.full(len(images), axis),
        image=np.asarray(files) if any(files) else None,
        pixel_size_angstrom=mdoc.pixel_size_angstrom,
    )


def acquisition_order(mdoc: Mdoc) -> NDArray[np.int64]:
    """Place of each image in the acquisition, counted from 1, by ``DateTime``, then by index."""
    times = [seconds_of(s.entries.get("DateTime", "")) for s in mdoc.images]
    known = all(t is not None for t in times)
    clock = np.asarray([t if known and t is not None else 0.0 for t in times])
    index = np.asarray([s.index for s in mdoc.images])
    order = np.empty(len(times), dtype=np.int64)
    order[np.lexsort((np.arange(len(times)), index, clock))] = np.arange(1, len(times) + 1)
    return order


def _prior_exposure(mdoc: Mdoc) -> NDArray[np.float64] | None:
    images = mdoc.images
    if any("ExposureDose" not in s.entries for s in images):
        return None
    dose = np.asarray([_number(mdoc, s, "ExposureDose") for s in images])
    if dose.min() < 0:
        raise FormatError(mdoc.path, f"ExposureDose: {dose.min():g} e/Å² is below 0")
    return prior_exposure(dose, acquisition_order(mdoc)) if dose.any() else None


def _number(mdoc: Mdoc, section: MdocSection, key: str) -> float:
    place = f"{section.kind} {section.index}: {key}"
    if key not in section.entries:
        raise FormatError(mdoc.path, f"{place} is missing")
    return to_number(section.entries[key], mdoc.path, place)


def _basename(path: str) -> str:
    """File name of a Windows or POSIX path."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _series_name(path: Path) -> str:
    stem = path.name.removesuffix(".mdoc")
    for suffix in (".mrc", ".st", ".tif", ".tiff", ".eer", ".mrcs"):
        stem = stem.removesuffix(suffix)
    return stem
