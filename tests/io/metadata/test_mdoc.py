"""SerialEM's mdoc."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import FormatError
from cryopick.io.metadata.mdoc import (
    acquisition_order,
    mdoc_tilt_series,
    read_mdoc,
    seconds_of,
)
from shared_data import shared


def section(index, tilt, time, dose="2.0", kind="ZValue", **more):
    lines = [f"[{kind} = {index}]", f"TiltAngle = {tilt}", f"ExposureDose = {dose}"]
    lines += [f"DateTime = {time}"] if time else []
    return "\n".join([*lines, *(f"{k} = {v}" for k, v in more.items()), ""])


def write(tmp_path, *sections, head="PixelSpacing = 1.35\nVoltage = 300\n", name="TS_1.mrc.mdoc"):
    path = tmp_path / name
    path.write_text(head + "\n" + "\n".join(sections))
    return path


@pytest.mark.parametrize(
    ("file", "n", "kind"),
    [
        ("mdoc/tilt_series.mdoc", 41, "ZValue"),
        ("mdoc/frame_set_single.mdoc", 1, "FrameSet"),
        ("mdoc/montage_section.mdoc", 62, "ZValue"),
        ("cryocat_ts017/017.mdoc", 60, "ZValue"),
        ("cryocat_ts017/TS_019_0000_8.0.mrc.mdoc", 1, "FrameSet"),
        ("czportal_alignments/close-TS_run1.mdoc", 9, "ZValue"),
    ],
)
def test_genuine_files(file, n, kind):
    mdoc = read_mdoc(shared(f"formats/{file}"))
    assert len(mdoc.images) == n
    assert {s.kind for s in mdoc.images} == {kind}
    assert len(mdoc_tilt_series(mdoc)) == n


@pytest.mark.filterwarnings("ignore")  # the oracle's own dependencies
@pytest.mark.parametrize("file", ["mdoc/tilt_series.mdoc", "cryocat_ts017/017.mdoc"])
def test_genuine_series_against_another_reader(file):
    oracle = pytest.importorskip("mdocfile").read(shared(f"formats/{file}"))
    series = mdoc_tilt_series(read_mdoc(shared(f"formats/{file}")))
    np.testing.assert_allclose(series.tilt_deg, oracle["TiltAngle"].to_numpy(float))
    names = [str(p).replace("\\", "/").split("/")[-1] for p in oracle["SubFramePath"]]
    assert series.image.tolist() == names


def test_genuine_series_with_exposure():
    mdoc = read_mdoc(shared("formats/cryocat_ts017/017.mdoc"))
    series = mdoc_tilt_series(mdoc)
    assert (series.name, series.pixel_size_angstrom, mdoc.voltage_kv) == ("017", 1.971, 300.0)
    assert series.axis_angle_deg.tolist() == [82.9] * 60
    assert series.image[0] == "017_01.mrc"
    # 60 images of 2.23843 e/Å²; the first of the stack was the last to be taken
    assert series.exposure_e_per_a2[0] == pytest.approx(59 * 2.23843, abs=0.01)
    assert series.exposure_e_per_a2.min() == 0.0
    # SerialEM's own sum also counts focus and tracking images: a little more
    prior = np.array([float(s.entries["PriorRecordDose"]) for s in mdoc.images])
    assert np.abs(prior - series.exposure_e_per_a2).max() < 3.0


def test_genuine_exposure_of_zero_is_unknown():
    series = mdoc_tilt_series(read_mdoc(shared("formats/mdoc/tilt_series.mdoc")))
    assert series.exposure_e_per_a2 is None
    assert series.axis_angle_deg[0] == 85.3
    assert series.image[0] == "TS_01_000_0.0.mrc"  # D:\\DATA\\Flo\\...


def test_genuine_exposure_of_one_image_only_is_unknown():
    series = mdoc_tilt_series(read_mdoc(shared("formats/czportal_alignments/close-TS_run1.mdoc")))
    assert series.exposure_e_per_a2 is None


def test_exposure_follows_the_clock_not_the_file(tmp_path):
    path = write(
        tmp_path,
        section(0, -3, "06-Jun-23  10:02:00", dose="4.0"),
        section(1, 0, "06-Jun-23  10:00:00", dose="1.0"),
        section(2, 3, "06-Jun-23  10:01:00", dose="2.0"),
    )
    mdoc = read_mdoc(path)
    series = mdoc_tilt_series(mdoc)
    assert acquisition_order(mdoc).tolist() == [3, 1, 2]
    assert series.exposure_e_per_a2.tolist() == [3.0, 0.0, 1.0]
    assert series.name == "TS_1"


def test_midnight_and_new_year(tmp_path):
    path = write(
        tmp_path, section(0, 3, "01-Jan-24  00:00:10"), section(1, 0, "31-Dec-23  23:59:50")
    )
    assert acquisition_order(read_mdoc(path)).tolist() == [2, 1]


def test_without_dates_the_index_counts(tmp_path):
    path = write(tmp_path, section(1, 3, ""), section(0, 0, "06-Jun-23  10:00:00"))
    assert acquisition_order(read_mdoc(path)).tolist() == [2, 1]
    same = "06-Jun-23  10:00:00"
    path = write(tmp_path, section(1, 3, same), section(0, 0, same))
    assert acquisition_order(read_mdoc(path)).tolist() == [2, 1]


def test_axis_from_the_rotation_angle(tmp_path):
    path = write(tmp_path, section(0, 0, "", RotationAngle="175.3"))
    assert mdoc_tilt_series(read_mdoc(path)).axis_angle_deg.tolist() == [pytest.approx(85.3)]


def test_frame_sets_and_windows_paths(tmp_path):
    frames = r"X:\data\frames\a_33.0_Oct08.tif"
    path = write(tmp_path, section(0, 33, "", kind="FrameSet", SubFramePath=frames), name="a.mdoc")
    series = mdoc_tilt_series(read_mdoc(path), name="007")
    assert (series.name, series.image.tolist()) == ("007", ["a_33.0_Oct08.tif"])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("01-Jan-70  00:01:00", None),  # two digits mean 2070 here, so it is a number, not None
        ("06-Jun-2023 23:19:46", 0.0),
        ("2023-06-06 23:19:46", 0.0),
    ],
)
def test_dates(text, seconds):
    reference = seconds_of("06-Jun-23  23:19:46")
    if seconds is None:
        assert seconds_of(text) > reference
    else:
        assert seconds_of(text) - reference == seconds


@pytest.mark.parametrize("text", ["", "yesterday", "31-Feb-23 10:00:00", "06-Xyz-23  10:00:00"])
def test_no_dates(text):
    assert seconds_of(text) is None


def test_month_names_do_not_straddle():
    assert seconds_of("01-anf-23  10:00:00") is None  # j-anf-eb


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PixelSpacing = 1\n", r"holds no \[ZValue = n\]"),
        ("[Zvalue = 0]\n", r"line 1: '\[Zvalue = 0\]' is no section"),
        ("[ZValue = 0]\nTiltAngle\n", "line 2: 'TiltAngle' is not 'key = value'"),
        ("[ZValue = 99999999999]\n", r"line 1: .* is no section"),
    ],
)
def test_bad_files(tmp_path, text, message):
    path = tmp_path / "a.mdoc"
    path.write_text(text)
    with pytest.raises(FormatError, match=rf"a.mdoc: {message}"):
        read_mdoc(path)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("[ZValue = 0]\n", "ZValue 0: TiltAngle is missing"),
        ("[ZValue = 3]\nTiltAngle = up\n", "ZValue 3: TiltAngle: 'up' is not a number"),
        ("[ZValue = 0]\nTiltAngle = 400\n", "tilt: 400° is not possible"),
        ("[ZValue = 0]\nTiltAngle = 4\nExposureDose = -1\n", "ExposureDose: -1 e/Å² is below 0"),
        ("[MontSection = 0]\nTiltAngle = 4\n", "holds montages only"),
    ],
)
def test_bad_series(tmp_path, body, message):
    path = tmp_path / "a.mdoc"
    path.write_text(body)
    with pytest.raises(FormatError, match=message):
        mdoc_tilt_series(read_mdoc(path))


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(range(12)), seed=st.integers(0, 1000))
def test_exposure_does_not_depend_on_the_order_of_the_file(tmp_path_factory, order, seed):
    """The same images in another order of the file have the same exposure before each."""
    rng = np.random.default_rng(seed)
    doses = rng.uniform(1, 4, len(order)).round(3)
    expected = dict(enumerate(np.concatenate([[0.0], np.cumsum(doses)[:-1]])))
    path = write(
        tmp_path_factory.mktemp("mdoc"),
        *(
            section(place, when - 6, f"06-Jun-23  10:{when:02d}:00", dose=doses[when])
            for place, when in enumerate(order)
        ),
    )
    series = mdoc_tilt_series(read_mdoc(path))
    taken = (series.tilt_deg + 6).astype(int)
    assert taken.tolist() == list(order)
    np.testing.assert_allclose(series.exposure_e_per_a2, [expected[when] for when in taken])
