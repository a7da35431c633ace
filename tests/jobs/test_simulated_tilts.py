"""The files of a tilt series say the same, in each of their formats, as the series itself."""

from dataclasses import replace

import numpy as np
import pytest

from cryopick.io.images import open_image
from cryopick.io.metadata.number_list import read_defocus_um, read_doses
from cryopick.io.metadata.relion_tilt_series import read_tilt_series
from cryopick.io.metadata.tlt import read_tilts
from cryopick.jobs.simulated_tilts import TILT_FILES, write_tilt_files
from cryopick.model import Optics, TiltSeries
from cryopick.simulate.tilt_series import RecordedTilts

N = 5
OPTICS = Optics(voltage_kv=200.0, cs_mm=1.4, amplitude_contrast=0.1)


def series(name="007", **more):
    settings = {
        "tilt_deg": np.array([-42.5, -20.25, 0.0, 20.25, 42.5]),
        "exposure_e_per_a2": np.array([72.0, 18.0, 0.0, 36.0, 54.0]),
        "defocus_u_um": np.array([3.11, 3.02, 3.0, 2.95, 3.07]),
        "defocus_v_um": np.array([2.91, 2.82, 2.8, 2.75, 2.87]),
        "astigmatism_angle_deg": np.full(N, 33.0),
        "phase_shift_deg": np.zeros(N),
        "axis_angle_deg": np.zeros(N),
        "pixel_size_angstrom": 13.48,
        "optics": OPTICS,
        "handedness": -1,
    }
    return TiltSeries(name=name, **{**settings, **more})


def recorded(tilts, shape=(6, 9)):
    rng = np.random.default_rng(0)
    return RecordedTilts(
        images=rng.poisson(40, (len(tilts), *shape)).astype(np.float32),
        tilts=tilts,
        misalignment_angstrom=np.zeros((len(tilts), 2)),
        signal_to_noise=float("nan"),
    )


def test_every_promised_file_is_written_and_no_other(tmp_path):
    write_tilt_files(tmp_path, "007", recorded(series()))
    wanted = sorted(pattern.format(id="007") for pattern in TILT_FILES)
    assert sorted(p.name for p in tmp_path.iterdir()) == wanted


@pytest.mark.parametrize("shape", [(6, 9), (8, 8), (5, 7)])
def test_the_stack_holds_the_images_in_their_order(tmp_path, shape):
    made = recorded(series(), shape)
    write_tilt_files(tmp_path, "t", made)
    stack = open_image(tmp_path / "t.mrcs")
    assert len(stack) == N
    assert stack.pixel_size_angstrom == pytest.approx(13.48, rel=1e-5)
    np.testing.assert_array_equal(np.asarray(stack.data[...]), made.images)


def test_lists_have_one_line_per_image(tmp_path):
    tilts = series()
    write_tilt_files(tmp_path, "t", recorded(tilts))
    np.testing.assert_allclose(read_tilts(tmp_path / "t.tlt"), tilts.tilt_deg, atol=0.005)
    doses = read_doses(tmp_path / "t_exposure.txt")
    np.testing.assert_allclose(doses, tilts.exposure_e_per_a2, atol=1e-4)
    defocus = read_defocus_um(tmp_path / "t_defocus.txt")
    np.testing.assert_allclose(defocus, [3.01, 2.92, 2.9, 2.85, 2.97], atol=1e-5)
    for name in ("t.tlt", "t_exposure.txt", "t_defocus.txt"):
        assert len((tmp_path / name).read_text().split()) == N


def test_the_star_file_brings_back_the_whole_series(tmp_path):
    tilts = series()
    write_tilt_files(tmp_path, "007", recorded(tilts))
    got = read_tilt_series(
        tmp_path / "007.star", pixel_size_angstrom=13.48, optics=OPTICS, handedness=-1
    )
    assert got.name == "007"
    for column in (
        "tilt_deg", "exposure_e_per_a2", "defocus_u_um", "defocus_v_um", "astigmatism_angle_deg",
    ):  # fmt: skip
        np.testing.assert_allclose(getattr(got, column), getattr(tilts, column), atol=1e-3)
    assert got.image.tolist() == [f"{i}@tilts/007.mrcs" for i in range(1, N + 1)]
    assert got.optics == OPTICS


def test_the_series_itself_is_left_as_it_was(tmp_path):
    made = recorded(series())
    write_tilt_files(tmp_path, "t", made)
    assert made.tilts.image is None
    assert made.tilts.name == "007"


def test_what_is_not_known_is_not_written(tmp_path):
    bare = series(exposure_e_per_a2=None, defocus_u_um=None, defocus_v_um=None,
                  astigmatism_angle_deg=None)  # fmt: skip
    write_tilt_files(tmp_path, "t", recorded(bare))
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"t.mrcs", "t.star", "t.tlt"}
    assert read_tilt_series(tmp_path / "t.star").defocus_u_um is None


def test_writing_again_replaces(tmp_path):
    write_tilt_files(tmp_path, "t", recorded(series()))
    second = replace(series(), tilt_deg=np.array([-40.0, -20, 0, 20, 40]))
    write_tilt_files(tmp_path, "t", recorded(second))
    np.testing.assert_allclose(read_tilts(tmp_path / "t.tlt"), second.tilt_deg)
    assert len(list(tmp_path.iterdir())) == len(TILT_FILES)
