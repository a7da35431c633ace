"""`recognised_star`: which kind of STAR file a file is, and how large its blocks are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryopick.io.star import read_star
from cryopick.io.star_block import StarBlock

# The first rule that fits decides: (kind, test of block names and columns).
_Rule = tuple[str, Callable[[set[str], set[str]], bool]]


def _columns(*names: str) -> Callable[[set[str], set[str]], bool]:
    return lambda _, columns: columns.issuperset(names)


def _any(*names: str) -> Callable[[set[str], set[str]], bool]:
    return lambda _, columns: not columns.isdisjoint(names)


_RULES: tuple[_Rule, ...] = (
    ("STOPGAP motive list", lambda blocks, _: "stopgap_motivelist" in blocks),
    ("STOPGAP wedge list", lambda blocks, _: "stopgap_wedgelist" in blocks),
    ("RELION pipeline", lambda blocks, _: "pipeline_processes" in blocks),
    ("RELION job", lambda blocks, _: "joboptions_values" in blocks),
    ("RELION optimisation set", _any("rlnTomoParticlesFile")),
    ("RELION list of coordinate files", lambda blocks, _: "coordinate_files" in blocks),
    ("RELION particle import list", _columns("rlnTomoName", "rlnTomoImportParticleFile")),
    ("RELION class model", _columns("rlnReferenceImage", "rlnClassDistribution")),
    (
        "RELION 5 tomograms",
        lambda _, c: (
            "rlnTomoTiltSeriesStarFile" in c
            and not c.isdisjoint(
                (
                    "rlnTomoSizeX",
                    "rlnTomoReconstructedTomogram",
                    "rlnTomoReconstructedTomogramHalf1",
                )
            )
        ),
    ),
    ("RELION 5 list of tilt series", _columns("rlnTomoName", "rlnTomoTiltSeriesStarFile")),
    ("RELION 4 tomograms", _columns("rlnTomoName", "rlnTomoProjX")),
    (
        "RELION 5 tilt series",
        _any("rlnTomoNominalStageTiltAngle", "rlnTomoYTilt", "rlnTomoXTilt"),
    ),
    ("pytom-match-pick candidates", _columns("rlnLCCmax", "rlnCutOff", "rlnSearchStd")),
    ("Warp/M particles", _any("wrpCoordinateX1", "wrpCoordinateX")),
    ("RELION 5 particles of tomograms", _any("rlnCenteredCoordinateXAngst")),
    (
        "RELION 4 particles of tomograms",
        lambda blocks, c: "optics" in blocks and c.issuperset(("rlnTomoName", "rlnCoordinateZ")),
    ),
    ("RELION picks of tomograms", _columns("rlnTomoName", "rlnCoordinateZ")),
    ("RELION 3 subtomograms", _columns("rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ")),
    ("RELION particles", _columns("rlnCoordinateX", "rlnCoordinateY", "rlnImageName")),
    ("RELION coordinates", _columns("rlnCoordinateX", "rlnCoordinateY")),
    ("RELION particles", _any("rlnImageName")),
    ("RELION movies", lambda blocks, _: "movies" in blocks),
    ("RELION micrographs with CTF", _columns("rlnMicrographName", "rlnDefocusU")),
    ("RELION pick summary", _columns("rlnMicrographName", "rlnGroupNrParticles")),
    ("RELION micrographs", _columns("rlnMicrographName")),
    ("RELION detector MTF", _any("rlnMtfValue")),
)


def recognised_star(path: str | Path) -> dict[str, Any]:
    """Say what a STAR file is and what it holds, as JSON types.

    Keys: ``kind``, ``format`` (always ``STAR``), ``blocks`` (name, rows, columns, loop) and
    ``summary``, e.g. ``data_optics:1x11; data_particles:242x16``.
    """
    star = read_star(path)
    names = {block.name for block in star.blocks}
    columns = {column for block in star.blocks for column in block.columns}
    kind = next((kind for kind, fits in _RULES if fits(names, columns)), "STAR table")
    versions = [c.split()[-1] for b in star.blocks for c in b.comments if c.startswith("version ")]
    return {
        "kind": kind,
        "format": "STAR",
        "version": versions[0] if versions else None,
        "summary": "; ".join(map(block_size, star.blocks)),
        "blocks": [
            {"name": b.name, "rows": len(b), "columns": list(b.columns), "loop": b.loop}
            for b in star.blocks
        ],
    }


def block_size(block: StarBlock) -> str:
    """``data_particles:242x16`` for a table, ``data_general:pairs 1`` for single values."""
    if block.loop:
        return f"data_{block.name}:{len(block)}x{len(block.columns)}"
    return f"data_{block.name}:pairs {len(block.columns)}"
