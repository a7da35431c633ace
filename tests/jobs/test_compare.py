import csv
import json

import numpy as np
import pytest
from pydantic import ValidationError

from cryopick.errors import CryopickError, InputError
from cryopick.io.images import write_mrc
from cryopick.jobs.compare import JOB, CompareParams, plan
from cryopick.jobs.registry import JOBS
from cryopick.run import run_job
from shared_data import shared

PIXEL = 2.0


def write_csv(path, rows, header="image,x,y"):
    path.write_text(header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def files(tmp_path):
    """Two images, five particles; three are found, one twice, and one pick is wrong."""
    truth = [("007.mrc", 10, 10), ("007.mrc", 50, 10), ("007.mrc", 90, 90),
             ("1e5.mrc", 20, 20), ("1e5.mrc", 80, 20)]  # fmt: skip
    picks = [("007.mrc", 11, 10, 0.9), ("007.mrc", 50, 12, 0.8), ("007.mrc", 52, 10, 0.3),
             ("1e5.mrc", 20, 20, 0.7), ("1e5.mrc", 60, 60, 0.2)]  # fmt: skip
    return {
        "picks": write_csv(tmp_path / "picks.csv", picks, "image,x,y,score"),
        "truth": write_csv(tmp_path / "truth.csv", truth),
    }


def run(tmp_path, files, **params):
    merged = {"tolerance_angstrom": 8.0, "pixel_size_angstrom": PIXEL, **files, **params}
    return run_job(JOB, CompareParams(**merged), tmp_path / "out", workers=1)


def test_it_is_declared_as_the_table_of_jobs_says():
    module, title = JOBS["compare"]
    assert module == "cryopick.jobs.compare"
    assert title == JOB.title
    assert JOB.arguments == ("picks", "truth")


def test_the_figures_and_the_sentence(tmp_path, files):
    outcome = run(tmp_path, files)
    summary = outcome.summary
    assert (summary["n_picks"], summary["n_truth"], summary["n_matched"]) == (5, 5, 3)
    assert summary["f1"] == summary["precision"] == summary["recall"] == 0.6
    assert summary["duplicate_rate"] == 0.2
    assert summary["best_threshold"] == 0.7
    assert summary["best_f1"] == pytest.approx(2 * 3 / 8)
    assert summary["position_error_angstrom"]["median"] == 2.0
    assert summary["per_image"]["007"]["n_matched"] == 2
    assert outcome.sentence.startswith(
        "F1 0.600 (precision 0.600, recall 0.600) within 8 Å: 3 of 5"
    )
    assert "best F1 0.750 at score 0.7" in outcome.sentence


def test_what_is_on_disk(tmp_path, files):
    outcome = run(tmp_path, files)
    out = tmp_path / "out"
    saved = json.loads((out / "summary.json").read_text())
    assert saved["f1"] == outcome.summary["f1"]
    assert set(outcome.files) >= {"per_image", "curve", "matches"}
    rows = list(csv.DictReader((out / "per_image.csv").read_text().splitlines()))
    assert [r["image"] for r in rows] == ["007", "1e5"]
    assert rows[1]["n_matched"] == "1"
    matches = list(csv.DictReader((out / "matches.csv").read_text().splitlines()))
    assert [m["distance_angstrom"] for m in matches] == ["2", "4", "0"]
    assert matches[0]["truth_x_angstrom"] == "20"
    curve = list(csv.DictReader((out / "curve.csv").read_text().splitlines()))
    assert [c["n_kept"] for c in curve] == ["1", "2", "3", "4", "5"]
    report = (out / "report.html").read_text()
    assert "Precision and recall" in report


def test_figures_are_drawn_only_where_there_is_something_to_draw(tmp_path, files):
    titles = [plot.title for plot in run(tmp_path, files).plots]
    assert titles == ["Precision and recall", "F1 at every threshold", "Position error"]
    files["picks"] = write_csv(tmp_path / "plain.csv", [("007.mrc", 10, 10), ("1e5.mrc", 9, 9)])
    (tmp_path / "two").mkdir()
    assert [plot.title for plot in run(tmp_path / "two", files).plots] == ["Position error"]


def test_the_same_again_gives_the_same(tmp_path, files):
    one = run(tmp_path, files).summary
    (tmp_path / "two").mkdir()
    assert run(tmp_path / "two", files).summary == one
    (tmp_path / "three").mkdir()
    assert run(tmp_path / "three", files, seed=5, bootstrap=0).summary["intervals"]["f1"] is None


def test_pixels_need_a_pixel_size(tmp_path, files):
    with pytest.raises(InputError, match=r"picks\.csv.*--pixel-size"):
        run(tmp_path, files, pixel_size_angstrom=None)


def test_the_images_give_the_pixel_size(tmp_path, files):
    for name in ("007", "1e5"):
        write_mrc(tmp_path / f"{name}.mrc", np.zeros((100, 100), np.float32), PIXEL)
    images = [str(tmp_path / "*.mrc")]
    outcome = run(tmp_path, files, pixel_size_angstrom=None, image=images)
    assert outcome.summary["n_matched"] == 3
    assert outcome.summary["position_error_angstrom"]["mean"] == pytest.approx(2.0)


def test_the_truth_may_count_pixels_of_another_binning(tmp_path, files):
    truth = [("007.mrc", 5, 5), ("1e5.mrc", 10, 10)]
    files["truth"] = write_csv(tmp_path / "binned.csv", truth)
    summary = run(tmp_path, files, truth_pixel_size_angstrom=2 * PIXEL).summary
    assert summary["n_matched"] == 2
    assert summary["position_error_angstrom"]["mean"] == pytest.approx(1.0)


def test_single_images_of_different_names_are_one_with_a_warning(tmp_path):
    files = {
        "picks": write_csv(tmp_path / "p.csv", [("TS_1.mrc", 10, 10, 5)], "image,x,y,z"),
        "truth": write_csv(tmp_path / "t.csv", [("TS_1_truth.mrc", 10, 11, 5)], "image,x,y,z"),
    }
    outcome = run(tmp_path, files)
    assert outcome.summary["f1"] == 1
    assert any("taken for the same" in w for w in outcome.warnings)


def test_scope_and_greedy_reach_the_comparison(tmp_path, files):
    write_csv(tmp_path / "truth.csv", [("007.mrc", 10, 10), ("007.mrc", 50, 10)])
    assert run(tmp_path, files).summary["n_picks"] == 5
    (tmp_path / "two").mkdir()
    found = run(tmp_path / "two", files, scope="truth", matching="greedy").summary
    assert (found["n_picks"], found["matching"]) == (3, "greedy")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"symmetry": "Q3"}, "symmetry 'Q3': not a point group"),
        ({"picks": "nowhere.csv"}, "nowhere.csv: no such file"),
        ({"from_dialect": "nothing"}, "dialect nothing: unknown"),
        ({"truth_dialect": "nothing"}, "dialect nothing: unknown"),
    ],
)
def test_wrong_input_stops_before_the_job_starts(files, params, message):
    merged = {**files, "tolerance_angstrom": 8.0, "pixel_size_angstrom": PIXEL, **params}
    with pytest.raises(CryopickError, match=message):
        plan(CompareParams(**merged))


def test_2d_against_3d_and_images_apart_stop_it_too(tmp_path, files):
    solid = write_csv(tmp_path / "solid.csv", [("007.mrc", 1, 2, 3)], "image,x,y,z")
    other = write_csv(tmp_path / "other.csv", [("a.mrc", 1, 2), ("b.mrc", 1, 2)])
    base = {"tolerance_angstrom": 8.0, "pixel_size_angstrom": PIXEL}
    with pytest.raises(InputError, match=r"holds 2D picks, .*solid\.csv 3D ones"):
        plan(CompareParams(**base, picks=files["picks"], truth=solid))
    with pytest.raises(InputError, match="no image in common"):
        plan(CompareParams(**base, picks=files["picks"], truth=other))


@pytest.mark.parametrize(
    "params", [{"tolerance_angstrom": 0}, {"bootstrap": -1}, {"matching": "x"}, {"nothing": 1}]
)
def test_parameters_are_checked(params):
    with pytest.raises(ValidationError):
        CompareParams(**{"picks": "a", "truth": "b", "tolerance_angstrom": 1.0, **params})


def test_genuine_expert_picks_agree_with_what_was_made_of_them(tmp_path):
    """613 centres were derived from a mask of 629 expert picks; the notes say: none is false."""
    folder = "images/bgal_empiar10017"
    name = "Falcon_2012_06_12-14_33_35_0"

    def rows(file):
        lines = shared(f"{folder}/{file}").read_text().splitlines()[1:]
        return [(f"{name}.jpg", *line.split(",")[:2]) for line in lines if line.strip()]

    files = {
        "picks": write_csv(tmp_path / "derived.csv", rows(f"{name}_picks.csv")),
        "truth": write_csv(tmp_path / "expert.csv", rows(f"{name}_original_picks.csv")),
    }
    summary = run(tmp_path, files, tolerance_angstrom=40.0, pixel_size_angstrom=1.77).summary
    assert (summary["n_picks"], summary["n_truth"]) == (613, 629)
    assert summary["precision"] > 0.98
    assert summary["recall"] > 0.95
    assert summary["position_error_angstrom"]["median"] < 10
