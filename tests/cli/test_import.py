"""Projects from the command line: new, import, export, status."""

import json
from pathlib import Path

import numpy as np
import pytest

from cryopick.cli.import_ import KINDS
from cryopick.cli.main import main
from cryopick.io.images import write_mrc
from cryopick.io.star import read_star
from cryopick.model.sets import Acquisition
from cryopick.project import open_project
from project_maker import forget_writer
from shared_data import shared


@pytest.fixture
def micrographs(tmp_path: Path) -> Path:
    folder = tmp_path / "mics"
    folder.mkdir()
    for name in ("007", "1e5"):
        write_mrc(folder / f"{name}.mrc", np.zeros((40, 50), np.float32), 1.5)
    (tmp_path / "picks.csv").write_text("image,x,y,group\n007,10,20,003\n1e5,1,2,004\n")
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_from_nothing_to_a_star_file(
    capsys: pytest.CaptureFixture[str], micrographs: Path, tmp_path: Path
):
    project = tmp_path / "ribosomes"
    assert run(capsys, "new", project)[:2] == (
        0,
        f"made project {project}\n"
        f"next: cryopick import micrographs 'FILES*.mrc' --project {project}\n",
    )
    code, out, err = run(capsys, "import", "micrographs", micrographs, "-p", project)
    assert (code, err) == (0, "")
    assert out.startswith("micrographs: 2 micrographs, 1.5 Å/px\n")
    code, out, _ = run(
        capsys, "import", "picks", tmp_path / "picks.csv", "-p", project, "--box", "24", "--json"
    )
    assert code == 0
    (found,) = json.loads(out)["sets"]
    assert found["sentence"] == "2 picks from 2 micrographs, box 24 px"
    assert Path(found["file"]).is_file()
    code, out, _ = run(capsys, "export", "picks", "-o", tmp_path / "x.star", "-p", project)
    assert code == 0
    table = read_star(tmp_path / "x.star").table_with("rlnCoordinateX")
    assert table is not None
    assert table.number("rlnCoordinateX").tolist() == [10, 1]
    code, out, _ = run(capsys, "status", project)
    assert code == 0
    assert "picks        2 picks from 2 micrographs, box 24 px (from micrographs)" in out
    code, out, _ = run(capsys, "status", project, "--json")
    assert [entry["saved"] for entry in json.loads(out)["sets"]] == [True, True]


def test_the_project_around_the_current_folder(
    capsys: pytest.CaptureFixture[str],
    micrographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "import", "micrographs", micrographs)
    assert code == 2
    assert err == (
        "cryopick: --project: no project here; name one, or make one with: cryopick new DIR\n"
    )
    run(capsys, "new", "p")
    monkeypatch.chdir(tmp_path / "p" / "sets")
    assert run(capsys, "import", "micrographs", micrographs)[0] == 0


def test_a_picking_pixel_size(
    capsys: pytest.CaptureFixture[str], micrographs: Path, tmp_path: Path
):
    project = tmp_path / "p"
    run(capsys, "new", project)
    run(capsys, "import", "micrographs", micrographs, "-p", project)
    code, out, _ = run(
        capsys, "import", "picks", tmp_path / "picks.csv", "-p", project, "--pixel-size", "3"
    )
    assert code == 0
    assert "picked at 3 Å/px; boxes are given at 1.5 Å/px" in out
    run(capsys, "export", "picks", "-o", tmp_path / "x.csv", "--to", "csv", "-p", project)
    assert (tmp_path / "x.csv").read_text().splitlines()[1].startswith("007")
    assert "20" in (tmp_path / "x.csv").read_text().splitlines()[1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_explains_itself(capsys: pytest.CaptureFixture[str], kind: str):
    code, out, _ = run(capsys, "import", kind, "--help")
    assert code == 0
    assert KINDS[kind].title.split()[0] in out
    assert "--project" in out
    assert "Example: cryopick import" in out


def test_the_kinds_are_listed(capsys: pytest.CaptureFixture[str]):
    code, out, _ = run(capsys, "import", "--help")
    assert code == 0
    assert all(f"  {kind} " in out for kind in KINDS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["import", "movies", "x"], "import: 'movies': use one of micrographs, tomograms"),
        (["import", "micrographs"], "FILES: is missing"),
        (["import", "relion"], "PATH: is missing"),
        (["import", "micrographs", "M", "--pixel-size", "x"], "--pixel-size: 'x' is not a number"),
        (["import", "micrographs", "M", "--pixel-size", "-1"], "--pixel-size: -1 is not above 0"),
        (["import", "micrographs", "M", "--pixel-size", "nan"], "--pixel-size: 'nan' is not a"),
        (["import", "micrographs", "M", "--origin", "left"], "--origin: 'left': use centre"),
        (["import", "tomograms", "M", "--tilt-min", "3"], "--tilt-min and --tilt-max: give both"),
        (["import", "tilt-pairs", "M"], "--tilted: is missing"),
        (["import", "micrographs", "nowhere*.mrc"], "nowhere*.mrc: no such"),
        (["import", "picks", "M"], "--images: name the set that was picked in"),
        (["export", "nope", "-o", "x.star"], "set nope: not in this project; it has none yet"),
        (["export", "nope"], "--out: is missing"),
        (["export", "-o", "x.star"], "SET: is missing"),
        (["export", "nope", "-o", "x.star", "--which", "some"], "--which: 'some': use one of"),
        (["new"], "DIR: is missing"),
    ],
)
def test_wrong_usage_is_one_line(
    capsys: pytest.CaptureFixture[str],
    micrographs: Path,
    tmp_path: Path,
    words: list[str],
    message: str,
):
    project = tmp_path / "p"
    run(capsys, "new", project)
    words = [str(micrographs) if word == "M" else word for word in words]
    where = [] if words[0] == "new" else ["-p", project]
    code, out, err = run(capsys, *words, *where)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err


def test_a_file_is_not_overwritten_unasked(
    capsys: pytest.CaptureFixture[str], micrographs: Path, tmp_path: Path
):
    project, out = tmp_path / "p", tmp_path / "x.star"
    run(capsys, "new", project)
    run(capsys, "import", "micrographs", micrographs, "-p", project)
    out.write_text("mine")
    code, _, err = run(capsys, "export", "micrographs", "-o", out, "-p", project)
    assert code == 2
    assert "exists already; give another name, or --overwrite" in err
    assert out.read_text() == "mine"
    assert run(capsys, "export", "micrographs", "-o", out, "-p", project, "--overwrite")[0] == 0
    assert read_star(out).get("micrographs") is not None


def test_warnings_do_not_spoil_json(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    write_mrc(tmp_path / "a.mrc", np.zeros((4, 5), np.float32), 1.0)
    forget_writer(tmp_path / "a.mrc")
    run(capsys, "new", tmp_path / "p")
    code, out, err = run(
        capsys, "import", "micrographs", tmp_path / "a.mrc", "-p", tmp_path / "p", "--json"
    )
    assert code == 0
    assert len(json.loads(out)["warnings"]) == 1
    assert err.startswith("cryopick: warning: pixel size of 1 Å")


def test_tomograms_with_their_tilts(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    project = tmp_path / "p"
    run(capsys, "new", project)
    for name in ("rec_007", "rec_1e5"):
        write_mrc(tmp_path / f"{name}.mrc", np.zeros((3, 4, 5), np.float32), 8.0)
    code, out, _ = run(
        capsys, "import", "tomograms", f"{tmp_path}/rec_{{TS}}.mrc", "-p", project, "--json",
        "--tilt-min", "-60", "--tilt-max", "60", "--tilt-step", "3", "--tilt-axis", "85.5",
        "--origin", "1,2,3", "--name", "all of them", "--group", "007",
    )  # fmt: skip
    assert code == 0
    (found,) = json.loads(out)["sets"]
    assert (found["name"], found["sentence"]) == ("all of them", "2 tomograms, 8 Å/px")
    with open_project(project, read_only=True) as opened:
        dataset = opened.get("all of them")
    assert dataset.acquisition == Acquisition(
        tilt_min_deg=-60, tilt_max_deg=60, tilt_step_deg=3, axis_angle_deg=85.5
    )
    assert [m.name for m in dataset.members] == ["007", "1e5"]
    assert {m.origin_angstrom for m in dataset.members} == {(1.0, 2.0, 3.0)}
    assert {m.group for m in dataset.members} == {"007"}
    table = read_star(Path(found["file"])).get("global")
    assert table is not None
    assert table.text("rlnTomoName").tolist() == ["007", "1e5"]


def test_pairs_of_tilted_micrographs(
    capsys: pytest.CaptureFixture[str], micrographs: Path, tmp_path: Path
):
    run(capsys, "new", tmp_path / "p")
    code, out, _ = run(
        capsys, "import", "tilt-pairs", f"{micrographs}/0*.mrc", "--tilted",
        f"{micrographs}/1*.mrc", "-p", tmp_path / "p",
    )  # fmt: skip
    assert code == 0
    assert out.startswith("tilt_pairs: 1 tilt pair, 1.5 Å/px\n")
    assert "pairs are in the order of their names: 007 with 1e5" in out


def test_excluded_words(capsys: pytest.CaptureFixture[str], micrographs: Path, tmp_path: Path):
    run(capsys, "new", tmp_path / "p")
    code, out, _ = run(
        capsys, "import", "micrographs", micrographs, "--exclude", "1e5", "-p", tmp_path / "p"
    )
    assert code == 0
    assert out.startswith("micrographs: 1 micrograph,")


def test_a_volume_and_tilt_series(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    run(capsys, "new", tmp_path / "p")
    write_mrc(tmp_path / "map.mrc", np.zeros((4, 4, 4), np.float32), 2.0)
    code, out, _ = run(capsys, "import", "volume", tmp_path / "map.mrc", "-p", tmp_path / "p")
    assert (code, out.splitlines()[0]) == (0, "volumes: 1 volume, 2 Å/px")
    (tmp_path / "TS_1.tlt").write_text("-3\n0\n3\n")
    code, out, _ = run(capsys, "import", "tilt-series", tmp_path / "TS_1.tlt", "-p", tmp_path / "p")
    assert (code, out.splitlines()[0]) == (0, "tilt_series: 1 tilt series")
    code, out, _ = run(capsys, "status", tmp_path / "p")
    assert out.splitlines()[0].endswith(": 2 sets, 0 edits")


def test_genuine_program_folders(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    run(capsys, "new", tmp_path / "p")
    folder = shared("formats/relion5_tomo_project")
    code, out, err = run(capsys, "import", "relion", folder, "-p", tmp_path / "p")
    assert code == 0
    assert "tomograms: 5 tomograms, 10 Å/px" in out
    assert "from 5 tomograms" in out
    assert err.count("cryopick: warning:") == 1
    xml = shared("formats/cryocat_ts017/017.xml")
    code, out, err = run(capsys, "import", "warp", xml, "-p", tmp_path / "p")
    assert code == 0
    assert out.startswith("tilt_series: 1 tilt series, 1.971 Å/px")
    session = shared("formats/aretomo3")
    code, out, err = run(capsys, "import", "aretomo", session, "-p", tmp_path / "p")
    assert (code, out) == (2, "")
    assert "test.aln: RawSize says 90 images" in err


def test_an_import_makes_the_hourly_copy(
    capsys: pytest.CaptureFixture[str], micrographs: Path, tmp_path: Path
):
    run(capsys, "new", tmp_path / "p")
    for name in ("a", "b", "c"):
        run(capsys, "import", "micrographs", micrographs, "-p", tmp_path / "p", "--name", name)
    assert len(list((tmp_path / "p" / "backups").iterdir())) == 1


def test_status_inside_a_project_needs_no_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run(capsys, "new", tmp_path / "p")
    monkeypatch.chdir(tmp_path / "p" / "sets")
    code, out, _ = run(capsys, "status", "--json")
    assert code == 0
    assert json.loads(out)["project"] == str(tmp_path / "p")
    assert run(capsys, "status", "--help")[0] == 0
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "status")
    assert code == 2
    assert err.count("\n") == 1
