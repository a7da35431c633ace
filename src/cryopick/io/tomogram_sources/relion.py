"""Tomograms of a RELION project: ``tomograms.star`` and its tilt series (RELION 4 and 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.file_patterns import located
from cryopick.io.metadata.relion_tilt_series import read_tilt_series
from cryopick.io.metadata.relion_tomograms import TomogramEntry, read_tomograms
from cryopick.io.metadata.tlt import check_tilts
from cryopick.io.tomogram_sources.source import (
    TomogramSource,
    check_finite,
    chosen,
    gaps,
    only_used,
    refuse_missing,
)
from cryopick.io.tomogram_sources.volumes import (
    MASK_ENDINGS,
    find_mask,
    find_volume,
    place_volume,
    volumes_in,
)
from cryopick.model import TiltSeries

_FULL = "rlnTomoReconstructedTomogram"
_HALF = {1: f"{_FULL}Half1", 2: f"{_FULL}Half2"}


def relion_sources(
    tomograms_star: str | Path,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    strip_prefixes: Sequence[str] = ("rec_",),
    mrc_dir: str | Path | None = None,
    volume_endings: Sequence[str] = ("",),
    mask_dir: str | Path | None = None,
    mask_endings: Sequence[str] = MASK_ENDINGS,
    half: Literal[1, 2] | None = None,
    pixel_size_angstrom: float | None = None,
) -> list[TomogramSource]:
    """Read every tomogram of a ``tomograms.star`` with its tilts, in natural order.

    Parameters
    ----------
    tomograms_star
        Of RELION 5 (one STAR file per tilt series) or 4 (blocks). Paths in it start at the
        project folder, which is sought upwards.
    include, exclude
        Wildcards on ``rlnTomoName``.
    strip_prefixes
        What file names may have before the name of the tomogram.
    mrc_dir
        Folder of the volumes, where they are not those that the file names.
    volume_endings
        What file names in ``mrc_dir`` may have behind the name.
    mask_dir, mask_endings
        Folder of search masks: prefix + name + ending.
    half
        Search this half map; default: the whole reconstruction, else half 1 with a warning.
    pixel_size_angstrom
        Of the volumes; overrides header and list.
    """
    star = Path(tomograms_star)
    entries = {entry.name: entry for entry in _entries(star)}
    names = chosen(entries, include=include, exclude=exclude, where=star)
    folder = None if mrc_dir is None else volumes_in(mrc_dir)
    masks = None if mask_dir is None else volumes_in(mask_dir)
    found: dict[str, tuple[Path, tuple[str, ...]]] = {}
    missing: list[str] = []
    for name in names:
        if folder is None:
            volume, said = _listed_volume(entries[name], star, half)
        else:
            volume = find_volume(folder, name, prefixes=strip_prefixes, endings=volume_endings)
            said = ()
        if volume is None or not volume.exists():
            missing.append(name if volume is None else f"{name} ({volume})")
        else:
            found[name] = volume, said
    where = star if mrc_dir is None else mrc_dir
    refuse_missing(
        missing,
        len(names),
        what=f"no volume in {where}",
        remedy="give their folder as --mrc-dir, or leave them out with --exclude",
    )
    return [
        _source(
            entries[name],
            star,
            volume=volume,
            said=said,
            mask=find_mask(
                masks, name, volume=volume, prefixes=strip_prefixes, endings=mask_endings
            ),
            pixel_size_angstrom=pixel_size_angstrom,
        )
        for name, (volume, said) in found.items()
    ]


def _entries(star: Path) -> tuple[TomogramEntry, ...]:
    entries = read_tomograms(star)
    if not entries:
        raise FormatError(star, "holds no tomograms")
    names = [entry.name for entry in entries]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise FormatError(star, f"rlnTomoName: {twice} comes more than once", "rename one")
    return entries


def _listed_volume(
    entry: TomogramEntry, star: Path, half: Literal[1, 2] | None
) -> tuple[Path | None, tuple[str, ...]]:
    """The volume that ``tomograms.star`` names; the whole one where it is there."""
    columns: Mapping[str, str] = {
        column: file for column, file in entry.reconstructions.items() if file.strip(" '\"")
    }
    if half is not None:
        file = columns.get(_HALF[half])
        return (None if file is None else located(file, star)), ()
    if _FULL in columns:
        return located(columns[_FULL], star), ()
    if _HALF[1] in columns:
        said = f"{entry.name}: {star.name} names half maps only; half 1 is searched, which has "
        return located(columns[_HALF[1]], star), (f"{said}less signal than both together",)
    other = next(iter(columns), None)
    if other is None:
        return None, ()
    said = f"{entry.name}: {star.name} names no other volume than {other}: it is searched"
    return located(columns[other], star), (said,)


def _tilts(entry: TomogramEntry, star: Path) -> TiltSeries:
    path = located(entry.tilt_series_file, star) if entry.tilt_series_file else star
    if not path.is_file():
        raise MissingFileError(
            path, f"{star.name} names it for tomogram {entry.name}; copy it or --exclude that name"
        )
    try:
        series = read_tilt_series(
            path,
            name=entry.name,
            pixel_size_angstrom=entry.tilt_series_pixel_angstrom,
            optics=entry.optics,
            handedness=entry.handedness,
        )
    except FormatError:
        raise
    except InputError as error:
        raise FormatError(path, str(error)) from error
    if not len(series):
        raise FormatError(path, f"tilt series {entry.name} holds no images")
    check_finite(series, path)
    check_tilts(series.tilt_deg, path)
    return series


def _source(
    entry: TomogramEntry,
    star: Path,
    *,
    volume: Path,
    said: tuple[str, ...],
    mask: tuple[Path | None, tuple[str, ...]],
    pixel_size_angstrom: float | None,
) -> TomogramSource:
    tilts, gone = only_used(_tilts(entry, star))
    placing = place_volume(
        volume,
        tilt_pixel_angstrom=entry.tilt_series_pixel_angstrom,
        binning=entry.binning,
        size_unbinned_px=entry.size_px,
        given_angstrom=pixel_size_angstrom,
    )
    return TomogramSource(
        name=entry.name,
        path=volume,
        pixel_size_angstrom=placing.pixel_size_angstrom,
        tilts=tilts,
        optics=entry.optics,
        mask=mask[0],
        tilt_series_pixel_angstrom=entry.tilt_series_pixel_angstrom,
        binning=placing.binning,
        size_unbinned_px=entry.size_px,
        warnings=(*said, *gone, *gaps(tilts), *placing.warnings, *mask[1]),
    )
