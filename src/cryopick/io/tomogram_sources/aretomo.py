"""Tomograms of an AreTomo3 session: alignments, volumes and what lies beside them in one folder.

Per tomogram ``NAME.aln`` (aligned and dark images), ``NAME_Vol.mrc``, ``NAME_TLT.txt`` (order and
exposure) or an order list, ``NAME_CTF.txt``, and ``TiltSeries_Metrics.csv``; IMOD's files are in
``NAME_Imod/`` (``tilt.com`` with its list of excluded views, ``order_list.csv``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.metadata.aretomo3 import TILT_TOLERANCE_DEG, read_aretomo3_tilt_series
from cryopick.io.metadata.aretomo3_aln import AretomoAlignment, read_aln
from cryopick.io.metadata.number_list import read_number_rows
from cryopick.io.metadata.tilt_com import read_tilt_com
from cryopick.io.metadata.tlt import read_order_list
from cryopick.io.tomogram_sources.source import (
    TomogramSource,
    check_finite,
    chosen,
    gaps,
    left_out,
    only_used,
    refuse_missing,
)
from cryopick.io.tomogram_sources.volumes import (
    find_mask,
    find_volume,
    place_volume,
    volumes_in,
)
from cryopick.model import TiltSeries

VOLUME_ENDINGS = ("_Vol", "_rec")


def aretomo_sources(
    folder: str | Path,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    dose_per_tilt: float | None = None,
    mrc_dir: str | Path | None = None,
    volume_endings: Sequence[str] = VOLUME_ENDINGS,
    mask_dir: str | Path | None = None,
    mask_endings: Sequence[str] = ("_mask", "_Vol_mask", "_bmask", "", "_Vol"),
    tilt_series_pixel_angstrom: float | None = None,
    pixel_size_angstrom: float | None = None,
) -> list[TomogramSource]:
    """Read every aligned tilt series of an AreTomo3 folder with its tomogram, in natural order.

    Parameters
    ----------
    folder
        The output folder of the session.
    include, exclude
        Wildcards on the names of the ``.aln`` files.
    dose_per_tilt
        Exposure of each image in e/Å², where the session did not note it. It is accumulated in
        the order in which the images were taken, dark and excluded ones included.
    mrc_dir
        Folder of the volumes; default: the same.
    volume_endings
        What stands behind the name in the file names of the volumes, best first.
    mask_dir, mask_endings
        Folder of search masks, and what their names may have behind the name.
    tilt_series_pixel_angstrom
        Of the tilt images; default: as ``TiltSeries_Metrics.csv`` has it.
    pixel_size_angstrom
        Of the volumes; overrides their headers.

    Notes
    -----
    Numbers of aligned, dark and raw images, of tilts, of defoci and of places in the acquisition
    must agree. The sign of the defocus gradient is left open: AreTomo3's ``dfHand`` follows its
    own convention.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingFileError(folder, "give the output folder of AreTomo3")
    alignments = {path.stem: path for path in folder.glob("*.aln")}
    if not alignments:
        raise InputError(f"{folder}: no .aln file; give the output folder of AreTomo3")
    names = chosen(alignments, include=include, exclude=exclude, where=folder)
    volumes = volumes_in(folder if mrc_dir is None else mrc_dir)
    masks = None if mask_dir is None else volumes_in(mask_dir)
    found = {name: find_volume(volumes, name, endings=volume_endings) for name in names}
    refuse_missing(
        [name for name, volume in found.items() if volume is None],
        len(names),
        what=f"no volume NAME{volume_endings[0]}.mrc in {folder if mrc_dir is None else mrc_dir}",
        remedy="give their folder as --mrc-dir, or leave them out with --exclude",
    )
    sources: list[TomogramSource] = []
    for name, volume in found.items():
        assert volume is not None
        tilts, said = _tilts(alignments[name], dose_per_tilt, tilt_series_pixel_angstrom)
        unbinned = tilts.pixel_size_angstrom
        placing = place_volume(
            volume, tilt_pixel_angstrom=unbinned, given_angstrom=pixel_size_angstrom
        )
        mask, unmasked = find_mask(masks, name, volume=volume, endings=mask_endings)
        sources.append(
            TomogramSource(
                name=name,
                path=volume,
                pixel_size_angstrom=placing.pixel_size_angstrom,
                tilts=tilts,
                optics=tilts.optics,
                mask=mask,
                tilt_series_pixel_angstrom=unbinned,
                binning=placing.binning,
                warnings=(*said, *gaps(tilts), *placing.warnings, *unmasked),
            )
        )
    return sources


def _tilts(
    aln: Path, dose_per_tilt: float | None, pixel_angstrom: float | None
) -> tuple[TiltSeries, tuple[str, ...]]:
    """The images that were reconstructed, with their exposure, and what was left out."""
    if dose_per_tilt is not None and not (np.isfinite(dose_per_tilt) and dose_per_tilt > 0):
        raise InputError(f"dose per tilt {dose_per_tilt:g}: expected e/Å² above 0")
    alignment = read_aln(aln)
    n_raw = alignment.raw_size[2]
    order = _beside(aln, "order_list.csv")
    listed = order is not None and not aln.with_name(f"{aln.stem}_TLT.txt").is_file()
    series = read_aretomo3_tilt_series(
        aln,
        pixel_size_angstrom=pixel_angstrom,
        exposure_e_per_a2=None if listed else dose_per_tilt,
    )
    if listed and order is not None and dose_per_tilt is not None:
        before = _ordered_exposure(alignment, order, dose_per_tilt, aln)
        series = replace(series, exposure_e_per_a2=before)
    check_finite(series, aln)
    said: tuple[str, ...] = ()
    if alignment.dark_frames:
        dark = [frame.tilt_deg for frame in alignment.dark_frames]
        said = (left_out(dark, of=n_raw, why="dark"),)
    used = ~_excluded(alignment, aln)
    series, gone = only_used(series, used, why="excluded in tilt.com")
    return series, (*said, *gone)


def _beside(aln: Path, name: str) -> Path | None:
    """A file of IMOD's that belongs to a tilt series: in its own folder, or with its name."""
    places = (
        aln.parent / f"{aln.stem}_Imod" / name,
        aln.parent / aln.stem / name,
        aln.with_name(f"{aln.stem}_{name}"),
    )
    return next((path for path in places if path.is_file()), None)


def _ordered_exposure(
    alignment: AretomoAlignment, path: Path, dose: float, aln: Path
) -> NDArray[np.float64]:
    """Exposure before each aligned image by an order list, which is matched by tilt."""
    order = read_order_list(path)
    n_raw = alignment.raw_size[2]
    if len(order.order) != n_raw:
        raise FormatError(path, f"{len(order.order)} rows, but {aln.name} has {n_raw} images")
    stage = alignment.tilt_deg - (alignment.alpha_offset_deg or 0.0)
    apart = np.abs(stage[:, None] - order.tilt_deg)
    row = apart.argmin(axis=1)
    worst = int(apart.min(axis=1).argmax())
    if apart[worst].min() > TILT_TOLERANCE_DEG:
        raise FormatError(path, f"no row has the {stage[worst]:g}° of {aln.name}")
    if np.unique(row).size != row.size:
        raise FormatError(path, f"two images of {aln.name} have the same tilt; no order is certain")
    place = np.argsort(np.argsort(order.order))[row]
    return np.asarray(place * dose, dtype=np.float64)


def _excluded(alignment: AretomoAlignment, aln: Path) -> NDArray[np.bool_]:
    """Which aligned images ``tilt.com`` leaves out.

    Its views count the images of the stack that was written for IMOD: the raw one, or the aligned
    images alone. The tilt list beside it tells which; without one the raw stack is meant.
    """
    path = _beside(aln, "tilt.com")
    none = np.zeros(len(alignment), bool)
    if path is None:
        return none
    com = read_tilt_com(path)
    if not com.excluded_views:
        return none
    n_raw, n_aligned = alignment.raw_size[2], len(alignment)
    n_views = n_raw
    tilt_file = path.parent / Path(com.tilt_file).name if com.tilt_file else None
    if tilt_file is not None and tilt_file.is_file():
        n_views = len(read_number_rows(tilt_file))
        if n_views not in (n_raw, n_aligned):
            raise FormatError(
                tilt_file,
                f"{n_views} tilts, but {aln.name} has {n_raw} raw and {n_aligned} aligned",
            )
    if com.excluded_views[-1] > n_views:
        raise FormatError(
            path, f"EXCLUDELIST: view {com.excluded_views[-1]}, but there are {n_views} images"
        )
    view = np.arange(n_aligned) + 1
    if n_views == n_raw:
        view = alignment.section - alignment.first_section + 1
    return np.isin(view, com.excluded_views)
