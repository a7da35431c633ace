import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.io.metadata.relion_tilt_series import read_tilt_series
from cryopick.io.metadata.relion_tomograms import (
    TomogramEntry,
    read_tomograms,
    write_tomograms,
    write_tomograms_relion4,
)
from cryopick.io.star import read_star
from cryopick.model import Optics, TiltSeries
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


def test_genuine_relion4_blocks_have_their_tilts():
    path = shared("formats/relion_tomo/warp2_matching_tomograms.star")
    series = read_tilt_series(path, name="TS_32.tomostar")
    assert (series.name, len(series)) == ("TS_32.tomostar", 41)
    # 41 images 2 degrees apart whose exposure grows with the angle: dose-symmetric.
    steps = np.diff(np.sort(series.tilt_deg))
    np.testing.assert_allclose(np.median(steps), 2.0, atol=0.1)
    assert np.ptp(series.tilt_deg) == pytest.approx(80, abs=1)
    assert series.defocus_u_um is not None
    tomograms = read_tomograms(path)
    assert [t.name for t in tomograms][:2] == ["TS_17.tomostar", "TS_32.tomostar"]
    assert tomograms[0].size_px == (4400, 6000, 1000)
    with pytest.raises(FormatError, match="no block data_TS_99; it has several"):
        read_tilt_series(path, name="TS_99")


def test_genuine_tomograms():
    tomograms = read_tomograms(shared("formats/relion_tomo/R5_tutorial_run_tomograms.star"))
    assert [t.name for t in tomograms] == ["TS_01", "TS_03", "TS_43", "TS_45", "TS_54"]
    first = tomograms[0]
    assert first.tilt_series_pixel_angstrom == 1.35
    assert first.size_px == (4000, 4000, 2000)
    assert first.binning == 7.407407
    assert first.handedness == -1
    assert first.tilt_series_file == "Tomograms/job006/tilt_series/TS_01.star"
    assert first.unbinned_grid().shape == (2000, 4000, 4000)
    assert "rlnTomoReconstructedTomogramHalf1" in first.reconstructions


def test_tilt_series_not_reconstructed_yet():
    path = shared("formats/relion5_tomo_project/AlignTiltSeries/job005/aligned_tilt_series.star")
    first = read_tomograms(path)[0]
    assert first.size_px is None
    with pytest.raises(InputError, match="its size is not known"):
        first.unbinned_grid()


def entries() -> tuple[TomogramEntry, ...]:
    return tuple(
        TomogramEntry(
            name=name,
            tilt_series_file=f"t/{name}.star",
            tilt_series_pixel_angstrom=1.5,
            size_px=(400, 300, 201),
            binning=4.0,
            handedness=hand,
            optics=Optics(voltage_kv=200, group="g"),
            reconstructions={"rlnTomoReconstructedTomogram": f"r/rec_{name}.mrc"},
        )
        for name, hand in (("007", 1), ("1e5", -1))
    )


def test_tomograms_of_relion5_survive_a_round_trip(tmp_path):
    write_tomograms(tmp_path / "t.star", entries())
    assert read_tomograms(tmp_path / "t.star") == entries()


def test_tomograms_of_relion4_carry_their_tilt_series(tmp_path):
    series = {t.name: some_series(name=t.name) for t in entries()}
    path = tmp_path / "t.star"
    write_tomograms_relion4(path, entries(), series, image_size_px=(512, 480))
    back = read_tomograms(path)
    assert [(t.name, t.size_px, t.handedness) for t in back] == [
        ("007", (400, 300, 201), 1),
        ("1e5", (400, 300, 201), -1),
    ]
    tilts = read_tilt_series(path, name="1e5")
    for column in COLUMNS:
        np.testing.assert_allclose(
            getattr(tilts, column), getattr(series["1e5"], column), atol=1e-6
        )


def test_a_projection_takes_the_centre_to_the_centre_and_turns_about_the_axis(tmp_path):
    flat = TiltSeries(name="007", tilt_deg=np.array([0.0, 90.0]))
    path = tmp_path / "t.star"
    write_tomograms_relion4(path, entries()[:1], {"007": flat}, image_size_px=(512, 480))
    block = read_star(path).block("007")

    def matrix(row):
        rows = [list(block.columns[f"rlnTomoProj{a}"])[row] for a in "XYZW"]
        return np.array([[float(v) for v in text.strip("[]").split(",")] for text in rows])

    middle = np.array([200, 150, 100.5, 1])
    np.testing.assert_allclose((matrix(0) @ middle)[:2], [256, 240])
    np.testing.assert_allclose((matrix(1) @ middle)[:2], [256, 240], atol=1e-6)
    # At 90 degrees, a step along z of the specimen is a step along x of the image.
    step = matrix(1) @ np.array([0, 0, 1, 0])
    np.testing.assert_allclose(step, [1, 0, 0, 0], atol=1e-6)


def test_tomograms_that_cannot_be_written(tmp_path):
    bare = TomogramEntry(name="a", tilt_series_pixel_angstrom=1.0)
    with pytest.raises(InputError, match="tomogram a names no tilt series file"):
        write_tomograms(tmp_path / "t.star", [bare])
    with pytest.raises(InputError, match="RELION 4 needs its size and tilts"):
        write_tomograms_relion4(tmp_path / "t.star", [bare], {}, image_size_px=(4, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("data_\n_rlnX 1\n", "no block data_global"),
        ("data_global\nloop_\n_rlnTomoName\na\n", "tomogram a: no pixel size"),
        (
            "data_global\nloop_\n_rlnTomoName\n_rlnTomoTiltSeriesPixelSize\n_rlnTomoSizeX\n"
            "_rlnTomoSizeY\n_rlnTomoSizeZ\na 1 1e9 1 1\n",
            "more than a million voxels",
        ),
    ],
)
def test_bad_tomograms_are_named(tmp_path, content, message):
    path = tmp_path / "t.star"
    path.write_text(content)
    with pytest.raises(FormatError, match=message):
        read_tomograms(path)
