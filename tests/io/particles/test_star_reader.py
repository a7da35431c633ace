"""particles.star of RELION 3.0, 3.1 and 5, genuine ones and odd ones."""

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.geometry.euler import psi_deg_from_quaternion
from cryopick.io.images import write_mrc
from cryopick.io.particles import read_particles, write_particles
from cryopick.io.picks.dialect import Frame
from cryopick.io.star import read_star
from cryopick.model import Grid
from shared_data import shared

OPTICS = """
data_optics

loop_
_rlnOpticsGroupName
_rlnOpticsGroup
_rlnVoltage
_rlnSphericalAberration
_rlnAmplitudeContrast
_rlnMicrographOriginalPixelSize
_rlnImagePixelSize
_rlnImageSize
one 1 300 2.7 0.1 1.5 4.5 32
two 2 200 1.4 0.07 1.5 4.5 32

data_particles
"""
COLUMNS = [
    "rlnCoordinateX",
    "rlnCoordinateY",
    "rlnImageName",
    "rlnMicrographName",
    "rlnOpticsGroup",
    "rlnAnglePsi",
    "rlnOriginXAngst",
    "rlnOriginYAngst",
    "rlnClassNumber",
    "rlnDefocusU",
    "rlnDefocusV",
    "rlnDefocusAngle",
    "rlnRandomSubset",
    "rlnAutopickFigureOfMerit",
    "rlnMyOwn",
]
ROWS = (
    "100 200 000003@Extract/mic1.mrcs Mics/mic1.mrc 1 30 1.5 -3 7 12000 11000 40 1 0.5 a",
    "50.5 20 000001@Extract/mic2.mrcs Mics/mic2.mrc 2 -90 0 0 2 22000 21000 0 2 0.25 b",
)


def written(tmp_path, *, optics=OPTICS, columns=COLUMNS, rows=ROWS):
    head = "loop_\n" + "".join(f"_{name} #{i + 1}\n" for i, name in enumerate(columns))
    path = tmp_path / "particles.star"
    path.write_text(f"{optics}\n{head}" + "\n".join(rows) + "\n", "utf-8")
    return path


def test_all_columns_of_relion(tmp_path):
    found = read_particles(written(tmp_path))
    assert len(found) == 2
    assert found.picks.image.tolist() == ["mic1", "mic2"]
    # The box is where the coordinate says; the shift stays a shift.
    np.testing.assert_allclose(found.picks.position_angstrom, [[150, 300], [75.75, 30]])
    np.testing.assert_allclose(found.shift_angstrom, [[1.5, -3], [0, 0]])
    np.testing.assert_allclose(psi_deg_from_quaternion(found.picks.orientation), [30, -90])
    np.testing.assert_allclose(found.defocus, [[1.2, 1.1, 40, 0], [2.2, 2.1, 0, 0]])
    assert found.picks.label.tolist() == ["7", "2"]
    assert found.picks.score.tolist() == [0.5, 0.25]
    assert found.picks.extra["rlnMyOwn"].tolist() == ["a", "b"]
    assert found.half.tolist() == [1, 2]
    assert found.index.tolist() == [2, 0]
    assert [file.rsplit("/", 2)[-2:] for file in found.file] == [
        ["Extract", "mic1.mrcs"],
        ["Extract", "mic2.mrcs"],
    ]
    assert (found.pixel_size_angstrom, found.box_px) == (4.5, 32)
    assert found.optics_of(0).voltage_kv == 300
    assert found.optics_of(1).cs_mm == 1.4
    assert found.micrograph_pixel_angstrom.tolist() == [1.5, 1.5]
    assert not found.phase_flipped
    assert not found.ctf_premultiplied


def test_the_optics_of_each_row_before_relion_3_1(tmp_path):
    columns = [
        "rlnImageName",
        "rlnCoordinateX",
        "rlnCoordinateY",
        "rlnMicrographName",
        "rlnVoltage",
        "rlnSphericalAberration",
        "rlnAmplitudeContrast",
        "rlnMagnification",
        "rlnDetectorPixelSize",
        "rlnOriginX",
        "rlnOriginY",
    ]
    rows = [
        "1@a.mrcs 10 20 mic1.mrc 300 2.7 0.1 10000 5 2 -1",
        "2@a.mrcs 10 20 mic1.mrc 200 2.7 0.1 10000 5 0 0",
    ]
    write_mrc(tmp_path / "a.mrcs", np.zeros((2, 16, 16), np.float32), 5.0, stack=True)
    found = read_particles(written(tmp_path, optics="data_\n", columns=columns, rows=rows))
    assert found.pixel_size_angstrom == 5.0
    assert found.box_px == 16
    assert [o.voltage_kv for o in found.optics] == [300, 200]
    assert found.optics_group.tolist() == [0, 1]
    # Shifts of that time count pixels of the particle.
    np.testing.assert_allclose(found.shift_angstrom, [[10, -5], [0, 0]])


def test_grids_of_the_micrographs_are_used_where_given(tmp_path):
    grid = Grid(shape=(400, 400), pixel_size_angstrom=1.5, origin_angstrom=(3.0, 3.0))
    found = read_particles(written(tmp_path), Frame(grids={"mic1": grid, "mic2": grid}))
    np.testing.assert_allclose(found.picks.position_angstrom[0], [153, 303])


def test_a_stack_without_coordinates(tmp_path):
    found = read_particles(
        written(tmp_path, columns=["rlnImageName", "rlnOpticsGroup"], rows=["2@a.mrcs 1"])
    )
    assert np.isnan(found.picks.position_angstrom).all()
    assert found.index.tolist() == [1]


def test_coordinates_of_pixels_that_nobody_knows_are_carried(tmp_path):
    found = read_particles(written(tmp_path, optics=OPTICS.replace("1.5 4.5 32", "0 4.5 32")))
    assert np.isnan(found.picks.position_angstrom).all()
    assert found.picks.image.tolist() == ["mic1", "mic2"]
    assert found.picks.score.tolist() == [0.5, 0.25]
    np.testing.assert_allclose(psi_deg_from_quaternion(found.picks.orientation), [30, -90])
    write_particles(tmp_path / "again.star", found)
    table = read_star(tmp_path / "again.star").block("particles")
    assert table.number("rlnCoordinateX").tolist() == [100, 50.5]
    assert table.text("rlnMicrographName").tolist() == ["Mics/mic1.mrc", "Mics/mic2.mrc"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"columns": ["rlnCoordinateX"], "rows": ["1"]}, "no table with rlnImageName"),
        (
            {"columns": ["rlnImageName", "rlnOpticsGroup"], "rows": ["0@a.mrcs 1"]},
            "row 1: rlnImageName is '0@a.mrcs'; expected NUMBER@STACK, from 1",
        ),
        (
            {"columns": ["rlnImageName", "rlnOpticsGroup"], "rows": ["1@a.mrcs 9"]},
            "optics group 9 is not in block data_optics",
        ),
        (
            {"optics": OPTICS.replace("two 2 200 1.4 0.07 1.5 4.5", "two 2 200 1.4 0.07 1.5 9")},
            "rlnImagePixelSize is 4.5 and 9",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, changed, words):
    with pytest.raises(FormatError, match=words) as caught:
        read_particles(written(tmp_path, **changed))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "wanted"), [("1", True), ("0", False)])
def test_flags_of_the_optics(tmp_path, text, wanted):
    optics = OPTICS.replace(
        "_rlnImageSize\n", "_rlnImageSize\n_rlnCtfDataAreCtfPremultiplied\n"
    ).replace("4.5 32\n", f"4.5 32 {text}\n")
    assert read_particles(written(tmp_path, optics=optics)).ctf_premultiplied is wanted


@pytest.mark.parametrize(
    ("name", "n", "box", "pixel"),
    [
        ("formats/relion5_spa_project/Extract/job009/particles.star", 2374, 64, 3.54),
        ("formats/relion_spa/cryodrgn_relion31.star", 5, 256, 2.806),
        ("formats/pytom/relion_with_optics_group.star", 60, 82, 2.388),
    ],
)
def test_genuine_files(name, n, box, pixel):
    found = read_particles(shared(name))
    assert (len(found), found.box_px) == (n, box)
    assert found.pixel_size_angstrom == pytest.approx(pixel)
    assert found.defocus is not None
    assert np.all(found.defocus[:, :2] > 0.1)
    assert np.isfinite(found.picks.position_angstrom).all()
