import json

import numpy as np
import pytest
from scipy.stats import norm

from cryopick.errors import FormatError, MissingFileError
from cryopick.io.metadata.pytom_job import read_pytom_job
from shared_data import shared

MINIMAL = {"tomo_shape": [10, 20, 30], "voxel_size": 8.0}


def write(path, job):
    path.write_text(job if isinstance(job, str) else json.dumps(job))
    return path


def test_a_genuine_job():
    job = read_pytom_job(shared("formats/pytom_match_pick/rec_Position_1_job.json"))
    assert job.tomo_id == "rec_Position_1"
    assert job.grid.shape == (96, 96, 96)
    assert job.grid.pixel_size_angstrom == 11.8
    assert (job.n_rotations, job.rotations, job.rotational_symmetry) == (576, "30", 1)
    assert job.search_stop_px == (96, 96, 96)
    assert job.tilt_deg.shape == (28,)
    assert job.version == "0.7.8"
    assert job.search_std == pytest.approx(0.0228930)


def test_the_cut_off_lets_that_many_false_positives_through():
    job = read_pytom_job(shared("formats/pytom_match_pick/rec_Position_1_job.json"))
    for n in (1.0, 100.0):
        # The tail of a Gaussian beyond the cut-off, times the search, is n.
        assert job.search_space * norm.sf(job.cut_off(n) / job.search_std) == pytest.approx(n)


def test_the_shape_is_stored_as_x_y_z(tmp_path):
    job = read_pytom_job(write(tmp_path / "T_job.json", MINIMAL))
    assert job.grid.shape == (30, 20, 10)
    assert job.tomo_id == "T"
    assert job.search_stop_px == (10, 20, 30)
    assert job.tilt_deg.shape == (0,)
    with pytest.raises(FormatError, match="no statistics; finish the search"):
        job.cut_off()


def test_wedge_edges_and_region(tmp_path):
    job = read_pytom_job(
        write(
            tmp_path / "j.json",
            {**MINIMAL, "tilt_angles": [-60, 60], "search_x": [2, 8], "particle_diameter": 300},
        )
    )
    np.testing.assert_array_equal(job.tilt_deg, [-60, 60])
    assert (job.search_start_px[0], job.search_stop_px[0]) == (2, 8)
    assert job.particle_diameter_angstrom == 300


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ("{", "not JSON: Expecting property name"),
        ("[" * 100_000, "not JSON: nested too deeply"),
        ("[1]", "the file: expected an object, got a list"),
        ({"tomo_shape": [1, 2, 3]}, "no tomo_shape and voxel_size"),
        ({**MINIMAL, "voxel_size": 0}, "voxel_size: 0 is not above 0"),
        ({**MINIMAL, "voxel_size": "8"}, 'voxel_size: "8" is not a number; correct the entry'),
        ({**MINIMAL, "voxel_size": True}, "voxel_size: true is not a number"),
        ({**MINIMAL, "tomo_shape": [1, 2]}, "tomo_shape: expected three lengths"),
        ({**MINIMAL, "tomo_shape": [1, 2, 1e9]}, "tomo_shape: expected three lengths"),
        ({**MINIMAL, "tomo_shape": [0, 2, 3]}, "has no voxels"),
        ({**MINIMAL, "tomo_shape": "abc"}, "tomo_shape: not a list of numbers"),
        ({**MINIMAL, "tilt_angles": [[1], [2]]}, "tilt_angles: not a list of numbers"),
        ({**MINIMAL, "tilt_angles": [1, None]}, "tilt_angles: not a list of numbers"),
        ({**MINIMAL, "search_y": [1]}, "search_y: expected start and stop"),
        ('{"tomo_shape": [1, 2, 3], "voxel_size": NaN}', "voxel_size: NaN is not a number"),
        ({**MINIMAL, "n_rotations": 10**400}, "n_rotations: "),
    ],
)
def test_bad_jobs_are_named(tmp_path, job, message):
    with pytest.raises(FormatError, match=message):
        read_pytom_job(write(tmp_path / "j.json", job))


def test_a_missing_job(tmp_path):
    with pytest.raises(MissingFileError):
        read_pytom_job(tmp_path / "j.json")
