"""Columns with a place of their own in `Particles` are never carried a second time."""

import numpy as np

from cryopick.io.particles import columns, read_particles
from cryopick.io.star_block import star_block
from cryopick.io.star_write import write_star

OWN = [
    *columns.SHIFT_ANGSTROM,
    *columns.SHIFT_PX,
    *columns.DEFOCUS,
    *columns.INLINE,
    *columns.MICROGRAPH_PIXEL,
    columns.HALF,
    columns.GROUP,
    columns.PHASE_FLIPPED,
    columns.PREMULTIPLIED,
    columns.DARK,
]


def test_no_column_is_both_known_and_extra(tmp_path):
    table = {name: np.ones(2) for name in OWN}
    table[columns.GROUP] = np.array([1, 1])
    table |= {
        columns.IMAGE: np.array(["1@a.mrcs", "2@a.mrcs"]),
        "rlnImagePixelSize": np.full(2, 3.0),
        "rlnImageSize": np.full(2, 32),
        "rlnCoordinateX": np.ones(2),
        "rlnCoordinateY": np.ones(2),
        "rlnMicrographName": np.array(["m.mrc", "m.mrc"]),
        "rlnSomethingElse": np.ones(2),
    }
    write_star(tmp_path / "p.star", [star_block("particles", table)])
    found = read_particles(tmp_path / "p.star")
    assert not set(found.picks.extra) & set(OWN)
    assert "rlnSomethingElse" in found.picks.extra


def test_names_are_named_once():
    assert len(set(OWN)) == len(OWN)
