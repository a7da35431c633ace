import json
import subprocess
import sys

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import open_image, write_image, write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.jobs.pick_log import JOB, PickLogParams, plan
from cryopick.model import Grid
from cryopick.pick.log import LogSettings, pick_log
from cryopick.run import run_job
from picker_contract import blobs

SIZES = {"diameter_min_angstrom": 100.0, "diameter_max_angstrom": 125.0}
CENTRES = [(40, 50), (110, 45), (80, 105)]


@pytest.fixture
def micrographs(tmp_path):
    for i, name in enumerate(("007", "1e5")):
        write_mrc(tmp_path / f"{name}.mrc", blobs((150, 170), CENTRES[: 3 - i], seed=i), 5.0)
    return tmp_path


def test_the_defaults_are_those_of_the_function():
    declared = PickLogParams(images=["x"], **SIZES).model_dump()
    for name, field in LogSettings.__dataclass_fields__.items():
        if name not in SIZES:
            assert declared[name] == field.default, name


def test_picks_of_all_images_end_in_one_star(micrographs, tmp_path):
    params = PickLogParams(images=[str(micrographs / "*.mrc")], **SIZES)
    outcome = run_job(JOB, params, tmp_path / "out", workers=1)
    assert outcome.sentence == "5 picks from 2 micrographs"
    grid = Grid(shape=(150, 170), pixel_size_angstrom=5.0)
    picks = read_picks(tmp_path / "out" / "picks.star", Frame(default_grid=grid)).picks
    assert sorted(set(picks.image.tolist())) == ["007", "1e5"]
    for name in ("007", "1e5"):
        image = open_image(micrographs / f"{name}.mrc")
        direct = pick_log(image, LogSettings(**SIZES)).picks
        direct = direct[direct.state == "auto"]
        mine = picks[picks.image == name]
        np.testing.assert_allclose(mine.position_angstrom, direct.position_angstrom, atol=5e-6 * 5)
        np.testing.assert_allclose(mine.score, direct.score, rtol=1e-5)


def test_summary_discarded_and_scores_are_there(micrographs, tmp_path):
    params = PickLogParams(images=[str(micrographs)], **SIZES)
    run_job(JOB, params, tmp_path / "out", workers=1)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["picks_per_image"] == {"007": 3, "1e5": 2}
    assert set(summary["thresholds"]) == {"007", "1e5"}
    frame = Frame(default_grid=Grid(shape=(150, 170), pixel_size_angstrom=5.0))
    dropped = read_picks(tmp_path / "out" / "discarded.star", frame).picks
    assert len(dropped) == summary["discarded"]["below threshold"]
    scores = open_image(tmp_path / "out" / "items" / "007" / "scores.mrc")
    assert scores.grid.pixel_size_angstrom == pytest.approx(10.0)
    assert scores.data.dtype == np.float16
    html = (tmp_path / "out" / "report.html").read_text()
    assert "5 picks from 2 micrographs" in html


def test_tomograms_give_relion5_coordinates(tmp_path):
    centres = [(20, 22, 18), (45, 30, 40), (25, 50, 42)]
    write_mrc(tmp_path / "TS_01.mrc", blobs((60, 70, 64), centres), 5.0)
    params = PickLogParams(images=[str(tmp_path / "TS_01.mrc")], **SIZES)
    run_job(JOB, params, tmp_path / "out", workers=1)
    text = (tmp_path / "out" / "picks.star").read_text()
    for column in (
        "rlnTomoName", "rlnCenteredCoordinateXAngst", "rlnCoordinateX", "rlnTomoTiltSeriesPixelSize"
    ):  # fmt: skip
        assert f"_{column}" in text
    frame = Frame(default_grid=open_image(tmp_path / "TS_01.mrc").grid)
    picks = read_picks(tmp_path / "out" / "picks.star", frame).picks
    assert len(picks) == 3
    best = picks.position_angstrom[np.lexsort(picks.position_angstrom.T[::-1])] / 5.0
    np.testing.assert_allclose(best, sorted(centres), atol=2.0)


def test_an_image_without_picks_is_named(tmp_path):
    write_mrc(tmp_path / "flat.mrc", np.zeros((100, 100), np.float32), 5.0)
    params = PickLogParams(images=[str(tmp_path / "flat.mrc")], **SIZES)
    outcome = run_job(JOB, params, tmp_path / "out", workers=1)
    assert outcome.sentence == "0 picks from 1 micrograph"
    assert "no picks in flat" in outcome.warnings[0]
    assert (tmp_path / "out" / "picks.star").read_text().count("rlnCoordinateX") == 1


def test_unusable_inputs_are_told(tmp_path):
    write_mrc(tmp_path / "stack.mrcs", np.zeros((3, 50, 50), np.float32), 5.0, stack=True)
    with pytest.raises(InputError, match="is a stack of images"):
        plan(PickLogParams(images=[str(tmp_path / "stack.mrcs")], **SIZES))
    write_image(tmp_path / "one.png", np.zeros((50, 50), np.uint8), 1.0, dtype="uint8")
    with pytest.raises(InputError, match="pixel size is not known; give --pixel-size"):
        plan(PickLogParams(images=[str(tmp_path / "one.png")], **SIZES))
    with pytest.raises(InputError, match="--diameter-min 200"):
        plan(PickLogParams(images=["x"], diameter_min_angstrom=200.0, diameter_max_angstrom=100.0))


WITHOUT_HEAVY_LIBRARIES = """
import sys
from pathlib import Path
from cryopick.jobs.pick_log import PickLogParams, plan, work
from cryopick.run.job import Worker
params = PickLogParams(
    images=[sys.argv[1]], diameter_min_angstrom=100, diameter_max_angstrom=125, kernel=sys.argv[3]
)
for item in plan(params):
    work(item, params, Worker(folder=Path(sys.argv[2]), device="cpu", seed=0))
    print("done", *(m for m in ("torch", "matplotlib", "pandas", "cryopick.cli") if m in sys.modules))
"""


@pytest.mark.parametrize("kernel", ["disc", "log"])
def test_a_worker_needs_no_heavy_library(kernel, micrographs, tmp_path):
    """A few micrographs take less time than an import of torch."""
    command = [sys.executable, "-c", WITHOUT_HEAVY_LIBRARIES, micrographs / "007.mrc", tmp_path]
    done = subprocess.run([*command, kernel], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["done"]
    assert (tmp_path / "scores.mrc").is_file()


def test_a_gpu_is_refused(micrographs, tmp_path):
    params = PickLogParams(images=[str(micrographs)], **SIZES)
    with pytest.raises(InputError, match="this job runs on the CPU"):
        run_job(JOB, params, tmp_path / "out", device="cuda:0")


def test_the_forecast_grows_with_what_is_filtered(tmp_path):
    """Of one image, fine pixels are reduced before the work; coarse ones are all worked on."""
    write_mrc(tmp_path / "a.mrc", np.zeros((300, 400), np.float32), 5.0)
    cost = {}
    for pixel, scale in ((1.0, 0.2), (5.0, 1.0), (10.0, 2.0)):
        sizes = {name: value * scale for name, value in SIZES.items()}
        params = PickLogParams(
            images=[str(tmp_path)], pixel_size_angstrom=pixel, max_resolution_angstrom=20.0, **sizes
        )
        cost[pixel] = plan(params)[0].cost
    assert cost[1.0].seconds < cost[5.0].seconds < cost[10.0].seconds
    assert 300 * 400 * 4 < cost[1.0].memory_bytes < cost[5.0].memory_bytes < cost[10.0].memory_bytes
