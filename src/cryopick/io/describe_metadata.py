"""What the files that belong to images say: tilts, alignments, CTF, acquisition, structures."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.model import Defocus

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataFormat:
    """One format that is told by its name or by its first bytes.

    Attributes
    ----------
    kind
        In words.
    fits
        ``fits(path, head)`` tells whether a file is meant to be this.
    facts
        Reads it; raises `FormatError` where it is not.
    """

    kind: str
    fits: Callable[[Path, bytes], bool]
    facts: Callable[[Path], Facts]


def describe_metadata(path: Path, head: bytes) -> Facts | None:
    """Facts of a file of a known format; None where no format is meant."""
    for known in FORMATS:
        if known.fits(path, head):
            return {"kind": known.kind, **known.facts(path)}
    return None


def _named(*patterns: str) -> Callable[[Path, bytes], bool]:
    """Match the whole lower-case file name."""
    expressions = [re.compile(p) for p in patterns]
    return lambda path, _: any(e.fullmatch(path.name.lower()) for e in expressions)


def _begins(*starts: bytes) -> Callable[[Path, bytes], bool]:
    return lambda _, head: head.lstrip().startswith(starts)


def _span(values: NDArray[np.float64]) -> list[float]:
    finite = values[np.isfinite(values)]
    return [round(float(v), 4) for v in (finite.min(), finite.max())] if len(finite) else []


def _defocus_facts(defocus: tuple[Defocus, ...]) -> Facts:
    return {"defocus_um": _span(np.array([d.mean_um for d in defocus]))}


def _tilts(path: Path) -> Facts:
    from cryopick.io.metadata.number_list import read_number_rows
    from cryopick.io.metadata.tlt import read_tilts

    columns = len(read_number_rows(path)[0])
    tilt = read_tilts(path, column=0 if columns > 1 else None)
    return {"rows": len(tilt), "columns": columns, "tilt_deg": _span(tilt)}


def _transforms(path: Path) -> Facts:
    from cryopick.io.metadata.imod_alignment import read_xf

    found = read_xf(path)
    return {"rows": len(found.shift_px), "shift_px": _span(found.shift_px)}


def _imod_defocus(path: Path) -> Facts:
    from cryopick.io.metadata.imod_defocus import read_imod_defocus

    found = read_imod_defocus(path)
    return {"version": found.version, "rows": len(found.ranges), "views": found.last_view}


def _tilt_com(path: Path) -> Facts:
    from cryopick.io.metadata.tilt_com import read_tilt_com

    found = read_tilt_com(path)
    return {
        "thickness_px": found.thickness_px,
        "full_image_px": None if found.full_image_px is None else list(found.full_image_px),
        "excluded_views": list(found.excluded_views),
    }


def _mdoc(path: Path) -> Facts:
    from cryopick.io.metadata.mdoc import read_mdoc

    found = read_mdoc(path)
    kinds = sorted({section.kind for section in found.sections})
    return {"sections": len(found.sections), "section_kinds": kinds, "titles": list(found.titles)}


def _ctffind(path: Path) -> Facts:
    from cryopick.io.metadata.ctffind import read_ctffind

    found = read_ctffind(path)
    return {
        "rows": len(found.number),
        **_defocus_facts(found.defocus),
        "pixel_size_angstrom": found.pixel_size_angstrom,
    }


def _gctf_log(path: Path) -> Facts:
    from cryopick.io.metadata.gctf import read_gctf_log

    return _defocus_facts((read_gctf_log(path),))


def _aln(path: Path) -> Facts:
    from cryopick.io.metadata.aretomo3_aln import read_aln

    found = read_aln(path)
    return {
        "raw_size": list(found.raw_size),
        "rows": len(found.tilt_deg),
        "dark_frames": len(found.dark_frames),
        "tilt_deg": _span(found.tilt_deg),
        "alpha_offset_deg": found.alpha_offset_deg,
        "beta_offset_deg": found.beta_offset_deg,
    }


def _metrics(path: Path) -> Facts:
    from cryopick.io.metadata.aretomo3 import read_aretomo3_metrics

    found = read_aretomo3_metrics(path)
    return {"rows": len(found), "tilt_series": list(found)}


def _warp(path: Path) -> Facts:
    from cryopick.io.metadata.warp_xml import read_warp_xml

    series = read_warp_xml(path).series
    return {"tilt_series": series.name, "rows": len(series), "tilt_deg": _span(series.tilt_deg)}


def _pytom_job(path: Path) -> Facts:
    from cryopick.io.metadata.pytom_job import read_pytom_job

    found = read_pytom_job(path)
    return {
        "size_px": list(found.grid.size_px),
        "pixel_size_angstrom": found.grid.pixel_size_angstrom,
        "rotations": found.n_rotations,
    }


def _tomogram_map(path: Path) -> Facts:
    from cryopick.io.picks.numbered_lists import read_tomogram_map

    return {"rows": len(read_tomogram_map(path))}


def _command_file(path: Path) -> Facts:
    from cryopick.io.text_file import read_text

    lines = [line.split() for line in read_text(path).split("\n") if line.strip()]
    entries = [words[0] for words in lines if not words[0].startswith(("#", "$"))]
    programs = [words[0] for words in lines if words[0].startswith("$")]
    return {"rows": len(lines), "programs": programs, "entries": entries}


def _profile(path: Path) -> Facts:
    from cryopick.io.metadata.number_list import read_number_rows

    rows = read_number_rows(path)
    return {"rows": len(rows), "columns": max(map(len, rows))}


def _atoms(path: Path) -> Facts:
    from cryopick.io.atomic_model import describe_atoms

    return describe_atoms(path)


def _is_warp(path: Path, head: bytes) -> bool:
    # Warp 1 writes UTF-16: every other byte is zero.
    start = head.replace(b"\x00", b"")[:4096]
    return path.suffix.lower() == ".xml" and (b"<TiltSeries" in start or b"<Movie" in start)


FORMATS: tuple[MetadataFormat, ...] = tuple(
    MetadataFormat(kind=kind, fits=fits, facts=facts)
    for kind, fits, facts in (
        ("tilt angles", _named(r".*\.(raw|x)?tlt", r".*\.xtilt"), _tilts),
        ("IMOD transforms", _named(r".*\.(xf|prexf|prexg|xg)"), _transforms),
        ("IMOD defocus", _named(r".*\.defocus"), _imod_defocus),
        ("IMOD tilt command file", _named(r"tilt.*\.com"), _tilt_com),
        ("IMOD command file", _named(r".*\.com"), _command_file),
        ("SerialEM mdoc", _named(r".*\.mdoc"), _mdoc),
        ("AreTomo alignment", _named(r".*\.aln"), _aln),
        ("AreTomo3 metrics", _begins(b"Tilt_Series,"), _metrics),
        ("CTFFIND profile", _named(r".*_avrot\.txt"), _profile),
        ("CTFFIND output", _begins(b"# Output from CTFFind", b"# Columns: #1"), _ctffind),
        ("CTFFIND output", _named(r".*_ctf\.txt", r".*ctffind\d?\.txt"), _ctffind),
        ("Gctf log", _named(r".*_?gctf\.log"), _gctf_log),
        ("pytom-match-pick job", _named(r".*_job\.json"), _pytom_job),
        ("Warp tilt series", _is_warp, _warp),
        ("Dynamo list of tomograms", _named(r".*\.vll", r".*tmap.*\.doc"), _tomogram_map),
        ("atomic model", _named(r".*\.(pdb|ent|cif|mmcif)(\.gz)?"), _atoms),
    )
)
