"""pyTME, a template matching program, run as its authors' program in an environment of its own.

    python3 -m venv DIR && DIR/bin/pip install pytme==0.3.6

It is a peer to measure against, never a dependency. The folder is given by an option or by the
variable ``CRYOPICK_PYTME``. One process with one thread each, so that its time on the processor is
what the search costs and not what its threads wait.

Conventions of its results, found by matching particles of known place and orientation:

- arrays are x, y, z;
- a rotation matrix takes the tomogram's frame to the template's: the transpose is the active
  rotation template -> tomogram;
- templates rotate about ``(N - 1) / 2``, in an even box half a voxel before voxel ``N // 2``, which
  is the centre of our templates and masks. A score at voxel ``i`` is the score of a template whose
  ``N // 2`` lies at ``i`` before the rotation about ``i - 1/2``: the particle's centre is at
  ``i - 1/2 + R (1/2, 1/2, 1/2)``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.rotation import from_matrix, rotate
from cryopick.model import Grid, Picks
from cryopick.ops.suppression import keep_better
from measuring.command import Measured, measure

VARIABLE = "CRYOPICK_PYTME"
EXPORT = Path(__file__).with_name("pytme_export.py")
SETUP = "python3 -m venv DIR && DIR/bin/pip install pytme==0.3.6"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search: what to look for, where, and with what knowledge.

    Attributes
    ----------
    tomogram, template, mask
        MRC files; the template has the contrast of a bright particle.
    angular_step_deg
        pyTME takes the nearest of its sets of rotations.
    tilts
        ``-a, b`` for a continuous wedge, or a file of tilt angles, as ``--tilt-angles`` takes it.
    options
        Further words of its command line.
    """

    tomogram: Path
    template: Path
    mask: Path
    angular_step_deg: float
    tilts: str = "60,60"
    options: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreMap:
    """What a search leaves.

    Attributes
    ----------
    score
        ``(z, y, x)`` best score over the rotations.
    index
        ``(z, y, x)`` row of ``rotation``.
    rotation
        ``(n, 4)`` active rotations template -> tomogram.
    is_box_even
        Whether the template's box was.
    """

    score: NDArray[np.float32]
    index: NDArray[np.int32]
    rotation: NDArray[np.float64]
    is_box_even: bool


def environment(given: Path | None) -> Path | None:
    """The folder of pyTME's environment: the option, else the variable; None where neither is."""
    word = given or os.environ.get(VARIABLE)
    if not word:
        return None
    folder = Path(word).expanduser()
    if not (folder / "bin" / "pytme").is_file():
        raise SystemExit(f"{folder}: no bin/pytme in it; make it with: {SETUP}")
    return folder


def version(folder: Path) -> str:
    """What pip says is installed: the program itself names an older version."""
    words = [
        folder / "bin" / "python",
        "-c",
        "import importlib.metadata as m; print(m.version('pytme'))",
    ]
    return measure(words).stdout.strip()


def n_rotations(folder: Path, angular_step_deg: float) -> int:
    """How many rotations a step gives."""
    code = (
        f"from tme.rotations import get_rotation_matrices as g; print(len(g({angular_step_deg})))"
    )
    return int(measure([folder / "bin" / "python", "-c", code]).stdout)


def match(folder: Path, search: Search, out: Path) -> Measured:
    """Search the whole tomogram; the result goes to ``out`` (a ``.pickle``).

    The wedge opens along z (axis 2) and the specimen turns about y (axis 1).
    """
    words = [
        folder / "bin" / "pytme", "match", "-m", search.tomogram, "-i", search.template,
        "-I", search.mask, "-s", "FLCSphericalMask", "-a", search.angular_step_deg,
        "--tilt-angles", search.tilts, "--wedge-axes", "2,1", *search.options,
        "-n", 1, "--backend", "numpyfftw", "-o", out,
    ]  # fmt: skip
    return measure(words, cwd=out.parent)


def read(folder: Path, result: Path, *, box_px: int) -> ScoreMap:
    """Read a result through pyTME's own environment: the pickle holds classes of it."""
    target = result.with_suffix(".npz")
    measure([folder / "bin" / "python", EXPORT, result, target])
    with np.load(target) as arrays:
        found = ScoreMap(
            score=arrays["score"],
            index=arrays["index"],
            rotation=from_matrix(np.swapaxes(arrays["matrix"], 1, 2)),
            is_box_even=box_px % 2 == 0,
        )
    target.unlink()
    return found


def picks_of(
    found: ScoreMap, grid: Grid, *, n: int, distance_angstrom: float, border_angstrom: float
) -> Picks:
    """The best ``n`` local maxima that are apart by a distance, best first.

    Parameters
    ----------
    found
        Score map.
    grid
        Of the tomogram.
    distance_angstrom
        Of two maxima nearer than this the better one stays.
    border_angstrom
        Maxima nearer to a face than this are left out.
    """
    from scipy.ndimage import maximum_filter

    score = found.score
    inside = np.zeros(score.shape, dtype=bool)
    border = int(np.ceil(border_angstrom / grid.pixel_size_angstrom))
    inside[tuple(slice(border, size - border) for size in score.shape)] = True
    place = np.argwhere(inside & (score == maximum_filter(score, size=3)) & np.isfinite(score))
    value = score[tuple(place.T)].astype(np.float64)
    # More than enough to fill the list after suppression: a neighbourhood has few maxima.
    ranks = np.argsort(-value, kind="stable")[: 50 * n]
    place, value = place[ranks], value[ranks]
    kept = keep_better(
        place.astype(np.float64), value, distance=distance_angstrom / grid.pixel_size_angstrom
    )
    place, value = place[kept][:n], value[kept][:n]
    rotation = found.rotation[found.index[tuple(place.T)]]
    position_px = centre_px(place[:, ::-1].astype(np.float64), rotation, even=found.is_box_even)
    return Picks.of(
        grid.to_angstrom(position_px), image="tomogram", score=value, orientation=rotation
    )


def centre_px(
    voxel: NDArray[np.float64], rotation: NDArray[np.float64], *, even: bool
) -> NDArray[np.float64]:
    """Where the particle's centre ``N // 2`` lies for a score at a voxel ``x, y, z``.

    Examples
    --------
    >>> half_turn = np.array([[0.0, 0.0, 0.0, 1.0]])
    >>> centre_px(np.array([[10.0, 10.0, 10.0]]), half_turn, even=True)
    array([[ 9.,  9., 10.]])
    """
    if not even:
        return voxel
    return voxel - 0.5 + rotate(rotation, np.full(3, 0.5))


def extrapolated(few: tuple[int, float], many: tuple[int, float], n: int) -> tuple[float, float]:
    """Seconds for ``n`` rotations from two measurements ``(rotations, seconds)``, and per rotation.

    A straight line: what every search costs once, and what each rotation adds.

    Examples
    --------
    >>> extrapolated((24, 40.0), (360, 376.0), 7800)
    (7816.0, 1.0)
    """
    slope = (many[1] - few[1]) / (many[0] - few[0])
    return few[1] + slope * (n - few[0]), slope
