"""``simulate micrographs`` from plan to files."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from cryopick.errors import InputError, MissingFileError
from cryopick.geometry.euler import relion_from_quaternion
from cryopick.io.images import open_image
from cryopick.io.metadata.relion_micrographs import read_micrographs
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import load_picks
from cryopick.io.picks.registry import read_picks
from cryopick.jobs.simulate_micrographs import JOB, SimulateMicrographsParams
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor

SMALL = {
    "maps": ["apoferritin", "betagal"],
    "micrographs": 2,
    "particles": 7,
    "size_px": (200, 160),
    "pixel_size_angstrom": 5.0,
    "ice_crystals": 0,
}


def run(folder, *, seed=1, **more):
    params = SimulateMicrographsParams(**{**SMALL, **more})
    return run_job(JOB, params, folder, executor=InlineExecutor(), device="cpu", seed=seed)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mics") / "job"
    return folder, run(folder)


def test_the_outcome_counts_what_was_made(done):
    folder, outcome = done
    assert outcome.sentence == "2 micrographs with 14 particles"
    assert outcome.summary["species"] == {"apoferritin": 8, "betagal": 6}
    assert not outcome.warnings
    for name in outcome.files.values():
        assert (folder / name).exists()
    assert outcome.plots[0].svg.startswith("<svg")


def test_images_are_handed_out_in_one_folder(done):
    folder, _ = done
    files = sorted((folder / "micrographs").iterdir())
    assert [f.name for f in files] == ["mic_01.mrc", "mic_02.mrc"]
    image = open_image(files[0])
    assert image.grid.size_px == (200, 160)
    assert image.grid.pixel_size_angstrom == pytest.approx(5.0)
    assert image.read().mean() == pytest.approx(50 * 25, rel=0.05)


def test_the_list_of_micrographs_has_the_true_defocus(done):
    folder, outcome = done
    listed = read_micrographs(folder / "micrographs.star")
    assert [m.name for m in listed] == ["mic_01", "mic_02"]
    for one in listed:
        fact = outcome.summary["images"][one.name]
        assert one.defocus.u_um == pytest.approx(fact["defocus_u_um"], abs=1e-5)
        assert 1.0 <= one.defocus.mean_um <= 2.5
        assert (folder / one.path).is_file()


@pytest.mark.parametrize("file", ["truth.csv", "truth.star"])
def test_truth_files_hold_what_was_simulated(done, file):
    folder, _ = done
    grid = open_image(folder / "micrographs" / "mic_01.mrc").grid
    got = read_picks(folder / file, Frame(default_grid=grid)).picks
    for name in ("mic_01", "mic_02"):
        true = load_picks(folder / "items" / name / "truth.npz")
        mine = got[got.image == name]
        np.testing.assert_allclose(mine.position_angstrom, true.position_angstrom, atol=1e-3)
        assert mine.label.tolist() == true.label.tolist()
        np.testing.assert_allclose(mine.diameter_angstrom, true.diameter_angstrom, atol=1e-3)


def test_the_whole_pose_is_in_the_csv(done):
    folder, _ = done
    header, *rows = (folder / "truth.csv").read_text().splitlines()
    names = header.split(",")
    assert {"rot", "tilt", "psi"} <= set(names)
    true = load_picks(folder / "items" / "mic_01" / "truth.npz")
    angles = relion_from_quaternion(true.orientation)
    for row, expected in zip(rows, angles, strict=False):
        cells = dict(zip(names, row.split(","), strict=True))
        got = [float(cells[n]) for n in ("rot", "tilt", "psi")]
        np.testing.assert_allclose(got, expected, atol=1e-4)


def test_the_seed_decides_everything(tmp_path, done):
    folder, _ = done
    run(tmp_path / "again")
    run(tmp_path / "other", seed=2)
    first, again, other = (
        open_image(f / "micrographs" / "mic_02.mrc").read()
        for f in (folder, tmp_path / "again", tmp_path / "other")
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (folder / "truth.csv").read_text() == (tmp_path / "again" / "truth.csv").read_text()


def test_micrographs_of_one_set_differ(done):
    folder, _ = done
    one, two = (open_image(folder / "micrographs" / f"mic_0{i}.mrc").read() for i in (1, 2))
    assert not np.array_equal(one, two)


def test_contamination_half_precision_and_density_per_area(tmp_path):
    outcome = run(
        tmp_path / "job",
        micrographs=1,
        maps=["apoferritin"],
        size_px=(400, 400),
        ice_crystals=1,
        data_type="float16",
        particles_per_um2=250.0,
    )
    # 400 px of 5 Å are 0.2 µm: 0.04 µm².
    assert outcome.summary["particles"] == 10
    assert (tmp_path / "job" / "contamination.csv").is_file()
    image = open_image(tmp_path / "job" / "micrographs" / "mic_01.mrc")
    assert image.data.dtype == np.float16


def test_a_full_image_warns_by_name(tmp_path):
    outcome = run(tmp_path / "job", micrographs=1, maps=["capsid"], particles=200)
    assert "capsid: only" in outcome.warnings[0]
    assert "of 200 found room" in outcome.warnings[0]


def test_no_particles_at_all(tmp_path):
    outcome = run(tmp_path / "job", micrographs=1, particles=0)
    assert outcome.sentence == "1 micrograph with 0 particles"
    assert json.loads((tmp_path / "job" / "summary.json").read_text())["particles"] == 0


def test_the_plan_names_items_and_costs():
    items = JOB.plan(SimulateMicrographsParams(micrographs=120))
    assert items[0].id == "mic_001"
    assert items[-1].id == "mic_120"
    assert items[0].cost.seconds > 1
    assert items[0].cost.memory_bytes > 4096 * 4096 * 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maps": []}, "at least one map"),
        ({"maps": ["betagal", "betagal"]}, "more than one map would be called betagal"),
        ({"size_px": (32, 4096)}, "--size: expected 64 to 32768 px"),
        ({"defocus_min_um": 3.0}, "--defocus-min: expected at most --defocus-max 2.5"),
    ],
)
def test_the_plan_refuses_contradictions(change, message):
    with pytest.raises(InputError, match=message):
        JOB.plan(SimulateMicrographsParams(**{**SMALL, **change}))


def test_a_missing_map_is_named():
    with pytest.raises(MissingFileError, match=r"nowhere\.mrc: no such file.*apoferritin"):
        JOB.plan(SimulateMicrographsParams(maps=["nowhere.mrc"]))


@pytest.mark.parametrize("change", [{"pixel_size_angstrom": 0}, {"cone_deg": 200}, {"what": 1}])
def test_parameters_out_of_bounds_are_refused(change):
    with pytest.raises(ValidationError):
        SimulateMicrographsParams(**change)


def test_worker_processes_give_the_same_as_one_process(tmp_path, done):
    folder, _ = done
    params = SimulateMicrographsParams(**SMALL)
    run_job(JOB, params, tmp_path / "job", workers=2, device="cpu", seed=1)
    for name in ("mic_01", "mic_02"):
        one, many = (
            open_image(f / "micrographs" / f"{name}.mrc").read() for f in (folder, tmp_path / "job")
        )
        np.testing.assert_allclose(many, one, atol=1e-2)
    assert (folder / "truth.csv").read_text() == (tmp_path / "job" / "truth.csv").read_text()
