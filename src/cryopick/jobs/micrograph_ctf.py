"""The CTF of micrographs, from whatever estimated it: RELION, Gctf or ctffind; matched by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryopick.errors import FormatError, InputError
from cryopick.io.file_patterns import expand
from cryopick.io.metadata.ctffind import read_ctffind
from cryopick.io.metadata.gctf import read_gctf_log
from cryopick.io.metadata.relion_micrographs import read_micrographs
from cryopick.model import Defocus, Optics

_STAR = (".star", ".star.gz")
# A Gctf log tells no optics, so a ctffind file of the same micrograph is preferred to it.
_TEXT = (".txt", "_gctf.log")
_NOT_RESULTS = ("_avrot",)
_BREAK = re.compile(r"[._-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrographCtf:
    """What is known of one micrograph's CTF.

    Attributes
    ----------
    optics
        Microscope settings.
    defocus
        Of the whole micrograph.
    pixel_size_angstrom
        Of the image that was fitted; None where the file does not tell. ctffind may have fitted a
        binned image, so it is no measure of the micrograph's own.
    """

    optics: Optics
    defocus: Defocus
    pixel_size_angstrom: float | None = None


def micrograph_ctfs(
    ctf: str | None, names: Sequence[str], *, optics: Optics | None = None
) -> dict[str, MicrographCtf]:
    """Find the CTF of each micrograph.

    Parameters
    ----------
    ctf
        ``micrographs_ctf.star`` of RELION, the STAR file of Gctf; or a folder or a pattern of text
        files of ctffind (``NAME.txt``, ``NAME_anything.txt``) or logs of Gctf
        (``NAME_gctf.log``). None: nothing is known, and nothing is returned.
    names
        Names of the micrographs (`cryopick.io.images.image_name`).
    optics
        Microscope settings where the files tell none; those that they tell are preferred.

    Returns
    -------
    dict
        An entry for each of ``names``, in their order.

    Raises
    ------
    InputError
        Where a micrograph has no entry, or two that differ.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "m1_ctffind.txt"
    >>> _ = path.write_text("1 14477.87 13500.0 75.0 0.0 0.001 12.1")
    >>> micrograph_ctfs(str(path.parent), ["m1"], optics=Optics())["m1"].defocus.v_um
    1.35
    """
    if ctf is None:
        return {}
    if ctf.lower().endswith(_STAR):
        return _of_star(Path(ctf), names, optics)
    return _of_texts(ctf, names, optics)


def _of_star(path: Path, names: Sequence[str], optics: Optics | None) -> dict[str, MicrographCtf]:
    listed: dict[str, MicrographCtf] = {}
    bare: set[str] = set()
    wanted = set(names)
    for entry in read_micrographs(path):
        if entry.name not in wanted:
            continue
        if entry.defocus is None:
            bare.add(entry.name)
            continue
        found = MicrographCtf(
            optics=_known_optics(entry.optics or optics, path),
            defocus=entry.defocus,
            pixel_size_angstrom=entry.pixel_size_angstrom,
        )
        if listed.setdefault(entry.name, found) != found:
            raise FormatError(path, f"micrograph {entry.name} is there twice, with another defocus")
    missing = [name for name in names if name not in listed]
    if missing and missing[0] in bare:
        raise FormatError(
            path, f"micrograph {missing[0]} has no defocus", "estimate its CTF, or leave --ctf away"
        )
    if missing:
        raise InputError(_absent(str(path), missing, len(names)))
    return {name: listed[name] for name in names}


def _of_texts(ctf: str, names: Sequence[str], optics: Optics | None) -> dict[str, MicrographCtf]:
    files = [file.path for file in expand([ctf], suffixes=_TEXT, exclude=_NOT_RESULTS)]
    if len(files) == len(names) == 1 and Path(ctf).is_file():
        matched = {names[0]: files[0]}  # ctffind's own name for it is diagnostic_output.txt
    else:
        matched = _by_name(files, set(names))
    missing = [name for name in names if name not in matched]
    if missing:
        raise InputError(_absent(ctf, missing, len(names)))
    return {name: _of_text(matched[name], optics) for name in names}


def _by_name(files: Sequence[Path], names: set[str]) -> dict[str, Path]:
    """The file of each name: the one called like it, else the only one that continues it."""
    exact: dict[str, Path] = {}
    longer: dict[str, list[Path]] = {}
    for file in files:
        stem = re.sub(r"\.(txt|log)$", "", file.name, flags=re.IGNORECASE)
        name = _longest_name(stem, names)
        if name is None:
            continue
        if name == stem:
            exact[name] = file
        else:
            longer.setdefault(name, []).append(file)
    for name, found in longer.items():
        texts = [f for f in found if f.suffix.lower() == ".txt"] or found
        if name not in exact and len(texts) > 1:
            raise InputError(
                f"--ctf: both {texts[0]} and {texts[1].name} may be of micrograph {name}; give a "
                "pattern that takes one of them"
            )
        exact.setdefault(name, texts[0])
    return exact


def _longest_name(stem: str, names: set[str]) -> str | None:
    """The longest name that the stem is, or continues after one of ``. _ -``."""
    ends = [len(stem), *(m.start() for m in reversed(list(_BREAK.finditer(stem))))]
    return next((stem[:end] for end in ends if stem[:end] in names), None)


def _of_text(path: Path, optics: Optics | None) -> MicrographCtf:
    if path.suffix.lower() == ".log":
        return MicrographCtf(optics=_known_optics(optics, path), defocus=read_gctf_log(path))
    table = read_ctffind(path)
    if len(table) != 1:
        raise FormatError(
            path, f"holds the CTF of {len(table)} images", "give the file of one micrograph"
        )
    return MicrographCtf(
        optics=_known_optics(table.optics or optics, path),
        defocus=table.defocus[0],
        pixel_size_angstrom=table.pixel_size_angstrom,
    )


def _known_optics(optics: Optics | None, path: Path) -> Optics:
    if optics is None:
        raise FormatError(
            path,
            "tells no voltage, spherical aberration and amplitude contrast",
            "give --ctf a RELION micrographs_ctf.star that has them",
        )
    return optics


def _absent(ctf: str, missing: Sequence[str], count: int) -> str:
    more = f" (and {len(missing) - 1} more of {count})" if len(missing) > 1 else ""
    return f"--ctf: {ctf} has no entry of micrograph {missing[0]}{more}; add it, or leave it out"
