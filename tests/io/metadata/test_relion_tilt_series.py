import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.metadata.relion_tilt_series import read_tilt_series, write_tilt_series
from cryopick.model import TiltSeries
from shared_data import shared

COLUMNS = (
    "tilt_deg",
    "exposure_e_per_a2",
    "defocus_u_um",
    "defocus_v_um",
    "astigmatism_angle_deg",
    "axis_angle_deg",
)


def some_series(n: int = 7, name: str = "007") -> TiltSeries:
    rng = np.random.default_rng(2)
    return TiltSeries(
        name=name,
        tilt_deg=np.linspace(-60, 57, n),
        exposure_e_per_a2=rng.permutation(n) * 3.0,
        defocus_u_um=rng.uniform(2, 4, n),
        defocus_v_um=rng.uniform(2, 4, n),
        astigmatism_angle_deg=rng.uniform(-90, 90, n),
        axis_angle_deg=np.full(n, 85.3),
        shift_x_angstrom=rng.uniform(-50, 50, n),
        shift_y_angstrom=rng.uniform(-50, 50, n),
        image=np.array([f"frames/{i:03d}.mrc" for i in range(n)]),
    )


def test_genuine_tilt_series():
    path = shared("formats/relion5_tomo_project/AlignTiltSeries/job005/tilt_series/TS_01.star")
    series = read_tilt_series(path, pixel_size_angstrom=1.35, handedness=-1)
    assert (series.name, len(series), series.handedness) == ("TS_01", 40, -1)
    assert series.tilt_deg[0] == pytest.approx(-57, abs=0.02)
    assert series.exposure_e_per_a2[0] == 114
    assert series.defocus_u_um[0] == pytest.approx(3.952778125)
    assert series.axis_angle_deg[0] == pytest.approx(85.032958)
    assert series.image[0].endswith("TS_01_038_-57_0.mrc")


def test_before_alignment_the_nominal_angles_are_taken():
    path = shared("formats/relion5_tomo_project/CtfFind/job003/tilt_series/TS_01.star")
    series = read_tilt_series(path)
    assert len(series) == 41
    np.testing.assert_allclose(series.tilt_deg[:2], [0.001, 3.00113])
    np.testing.assert_allclose(series.axis_angle_deg, 85)
    assert series.shift_x_angstrom is None


def test_defocus_in_um_of_another_program():
    series = read_tilt_series(shared("formats/relion_tomo/cryoboost_Position_1.star"))
    assert 4 < series.defocus_u_um.mean() < 7


def test_tilt_series_survive_a_round_trip(tmp_path):
    series = some_series()
    write_tilt_series(tmp_path / "t.star", series)
    back = read_tilt_series(tmp_path / "t.star")
    assert back.name == "007"
    for column in (*COLUMNS, "shift_x_angstrom", "shift_y_angstrom"):
        np.testing.assert_allclose(getattr(back, column), getattr(series, column), atol=1e-6)
    assert back.image.tolist() == series.image.tolist()


def test_excluded_images_are_left_out(tmp_path):
    series = some_series()
    bare = TiltSeries(name="b", tilt_deg=series.tilt_deg, excluded=np.arange(7) == 2)
    write_tilt_series(tmp_path / "t.star", bare)
    back = read_tilt_series(tmp_path / "t.star")
    np.testing.assert_allclose(back.tilt_deg, np.delete(series.tilt_deg, 2))
    assert back.image[2] == "000004@b.mrcs"
    assert back.defocus_u_um is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("data_\n_rlnX 1\n", "no table with rlnTomoYTilt"),
        (
            "data_a\nloop_\n_rlnTomoProjX\n_rlnTomoProjY\n_rlnTomoProjZ\n[1,0,0] [0,1,0,0] [0,0,1,0]\n",
            r"column rlnTomoProjX, row 1: expected \[a,b,c,d\]",
        ),
    ],
)
def test_bad_tilt_series_are_named(tmp_path, content, message):
    path = tmp_path / "t.star"
    path.write_text(content)
    with pytest.raises(FormatError, match=message):
        read_tilt_series(path)
