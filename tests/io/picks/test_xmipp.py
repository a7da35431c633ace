from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.geometry.euler import quaternion_from_relion
from cryopick.geometry.rotation import angle_between_deg
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.io.picks.xmipp import write_pos
from cryopick.model import Picks
from pick_round_trip import BINNINGS, check_round_trip
from shared_data import shared

TWO = Frame(pixel_size_angstrom=2.0)

POS = """# XMIPP_STAR_1 *
#
data_header
loop_
 _pickingMicrographState
 Supervised
data_particles
loop_
 _xcoor
 _ycoor
       1000        50
         10        20
data_particles_auto
loop_
 _xcoor
 _ycoor
 _cost
 _enabled
   5   6   0.750000          1
   7   8   0.250000         -1
"""


@pytest.mark.parametrize(("name", "ndim"), [("xmipp-pos", 2), ("xmipp-xmd", 2), ("xmipp-xmd", 3)])
@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("binning", BINNINGS)
def test_round_trip(name: str, ndim: int, parity: str, binning: int, tmp_path: Path):
    check_round_trip(name, ndim=ndim, parity=parity, binning=binning, folder=tmp_path)


def test_pos_tells_clicked_found_and_thrown_out(tmp_path: Path):
    path = tmp_path / "mic1.pos"
    path.write_text(POS)
    assert recognise(path).name == "xmipp-pos"
    picks = read_picks(path, TWO).picks
    np.testing.assert_array_equal(
        picks.position_angstrom, [[2000, 100], [20, 40], [10, 12], [14, 16]]
    )
    assert picks.state.tolist() == ["manual", "manual", "auto", "deleted"]
    assert picks.reason.tolist() == ["", "", "", "manual"]
    assert picks.score[2:].tolist() == [0.75, 0.25]
    assert np.isnan(picks.score[:2]).all()
    assert set(picks.image.tolist()) == {"mic1"}


def test_pos_keeps_its_states(tmp_path: Path):
    first, second = tmp_path / "mic1.pos", tmp_path / "again.pos"
    first.write_text(POS)
    picks = read_picks(first, TWO).picks
    write_pos(picks, second, TWO)
    back = read_picks(second, TWO).picks
    assert back.state.tolist() == picks.state.tolist()
    np.testing.assert_array_equal(back.position_angstrom, picks.position_angstrom)
    assert second.read_text().startswith("# XMIPP_STAR_1 *\n")


def test_a_micrograph_without_picks(tmp_path: Path):
    path = tmp_path / "mic1.pos"
    path.write_text("# XMIPP_STAR_1 *\ndata_header\nloop_\n _pickingMicrographState\n Available\n")
    assert len(read_picks(path, TWO).picks) == 0
    write_picks(Picks.empty(2), path, TWO, name="xmipp-pos")
    back = read_picks(path, TWO).picks
    assert (len(back), back.ndim) == (0, 2)


def test_xmd_takes_shifts_off_and_names_images(tmp_path: Path):
    path = tmp_path / "particles.xmd"
    path.write_text(
        "# XMIPP_STAR_1 *\ndata_noname\nloop_\n _image\n _micrograph\n _xcoor\n _ycoor\n _shiftX\n"
        " _shiftY\n _anglePsi\n _enabled\n _maxCC\n _ref\n"
        " 000001@a.stk Runs/mic.1.mrc 100 200 3.5 -1 90 1 0.9 2\n"
        " 000002@a.stk Runs/mic2.mrc 10 20 0 0 0 -1 0.5 1\n"
    )
    found = read_picks(path, TWO)
    picks = found.picks
    np.testing.assert_array_equal(picks.position_angstrom, [[193, 402], [20, 40]])
    assert picks.image.tolist() == ["mic.1", "mic2"]
    assert picks.state.tolist() == ["auto", "deleted"]
    assert picks.score.tolist() == [0.9, 0.5]
    assert picks.label.tolist() == ["2", "1"]
    assert picks.extra["image"].tolist() == ["000001@a.stk", "000002@a.stk"]
    expected = quaternion_from_relion([0, 0, 90])
    assert angle_between_deg(picks.orientation[0], expected) < 1e-9
    assert "shifts are taken off the coordinates" in found.assumed


def test_xmd_in_3d_has_relions_angles(tmp_path: Path):
    path = tmp_path / "subtomograms.xmd"
    path.write_text(
        "# XMIPP_STAR_1 *\ndata_\nloop_\n _tomogram\n _xcoor\n _ycoor\n _zcoor\n _angleRot\n"
        " _angleTilt\n _anglePsi\n TS_1.mrc 1 2 3 10 20 30\n"
    )
    picks = read_picks(path, TWO).picks
    np.testing.assert_array_equal(picks.position_angstrom, [[2, 4, 6]])
    assert angle_between_deg(picks.orientation[0], quaternion_from_relion([10, 20, 30])) < 1e-9


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("importObject", "no table with xcoor and ycoor"),
        ("test", "no table with xcoor and ycoor"),
        ("testBlock", "no table with xcoor and ycoor"),
        ("noXmipp", "no table with xcoor and ycoor"),
        ("experimental_images", "line 14: 10 values, but 9 columns"),
    ],
)
def test_genuine_lists_without_coordinates(name: str, message: str):
    path = shared(f"formats/xmipp/{name}.xmd")
    assert recognise(path).name == "xmipp-xmd"
    with pytest.raises(FormatError, match=message):
        read_picks(path, TWO)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("xmipp-pos", "data_other\nloop_\n _x\n 1\n", "no block particles or particles_auto"),
        ("xmipp-pos", POS.replace("1000", "x"), "xcoor, row 1: 'x' is not a number"),
        ("xmipp-pos", "nothing", "no data_ block"),
        ("xmipp-xmd", "data_\nloop_\n _xcoor\n _ycoor\n 1 nan\n", "ycoor, row 1: nan is no usable"),
        ("xmipp-xmd", "data_\nloop_\n _xcoor\n _ycoor\n 1 1e99\n", "over 1e9 pixels away"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, text: str, message: str):
    path = tmp_path / "a.pos"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_picks(path, TWO, name=name)


def test_what_pos_looks_like(tmp_path: Path):
    path = tmp_path / "mic1.pos"
    picks = Picks.of(
        [[20.0, 40.5], [2.0, 4.0]], image="mic1", state=["edited", "auto"], score=[0.5, 0.25]
    )
    write_picks(picks, path, TWO, name="xmipp-pos")
    assert path.read_text().splitlines() == [
        "# XMIPP_STAR_1 *",
        "#",
        "data_header",
        "loop_",
        " _pickingMicrographState",
        "Review",
        "data_particles",
        "loop_",
        " _xcoor",
        " _ycoor",
        " _cost",
        " _enabled",
        " 10.0000 20.2500 0.5 1",
        "data_particles_auto",
        "loop_",
        " _xcoor",
        " _ycoor",
        " _cost",
        " _enabled",
        " 1.0000 2.0000 0.25 1",
    ]


def test_what_xmd_looks_like(tmp_path: Path):
    path = tmp_path / "a.xmd"
    picks = Picks.of(
        [[2.0, 4.0], [6.0, 8.0]],
        image=["mic 1", "007"],
        label=["3", "4"],
        orientation=quaternion_from_relion([[0, 0, 30], [0, 0, -45]]),
    )
    write_picks(picks, path, TWO, name="xmipp-xmd")
    assert path.read_text().splitlines()[2:] == [
        "data_noname",
        "loop_",
        " _micrograph",
        " _xcoor",
        " _ycoor",
        " _anglePsi",
        " _ref",
        ' "mic 1.mrc" 1.0000 2.0000 30.00000 3',
        " 007.mrc 3.0000 4.0000 -45.00000 4",
    ]
    back = read_picks(path, TWO).picks
    assert back.image.tolist() == ["mic 1", "007"]
    assert back.label.tolist() == ["3", "4"]


def test_names_of_classes_are_no_numbers_of_references(tmp_path: Path):
    path = tmp_path / "a.xmd"
    write_picks(Picks.of([[2.0, 4.0]], image="a", label="tric"), path, TWO, name="xmipp-xmd")
    assert "_ref" not in path.read_text()
    assert read_picks(path, TWO).picks.label is None
