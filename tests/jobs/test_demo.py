import json
import re
from dataclasses import replace

import pytest

from cryopick.cli.main import main
from cryopick.errors import InputError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.jobs.demo import STAGES, run_demo
from cryopick.jobs.registry import load_job
from cryopick.model import Grid

SMALLER = {
    "micrographs": {"micrographs": 1, "particles": 12, "size_px": (400, 400), "ice_crystals": 0},
    "particles": {"box_px": 64, "rescale_px": 32},
    "classes": {"classes": 2, "iterations": 3, "mask_diameter_angstrom": 110.0},
    "template": {"pixel_size_angstrom": 20.0},
    "matches": {"angular_step_deg": 40.0},
    "tomogram": {"particles": 3, "vesicles": 0, "size_px": (96, 96, 48), "tilt_step_deg": 10.0,
                 "gold_beads": 0, "ice_angstrom": 480.0},
}  # fmt: skip
SMALL = tuple(replace(s, params={**s.params, **SMALLER.get(s.name, {})}) for s in STAGES)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    seen = []
    report = run_demo(folder, stages=SMALL, on_stage=lambda stage: seen.append(stage.name))
    assert seen == [s.name for s in STAGES]
    return report


def test_the_report_stands_alone_and_shows_every_stage(demo):
    html = demo.read_text("utf-8")
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//", html) == []
    for stage in STAGES:
        assert stage.heading in html
        assert (demo.parent / stage.name / "report.html").is_file()
    assert html.count("<img") == len(STAGES)
    for link in re.findall(r'href="([^"]+)"', html):
        assert (demo.parent / link).exists(), link


def test_the_scores_are_real(demo):
    summary = json.loads((demo.parent / "score" / "summary.json").read_text())
    assert summary["n_truth"] == 12
    assert summary["f1"] > 0.6
    summary = json.loads((demo.parent / "score_3d" / "summary.json").read_text())
    assert summary["n_truth"] == 3


def test_the_picks_are_handed_on(demo):
    frame = Frame(default_grid=Grid(shape=(48, 96, 96), pixel_size_angstrom=10.0))
    star = read_picks(demo.parent / "picks_3d" / "picks.star", frame).picks
    files = sorted((demo.parent / "handed_on").iterdir())
    # The .doc is Dynamo's list of tomograms.
    assert [f.suffix for f in files] == [".csv", ".doc", ".mod", ".tbl", ".xml"]
    files = [f for f in files if f.suffix != ".doc"]
    for file in files:
        assert len(read_picks(file, frame).picks) == len(star)


def test_a_second_run_needs_to_be_allowed(demo):
    with pytest.raises(InputError, match="--overwrite"):
        run_demo(demo.parent, stages=SMALL)
    before = demo.read_bytes()
    again = run_demo(demo.parent, stages=SMALL[:3], overwrite=True)
    assert again == demo
    assert b"How good they are" in before


def test_every_stage_fits_its_job():
    for stage in STAGES:
        job = load_job(stage.job)
        assert set(stage.params) <= set(job.params.model_fields)


def test_the_command_explains_itself(capsys):
    assert main(["demo", "--help"]) == 0
    assert "--out" in capsys.readouterr().out
