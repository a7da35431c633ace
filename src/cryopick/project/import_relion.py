"""Import of RELION sets: micrographs, tomograms, tilt series, picks, or a whole project folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.file_patterns import located
from cryopick.io.images import describe_image, image_name
from cryopick.io.metadata.relion_micrographs import defocus_rows
from cryopick.io.metadata.relion_optics import optics_rows
from cryopick.io.star import read_star
from cryopick.io.star_block import StarBlock, StarFile
from cryopick.model import Optics
from cryopick.model.sets import Dataset, Member, SetKind
from cryopick.project.import_picks import import_picks
from cryopick.project.importing import Imported
from cryopick.project.store import Project

_TOMOGRAM_COLUMNS = [
    "rlnTomoReconstructedTomogramDenoised",
    "rlnTomoReconstructedTomogram",
    "rlnTomoReconstructedTomogramHalf1",
]
# What a project folder is asked for, best first; of several jobs the newest counts.
_MICROGRAPHS = ("micrographs_ctf.star", "corrected_micrographs.star", "micrographs.star")
_TOMOGRAMS = ("tomograms.star",)
_PICKS = ("optimisation_set.star", "autopick.star", "manualpick.star", "particles.star")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Images:
    """A set of images, and what was odd about it."""

    dataset: Dataset
    warnings: tuple[str, ...] = ()


def import_relion(
    project: Project,
    path: str | Path,
    *,
    name: str | None = None,
    images: str | None = None,
    pixel_size_angstrom: float | None = None,
    skip_unmatched: bool = False,
) -> Imported:
    """Import what a RELION STAR file or project folder holds.

    Parameters
    ----------
    project
        Open for writing.
    path
        STAR of micrographs, tomograms, picks or particles, an optimisation set, or a project
        folder: of that the newest micrographs, tomograms and picks.
    name
        Of the new set, where there is one.
    images
        For picks: the set they lie in.
    pixel_size_angstrom
        Overrides the file's (for picks: of the images picked in).
    skip_unmatched
        Leave out picks in images that the set does not hold.
    """
    path = Path(path)
    if path.is_dir():
        if name is not None:
            raise InputError(f"{path}: --name: a project folder gives several sets")
        with project.transaction():  # all of the folder or nothing
            return _import_folder(project, path, pixel_size_angstrom, skip_unmatched=skip_unmatched)
    if not path.is_file():
        raise MissingFileError(path)
    star = read_star(path)
    table = star.table_with("rlnTomoTomogramsFile", "rlnTomoParticlesFile")
    if table is not None:
        with project.transaction():
            return _import_optimisation_set(project, table, path, images)
    if _is_of_picks(star):
        return import_picks(
            project,
            [path],
            images=images,
            name=name,
            pixel_size_angstrom=pixel_size_angstrom,
            skip_unmatched=skip_unmatched,
        )
    found = _images(project, star, path, name, pixel_size_angstrom)
    project.put(found.dataset)
    return Imported(datasets=(found.dataset,), warnings=found.warnings)


def _import_optimisation_set(
    project: Project, table: StarBlock, path: Path, images: str | None
) -> Imported:
    parts: list[Imported] = []
    for column in ("rlnTomoTomogramsFile", "rlnTomoParticlesFile"):
        file = located(table.value(column), path)
        if file.is_file() and read_star(file).table_with(column) is not None:
            raise FormatError(path, f"{column}: {file.name} is an optimisation set too")
        parts.append(import_relion(project, file, images=images))
    return _joined(parts)


def _images(
    project: Project, star: StarFile, path: Path, name: str | None, size: float | None
) -> _Images:
    """The images of a table; what is wrong with a value is told with the file's name."""
    try:
        return _read_images(project, star, path, name, size)
    except FormatError:
        raise
    except InputError as error:
        raise FormatError(path, str(error)) from error


def _read_images(
    project: Project, star: StarFile, path: Path, name: str | None, size: float | None
) -> _Images:
    table = star.table_with("rlnTomoName")
    if table is not None:
        columns = [column for column in _TOMOGRAM_COLUMNS if column in table]
        return _tomograms(project, table, columns, path, name, size)
    table = star.table_with("rlnMicrographName")
    if table is not None:
        return _micrographs(project, star, table, path, name, size)
    names = ", ".join(column for block in star.blocks for column in list(block.columns)[:4])
    raise FormatError(
        path,
        f"holds no micrographs, tomograms or picks (it has {names or 'nothing'})",
        "give micrographs.star, tomograms.star or a picks file",
    )


def _is_of_picks(star: StarFile) -> bool:
    return any(
        block.first("rlnCoordinateX", "rlnCenteredCoordinateXAngst", "rlnMicrographCoordinates")
        for block in star.blocks
    )


def _micrographs(
    project: Project,
    star: StarFile,
    table: StarBlock,
    path: Path,
    name: str | None,
    size: float | None,
) -> _Images:
    optics = star.get("optics") or table
    size = size if size is not None else _micrograph_size(optics, path)
    texts: list[str] = table.text("rlnMicrographName").tolist()
    for row, text in enumerate(texts):
        if not text.strip():
            raise FormatError(path, f"rlnMicrographName, row {row + 1}: empty", "correct the row")
    files = [located(text, path) for text in texts]
    defocus = defocus_rows(table)
    group = table.text("rlnOpticsGroup").tolist() if "rlnOpticsGroup" in table else []
    if len(set(group)) > 1 and "rlnOpticsGroupName" in optics:
        names = dict(
            zip(optics.text("rlnOpticsGroup"), optics.text("rlnOpticsGroupName"), strict=True)
        )
        group = [str(names.get(number, number)) for number in group]
    members: list[Member] = []
    missing = 0
    for i, file in enumerate(files):
        there = file.exists()
        missing += not there
        members.append(
            Member(
                name=image_name(file),
                path=project.relative(file),
                size_px=_header_size(file, 2) if there else (),
                defocus=defocus[i],
                group=group[i] if len(set(group)) > 1 else "",
            )
        )
    dataset = Dataset(
        name=name or project.fresh_name(SetKind.MICROGRAPHS.name.lower()),
        kind=SetKind.MICROGRAPHS,
        members=tuple(members),
        pixel_size_angstrom=size,
        optics=_optics(optics),
    )
    return _Images(dataset=dataset, warnings=_missing(missing, len(files), "size"))


def _tomograms(
    project: Project,
    table: StarBlock,
    columns: list[str],
    path: Path,
    name: str | None,
    size: float | None,
) -> _Images:
    """Tomograms, or tilt series where nothing was reconstructed yet."""
    kind = SetKind.TOMOGRAMS if columns else SetKind.TILT_SERIES
    unbinned = size if size is not None else _one(table, "rlnTomoTiltSeriesPixelSize", path)
    binning = (_one(table, "rlnTomoTomogramBinning", path) if columns else None) or 1.0
    axes = [f"rlnTomoSize{letter}" for letter in "XYZ"]
    lengths = [_positive(table, a, path) for a in axes] if columns and table.has(*axes) else []
    names = table.text("rlnTomoName").tolist()
    members = tuple(
        Member(
            name=names[row],
            path=project.relative(file) if (file := _named(table, columns, row, path)) else "",
            size_px=_header_size(file, 3)
            if file is not None and file.exists()
            else tuple(max(1, round(axis[row] / binning)) for axis in lengths),
            files=_files(project, table, row, path, binning, columns),
        )
        for row in range(len(names))
    )
    missing = sum(bool(m.path) and not project.resolve(m.path).exists() for m in members)
    dataset = Dataset(
        name=name or project.fresh_name(kind.name.lower()),
        kind=kind,
        ndim=3,
        members=members,
        pixel_size_angstrom=None if unbinned is None else unbinned * binning,
        optics=_optics(table),
    )
    return _Images(dataset=dataset, warnings=_missing(missing, len(names), "header"))


def _named(table: StarBlock, columns: list[str], row: int, path: Path) -> Path | None:
    """The file in the best of some columns; None without a column."""
    return located(str(table.text(columns[0])[row]), path) if columns else None


def _files(
    project: Project,
    table: StarBlock,
    row: int,
    path: Path,
    binning: float,
    columns: list[str],
) -> dict[str, str]:
    """What belongs to a tomogram beside its volume."""
    files = {"binning": f"{binning:.7g}"} if binning != 1.0 else {}
    wanted = {"rlnTomoTiltSeriesStarFile": "tilt_series"}
    if columns == _TOMOGRAM_COLUMNS[2:]:  # half maps only: the second half stays beside the first
        wanted["rlnTomoReconstructedTomogramHalf2"] = "half2"
    for column, what in wanted.items():
        if column in table:
            files[what] = project.relative(located(str(table.text(column)[row]), path))
    return files


def _import_folder(
    project: Project, folder: Path, size: float | None, *, skip_unmatched: bool
) -> Imported:
    """The newest micrographs, tomograms and picks of a RELION project."""
    brought: list[Imported] = []
    for wanted in (_MICROGRAPHS, _TOMOGRAMS):
        star = newest(folder, wanted)
        if star is not None:
            brought.append(import_relion(project, star, pixel_size_angstrom=size))
    if not brought:
        raise InputError(
            f"{folder}: no job with {_MICROGRAPHS[-1]} or {_TOMOGRAMS[0]}; give a RELION project "
            "folder or a STAR file"
        )
    star = newest(folder, _PICKS)
    if star is not None:
        sets = {d.ndim: d for each in brought for d in each.datasets}
        brought.append(_folder_picks(project, star, sets, skip_unmatched=skip_unmatched))
    return _joined(brought)


def _folder_picks(
    project: Project, star: Path, sets: dict[int, Dataset], *, skip_unmatched: bool
) -> Imported:
    table = read_star(star).table_with("rlnTomoParticlesFile")
    ndim = 3 if table is not None or read_star(star).table_with("rlnTomoName") else 2
    if table is not None:
        star = located(table.value("rlnTomoParticlesFile"), star)
    images = sets.get(ndim)
    if images is None or not star.is_file():
        return Imported(datasets=(), warnings=(f"picks of {star} left out: no images for them",))
    return import_picks(project, [star], images=images.name, skip_unmatched=skip_unmatched)


def newest(folder: Path, names: Sequence[str]) -> Path | None:
    """The file of the job with the highest number; earlier names are preferred within a job."""
    found: list[tuple[int, int, Path]] = []
    for rank, name in enumerate(names):
        for path in folder.glob(f"*/job*/{name}"):
            number = re.fullmatch(r"job(\d+)", path.parent.name)
            if number is not None:
                found.append((int(number[1]), -rank, path))
    return max(found)[2] if found else None


def _joined(parts: Sequence[Imported]) -> Imported:
    return Imported(
        datasets=tuple(d for part in parts for d in part.datasets),
        assumed=tuple(dict.fromkeys(text for part in parts for text in part.assumed)),
        warnings=tuple(dict.fromkeys(text for part in parts for text in part.warnings)),
    )


def _micrograph_size(optics: StarBlock, path: Path) -> float | None:
    for column in ("rlnMicrographPixelSize", "rlnImagePixelSize", "rlnPixelSize"):
        if column in optics:
            return _one(optics, column, path)
    if optics.has("rlnDetectorPixelSize", "rlnMagnification"):
        detector_um = _one(optics, "rlnDetectorPixelSize", path)
        magnification = _one(optics, "rlnMagnification", path)
        return None if not detector_um or not magnification else detector_um * 1e4 / magnification
    return None


def _one(table: StarBlock, column: str, path: Path) -> float | None:
    """The one value of a column; None without the column or without rows."""
    if column not in table or not len(table):
        return None
    values = _positive(table, column, path)
    if max(values) - min(values) > 1e-3 * min(values):
        raise FormatError(
            path,
            f"{column}: differs between rows",
            "import them as several sets, or give --pixel-size",
        )
    return values[0]


def _positive(table: StarBlock, column: str, path: Path) -> list[float]:
    values: list[float] = table.number(column).tolist()
    for row, value in enumerate(values):
        if not 0.0 < value < 1e9:
            raise FormatError(path, f"{column}, row {row + 1}: expected a number above 0")
    return values


def _optics(table: StarBlock) -> Optics | None:
    """What the first row says; a set has one microscope."""
    if not len(table) or not table.has("rlnVoltage", "rlnSphericalAberration"):
        return None
    return optics_rows(table)[0]


def _header_size(file: Path, ndim: int) -> tuple[int, ...]:
    size = tuple(int(n) for n in describe_image(file)["size_px"])
    if len(size) != ndim:
        raise InputError(f"{file}: expected {ndim} dimensions, got {len(size)}")
    return size


def _missing(missing: int, total: int, what: str) -> tuple[str, ...]:
    if not missing:
        return ()
    return (f"{missing} of {total} image files are not there; their {what} was not read",)
