"""``simulate tomogram`` from plan to files."""

import numpy as np
import pytest
from pydantic import ValidationError

from cryopick.errors import InputError, MissingFileError
from cryopick.geometry.rotation import angle_between_deg
from cryopick.io.images import open_image
from cryopick.io.metadata.number_list import read_defocus_um, read_doses
from cryopick.io.metadata.relion_tilt_series import read_tilt_series
from cryopick.io.metadata.relion_tomograms import read_tomograms
from cryopick.io.metadata.tlt import read_tilts
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import load_picks
from cryopick.io.picks.registry import read_picks
from cryopick.jobs.simulate_tomogram import JOB, SimulateTomogramParams
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor

SMALL = {
    "maps": ["apoferritin"],
    "particles": 5,
    "membrane_maps": ["spike"],
    "membrane_particles": 2,
    "vesicles": 1,
    "gold_beads": 2,
    "size_px": (80, 72, 40),
    "pixel_size_angstrom": 14.0,
    "ice_angstrom": 540.0,
    "tilt_step_deg": 10.0,
}


def run(folder, *, seed=1, **more):
    params = SimulateTomogramParams(**{**SMALL, **more})
    return run_job(JOB, params, folder, executor=InlineExecutor(), device="cpu", seed=seed)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tomo") / "job"
    return folder, run(folder)


def test_the_outcome_counts_what_was_made(done):
    folder, outcome = done
    assert outcome.summary["species"]["apoferritin"] == 5
    assert outcome.summary["gold_beads"] == 2
    assert outcome.sentence.startswith("1 tomogram with ")
    for name in outcome.files.values():
        assert (folder / name).exists()
    assert outcome.plots[0].svg.startswith("<svg")


def test_the_tomogram_is_there_with_its_voxels(done):
    folder, _ = done
    image = open_image(folder / "tomograms" / "tomo_01.mrc")
    assert image.grid.size_px == (80, 72, 40)
    assert image.grid.pixel_size_angstrom == pytest.approx(14.0)


@pytest.mark.parametrize("file", ["truth.csv", "truth.star"])
def test_truth_files_hold_positions_and_orientations(done, file):
    folder, _ = done
    grid = open_image(folder / "tomograms" / "tomo_01.mrc").grid
    frame = Frame(default_grid=grid, tilt_series_pixel_angstrom=14.0)
    got = read_picks(folder / file, frame).picks
    true = load_picks(folder / "items" / "tomo_01" / "truth.npz")
    np.testing.assert_allclose(got.position_angstrom, true.position_angstrom, atol=0.01)
    assert angle_between_deg(got.orientation, true.orientation).max() < 1e-3
    assert got.label.tolist() == true.label.tolist()


def test_lists_beside_the_stack_agree_with_each_other(done):
    folder, _ = done
    tilts = folder / "tilts"
    stack = open_image(tilts / "tomo_01.mrcs")
    angles = read_tilts(tilts / "tomo_01.tlt")
    assert len(stack) == len(angles) == 13
    assert angles.tolist() == list(range(-60, 61, 10))
    exposure = read_doses(tilts / "tomo_01_exposure.txt")
    assert exposure[6] == 0
    assert sorted(exposure) == pytest.approx([i * 120 / 13 for i in range(13)], abs=1e-3)
    defocus = read_defocus_um(tilts / "tomo_01_defocus.txt")
    np.testing.assert_allclose(defocus, 3.0, atol=0.3)
    series = read_tilt_series(tilts / "tomo_01.star")
    np.testing.assert_allclose(series.tilt_deg, angles)
    np.testing.assert_allclose(series.defocus_u_um, defocus, atol=1e-4)
    np.testing.assert_allclose(series.exposure_e_per_a2, exposure, atol=1e-3)


def test_the_list_of_tomograms_points_to_files(done):
    folder, _ = done
    (entry,) = read_tomograms(folder / "tomograms.star")
    assert entry.name == "tomo_01"
    assert entry.size_px == (80, 72, 40)
    assert entry.handedness == -1
    assert (folder / entry.tilt_series_file).is_file()
    assert (folder / entry.reconstructions["rlnTomoReconstructedTomogram"]).is_file()


def test_the_seed_decides_everything(tmp_path, done):
    folder, _ = done
    run(tmp_path / "again")
    run(tmp_path / "other", seed=2)
    first, again, other = (
        open_image(f / "tomograms" / "tomo_01.mrc").read()
        for f in (folder, tmp_path / "again", tmp_path / "other")
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_filaments_and_sheets_by_option(tmp_path):
    outcome = run(
        tmp_path / "job",
        maps=[],
        membrane_maps=[],
        vesicles=0,
        sheets=1,
        filaments=1,
        filament_length_angstrom=400.0,
        gold_beads=0,
    )
    assert set(outcome.summary["species"]) == {"filament"}
    assert outcome.summary["images"]["tomo_01"]["membranes"] == ["sheet1"]
    assert not (tmp_path / "job" / "gold.csv").exists()


def test_one_map_can_float_and_sit_on_membranes(tmp_path):
    outcome = run(tmp_path / "job", maps=["spike"], particles=3, membrane_particles=2)
    assert outcome.summary["species"]["spike"] <= 5
    groups = load_picks(tmp_path / "job" / "items" / "tomo_01" / "truth.npz").group.tolist()
    assert groups.count("") == 3


def test_an_empty_tomogram(tmp_path):
    outcome = run(
        tmp_path / "job", maps=[], membrane_maps=[], vesicles=0, gold_beads=0, texture=0.0
    )
    assert outcome.sentence == "1 tomogram with 0 particles"
    image = open_image(tmp_path / "job" / "tomograms" / "tomo_01.mrc").read()
    assert np.isfinite(image).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vesicles": 0}, "--membrane-map: there are no membranes"),
        ({"size_px": (4, 80, 80)}, "--size: expected x y z of at least 8 px"),
        ({"size_px": (9999, 9999, 9999)}, "2 GVoxel in all"),
        ({"tilt_min_deg": 61.0}, "--tilt-min: expected at most --tilt-max 60.0"),
    ],
)
def test_the_plan_refuses_contradictions(change, message):
    with pytest.raises(InputError, match=message):
        JOB.plan(SimulateTomogramParams(**{**SMALL, **change}))


def test_a_missing_map_is_named():
    with pytest.raises(MissingFileError, match=r"gone\.mrc: no such file"):
        JOB.plan(SimulateTomogramParams(membrane_maps=["gone.mrc"]))


def test_the_plan_costs_more_for_more_tilts():
    few, many = (
        JOB.plan(SimulateTomogramParams(tilt_step_deg=s))[0].cost.seconds for s in (10.0, 1.0)
    )
    assert many > 3 * few


def test_everything_that_found_no_room_is_told(tmp_path):
    outcome = run(
        tmp_path / "job",
        membrane_maps=[],
        vesicles=0,
        particles=500,
        gold_beads=900,
        filaments=3,
        ice_angstrom=120.0,
        tilt_step_deg=60.0,
    )
    told = " | ".join(outcome.warnings)
    assert "apoferritin: only 0 of 500 found room" in told
    assert "of 900 found room" in told
    assert "gold beads: only" in told
    assert "tomo_01: only" in told
    assert "of 3 filaments found room" in told


@pytest.mark.parametrize("handedness", [0, 2])
def test_a_hand_is_one_or_the_other(handedness):
    with pytest.raises(ValidationError, match="handedness"):
        SimulateTomogramParams(handedness=handedness)
