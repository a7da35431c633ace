"""Conventions of the real pyTME, found by matching; runs where its environment is named."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from cryopick.geometry.rotation import angle_between_deg, from_matrix, inverse
from cryopick.io.images import write_mrc
from cryopick.model import Grid
from cryopick.ops.rotate_volume import rotate_volume
from measuring import pytme_peer
from measuring.command import measure

pytestmark = pytest.mark.skipif(
    not os.environ.get(pytme_peer.VARIABLE), reason=f"{pytme_peer.VARIABLE} names no environment"
)

GRID = Grid(shape=(48, 64, 96), pixel_size_angstrom=10.0)
PLACES_PX = np.array([[20.0, 20, 24], [48, 22, 23], [75, 20, 24], [20, 44, 24], [70, 44, 25]])


def shape(edge):
    """An asymmetric blob about voxel ``edge // 2``."""
    z, y, x = np.indices((edge,) * 3) - edge // 2
    # Lobes of other weights and widths, so that no half turn looks the same.
    lobes = ((-4, 0, 0, 2.0, 2.5), (5, 4, 0, 1.0, 1.8), (1, -6, 3, 0.7, 1.5), (2, 0, -7, 1.5, 1.5))
    return sum(
        weight * np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / (2 * width**2))
        for a, b, c, weight, width in lobes
    ).astype(np.float32)


def set_of_pytme(environment, step_deg):
    """Its own rotations of a step, as active rotations template -> tomogram."""
    code = (
        "import json; from tme.rotations import get_rotation_matrices as g; "
        f"print(json.dumps(g({step_deg}).tolist()))"
    )
    matrices = json.loads(measure([environment / "bin" / "python", "-c", code]).stdout)
    return from_matrix(np.swapaxes(matrices, 1, 2))


@pytest.mark.parametrize("edge", [24, 25])
def test_places_and_angles(tmp_path, edge):
    template = shape(edge)
    environment = pytme_peer.environment(None)
    turns = set_of_pytme(environment, 90)[[1, 6, 11, 17, 22]]
    assert np.any(angle_between_deg(turns, inverse(turns)) > 60)  # the transpose would be seen
    volume = np.random.default_rng(0).normal(scale=0.05, size=GRID.shape).astype(np.float32)
    for copy, place in zip(rotate_volume(template, turns), PLACES_PX.astype(int), strict=True):
        start = place[::-1] - edge // 2
        volume[tuple(slice(s, s + edge) for s in start)] += copy
    z, y, x = np.indices((edge,) * 3) - edge // 2
    ball = (z**2 + y**2 + x**2 <= 10**2).astype(np.float32)
    for name, data in (("t", volume), ("r", template), ("m", ball)):
        write_mrc(tmp_path / f"{name}.mrc", data, GRID.pixel_size_angstrom)
    search = pytme_peer.Search(
        tomogram=tmp_path / "t.mrc",
        template=tmp_path / "r.mrc",
        mask=tmp_path / "m.mrc",
        angular_step_deg=90.0,
        tilts="85,85",
    )
    pytme_peer.match(environment, search, tmp_path / "out.pickle")
    found = pytme_peer.read(environment, tmp_path / "out.pickle", box_px=edge)
    picks = pytme_peer.picks_of(
        found, GRID, n=len(PLACES_PX), distance_angstrom=120, border_angstrom=80
    )
    place = GRID.to_px(picks.position_angstrom)
    nearest = np.linalg.norm(place[:, None] - PLACES_PX[None], axis=2).argmin(axis=1)
    assert sorted(nearest) == list(range(len(PLACES_PX)))
    # What is half a voxel off is moved by a whole one by a half turn: nothing may be left of it.
    np.testing.assert_allclose(place, PLACES_PX[nearest], atol=1e-6)
    np.testing.assert_allclose(angle_between_deg(picks.orientation, turns[nearest]), 0, atol=1e-3)
