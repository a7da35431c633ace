"""Import of images: micrographs, tomograms, tilt pairs and volumes, by file, pattern or folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cryopick.errors import InputError
from cryopick.io.file_patterns import NamedFile, expand
from cryopick.io.images import describe_image, image_name
from cryopick.model.sets import Acquisition, Dataset, Member, SetKind, summary_in_words
from cryopick.project.store import Project

# Where an image lies in the specimen: its centre at the specimen's centre (a Grid origin that
# cryopick wrote into the file counts), at the ORIGIN of its MRC header, or where one says.
Origin = Literal["centre", "header"] | tuple[float, ...]

_NDIM = {SetKind.MICROGRAPHS: 2, SetKind.TOMOGRAMS: 3, SetKind.VOLUMES: 3}
_SAME_SIZE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import brought.

    Attributes
    ----------
    datasets
        The new sets, as they are in the project.
    assumed, warnings
        One sentence each.
    """

    datasets: tuple[Dataset, ...]
    assumed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The new sets in words."""
        return "; ".join(f"{d.name}: {summary_in_words(d)}" for d in self.datasets)


def import_images(
    project: Project,
    patterns: Sequence[str | Path],
    *,
    kind: SetKind,
    name: str | None = None,
    pixel_size_angstrom: float | None = None,
    origin: Origin = "centre",
    acquisition: Acquisition | None = None,
    exclude: Sequence[str] = (),
    group: str = "",
) -> Imported:
    """Import micrographs, tomograms or volumes as one set; only headers are read.

    Parameters
    ----------
    project
        Open for writing.
    patterns
        See `expand`.
    kind
        ``MICROGRAPHS``, ``TOMOGRAMS`` or ``VOLUMES``.
    name
        Of the set; default: the kind, with a number where that is taken.
    pixel_size_angstrom
        Overrides the headers.
    origin
        ``centre`` (of the specimen), ``header`` (its ORIGIN field), or ``x, y(, z)`` in Å of the
        centre of the first pixel.
    acquisition
        Tilt range, step and axis behind tomograms.
    exclude
        Words of file names that are left out.
    group
        Group id of the images.
    """
    if kind not in _NDIM:
        raise InputError(f"kind {kind}: use one of {', '.join(_NDIM)}")
    files = expand(patterns, exclude=exclude)
    members, size, warnings = read_members(
        project,
        files,
        ndim=_NDIM[kind],
        pixel_size_angstrom=pixel_size_angstrom,
        origin=origin,
        group=group,
    )
    dataset = Dataset(
        name=name or project.fresh_name(kind.name.lower()),
        kind=kind,
        ndim=_NDIM[kind],
        members=members,
        pixel_size_angstrom=size,
        acquisition=acquisition,
    )
    return Imported(datasets=(project.put(dataset),), warnings=warnings)


def import_tilt_pairs(
    project: Project,
    untilted: Sequence[str | Path],
    tilted: Sequence[str | Path],
    *,
    name: str | None = None,
    pixel_size_angstrom: float | None = None,
    acquisition: Acquisition | None = None,
    exclude: Sequence[str] = (),
) -> Imported:
    """Import pairs of untilted and tilted micrographs, paired in the order of their names.

    With ``{TS}`` in both patterns the pairs are matched by what stands in its place.
    """
    first, second = expand(untilted, exclude=exclude), expand(tilted, exclude=exclude)
    second = _paired(first, second, by_name=any("{TS}" in str(p) for p in (*untilted, *tilted)))
    left, size, warnings = read_members(
        project, first, ndim=2, pixel_size_angstrom=pixel_size_angstrom
    )
    # The tilted images keep their own names: two images of one pair are two images.
    right, size_right, more = read_members(
        project,
        [NamedFile(path=file.path, name=image_name(file.path)) for file in second],
        ndim=2,
        pixel_size_angstrom=pixel_size_angstrom,
    )
    _check_same(size, size_right, "the tilted images")
    pairs = tuple(
        Member(
            name=one.name,
            path=one.path,
            size_px=one.size_px,
            origin_angstrom=one.origin_angstrom,
            files={"tilted": other.path, "tilted_name": other.name},
        )
        for one, other in zip(left, right, strict=True)
    )
    dataset = Dataset(
        name=name or project.fresh_name(SetKind.TILT_PAIRS.name.lower()),
        kind=SetKind.TILT_PAIRS,
        members=pairs,
        pixel_size_angstrom=size,
        acquisition=acquisition,
    )
    example = f"{pairs[0].name} with {right[0].name}"
    return Imported(
        datasets=(project.put(dataset),),
        assumed=(f"pairs are in the order of their names: {example}",),
        warnings=tuple(dict.fromkeys((*warnings, *more))),
    )


def read_members(
    project: Project,
    files: Sequence[NamedFile],
    *,
    ndim: int,
    pixel_size_angstrom: float | None = None,
    origin: Origin = "centre",
    group: str = "",
) -> tuple[tuple[Member, ...], float, tuple[str, ...]]:
    """Read the headers of images; returns members, their one pixel size, and warnings."""
    members: list[Member] = []
    warnings: Counter[str] = Counter()
    size: float | None = pixel_size_angstrom
    if size is not None and not 0.0 < size < float("inf"):
        raise InputError(f"--pixel-size {size}: expected a length above 0 Å")
    for file in files:
        facts = describe_image(file.path)
        size_px = _size_px(facts, file.path, ndim)
        if pixel_size_angstrom is None:
            found = facts["pixel_size_angstrom"]
            if found is None:
                raise InputError(f"{file.path}: holds no usable pixel size; give --pixel-size")
            if size is not None:
                _check_same(size, float(found), str(file.path))
            size = float(found) if size is None else size
            warnings.update(facts["warnings"])
        else:
            warnings.update(w for w in facts["warnings"] if "pixel size" not in w)
        members.append(
            Member(
                name=file.name,
                path=project.relative(file.path),
                group=group,
                size_px=size_px,
                origin_angstrom=_origin(facts, file.path, ndim, origin),
            )
        )
    if size is None:
        raise InputError("no images given; name files, patterns or folders")
    words = tuple(
        f"{text} ({number} images)" if number > 1 else text for text, number in warnings.items()
    )
    return tuple(members), size, words


def _paired(first: list[NamedFile], second: list[NamedFile], *, by_name: bool) -> list[NamedFile]:
    """The tilted images in the order of the untilted ones."""
    if by_name:
        by = {file.name: file for file in second}
        missing = [file.name for file in first if file.name not in by]
        if missing:
            raise InputError(f"tilt pairs: no tilted image for {', '.join(missing[:3])}")
        second = [by[file.name] for file in first]
    if len(first) != len(second):
        raise InputError(
            f"tilt pairs: {len(first)} untilted and {len(second)} tilted images; "
            "give as many of both, or patterns with {TS}"
        )
    return second


def _size_px(facts: dict[str, Any], path: Path, ndim: int) -> tuple[int, ...]:
    size = tuple(int(n) for n in facts["size_px"])
    if ndim == 2 and len(size) == 3 and size[2] == 1:
        return size[:2]
    if len(size) != ndim:
        have, want = ("a volume or stack", "one image") if ndim == 2 else ("one image", "a volume")
        raise InputError(f"{path}: {' x '.join(map(str, size))} px is {have}, expected {want}")
    return size


def _origin(facts: dict[str, Any], path: Path, ndim: int, origin: Origin) -> tuple[float, ...]:
    if origin == "centre":
        return tuple(float(v) for v in facts["origin_angstrom"][:ndim])
    if origin == "header":
        header = facts.get("header_origin")
        if header is None or any(v is None for v in header[:ndim]):
            raise InputError(
                f"{path}: its header holds no usable origin; use --origin centre, or x,y,z"
            )
        return tuple(float(v) for v in header[:ndim])
    if len(origin) != ndim:
        raise InputError(f"--origin: expected {ndim} numbers, got {len(origin)}")
    return tuple(float(v) for v in origin)


def _check_same(size: float, other: float, what: str) -> None:
    if abs(size - other) > _SAME_SIZE * size:
        raise InputError(
            f"{what}: pixel size {other:g} Å, but the images before it have {size:g} Å; "
            "import them as two sets, or give --pixel-size"
        )
