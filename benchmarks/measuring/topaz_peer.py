"""Topaz, a learned picker, run as its authors' program in an environment of its own.

    python3 -m venv DIR
    DIR/bin/pip install torch==2.13.0+cpu numpy pandas scikit-learn scipy pillow h5py tqdm future psutil
    DIR/bin/pip install --no-deps topaz-em==0.3.20

(torch's CPU build comes from https://download.pytorch.org/whl/cpu.) Topaz imports one function of
torchvision, for training only, and pip's torchvision does not fit the CPU build: a package
``torchvision/transforms/functional.py`` with any function ``rotate`` in DIR's ``site-packages``
takes its place (`shim`). It is GPL and a peer to measure against, never a dependency. The folder
is given by an option or by the variable ``CRYOPICK_TOPAZ``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from cryopick.model import Grid, Picks
from measuring.command import Measured, measure

VARIABLE = "CRYOPICK_TOPAZ"
SETUP = "see benchmarks/measuring/topaz_peer.py for its environment"
MODEL = "resnet16"
LOWEST_SCORE = -6


def environment(given: Path | None) -> Path | None:
    """The folder of its environment: the option, else the variable; None where neither is."""
    word = given or os.environ.get(VARIABLE)
    if not word:
        return None
    folder = Path(word)
    if not (folder / "bin" / "topaz").is_file():
        raise SystemExit(f"{folder}: no bin/topaz; {SETUP}")
    return folder


def shim(environment: Path) -> None:
    """Put the stand-in for torchvision into an environment that has none."""
    for packages in environment.glob("lib/python3*/site-packages"):
        folder = packages / "torchvision" / "transforms"
        if not folder.is_dir():
            folder.mkdir(parents=True)
            for path in (folder.parent, folder):
                (path / "__init__.py").touch()
            # Only training turns images; picking imports the name and never calls it.
            text = "def rotate(*_, **__):\n    raise ImportError('training needs torchvision')\n"
            (folder / "functional.py").write_text(text, "utf-8")


def preprocess(environment: Path, images: Iterable[Path], out: Path, *, scale: int) -> Measured:
    """Shrink and normalise micrographs into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    words = ["preprocess", "-s", scale, "-j", 1, "-d", -1, "-o", out, *images]
    return measure([environment / "bin" / "topaz", *words])


def extract(
    environment: Path, images: Iterable[Path], out: Path, *, scale: int, radius_px: int
) -> Measured:
    """Pick with the pretrained detector; coordinates in ``out`` are of the full micrographs.

    ``radius_px`` is the particle's radius in shrunk pixels, within which one pick is kept.
    """
    words = [
        "extract", "-m", MODEL, "-r", radius_px, "-x", scale, "-j", 1, "-d", -1,
        "-t", LOWEST_SCORE, "-o", out, *images,
    ]  # fmt: skip
    return measure([environment / "bin" / "topaz", *words])


def read(path: Path, grids: Mapping[str, Grid]) -> Picks:
    """Picks of its table ``image_name x_coord y_coord score``, in Å."""
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()[1:] if line]
    rows = [row for row in rows if row[0] in grids]
    if not rows:
        return Picks.empty(2)
    px = np.array([[float(x), float(y)] for _, x, y, _ in rows])
    angstrom = [
        grids[row[0]].to_angstrom(place[None])[0] for row, place in zip(rows, px, strict=True)
    ]
    return Picks.of(
        np.array(angstrom),
        image=np.array([row[0] for row in rows]),
        score=np.array([float(row[3]) for row in rows]),
    )
