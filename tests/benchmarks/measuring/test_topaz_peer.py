"""Topaz's table of picks, and its environment."""

import numpy as np
import pytest

from cryopick.model import Grid
from measuring import topaz_peer

TABLE = (
    "image_name\tx_coord\ty_coord\tscore\nmic0\t10\t20\t3.5\nmic1\t7\t9\t-5.25\nother\t1\t1\t0\n"
)
GRID = Grid(shape=(100, 100), pixel_size_angstrom=2.0)


def test_picks_are_in_angstrom_with_scores(tmp_path):
    path = tmp_path / "picks.txt"
    path.write_text(TABLE)
    picks = topaz_peer.read(path, {"mic0": GRID, "mic1": GRID})
    assert picks.image.tolist() == ["mic0", "mic1"]
    np.testing.assert_allclose(picks.position_angstrom, [[20, 40], [14, 18]])
    assert picks.score.tolist() == [3.5, -5.25]


def test_no_picks(tmp_path):
    path = tmp_path / "picks.txt"
    path.write_text(TABLE.splitlines()[0] + "\n")
    assert len(topaz_peer.read(path, {"mic0": GRID})) == 0


def test_environment_is_the_option_or_the_variable(tmp_path, monkeypatch):
    monkeypatch.delenv(topaz_peer.VARIABLE, raising=False)
    assert topaz_peer.environment(None) is None
    with pytest.raises(SystemExit, match="no bin/topaz"):
        topaz_peer.environment(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "topaz").touch()
    monkeypatch.setenv(topaz_peer.VARIABLE, str(tmp_path))
    assert topaz_peer.environment(None) == tmp_path


def test_the_stand_in_is_put_where_there_is_none(tmp_path):
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    topaz_peer.shim(tmp_path)
    made = packages / "torchvision" / "transforms" / "functional.py"
    assert "def rotate" in made.read_text()
    made.write_text("theirs")
    topaz_peer.shim(tmp_path)
    assert made.read_text() == "theirs"


def test_commands(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(topaz_peer, "measure", lambda words: said.append([*map(str, words)]))
    topaz_peer.preprocess(tmp_path, [tmp_path / "a.mrc"], tmp_path / "small", scale=4)
    topaz_peer.extract(tmp_path, [tmp_path / "s.mrc"], tmp_path / "p.txt", scale=4, radius_px=15)
    assert (tmp_path / "small").is_dir()
    assert said[0][1:] == ["preprocess", "-s", "4", "-j", "1", "-d", "-1", "-o",
                           str(tmp_path / "small"), str(tmp_path / "a.mrc")]  # fmt: skip
    assert said[1][1:10] == ["extract", "-m", "resnet16", "-r", "15", "-x", "4", "-j", "1"]
