"""The command line as other programs rely on it: names, exit codes, files and their columns.

These are the promises of the program to scripts. Everything here goes through `main`, as the
installed ``cryopick`` does; the jobs themselves are the real ones, on small images.
"""

import gzip
import json
import re

import numpy as np
import pytest

from cryopick.cli.commands import all_commands
from cryopick.cli.main import main
from cryopick.io.images import write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.io.star import read_star
from cryopick.model import Grid
from picker_contract import blobs

COMMANDS = all_commands()
JOBS = [words for words, command in COMMANDS.items() if command.is_job]
SIZES = ["--diameter-min", "100", "--diameter-max", "125"]
CENTRES = [(40, 50), (110, 45), (80, 105)]
CENTRES_3D = [(20, 22, 18), (45, 30, 40), (25, 50, 42)]


@pytest.fixture(scope="module")
def micrographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("micrographs")
    for seed, name in enumerate(("007", "1e5")):
        pixels = blobs((150, 170), CENTRES[: 3 - seed], seed=seed)
        write_mrc(folder / f"{name}.mrc", pixels, 5.0)
    return folder


def answer(capfd, *words):
    """Exit code, stdout and stderr of one command line."""
    capfd.readouterr()
    code = main([str(word) for word in words])
    out, err = capfd.readouterr()
    return code, out, err


def picked(folder, images, *more):
    code = main(["pick", "log", str(images), *SIZES, "-o", str(folder), "--workers", "1", *more])
    return code, folder


@pytest.fixture(scope="module")
def picks_2d(micrographs, tmp_path_factory):
    code, folder = picked(tmp_path_factory.mktemp("two") / "picks", micrographs)
    assert code == 0
    return folder


@pytest.fixture(scope="module")
def picks_3d(tmp_path_factory):
    home = tmp_path_factory.mktemp("three")
    write_mrc(home / "rec_1e5.mrc", blobs((60, 70, 64), CENTRES_3D), 5.0)
    code, folder = picked(home / "picks", home / "rec_1e5.mrc")
    assert code == 0
    return folder


# Help and wrong usage.


def test_the_commands_of_the_contract_are_there():
    wanted = {
        "pick log", "compare", "resample", "filter", "simulate micrographs", "simulate tomogram",
        "demo", "info", "convert", "new", "import", "export", "status", "resume", "cancel", "rerun",
        "report",
    }  # fmt: skip
    assert wanted <= set(COMMANDS)


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_explains_itself(capfd, words, flag):
    code, out, err = answer(capfd, *words.split(), flag)
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: cryopick {words}")
    assert len(out.splitlines()) > 4


def test_what_root_help_lists_is_what_there_is(capfd):
    _, out, _ = answer(capfd, "--help")
    listed = re.findall(r"^  ([a-z][a-z -]*?)  +[A-Z]", out, re.MULTILINE)
    assert set(listed) == set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS)
def test_an_unknown_option_is_wrong_usage(capfd, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = answer(capfd, *words.split(), "--no-such-option", "3")
    assert (code, out) == (2, "")
    assert err.startswith("cryopick: ")
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", JOBS)
def test_every_job_has_the_common_options(capfd, words):
    _, out, _ = answer(capfd, *words.split(), "--help")
    for flag in (
        "--out", "-o", "--device", "--on", "--workers", "--memory", "--seed", "--dry-run", "--overwrite",
        "--config", "--json", "--verbose", "-v",
    ):  # fmt: skip
        assert re.search(rf"(^|\s){flag}\s", out), flag


@pytest.mark.parametrize("words", JOBS)
def test_every_job_shows_units_defaults_and_an_example(capfd, words):
    _, out, _ = answer(capfd, *words.split(), "--help")
    assert "default:" in out
    example = re.search(rf"Example: (cryopick {words} .*)", out.replace("\n", " "))
    assert example
    assert "-o" in example[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["pick", "log"], "IMAGES"),
        (["pick", "log", "a.mrc"], "--diameter-m"),
        (["pick", "log", "nowhere.mrc", *SIZES, "-o", "out"], "nowhere.mrc"),
        (["pick", "log", "nowhere.mrc", *SIZES, "-o", "out", "--workers", "0"], "--workers"),
        (["pick", "log", "nowhere.mrc", *SIZES, "-o", "out", "--seed", "-1"], "--seed"),
        (["pick", "log", "x.mrc", *SIZES, "-o", "out", "--on", "moon"], "--on: 'moon'"),
        (["pick", "log", "x.mrc", "--diameter-min", "x", "--diameter-max", "2"], "--diameter-min"),
        (["pick", "log", "x.mrc", "--diameter-min", "-5", "--diameter-max", "2"], "diameter-min"),
        (["pick", "log", "x.mrc", *SIZES, "--contrast", "grey"], "--contrast: 'grey'"),
        (["compare", "a.star"], "TRUTH"),
        (["compare", "a.star", "b.star", "--tolerance", "5", "-o", "o"], "a.star"),
        (["convert", "a.star"], "OUT"),
        (["convert", "nowhere.star", "b.box"], "nowhere.star"),
        (["convert", "a.star", "b.box", "--pixel-size", "none"], "--pixel-size"),
        (["info"], "FILE"),
        (["status"], "DIR"),
        (["status", "nowhere"], "nowhere"),
        (["resume", "nowhere"], "nowhere"),
        (["cancel", "nowhere"], "nowhere"),
        (["report", "nowhere"], "nowhere"),
        (["rerun", "nowhere"], "nowhere"),
        (["import", "moons"], "moons"),
        (["simulate", "moons"], "moons"),
        (["simulate", "micrographs", "--micrographs", "none", "-o", "o"], "--micrographs"),
    ],
)
def test_wrong_usage_is_one_line_that_names_the_field(capfd, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    code, out, err = answer(capfd, *words)
    assert (code, out) == (2, "")
    assert err.startswith("cryopick: ")
    assert len(err.splitlines()) == 1
    assert says in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["pick", "log", "no.mrc", *SIZES, "-o", "o"], ["status", "no"]])
def test_errors_are_json_too_where_json_is_asked_for(capfd, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = answer(capfd, *words, "--json")
    found = json.loads(out)
    assert (code, found["exit_code"]) == (2, 2)
    assert err == f"cryopick: {found['error']}\n"


# A dry run.


def below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_dry_run_writes_nothing_and_tells_what_it_would_take(capfd, micrographs, tmp_path):
    before = below(micrographs)
    words = ["pick", "log", micrographs, *SIZES, "-o", tmp_path / "out", "--dry-run"]
    code, out, _ = answer(capfd, *words)
    assert code == 0
    assert "2 items, nothing is written" in out
    assert "007" in out
    assert "1e5" in out
    assert below(tmp_path) == []
    assert below(micrographs) == before
    code, out, _ = answer(capfd, *words, "--json")
    plan = json.loads(out)
    assert (code, plan["dry_run"], plan["job"]) == (0, True, "pick log")
    assert [item["id"] for item in plan["items"]] == ["007", "1e5"]
    assert all(item["memory_bytes"] > 0 and item["seconds"] > 0 for item in plan["items"])
    assert below(tmp_path) == []


@pytest.mark.parametrize(
    "words",
    [
        ["simulate", "micrographs", "--micrographs", "2", "--particles", "5"],
        ["simulate", "tomogram", "--size", "64", "64", "32", "--vesicles", "0"],
        ["resample", "IMAGES", "--factor", "2"],
        ["filter", "IMAGES", "--low-pass", "20"],
    ],
)
def test_every_job_can_be_tried_without_writing(capfd, micrographs, tmp_path, words, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [str(micrographs / "*.mrc") if word == "IMAGES" else word for word in words]
    code, out, err = answer(capfd, *given, "--dry-run", "--json")
    assert code == 0, err
    assert json.loads(out)["dry_run"] is True
    assert below(tmp_path) == []


# Configuration: defaults < file < command line.


def planned(capfd, micrographs, config, *more):
    code, out, err = answer(
        capfd, "pick", "log", micrographs, "--config", config, "--dry-run", "--json", *more
    )
    return code, out, err


def test_a_configuration_gives_what_the_command_line_does_not(capfd, micrographs, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text("diameter-min = 100\ndiameter_max_angstrom = 125\nworkers = 1\n")
    code, out, _ = planned(capfd, micrographs, config)
    assert (code, json.loads(out)["workers"]) == (0, 1)
    code, _, err = planned(capfd, micrographs, config, "--diameter-max", "90")
    assert code == 2  # the command line wins: 100 to 90 is no range
    assert "90" in err
    config.write_text("diameter-min = 100\ndiameter-max = 125\nmoon = 1\n")
    code, _, err = planned(capfd, micrographs, config)
    assert code == 2
    assert "c.toml: key 'moon' is not a parameter" in err


def test_the_record_holds_the_value_that_won(micrographs, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text("threshold = 7.5\nmax-picks = 1\nseed = 11\n")
    code, folder = picked(
        tmp_path / "out", micrographs / "007.mrc", "--config", str(config), "--max-picks", "2"
    )
    assert code == 0
    record = json.loads((folder / "job.json").read_text())
    assert record["params"]["max_picks"] == 2  # command line over file
    assert record["params"]["threshold"] == 7.5  # file over default
    assert record["params"]["contrast"] == "dark"  # default
    assert record["seed"] == 11
    assert json.loads((folder / "summary.json").read_text())["picks"] == 2


# What a picking command leaves behind.


@pytest.mark.parametrize("name", ["picks.star", "summary.json", "job.json", "report.html"])
def test_every_picking_command_ends_in_these_files(picks_2d, picks_3d, name):
    for folder in (picks_2d, picks_3d):
        assert (folder / name).stat().st_size > 0


def test_picks_of_micrographs_have_relions_columns(picks_2d):
    block = read_star(picks_2d / "picks.star").table_with("rlnMicrographName")
    for column in (
        "rlnMicrographName",
        "rlnCoordinateX",
        "rlnCoordinateY",
        "rlnAutopickFigureOfMerit",
        "rlnClassNumber",
        "rlnAnglePsi",
    ):
        assert column in block, column
    assert {name.split("/")[-1] for name in block.text("rlnMicrographName").tolist()} == {
        "007.mrc",
        "1e5.mrc",
    }
    first = np.array(["007.mrc" in name for name in block.text("rlnMicrographName").tolist()])
    x, y = block.number("rlnCoordinateX")[first], block.number("rlnCoordinateY")[first]
    found = np.column_stack([x, y])[np.argsort(x)]
    # Pixels of the micrograph, 0 at the centre of the first one: within 8 Å of what was planted.
    np.testing.assert_allclose(found, sorted(CENTRES), atol=8 / 5)


def test_picks_of_tomograms_have_relions_columns(picks_3d):
    block = read_star(picks_3d / "picks.star").block("particles")
    for column in (
        "rlnTomoName",
        *(f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"),
        *(f"rlnCoordinate{axis}" for axis in "XYZ"),
        "rlnLCCmax",
        "rlnTomoTiltSeriesPixelSize",
    ):
        assert column in block, column
    assert set(block.text("rlnTomoName").tolist()) == {"1e5"}
    searched = np.column_stack([block.number(f"rlnCoordinate{axis}") for axis in "XYZ"])
    order = np.argsort(searched[:, 0])
    np.testing.assert_allclose(searched[order], sorted(CENTRES_3D), atol=2)
    centred = np.column_stack([block.number(f"rlnCenteredCoordinate{axis}Angst") for axis in "XYZ"])
    # N / 2 of 64 x 70 x 60 voxels of 5 Å.
    np.testing.assert_allclose(centred, (searched - [32, 35, 30]) * 5.0, atol=1e-4)


def test_the_summary_counts_what_the_star_holds(picks_2d, picks_3d):
    for folder, rows in ((picks_2d, 5), (picks_3d, 3)):
        summary = json.loads((folder / "summary.json").read_text())
        assert summary["picks"] == rows == sum(summary["picks_per_image"].values())
        assert summary["state"] == "finished"
        assert summary["seconds"] > 0
        assert isinstance(summary["warnings"], list)
        assert all((folder / path).is_file() for path in summary["files"].values())
        assert set(summary["thresholds"]) == set(summary["picks_per_image"])


def test_the_record_can_repeat_the_job(picks_2d):
    record = json.loads((picks_2d / "job.json").read_text())
    assert record["job"] == "pick log"
    assert record["params"]["diameter_min_angstrom"] == 100.0
    text = json.dumps(record)
    for word in ("versions", "seed", "device", "inputs", "cryopick", "numpy", "python"):
        assert f'"{word}"' in text, word


def test_score_maps_stay(picks_2d):
    assert (picks_2d / "items" / "007" / "scores.mrc").is_file()


def test_the_report_needs_nothing_from_outside(picks_2d):
    text = (picks_2d / "report.html").read_text()
    assert "<html" in text
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", text) == []


def test_json_is_one_object_and_all_there_is_on_stdout(capfd, micrographs, tmp_path):
    words = ["pick", "log", micrographs / "007.mrc", *SIZES, "-o", tmp_path / "out"]
    code, out, _ = answer(capfd, *words, "--workers", "1", "--json")
    found = json.loads(out)
    assert (code, found["picks"], found["folder"]) == (0, 3, str(tmp_path / "out"))
    assert found["picks_per_image"] == {"007": 3}
    code, out, err = answer(capfd, "status", tmp_path / "out", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["state"] == "finished"


# Exit codes: 1 names the items that failed, 2 means nothing was done.


def test_a_failed_item_is_named_and_the_others_are_done(capfd, micrographs, tmp_path):
    """The header of the second image is whole when the job is planned; its pixels are cut."""
    packed = gzip.compress((micrographs / "1e5.mrc").read_bytes())
    (tmp_path / "cut.mrc.gz").write_bytes(packed[: len(packed) // 2])
    images = [micrographs / "007.mrc", tmp_path / "cut.mrc.gz"]
    words = ["pick", "log", *images, *SIZES, "-o", tmp_path / "out", "--workers", "1"]
    code, out, err = answer(capfd, *words, "--json")
    assert code == 1
    last = err.splitlines()[-1]
    assert last.startswith("cryopick: 1 of 2 items failed: cut; the first because: ")
    assert "cut.mrc.gz: compressed data are damaged or cut" in last
    assert "cryopick resume" in last
    found = json.loads(out)
    assert (list(found["failed"]), found["picks_per_image"]) == (["cut"], {"007": 3})
    assert found["items"] == {"total": 2, "done": 1, "failed": 1}
    names = read_star(tmp_path / "out" / "picks.star").table_with("rlnMicrographName")
    assert len(names) == 3
    # Mended, the same command line goes on where it stopped.
    (tmp_path / "cut.mrc.gz").write_bytes(packed)
    code, out, _ = answer(capfd, "resume", tmp_path / "out", "--json")
    assert code == 0
    assert json.loads(out)["picks_per_image"] == {"007": 3, "cut": 2}


def test_an_image_of_nothing_is_no_failure(capfd, tmp_path):
    write_mrc(tmp_path / "nan.mrc", np.full((150, 170), np.nan, np.float32), 5.0)
    code, folder = picked(tmp_path / "out", tmp_path / "nan.mrc")
    _, err = capfd.readouterr()
    assert code == 0
    assert json.loads((folder / "summary.json").read_text())["picks"] == 0
    assert "cryopick: warning: no picks in nan" in err


def test_a_truncated_image_is_unusable_input(capfd, micrographs, tmp_path):
    short = tmp_path / "short.mrc"
    short.write_bytes((micrographs / "007.mrc").read_bytes()[:5000])
    code, _, err = answer(capfd, "pick", "log", short, *SIZES, "-o", tmp_path / "out")
    assert code == 2
    assert "short.mrc" in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_finished_folder_is_not_overwritten_unasked(capfd, picks_2d, micrographs):
    before = (picks_2d / "picks.star").read_bytes()
    words = ["pick", "log", micrographs, *SIZES, "-o", picks_2d]
    code, _, err = answer(capfd, *words)
    assert code == 2
    assert "--overwrite" in err
    assert "cryopick resume" in err
    assert (picks_2d / "picks.star").read_bytes() == before


# A plain CSV is a pick file everywhere.


def test_a_csv_with_a_header_counts_pixels_from_0(capfd, micrographs, tmp_path):
    csv = tmp_path / "truth.csv"
    lines = [f"007.mrc,{x},{y},0.5" for x, y in CENTRES] + [
        f"1e5.mrc,{x},{y},0.5" for x, y in CENTRES[:2]
    ]
    csv.write_text("image,x,y,score\n" + "\n".join(lines) + "\n")
    grid = Grid(shape=(150, 170), pixel_size_angstrom=5.0)
    picks = read_picks(csv, Frame(default_grid=grid)).picks
    assert picks.image.tolist() == ["007"] * 3 + ["1e5"] * 2
    np.testing.assert_allclose(picks.position_angstrom[:3], np.array(CENTRES) * 5.0)
    assert picks.score.tolist() == [0.5] * 5
    words = ["convert", csv, tmp_path / "truth.star", "--image", micrographs, "--to", "relion"]
    code, _, err = answer(capfd, *words)
    assert code == 0, err
    block = read_star(tmp_path / "truth.star").table_with("rlnCoordinateX")
    assert block.number("rlnCoordinateX").tolist()[:3] == [float(x) for x, _ in CENTRES]
    assert block.number("rlnCoordinateY").tolist()[:3] == [float(y) for _, y in CENTRES]


def test_a_csv_of_a_tomogram_with_labels_and_angles(tmp_path):
    csv = tmp_path / "p.csv"
    csv.write_text("image,x,y,z,score,label,rot,tilt,psi\n007.mrc,3,4,5,0.25,ribosome,10,20,30\n")
    grid = Grid(shape=(20, 20, 20), pixel_size_angstrom=2.0).binned_by_mean(2)
    picks = read_picks(csv, Frame(default_grid=grid)).picks
    # Voxels of 4 Å whose first lies 1 Å from the first unbinned one.
    np.testing.assert_allclose(picks.position_angstrom, [[13, 17, 21]])
    assert (picks.image.tolist(), picks.label.tolist()) == (["007"], ["ribosome"])
    from scipy.spatial.transform import Rotation

    x, y, z, w = Rotation.from_euler("ZYZ", [10, 20, 30], degrees=True).inv().as_quat()
    expected = np.array([w, x, y, z]) * (1 if w >= 0 else -1)
    np.testing.assert_allclose(picks.orientation[0], expected, atol=1e-9)


def test_picks_compared_with_a_csv_of_the_truth(capfd, picks_2d, tmp_path):
    csv = tmp_path / "truth.csv"
    rows = [f"007,{x},{y}" for x, y in CENTRES] + [f"1e5,{x},{y}" for x, y in CENTRES[:2]]
    csv.write_text("image,x,y\n" + "\n".join(rows) + "\n")
    code, out, err = answer(
        capfd, "compare", picks_2d / "picks.star", csv, "--tolerance", "25", "--pixel-size", "5",
        "-o", tmp_path / "out", "--workers", "1", "--json",
    )  # fmt: skip
    assert code == 0, err
    found = json.loads(out)
    assert (found["precision"], found["recall"], found["f1"]) == (1.0, 1.0, 1.0)
