"""Tomograms in plain folders: volumes, and files of tilts, exposure and defocus named by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cryopick.errors import InputError, MissingFileError
from cryopick.io.file_patterns import expand
from cryopick.io.tomogram_sources.source import (
    TomogramSource,
    check_finite,
    chosen,
    gaps,
    listed,
    only_used,
)
from cryopick.io.tomogram_sources.tilt_files import (
    TILT_SUFFIXES,
    one_defocus_um,
    read_exposure,
    read_tilt_defocus,
    read_tilt_file,
)
from cryopick.io.tomogram_sources.volumes import (
    MASK_ENDINGS,
    VOLUME_SUFFIXES,
    find_mask,
    place_volume,
    volumes_in,
)
from cryopick.model import Defocus, Optics, TiltSeries

PLACE_OF_NAME = "{TS}"
_BESIDE = (".tlt", ".rawtlt", ".mdoc", ".mrc.mdoc", ".st.mdoc", ".aln", ".xml")
_ENDINGS = ("_Vol", "_rec", "_full_rec", "_vol")
_NUMBER = r"\s*([+-]?\d+(?:\.\d*)?)\s*"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What the user says about the tilts; the same for all tomograms, but for patterns."""

    tilts: str
    tilt_column: int | None
    dose: str
    dose_column: int | None
    defocus: str
    optics: Optics | None
    phase_shift_deg: float
    handedness: int
    pixel_angstrom: float | None


def plain_sources(
    tomograms: Sequence[str | Path],
    *,
    tilts: str | None = None,
    tilt_column: int | None = None,
    dose: str | None = None,
    dose_column: int | None = None,
    defocus: str | None = None,
    optics: Optics | None = None,
    phase_shift_deg: float = 0.0,
    handedness: int = 0,
    tilt_series_pixel_angstrom: float | None = None,
    pixel_size_angstrom: float | None = None,
    mask: str | Path | None = None,
    mask_dir: str | Path | None = None,
    mask_endings: Sequence[str] = MASK_ENDINGS,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    strip_prefixes: Sequence[str] = ("rec_",),
) -> list[TomogramSource]:
    """Make a source of every volume, in natural order.

    Each file of tilts, dose and defocus is one for all tomograms, a folder with one per tomogram,
    or a pattern with ``{TS}`` in the place of the tomogram's name.

    Parameters
    ----------
    tomograms
        Volumes: files, patterns or folders.
    tilts
        File of any program (see `read_tilt_file`), or two numbers such as ``-60,60`` for a
        continuous wedge. Default: the file beside each volume.
    tilt_column
        Of the angles in a list with several columns, counted from 0.
    dose
        File with the accumulated exposure of each tilt in e/Å².
    dose_column
        In a file with several columns, counted from 0.
    defocus
        File with the defocus of each tilt (see `read_tilt_defocus`), or one number in µm.
    optics
        Microscope settings; default: what the file of the tilts says.
    phase_shift_deg
        Of a phase plate; where not 0 it overrides the file of the defocus.
    handedness
        Sign of the defocus gradient; 0: what the file of the tilts says.
    tilt_series_pixel_angstrom
        Of the unbinned tilt images; default: what the file of the tilts says.
    pixel_size_angstrom
        Of the volumes; overrides their headers.
    mask
        One search mask for all.
    mask_dir, mask_endings
        Folder of search masks: name + ending.
    include, exclude
        Wildcards on the names of the tomograms.
    strip_prefixes
        What file names of volumes have before the name that the other files have.
    """
    given = _Given(
        tilts=tilts or "",
        tilt_column=tilt_column,
        dose=dose or "",
        dose_column=dose_column,
        defocus=defocus or "",
        optics=optics,
        phase_shift_deg=phase_shift_deg,
        handedness=handedness,
        pixel_angstrom=tilt_series_pixel_angstrom,
    )
    if mask is not None and mask_dir is not None:
        raise InputError(f"{mask}, {mask_dir}: give one mask or a folder of masks, not both")
    if mask is not None and not Path(mask).exists():
        raise MissingFileError(mask)
    paths = _named_volumes(tomograms)
    masks = None if mask_dir is None else volumes_in(mask_dir)
    sources: list[TomogramSource] = []
    for name in chosen(paths, include=include, exclude=exclude, where="tomograms"):
        volume = paths[name]
        lookup = _Lookup(volume=volume, names=_short_names(name, strip_prefixes))
        found, unmasked = find_mask(
            masks, name, volume=volume, prefixes=strip_prefixes, endings=mask_endings
        )
        if mask is not None:
            found = Path(mask)
        sources.append(_source(lookup, given, (found, unmasked), pixel_size_angstrom))
    return sources


def _named_volumes(tomograms: Sequence[str | Path]) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for file in expand(tomograms, suffixes=VOLUME_SUFFIXES):
        if paths.setdefault(file.name, file.path) != file.path:
            raise InputError(f"{file.path}: {paths[file.name]} has the same name; rename one")
    return paths


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lookup:
    """A tomogram and the names under which its other files may be."""

    volume: Path
    names: tuple[str, ...]

    def file(self, given: str, *, suffixes: Sequence[str], what: str) -> Path:
        """The file that an option means for this tomogram."""
        path = Path(given)
        if PLACE_OF_NAME in given:
            tried = [Path(given.replace(PLACE_OF_NAME, name)) for name in self.names]
        elif path.is_dir():
            tried = [path / f"{name}{suffix}" for name in self.names for suffix in suffixes]
        else:
            tried = [path]
        found = next((each for each in tried if each.is_file()), None)
        if found is None:
            raise MissingFileError(
                tried[0] if len(tried) == 1 else path,
                f"{what} of tomogram {self.names[0]}: no file for the name "
                f"{' or '.join(self.names)}",
            )
        return found


def _short_names(name: str, prefixes: Sequence[str]) -> tuple[str, ...]:
    """The name, then without prefixes, then without what programs put behind it."""
    bare = next((name.removeprefix(p) for p in prefixes if name.startswith(p)), name)
    endings = [bare.removesuffix(e) for e in _ENDINGS if bare.endswith(e)]
    return tuple(n for n in dict.fromkeys((name, bare, *endings)) if n)


def wedge_of(text: str) -> tuple[float, float] | None:
    """Two tilts that stand for a continuous wedge; None where the text is something else.

    >>> wedge_of("-60,60"), wedge_of("a.tlt") is None
    ((-60.0, 60.0), True)
    """
    found = re.fullmatch(f"{_NUMBER}[, ]{_NUMBER}", text)
    if found is None:
        return None
    low, high = float(found[1]), float(found[2])
    if not -90 <= low < high <= 90:
        raise InputError(
            f"tilts {text}: expected the smallest and the largest tilt, from -90 to 90 degrees"
        )
    return low, high


def _source(
    lookup: _Lookup,
    given: _Given,
    mask: tuple[Path | None, tuple[str, ...]],
    pixel_size_angstrom: float | None,
) -> TomogramSource:
    name = lookup.names[0]
    wedge = wedge_of(given.tilts)
    tilts, defocus, said = None, None, ()
    if wedge is None:
        tilts, said = _tilts(lookup, given)
    else:
        defocus = _whole_defocus(given)
    optics = given.optics or (tilts.optics if tilts is not None else None)
    unbinned = given.pixel_angstrom
    if unbinned is None and tilts is not None:
        unbinned = tilts.pixel_size_angstrom
    placing = place_volume(
        lookup.volume, tilt_pixel_angstrom=unbinned, given_angstrom=pixel_size_angstrom
    )
    return TomogramSource(
        name=name,
        path=lookup.volume,
        pixel_size_angstrom=placing.pixel_size_angstrom,
        tilts=tilts,
        wedge_deg=wedge,
        defocus=defocus,
        optics=optics,
        mask=mask[0],
        tilt_series_pixel_angstrom=unbinned,
        binning=placing.binning,
        warnings=(*said, *placing.warnings, *mask[1]),
    )


def _whole_defocus(given: _Given) -> Defocus | None:
    """The defocus of a tomogram with a continuous wedge: one number or none."""
    if given.dose:
        raise InputError(
            f"dose {given.dose}: exposure belongs to single tilts, but --tilts is a continuous "
            "wedge; give a file of tilts"
        )
    if not given.defocus:
        return None
    value = one_defocus_um(given.defocus)
    if value is None:
        raise InputError(
            f"defocus {given.defocus}: defocus per tilt needs single tilts, but --tilts is a "
            "continuous wedge; give a file of tilts or one number in µm"
        )
    return Defocus(u_um=value, v_um=value, phase_shift_deg=given.phase_shift_deg)


def _tilts(lookup: _Lookup, given: _Given) -> tuple[TiltSeries, tuple[str, ...]]:
    path = _tilt_file(lookup, given)
    series = read_tilt_file(
        path, column=given.tilt_column, pixel_size_angstrom=given.pixel_angstrom
    )
    n = len(series)
    series = replace(series, name=lookup.names[0])
    if given.dose:
        file = _dose_file(lookup, given.dose)
        dose = read_exposure(file, n, column=given.dose_column)
        series = replace(series, exposure_e_per_a2=dose)
    if given.defocus:
        single = one_defocus_um(given.defocus) is not None
        source = given.defocus if single else _defocus_file(lookup, given.defocus)
        u, v, angle, phase = read_tilt_defocus(source, n, tilt_deg=series.tilt_deg).T
        series = replace(
            series,
            defocus_u_um=u,
            defocus_v_um=v,
            astigmatism_angle_deg=angle,
            phase_shift_deg=phase,
        )
    if given.phase_shift_deg:
        series = replace(series, phase_shift_deg=np.full(n, given.phase_shift_deg))
    if given.handedness:
        series = replace(series, handedness=given.handedness)
    if given.optics is not None:
        series = replace(series, optics=given.optics)
    check_finite(series, path)
    series, gone = only_used(series)
    return series, (*gone, *gaps(series))


def _tilt_file(lookup: _Lookup, given: _Given) -> Path:
    if given.tilts:
        suffixes = (*_BESIDE, ".star", ".txt")
        return lookup.file(given.tilts, suffixes=suffixes, what="tilts")
    beside = [lookup.volume.with_name(f"{n}{s}") for n in lookup.names for s in _BESIDE]
    found = next((path for path in beside if path.is_file()), None)
    if found is None:
        raise InputError(
            f"{lookup.volume}: no file of tilts beside it ({listed(TILT_SUFFIXES)}); give --tilts"
        )
    return found


def _dose_file(lookup: _Lookup, given: str) -> Path:
    try:
        float(given)
    except ValueError:
        suffixes = ("_dose.txt", "_exposure.txt", "_corrected_dose.txt", ".txt")
        return lookup.file(given, suffixes=suffixes, what="dose")
    raise InputError(
        f"dose {given}: one number does not tell in which order the tilts were taken; give a file "
        "with the accumulated exposure of each"
    )


def _defocus_file(lookup: _Lookup, given: str) -> Path:
    suffixes = (".defocus", "_defocus.txt", "_CTF.txt", "_ctffind4.txt", "_gctf.star", ".txt")
    return lookup.file(given, suffixes=suffixes, what="defocus")
