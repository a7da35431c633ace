"""Import of tilt series from mdoc, tilt lists, AreTomo3 and Warp, with the tomograms beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cryopick.errors import FormatError, InputError
from cryopick.io.file_patterns import NamedFile, expand
from cryopick.io.images import describe_image, image_name
from cryopick.io.star_write import write_star
from cryopick.io.tomogram_sources.tilt_files import read_tilt_file
from cryopick.model import TiltSeries
from cryopick.model.sets import Acquisition, Dataset, Member, SetKind, acquisition_of
from cryopick.project.importing import Imported, Origin, read_members
from cryopick.project.matching import matched_name
from cryopick.project.set_star import tilt_series_block
from cryopick.project.store import SETS, Project

_VOLUMES = (".mrc", ".rec", ".mrc.gz", ".zarr")
# Half maps, score maps and masks lie beside the tomograms they belong to.
_NO_TOMOGRAM = ("_half", "even", "odd", "_evn", "ctf", "_tlt", "score", "mask")


def import_tilt_series(
    project: Project,
    patterns: Sequence[str | Path],
    *,
    name: str | None = None,
    pixel_size_angstrom: float | None = None,
    acquisition: Acquisition | None = None,
    exclude: Sequence[str] = (),
) -> Imported:
    """Import tilt series from ``.mdoc``, ``.tlt``, ``.rawtlt``, ``.aln`` or Warp ``.xml`` files.

    Image stacks (``.st``, ``.mrc``) can be given instead: their tilts come from the mdoc or tilt
    list of the same name beside them, or else from ``acquisition``.
    """
    suffixes = (".mdoc", ".tlt", ".rawtlt", ".aln", ".xml")
    files = expand(patterns, suffixes=suffixes, exclude=exclude)
    series = [_series(file.path, pixel_size_angstrom, acquisition) for file in files]
    dataset = keep_tilt_series(
        project,
        name or project.fresh_name(SetKind.TILT_SERIES.name.lower()),
        series,
        sources=[file.path for file in files],
        pixel_size_angstrom=pixel_size_angstrom,
        acquisition=acquisition,
    )
    return Imported(datasets=(dataset,))


def import_aretomo(
    project: Project,
    folder: str | Path,
    *,
    name: str | None = None,
    pixel_size_angstrom: float | None = None,
    exposure_e_per_a2: float | None = None,
    origin: Origin = "centre",
) -> Imported:
    """Import an AreTomo3 output folder: its tilt series, and its tomograms where they are there.

    Parameters
    ----------
    project
        Open for writing.
    folder
        With ``NAME.aln`` and perhaps ``NAME_TLT.txt``, ``NAME_CTF.txt``, ``NAME_Vol.mrc``.
    name
        Of the tomogram set; default ``tomograms``.
    pixel_size_angstrom
        Of the *tilt images*, where there is no ``TiltSeries_Metrics.csv``.
    exposure_e_per_a2
        Per image, for sessions that did not note it.
    origin
        Of the tomograms.
    """
    from cryopick.io.metadata.aretomo3 import read_aretomo3_folder

    folder = Path(folder)
    series = read_aretomo3_folder(
        folder, pixel_size_angstrom=pixel_size_angstrom, exposure_e_per_a2=exposure_e_per_a2
    )
    sources = [folder / f"{each}.aln" for each in series]
    with project.transaction():  # both sets or none
        return _with_tomograms(
            project, list(series.values()), sources, [folder], name=name, origin=origin
        )


def import_warp(
    project: Project,
    patterns: Sequence[str | Path],
    *,
    name: str | None = None,
    pixel_size_angstrom: float | None = None,
    origin: Origin = "centre",
) -> Imported:
    """Import Warp or WarpTools tilt series XML, and the tomograms in ``reconstruction/`` beside.

    Parameters
    ----------
    project
        Open for writing.
    patterns
        XML files, patterns or the processing folder.
    name
        Of the tomogram set; default ``tomograms``.
    pixel_size_angstrom
        Of the tilt images; default: what the XML says.
    origin
        Of the tomograms.
    """
    files = expand(patterns, suffixes=(".xml",))
    series = [_series(file.path, pixel_size_angstrom, None) for file in files]
    sources = [file.path for file in files]
    beside = dict.fromkeys(path.parent / "reconstruction" for path in sources)
    with project.transaction():
        return _with_tomograms(project, series, sources, list(beside), name=name, origin=origin)


def keep_tilt_series(
    project: Project,
    name: str,
    series: Sequence[TiltSeries],
    *,
    sources: Sequence[Path],
    pixel_size_angstrom: float | None = None,
    acquisition: Acquisition | None = None,
) -> Dataset:
    """Keep tilt series as a set; the columns of each are a STAR file in ``sets/NAME/``."""
    sizes = {s.pixel_size_angstrom for s in series if s.pixel_size_angstrom is not None}
    if pixel_size_angstrom is None and sizes and max(sizes) - min(sizes) > 1e-3 * min(sizes):
        raise InputError(
            f"set {name}: tilt series of {min(sizes):g} and {max(sizes):g} Å/px; import them as "
            "two sets, or give --pixel-size"
        )
    known = [found for each in series if (found := acquisition_of(each)) is not None]
    stars = [Path(SETS) / name / f"{each.name}.star" for each in series]
    dataset = Dataset(
        name=name,
        kind=SetKind.TILT_SERIES,
        ndim=3,
        pixel_size_angstrom=pixel_size_angstrom or max(sizes, default=None),
        members=tuple(
            Member(name=s.name, path=project.relative(source), files={"tilt_series": str(star)})
            for s, source, star in zip(series, sources, stars, strict=True)
        ),
        acquisition=acquisition or _widest(known),
        optics=next((s.optics for s in series if s.optics is not None), None),
    )
    with project.transaction():
        project.put(dataset)
        (project.folder / SETS / name).mkdir(parents=True, exist_ok=True)
        for each, star in zip(series, stars, strict=True):
            write_star(project.folder / star, [tilt_series_block(each)])
    return dataset


def _with_tomograms(
    project: Project,
    series: list[TiltSeries],
    sources: list[Path],
    folders: list[Path],
    *,
    name: str | None,
    origin: Origin,
) -> Imported:
    """Keep tilt series, and the tomograms in some folders that bear their names."""
    tilts = keep_tilt_series(
        project, project.fresh_name(SetKind.TILT_SERIES.name.lower()), series, sources=sources
    )
    found = _tomograms([s.name for s in series], folders)
    if not found:
        where = ", ".join(str(folder) for folder in folders[:2])
        return Imported(datasets=(tilts,), warnings=(f"no tomograms in {where}",))
    members, size, warnings = read_members(project, found, ndim=3, origin=origin)
    stars = {member.name: member.files for member in tilts.members}
    unbinned = tilts.pixel_size_angstrom
    binning = {} if unbinned is None else {"binning": f"{size / unbinned:.6g}"}
    tomograms = Dataset(
        name=name or project.fresh_name(SetKind.TOMOGRAMS.name.lower()),
        kind=SetKind.TOMOGRAMS,
        ndim=3,
        members=tuple(replace(m, files={**stars[m.name], **binning}) for m in members),
        pixel_size_angstrom=size,
        precedents=(tilts.name,),
        acquisition=tilts.acquisition,
        optics=tilts.optics,
    )
    missing = len(series) - len(members)
    if missing:
        warnings = (*warnings, f"{missing} of {len(series)} tilt series have no tomogram")
    return Imported(datasets=(tilts, project.put(tomograms)), warnings=warnings)


def _tomograms(names: list[str], folders: list[Path]) -> list[NamedFile]:
    """The volume of each name: the file with the shortest name that begins with it."""
    best: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            if not path.name.lower().endswith(_VOLUMES):
                continue
            name = matched_name(image_name(path), names)
            rest = path.name[len(name) :].lower() if name else ""
            if name is None or any(word in rest for word in _NO_TOMOGRAM):
                continue
            if _is_volume(path) and (name not in best or len(path.name) < len(best[name].name)):
                best[name] = path
    return [NamedFile(path=best[name], name=name) for name in names if name in best]


def _is_volume(path: Path) -> bool:
    """Tell a tomogram from the tilt image stack of the same name."""
    try:
        return describe_image(path)["kind"] == "volume"
    except FormatError:
        return False


def _series(
    path: Path, pixel_size_angstrom: float | None, acquisition: Acquisition | None
) -> TiltSeries:
    """One tilt series from whatever file describes it."""
    if path.suffix.lower() in (".aln", ".xml", ".mdoc", ".tlt", ".rawtlt"):
        return read_tilt_file(path, pixel_size_angstrom=pixel_size_angstrom)
    series = _stack_series(path, acquisition)
    if pixel_size_angstrom is not None:
        series = replace(series, pixel_size_angstrom=pixel_size_angstrom)
    return series


def _stack_series(path: Path, acquisition: Acquisition | None) -> TiltSeries:
    """The tilts of an image stack: from the file beside it, or evenly spaced as it is said."""
    name, beside = image_name(path), [Path(f"{path}.mdoc")]
    beside += [path.with_name(f"{name}{suffix}") for suffix in (".mdoc", ".tlt", ".rawtlt")]
    facts = describe_image(path)
    n = int(facts["size_px"][2]) if len(facts["size_px"]) == 3 else 1
    for other in beside:
        if other.is_file():
            series = replace(_series(other, None, None), name=name)
            if len(series) != n:
                raise FormatError(
                    other, f"has {len(series)} tilts, the stack {path.name} has {n} images"
                )
            return series
    if acquisition is None:
        raise InputError(
            f"{path}: no mdoc or tilt list beside it; give --tilt-min, --tilt-max and --tilt-step"
        )
    tilts = np.linspace(acquisition.tilt_min_deg, acquisition.tilt_max_deg, n)
    step = acquisition.tilt_step_deg
    if step is not None and n > 1 and abs(tilts[1] - tilts[0] - step) > 0.05 * step:
        raise InputError(
            f"{path}: {n} images from {tilts[0]:g} to {tilts[-1]:g} degrees are "
            f"{tilts[1] - tilts[0]:g} degrees apart, not {step:g}; check --tilt-step"
        )
    return TiltSeries(
        name=name,
        tilt_deg=tilts,
        axis_angle_deg=None
        if acquisition.axis_angle_deg is None
        else np.full(n, acquisition.axis_angle_deg),
        pixel_size_angstrom=facts["pixel_size_angstrom"],
    )


def _widest(known: list[Acquisition]) -> Acquisition | None:
    """What a set of series shares: the widest range, the first step and axis."""
    if not known:
        return None
    return Acquisition(
        tilt_min_deg=min(a.tilt_min_deg for a in known),
        tilt_max_deg=max(a.tilt_max_deg for a in known),
        tilt_step_deg=known[0].tilt_step_deg,
        axis_angle_deg=known[0].axis_angle_deg,
    )
