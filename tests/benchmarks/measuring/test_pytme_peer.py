"""How pyTME is started and read: with stand-ins for its program and its package."""

import pickle
import sys
from itertools import pairwise

import numpy as np
import pytest

from cryopick.geometry.rotation import from_axis_angle, inverse, rotate, to_matrix
from cryopick.model import Grid
from measuring import pytme_peer
from measuring.pytme_peer import ScoreMap, Search, centre_px, picks_of

GRID = Grid(shape=(20, 24, 28), pixel_size_angstrom=10.0)
TURNED = from_axis_angle([1.0, 2.0, 3.0], 70.0)


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """A folder with a program that writes down its words, and a package that reads pickles."""
    folder = tmp_path / "environment"
    (folder / "bin").mkdir(parents=True)
    # A link would lose the virtual environment that numpy lies in.
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    program = folder / "bin" / "pytme"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > words.txt\n')
    for file in (python, program):
        file.chmod(0o755)
    package = tmp_path / "packages" / "tme" / "utils"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "serialization.py").write_text(
        "import pickle\ndef deserialize(path):\n    return pickle.load(open(path, 'rb'))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))
    return folder


def test_environment_is_given_or_named_by_the_variable(environment, monkeypatch, tmp_path):
    monkeypatch.delenv(pytme_peer.VARIABLE, raising=False)
    assert pytme_peer.environment(None) is None
    assert pytme_peer.environment(environment) == environment
    monkeypatch.setenv(pytme_peer.VARIABLE, str(environment))
    assert pytme_peer.environment(None) == environment
    with pytest.raises(SystemExit, match="pip install pytme"):
        pytme_peer.environment(tmp_path)


def test_command_line(environment, tmp_path):
    search = Search(
        tomogram=tmp_path / "t.mrc",
        template=tmp_path / "r.mrc",
        mask=tmp_path / "m.mrc",
        angular_step_deg=30.0,
        options=("--invert-target-contrast",),
    )
    pytme_peer.match(environment, search, tmp_path / "out.pickle")
    words = (tmp_path / "words.txt").read_text().splitlines()
    assert words[0] == "match"
    given = dict(pairwise(words))
    assert given["-a"] == "30.0"
    assert given["-s"] == "FLCSphericalMask"
    assert given["--tilt-angles"] == "60,60"
    assert given["--wedge-axes"] == "2,1"
    assert given["-n"] == "1"
    assert "--invert-target-contrast" in words


def test_result_is_read_in_our_order_of_axes(environment, tmp_path):
    score = np.arange(24, dtype=np.float32).reshape(2, 3, 4)  # x, y, z
    index = np.full((2, 3, 4), -1)
    index[1, 2, 3] = 7
    matrices = {7: to_matrix(inverse(TURNED)), 3: np.eye(3)}
    path = tmp_path / "out.pickle"
    path.write_bytes(pickle.dumps((score, np.zeros(3), index, matrices, np.ones(1), ())))
    found = pytme_peer.read(environment, path, box_px=28)
    assert found.score.shape == (4, 3, 2)
    assert found.score[3, 2, 1] == score[1, 2, 3]
    np.testing.assert_allclose(found.rotation[found.index[3, 2, 1]], TURNED, atol=1e-12)
    assert found.is_box_even


def score_map(peaks, *, even=True):
    """A map that is 0 but for peaks ``(z, y, x): score``."""
    score = np.zeros(GRID.shape, dtype=np.float32)
    for voxel, value in peaks.items():
        score[voxel] = value
    index = np.ones(GRID.shape, dtype=np.int32)
    rotation = np.array([[1.0, 0, 0, 0], TURNED])
    return ScoreMap(score=score, index=index, rotation=rotation, is_box_even=even)


def peaks(found, **options):
    settings = {"n": 10, "distance_angstrom": 40.0, "border_angstrom": 30.0} | options
    picks = picks_of(found, GRID, **settings)
    return picks[picks.score > 0]


def test_best_first_and_apart():
    picks = peaks(score_map({(10, 10, 10): 0.5, (10, 10, 13): 0.7, (10, 10, 20): 0.6}, even=False))
    np.testing.assert_allclose(picks.score, [0.7, 0.6], rtol=1e-6)
    np.testing.assert_allclose(picks.position_angstrom, [[130, 100, 100], [200, 100, 100]])
    np.testing.assert_allclose(picks.orientation[0], TURNED)


def test_border_and_number():
    found = score_map({(2, 10, 10): 0.9, (10, 10, 10): 0.5, (10, 10, 20): 0.4})
    assert len(peaks(found)) == 2
    assert len(peaks(found, border_angstrom=0.0)) == 3
    assert peaks(found, n=1).score.tolist() == [0.5]


def test_even_boxes_turn_about_half_a_voxel_before_their_centre():
    voxel = np.array([[10.0, 11.0, 12.0]])
    none = np.array([[1.0, 0, 0, 0]])
    np.testing.assert_allclose(centre_px(voxel, none, even=True), voxel)
    there = centre_px(voxel, TURNED[None], even=True)
    np.testing.assert_allclose(there, voxel - 0.5 + rotate(TURNED, [0.5, 0.5, 0.5]))
    np.testing.assert_array_equal(centre_px(voxel, TURNED[None], even=False), voxel)
