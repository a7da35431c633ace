"""`Dataset`: a typed set that knows its pixel size, its box and the sets it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from cryopick.errors import InputError
from cryopick.model.grid import Grid
from cryopick.model.optics import Defocus, Optics
from cryopick.model.tilts import TiltSeries


class SetKind(StrEnum):
    """What the members of a set are; the value is the word for many of them."""

    MICROGRAPHS = "micrographs"
    TOMOGRAMS = "tomograms"
    TILT_PAIRS = "tilt pairs"
    TILT_SERIES = "tilt series"
    PICKS = "picks"
    PICK_PAIRS = "pick pairs"
    PARTICLES = "particles"
    SUBTOMOGRAMS = "subtomograms"
    MESHES = "meshes"
    VOLUMES = "volumes"
    CLASSES = "classes"


_ONE = {SetKind.TILT_SERIES: "tilt series", SetKind.MESHES: "mesh", SetKind.CLASSES: "class"}
_IMAGES = {
    SetKind.PICK_PAIRS: SetKind.TILT_PAIRS,
    SetKind.PARTICLES: SetKind.MICROGRAPHS,
    SetKind.SUBTOMOGRAMS: SetKind.TOMOGRAMS,
    SetKind.MESHES: SetKind.TOMOGRAMS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """How tilt images were taken, as far as a whole set shares it.

    Attributes
    ----------
    tilt_min_deg, tilt_max_deg
        Range of tilts.
    tilt_step_deg
        Usual step from one tilt to the next; None where there is only one tilt.
    axis_angle_deg
        Angle of the tilt axis in the image plane; None: not known.

    Examples
    --------
    >>> Acquisition(tilt_min_deg=-60, tilt_max_deg=60, tilt_step_deg=3).tilt_step_deg
    3.0
    """

    tilt_min_deg: float
    tilt_max_deg: float
    tilt_step_deg: float | None = None
    axis_angle_deg: float | None = None

    def __post_init__(self) -> None:
        low, high = float(self.tilt_min_deg), float(self.tilt_max_deg)
        if not -90.0 <= low <= high <= 90.0:
            raise InputError(
                f"Acquisition: expected a tilt range within -90 to 90 degrees, got {low:g} to "
                f"{high:g}; give --tilt-min and --tilt-max"
            )
        step = self.tilt_step_deg
        if step is not None and not 0.0 < step <= 180.0:
            raise InputError(f"Acquisition: expected a tilt step above 0 degrees, got {step:g}")
        object.__setattr__(self, "tilt_min_deg", low)
        object.__setattr__(self, "tilt_max_deg", high)
        object.__setattr__(self, "tilt_step_deg", None if step is None else float(step))


def acquisition_of(series: TiltSeries) -> Acquisition | None:
    """The tilt range, median step and axis of a tilt series; None where it has no tilts.

    Examples
    --------
    >>> import numpy as np
    >>> acquisition_of(TiltSeries(name="a", tilt_deg=np.array([0.0, 3.0, -3.0, 6.0])))
    Acquisition(tilt_min_deg=-3.0, tilt_max_deg=6.0, tilt_step_deg=3.0, axis_angle_deg=None)
    """
    tilts = sorted(float(tilt) for tilt in series.tilt_deg)
    if not tilts:
        return None
    steps = sorted(b - a for a, b in pairwise(tilts) if b - a > 0.01)
    axis = series.axis_angle_deg
    return Acquisition(
        tilt_min_deg=tilts[0],
        tilt_max_deg=tilts[-1],
        tilt_step_deg=round(steps[len(steps) // 2], 6) if steps else None,
        axis_angle_deg=None if axis is None else float(sorted(axis)[len(axis) // 2]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One image of a set, or the part of a set that lies in one image.

    Attributes
    ----------
    name
        `Image.name`: by it members are matched across sets.
    path
        Its file; empty where it has none of its own.
    count
        How many things it holds: picks, particles, meshes; 1 for an image.
    group
        Group id.
    size_px
        Length along ``x, y(, z)``; empty: not known.
    origin_angstrom
        Grid origin in the specimen frame; empty: zero.
    files
        Further files by what they are: ``tilted``, ``half1``, ``tilt_series``...
    defocus
        Of a micrograph; None: not known.
    """

    name: str
    path: str = ""
    count: int = 1
    group: str = ""
    size_px: tuple[int, ...] = ()
    origin_angstrom: tuple[float, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    defocus: Defocus | None = None

    def __post_init__(self) -> None:
        if not self.name or not self.name.strip():
            raise InputError("Member: expected a name, got an empty one")
        if self.count < 0:
            raise InputError(f"Member {self.name}: expected a count from 0, got {self.count}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A set of one kind: micrographs, tomograms, picks, particles, volumes...

    One type for eleven kinds, because they differ in what their members are called and not in
    what a set does: it has a pixel size, perhaps a box, members by name, and precedents.

    Attributes
    ----------
    name
        Unique in a project.
    kind
        What its members are.
    members
        Images, or the images that picks and particles lie in, in order; names are unique.
    ndim
        2 for what lies in micrographs, 3 for what lies in tomograms.
    pixel_size_angstrom
        Of its images (for picks: of the images they were picked in). None: not known.
    box_size_px
        Box edge in pixels of its images; None where there is none.
    precedents
        Names of the sets it was made from.
    acquisition
        Tilt range, step and axis of tilted images.
    optics
        Microscope settings; None: not known.

    Examples
    --------
    >>> members = tuple(Member(name=f"mic{i}", count=100) for i in range(3))
    >>> particles = Dataset(
    ...     name="good", kind=SetKind.PARTICLES, members=members, box_size_px=180
    ... )
    >>> summary_in_words(particles)
    '300 particles from 3 micrographs, box 180 px'
    """

    name: str
    kind: SetKind
    members: tuple[Member, ...] = ()
    ndim: int = 2
    pixel_size_angstrom: float | None = None
    box_size_px: float | None = None
    precedents: tuple[str, ...] = ()
    acquisition: Acquisition | None = None
    optics: Optics | None = None

    def __post_init__(self) -> None:
        if not self.name or self.name != self.name.strip() or "/" in self.name:
            raise InputError(f"Dataset: expected a name without '/', got {self.name!r}")
        if self.name.startswith(".") or "\0" in self.name:
            raise InputError(f"Dataset: expected a name fit for a file, got {self.name!r}")
        seen: set[str] = set()
        for member in self.members:
            if member.name in seen:
                raise InputError(
                    f"Dataset {self.name}: the name {member.name} stands for two members; "
                    "images are matched by name, so rename one of the files"
                )
            seen.add(member.name)
        if self.ndim not in (2, 3):
            raise InputError(f"Dataset {self.name}: expected 2 or 3 dimensions, got {self.ndim}")
        for what, value in (
            ("pixel size", self.pixel_size_angstrom),
            ("box size", self.box_size_px),
        ):
            if value is not None and not 0.0 < value < float("inf"):
                raise InputError(f"Dataset {self.name}: expected a {what} above 0, got {value}")

    def __len__(self) -> int:
        """How many things it holds: images, picks, particles..."""
        return sum(member.count for member in self.members)

    @property
    def images(self) -> SetKind | None:
        """The kind of image its members lie in; None for sets that are images themselves."""
        if self.kind is SetKind.PICKS:
            return SetKind.MICROGRAPHS if self.ndim == 2 else SetKind.TOMOGRAMS
        return _IMAGES.get(self.kind)

    def grids(self) -> dict[str, Grid]:
        """Grid of every member whose size is known, by name."""
        if self.pixel_size_angstrom is None:
            return {}
        return {
            member.name: Grid(
                shape=member.size_px[::-1],
                pixel_size_angstrom=self.pixel_size_angstrom,
                origin_angstrom=member.origin_angstrom,
            )
            for member in self.members
            if member.size_px
        }


def summary_in_words(dataset: Dataset) -> str:
    """Say what a set holds: ``1,204 particles from 20 micrographs, box 180 px``."""
    words = counted(len(dataset), dataset.kind)
    images = dataset.images
    if images is not None:
        total = len(dataset.members)
        holding = sum(member.count > 0 for member in dataset.members)
        if 0 < holding < total:
            words += f" from {holding:,} of {counted(total, images)}"
        else:
            words += f" from {counted(total, images)}"
    if dataset.box_size_px is not None:
        words += f", box {dataset.box_size_px:g} px"
    if images is None and dataset.pixel_size_angstrom is not None:
        words += f", {dataset.pixel_size_angstrom:.6g} Å/px"
    return words


def counted(number: int, kind: SetKind) -> str:
    """A number with its noun: ``1 mesh``, ``1,204 particles``.

    Examples
    --------
    >>> counted(1, SetKind.MICROGRAPHS), counted(2, SetKind.TILT_SERIES)
    ('1 micrograph', '2 tilt series')
    """
    noun = kind.value if number != 1 else _ONE.get(kind, kind.value.removesuffix("s"))
    return f"{number:,} {noun}"
