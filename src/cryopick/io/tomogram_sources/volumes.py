"""Volumes and masks found by the name of their tomogram, and what their headers say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryopick.errors import CryopickError, InputError, MissingFileError
from cryopick.io.images import describe_image, image_name

VOLUME_SUFFIXES = (
    ".mrc", ".rec", ".map", ".mrc.gz", ".mrc.bz2", ".rec.gz", ".em", ".hdf", ".ome.zarr", ".zarr",
)  # fmt: skip
MASK_ENDINGS = ("_mask", "_bmask", "")
# What lies beside tomograms and bears their names: half maps, power spectra, scores, masks.
_NO_TOMOGRAM = frozenset(
    [
        "half",
        "half1",
        "half2",
        "even",
        "odd",
        "evn",
        "2nd",
        "ctf",
        "tlt",
        "score",
        "scores",
        "angles",
        "mask",
        "bmask",
    ]
)
_SEPARATORS = "_-."
_WORDS = re.compile(r"[^_.-]+")
_SAME = 5e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """Pixel size of a volume and how it relates to the tilt images.

    Attributes
    ----------
    pixel_size_angstrom
        None: not known.
    binning
        None: not known.
    warnings
        Where header and list disagree.
    """

    pixel_size_angstrom: float | None
    binning: float | None
    warnings: tuple[str, ...]


def volumes_in(folder: str | Path) -> dict[str, Path]:
    """Every volume file of a folder by `image_name`; of two with one name the first suffix wins."""
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingFileError(folder)
    found: dict[str, tuple[int, Path]] = {}
    for path in sorted(folder.iterdir()):
        name = path.name.lower()
        rank = next((i for i, s in enumerate(VOLUME_SUFFIXES) if name.endswith(s)), None)
        if rank is None or path.name.startswith("."):
            continue
        stem = image_name(path)
        if stem not in found or rank < found[stem][0]:
            found[stem] = (rank, path)
    return {stem: path for stem, (_, path) in found.items()}


def find_volume(
    volumes: Mapping[str, Path],
    name: str,
    *,
    prefixes: Iterable[str] = ("rec_",),
    endings: Iterable[str] = ("",),
) -> Path | None:
    """The tomogram of that name among the volumes of a folder.

    First the file whose name is prefix + name + ending, exactly; then the only one that goes on
    with a separator (``TS_1_13.48Apx.mrc`` for ``TS_1``) and is no half map, score map or mask.

    Examples
    --------
    >>> files = {n: Path(f"{n}.mrc") for n in ("rec_TS_1", "rec_TS_10", "rec_TS_1_half1")}
    >>> find_volume(files, "TS_1").name
    'rec_TS_1.mrc'
    """
    prefixes = dict.fromkeys(("", *prefixes))
    for ending in dict.fromkeys(endings):
        for prefix in prefixes:
            if f"{prefix}{name}{ending}" in volumes:
                return volumes[f"{prefix}{name}{ending}"]
    found: list[Path] = []
    for stem, path in volumes.items():
        rest = _rest(stem, name, prefixes)
        if rest and _NO_TOMOGRAM.isdisjoint(_WORDS.findall(rest.lower())) and _is_volume(path):
            found.append(path)
    if len(found) > 1:
        raise InputError(
            f"tomogram {name}: {', '.join(p.name for p in found[:3])} could all be it; give the "
            "ending of its file name with --volume-suffix, or move the others"
        )
    return found[0] if found else None


def find_mask(
    masks: Mapping[str, Path] | None,
    name: str,
    *,
    volume: Path,
    prefixes: Iterable[str] = ("rec_",),
    endings: Iterable[str] = MASK_ENDINGS,
) -> tuple[Path | None, tuple[str, ...]]:
    """The mask of a tomogram, prefix + name + ending, and a sentence where there is none.

    Parameters
    ----------
    masks
        Volumes of the mask folder; None: no masks are wanted.
    name
        The tomogram.
    volume
        Its own file, which may lie in the same folder and is no mask.
    prefixes, endings
        Tried in this order, endings first.
    """
    if masks is None:
        return None, ()
    prefixes = dict.fromkeys(("", *prefixes))
    wanted = (f"{prefix}{name}{ending}" for ending in endings for prefix in prefixes)
    for stem in wanted:
        if stem in masks and masks[stem].absolute() != volume.absolute():
            return masks[stem], ()
    return None, (f"no mask for {name}: the whole tomogram is searched",)


def _rest(stem: str, name: str, prefixes: Iterable[str]) -> str:
    for prefix in prefixes:
        head = prefix + name
        if stem.startswith(head) and stem[len(head) : len(head) + 1] in tuple(_SEPARATORS):
            return stem[len(head) :]
    return ""


def _is_volume(path: Path) -> bool:
    """Tell a tomogram from the stack of tilt images of the same name."""
    try:
        return describe_image(path)["kind"] == "volume"
    except CryopickError:
        return False


def place_volume(
    path: Path,
    *,
    tilt_pixel_angstrom: float | None = None,
    binning: float | None = None,
    size_unbinned_px: tuple[int, int, int] | None = None,
    given_angstrom: float | None = None,
) -> Placing:
    """Decide the pixel size of a volume: what the user gives, else its header, else the list.

    Parameters
    ----------
    path
        The volume.
    tilt_pixel_angstrom, binning, size_unbinned_px
        What a list of tomograms says.
    given_angstrom
        What the user says.
    """
    facts = describe_image(path)
    size = tuple(int(n) for n in facts["size_px"])
    if len(size) != 3 or facts["kind"] != "volume":
        raise InputError(f"{path}: a {facts['kind']} of {size}, not a tomogram; name the volume")
    header = float(facts["pixel_size_angstrom"]) if facts["pixel_size_known"] else None
    stated = tilt_pixel_angstrom * binning if tilt_pixel_angstrom and binning else None
    warnings: list[str] = []
    if header and stated and given_angstrom is None and abs(header - stated) > _SAME * stated:
        warnings.append(
            f"{path.name}: its header says {header:g} Å, the list {tilt_pixel_angstrom:g} Å x "
            f"binning {binning:g} = {stated:g} Å; the header is taken, --pixel-size overrides it"
        )
    pixel = given_angstrom or header or stated
    if pixel is None:
        warnings.append(f"{path.name}: its pixel size is not known; give --pixel-size")
    agreed = pixel is not None and stated is not None and abs(pixel - stated) <= _SAME * stated
    if not agreed:
        binning = pixel / tilt_pixel_angstrom if pixel and tilt_pixel_angstrom else None
    if size_unbinned_px is not None and binning is not None:
        expected = tuple(n / binning for n in size_unbinned_px)
        if any(abs(a - b) > max(2.0, 0.02 * b) for a, b in zip(size, expected, strict=True)):
            warnings.append(
                f"{path.name}: {_size(size)} voxels, but the list's {_size(size_unbinned_px)} "
                f"at binning {binning:g} are {_size([round(n) for n in expected])}"
            )
    return Placing(pixel_size_angstrom=pixel, binning=binning, warnings=tuple(warnings))


def _size(lengths: Iterable[int]) -> str:
    return " x ".join(str(n) for n in lengths)
