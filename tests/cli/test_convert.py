import json

import numpy as np
import pytest

from cryopick.cli.main import main
from cryopick.io.images import write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, write_picks
from cryopick.model import Grid, Picks

GRID = Grid(shape=(60, 80, 100), pixel_size_angstrom=4.0)


@pytest.fixture
def star(tmp_path):
    """Three picks in each of two tomograms, and the first tomogram itself."""
    rng = np.random.default_rng(0)
    picks = Picks.of(
        GRID.to_angstrom(rng.uniform(0, 59, (6, 3))),
        image=["TS_007"] * 3 + ["1e5"] * 3,
        score=np.arange(6.0),
    )
    write_picks(picks, tmp_path / "picks.star", Frame(default_grid=GRID), name="relion5")
    write_mrc(tmp_path / "TS_007.mrc", np.zeros(GRID.shape, np.float32), 4.0)
    write_mrc(tmp_path / "1e5.mrc", np.zeros(GRID.shape, np.float32), 4.0)
    return tmp_path / "picks.star", picks


def run(capsys, *argv):
    code = main(["convert", *map(str, argv)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_any_dialect_to_any_other(star, tmp_path, capsys):
    path, picks = star
    images = [tmp_path / "TS_007.mrc", tmp_path / "1e5.mrc"]
    code, out, _ = run(capsys, path, tmp_path / "a.csv", "--image", *images)
    assert code == 0
    assert "6 picks of 2 image(s): relion5 -> csv" in out
    back = read_picks(tmp_path / "a.csv", Frame(default_grid=GRID)).picks
    order = np.lexsort((back.position_angstrom[:, 0], back.image))
    same = np.lexsort((picks.position_angstrom[:, 0], picks.image))
    np.testing.assert_allclose(
        back.position_angstrom[order], picks.position_angstrom[same], atol=4e-3
    )
    assert sorted(set(back.image.tolist())) == ["1e5", "TS_007"]


def test_what_was_assumed_is_said(star, tmp_path, capsys):
    path, _ = star
    code, out, _ = run(capsys, path, tmp_path / "a.csv", "--image", tmp_path / "*.mrc", "--json")
    assert code == 0
    result = json.loads(out)
    assert result["picks"] == 6
    assert result["from"] == "relion5"
    assert result["assumed"]


def test_one_file_per_image_there_and_back(star, tmp_path, capsys):
    path, picks = star
    images = ("--image", tmp_path / "TS_007.mrc", tmp_path / "1e5.mrc")
    code, _, err = run(capsys, path, tmp_path / "a.mod", *images)
    assert code == 2
    assert "one" in err
    code, _, _ = run(capsys, path, f"{tmp_path}/models/", "--to", "imod-model", *images)
    assert code == 0
    assert sorted(p.name for p in (tmp_path / "models").iterdir()) == ["1e5.mod", "TS_007.mod"]
    code, _, _ = run(capsys, tmp_path / "models", tmp_path / "b.csv", *images)
    assert code == 0
    back = read_picks(tmp_path / "b.csv", Frame(default_grid=GRID)).picks
    for name in ("TS_007", "1e5"):
        mine = np.sort(back.position_angstrom[back.image == name], axis=0)
        np.testing.assert_allclose(
            mine, np.sort(picks.position_angstrom[picks.image == name], axis=0), atol=4e-3
        )


def test_another_binning_counts_other_pixels(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("image,x,y\nm,10,20\n")
    code, _, _ = run(
        capsys, tmp_path / "a.csv", tmp_path / "b.csv", "--pixel-size", 2, "--to-pixel-size", 8
    )
    assert code == 0
    header, row = (tmp_path / "b.csv").read_text().split()[:2]
    values = dict(zip(header.split(","), row.split(","), strict=True))
    assert (float(values["x"]), float(values["y"])) == (2.5, 5.0)


def test_picks_outside_their_image_stop_the_conversion(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("image,x,y,z\nTS_007,90,70,50\nTS_007,80,70,50\n")
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    write_mrc(wrong / "TS_007.mrc", np.zeros((6, 6, 6), np.float32), 4.0)
    code, _, err = run(
        capsys, tmp_path / "a.csv", tmp_path / "b.csv", "--image", wrong / "TS_007.mrc"
    )
    assert code == 2
    assert "2 of 2 picks lie outside their images" in err
    assert not (tmp_path / "b.csv").exists()
    code, _, err = run(
        capsys, tmp_path / "a.csv", tmp_path / "b.csv", "--image", wrong / "TS_007.mrc",
        "--keep-outside",
    )  # fmt: skip
    assert code == 0
    assert "2 picks lie outside" in err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "IN: is missing"),
        (("none.star", "b.csv"), r"none\.star: no such file"),
        (("a.csv", "b.foo", "--pixel-size", "2"), "its suffix does not tell the dialect"),
        (("a.csv", "b.star"), "its pixel size is needed; give --pixel-size"),
        (("a.csv", "b.star", "--pixel-size", "0"), "--pixel-size 0: expected a number above 0"),
        (("a.csv", "b.star", "--pixel-size", "two"), "--pixel-size two: expected a number"),
        (("a.csv", "b.star", "--to", "nope", "--pixel-size", "2"), "dialect nope: unknown"),
    ],
)
def test_wrong_usage_is_one_line(argv, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("image,x,y\nm,10,20\n")
    code, _, err = run(capsys, *argv)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    import re

    assert re.search(message, err)


def test_the_list_of_dialects(capsys):
    code, out, _ = run(capsys, "--list", "--json")
    assert code == 0
    names = {d["name"] for d in json.loads(out)["dialects"]}
    assert {"relion", "relion5", "imod-model", "cryolo-cbox"} <= names
    code, out, _ = run(capsys, "--list")
    assert all(name in out for name in names)


def test_relion_is_given_the_image_that_the_pixels_belong_to(tmp_path, capsys):
    (tmp_path / "fine").mkdir()
    (tmp_path / "coarse").mkdir()
    write_mrc(tmp_path / "fine" / "m.mrc", np.zeros((40, 40), np.float32), 2.0)
    write_mrc(tmp_path / "coarse" / "m.mrc", np.zeros((10, 10), np.float32), 8.0)
    star = tmp_path / "a.star"
    star.write_text(
        "data_\nloop_\n_rlnMicrographName #1\n_rlnCoordinateX #2\n_rlnCoordinateY #3\n"
        "MotionCorr/job002/m.mrc 16 24\n"
    )
    fine = ("--image", tmp_path / "fine" / "m.mrc")
    assert run(capsys, star, tmp_path / "same.star", *fine)[0] == 0
    assert "MotionCorr/job002/m.mrc " in (tmp_path / "same.star").read_text()
    other = ("--to-image", tmp_path / "coarse" / "m.mrc")
    assert run(capsys, star, tmp_path / "other.star", *fine, *other)[0] == 0
    text = (tmp_path / "other.star").read_text()
    assert "MotionCorr" not in text
    assert f"{tmp_path}/coarse/m.mrc " in text
    assert run(capsys, star, tmp_path / "size.star", *fine, "--to-pixel-size", 8)[0] == 0
    row = (tmp_path / "size.star").read_text().strip().splitlines()[-1].split()
    assert row[0] == "m.mrc"
    assert [float(v) for v in row[1:3]] == [4.0, 6.0]
