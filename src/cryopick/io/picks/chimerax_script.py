"""ChimeraX command scripts ``.cxc`` that show picks in their tomogram through ArtiaX.

A script opens the tomogram, particle lists and the surface of the template at every particle.
ChimeraX runs a script in the folder it lies in, so that relative paths start there. ArtiaX counts
voxels of a tomogram from 0 whatever its header's origin, places coordinates at 1 Å per pixel until
it is told a factor, and wants numbers in ``rlnTomoName``; the lists written here therefore name no
tomogram and hold pixels of the one they belong to (``rlnCoordinateX/Y/Z``). Documentation:
https://github.com/FrangakisLab/ArtiaX and
https://www.cgl.ucsf.edu/chimerax/docs/user/index.html.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.errors import InputError
from cryopick.geometry.euler import relion_from_quaternion
from cryopick.io.atomic import write_text
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.placing import one_image, to_px
from cryopick.io.picks.relion_output import or_missing
from cryopick.io.star_block import star_block
from cryopick.io.star_write import write_star
from cryopick.model import Picks, active

_PLAIN = re.compile(r"[\w./+-]+", re.ASCII)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownList:
    """A particle list and how it is shown.

    Attributes
    ----------
    file
        Written by `write_shown_list`.
    surface
        Map to show at every particle; None: spheres.
    level
        Of the surface; None: ChimeraX chooses.
    diameter_angstrom
        Of the spheres; None: ArtiaX chooses.
    """

    file: Path
    surface: Path | None = None
    level: float | None = None
    diameter_angstrom: float | None = None


def script_path(path: str | Path, *, folder: str | Path) -> str:
    """A path as it stands in a script of some folder: relative, in quotes where it must be.

    >>> script_path("/data/tomograms/TS 1.mrc", folder="/data/job/chimerax")
    '"../../tomograms/TS 1.mrc"'
    >>> script_path("/data/job/chimerax/TS_1.star", folder="/data/job/chimerax")
    './TS_1.star'
    """
    absolute = Path(path).absolute()
    try:
        text = Path(os.path.relpath(absolute, Path(folder).absolute())).as_posix()
    except ValueError:  # another drive
        text = absolute.as_posix()
    # A bare name could be an entry of a data bank (1abc) or start with ~.
    if not text.startswith(("../", "/")):
        text = f"./{text}"
    if _PLAIN.fullmatch(text):
        return text
    return '"' + "".join(_ESCAPES.get(c, c) for c in text) + '"'


def write_shown_list(path: str | Path, picks: Picks, frame: Frame) -> None:
    """Write the active picks of one tomogram as a particle list for ArtiaX."""
    path = Path(path)
    kept = active(picks)
    one_image(kept, path, frame)
    n = len(kept)
    angles = (
        np.zeros((n, 3)) if kept.orientation is None else relion_from_quaternion(kept.orientation)
    )
    columns: dict[str, Any] = {
        **{
            f"rlnCoordinate{axis}": v
            for axis, v in zip("XYZ", to_px(kept, path=path, frame=frame).T, strict=True)
        },
        **{f"rlnAngle{name}": v for name, v in zip(("Rot", "Tilt", "Psi"), angles.T, strict=True)},
    }
    if kept.score is not None:
        columns["rlnLCCmax"] = or_missing(kept.score, n)
    write_star(path, [star_block("particles", columns)])


def chimerax_script(
    folder: str | Path,
    *,
    tomogram: str | Path,
    pixel_size_angstrom: float,
    lists: Sequence[ShownList],
    title: str,
) -> str:
    """Make the text of a script.

    Parameters
    ----------
    folder
        Where the script will lie.
    tomogram
        The volume.
    pixel_size_angstrom
        Of the volume; overrides its header.
    lists
        Particle lists, with the surfaces to show.
    title
        What stands in the first line.

    Examples
    --------
    >>> print(chimerax_script("/job", tomogram="/job/TS_1.mrc", pixel_size_angstrom=10.0,
    ...                       lists=[ShownList(file=Path("/job/TS_1.star"))], title="5 picks"))
    # 5 picks
    # For ChimeraX with ArtiaX, in an empty session: model numbers count from there.
    close session
    artiax start
    artiax open tomo ./TS_1.mrc
    artiax tomo #1.1.1 pixelSize 10
    open ./TS_1.star format relion
    artiax particles #1.2.1 originScaleFactor 10
    artiax show #1.2.1 markers
    artiax view xy
    <BLANKLINE>
    """
    if not (np.isfinite(pixel_size_angstrom) and pixel_size_angstrom > 0):
        raise InputError(f"{tomogram}: pixel size {pixel_size_angstrom}: expected above 0 Å")
    pixel = f"{pixel_size_angstrom:.9g}"
    lines = [
        f"# {' '.join(title.replace(';', ',').split())}",
        "# For ChimeraX with ArtiaX, in an empty session: model numbers count from there.",
        "close session",
        "artiax start",
        f"artiax open tomo {script_path(tomogram, folder=folder)}",
        f"artiax tomo #1.1.1 pixelSize {pixel}",
    ]
    # Maps first: ArtiaX takes a map away from its number when it is attached.
    maps = [each for each in lists if each.surface is not None]
    for number, each in enumerate(maps, start=2):
        lines.append(f"open {script_path(str(each.surface), folder=folder)}")
        level = "" if each.level is None else f" level {each.level:.6g}"
        lines.append(f"volume #{number} style surface{level}")
    for place, each in enumerate(lists, start=1):
        model = f"#1.2.{place}"
        size = each.diameter_angstrom
        radius = "" if size is None else f" radius {size / 2:.6g}"
        lines.append(f"open {script_path(each.file, folder=folder)} format relion")
        lines.append(f"artiax particles {model} originScaleFactor {pixel}{radius}")
        if each.surface is None:
            lines.append(f"artiax show {model} markers")
            continue
        lines.append(f"artiax attach #{2 + maps.index(each)} toParticleList {model}")
        lines.append(f"artiax show {model} surfaces")
        lines.append(f"artiax hide {model} markers")
    return "\n".join([*lines, "artiax view xy", ""])


def write_chimerax_script(
    path: str | Path,
    *,
    tomogram: str | Path,
    pixel_size_angstrom: float,
    lists: Sequence[ShownList],
    title: str,
) -> None:
    """Write a script; its paths start at the folder it lies in. See `chimerax_script`."""
    path = Path(path)
    text = chimerax_script(
        path.parent,
        tomogram=tomogram,
        pixel_size_angstrom=pixel_size_angstrom,
        lists=lists,
        title=title,
    )
    write_text(path, text)
