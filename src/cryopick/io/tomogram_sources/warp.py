"""Tomograms of a Warp or WarpTools project: tilt series XML and ``reconstruction/`` beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryopick.errors import InputError, MissingFileError
from cryopick.io.metadata.warp_xml import read_warp_xml
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

RECONSTRUCTIONS = "reconstruction"


def warp_sources(
    folder_or_xml: str | Path,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    mrc_dir: str | Path | None = None,
    strip_prefixes: Sequence[str] = ("rec_",),
    volume_endings: Sequence[str] = ("",),
    mask_dir: str | Path | None = None,
    mask_endings: Sequence[str] = MASK_ENDINGS,
    pixel_size_angstrom: float | None = None,
) -> list[TomogramSource]:
    """Read every tilt series XML of a processing folder with its tomogram, in natural order.

    Parameters
    ----------
    folder_or_xml
        Processing folder, or the XML of one tilt series. XML files of movies are passed over.
    include, exclude
        Wildcards on the names of the XML files.
    mrc_dir
        Folder of the volumes; default ``reconstruction`` beside the XML.
    strip_prefixes, volume_endings
        What the file names of volumes may have around the name; WarpTools writes
        ``NAME_13.48Apx.mrc``, which is found without an ending where it is the only one.
    mask_dir, mask_endings
        Folder of search masks: prefix + name + ending.
    pixel_size_angstrom
        Of the volumes; overrides their headers.

    Notes
    -----
    Tilts have the sign that other programs use (see `read_warp_xml`); exposure is Warp's ``Dose``
    as written. The sign of the defocus gradient is left open: Warp's own flag refers to its angles.
    """
    start = Path(folder_or_xml)
    if not start.exists():
        raise MissingFileError(start)
    files = sorted(start.glob("*.xml")) if start.is_dir() else [start]
    series = {path.stem: path for path in files if not start.is_dir() or _is_tilt_series(path)}
    if not series:
        raise InputError(f"{start}: no XML of a tilt series; give the processing folder of Warp")
    names = chosen(series, include=include, exclude=exclude, where=start)
    home = start if start.is_dir() else start.parent
    where = Path(mrc_dir) if mrc_dir is not None else home / RECONSTRUCTIONS
    volumes = volumes_in(where) if mrc_dir is not None or where.is_dir() else {}
    masks = None if mask_dir is None else volumes_in(mask_dir)
    found = {
        name: find_volume(volumes, name, prefixes=strip_prefixes, endings=volume_endings)
        for name in names
    }
    refuse_missing(
        [name for name, volume in found.items() if volume is None],
        len(names),
        what=f"no volume in {where}",
        remedy="give their folder as --mrc-dir, or leave them out with --exclude",
    )
    return [
        _source(
            series[name],
            volume,
            mask=find_mask(
                masks, name, volume=volume, prefixes=strip_prefixes, endings=mask_endings
            ),
            pixel_size_angstrom=pixel_size_angstrom,
        )
        for name, volume in found.items()
        if volume is not None
    ]


def _is_tilt_series(path: Path) -> bool:
    """Tell a tilt series from a movie by the head of its XML, UTF-8 or UTF-16."""
    with path.open("rb") as file:
        head = file.read(4096)
    return b"<TiltSeries" in head.replace(b"\x00", b"")


def _source(
    xml: Path,
    volume: Path,
    *,
    mask: tuple[Path | None, tuple[str, ...]],
    pixel_size_angstrom: float | None,
) -> TomogramSource:
    everything = read_warp_xml(xml).series
    check_finite(everything, xml)
    tilts, gone = only_used(everything)
    unbinned = tilts.pixel_size_angstrom
    placing = place_volume(volume, tilt_pixel_angstrom=unbinned, given_angstrom=pixel_size_angstrom)
    return TomogramSource(
        name=xml.stem,
        path=volume,
        pixel_size_angstrom=placing.pixel_size_angstrom,
        tilts=tilts,
        optics=tilts.optics,
        mask=mask[0],
        tilt_series_pixel_angstrom=unbinned,
        binning=placing.binning,
        warnings=(*gone, *gaps(tilts), *placing.warnings, *mask[1]),
    )
