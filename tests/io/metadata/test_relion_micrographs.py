import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.io.metadata.relion_micrographs import (
    Micrograph,
    read_micrographs,
    write_micrographs,
)
from cryopick.io.star import read_star
from cryopick.model import Defocus, Optics
from shared_data import shared


def write(path, text):
    path.write_text(text)
    return path


def test_genuine_micrographs_of_relion_5():
    path = shared("formats/relion5_spa_project/CtfFind/job005/micrographs_ctf.star")
    micrographs = read_micrographs(path)
    assert len(micrographs) == 24
    first = micrographs[0]
    assert first.name == "20170629_00021_frameImage"
    assert first.path == "MotionCorr/job002/Movies/20170629_00021_frameImage.mrc"
    assert first.pixel_size_angstrom == 0.885
    assert first.optics == Optics(
        voltage_kv=200, cs_mm=1.4, amplitude_contrast=0.1, group="opticsGroup1"
    )
    assert first.defocus is not None
    assert first.defocus.u_um == pytest.approx(3.7034929688)
    assert first.defocus.v_um == pytest.approx(3.5846542969)
    assert first.defocus.astigmatism_angle_deg == pytest.approx(-14.84966)


def test_genuine_micrographs_of_relion_1_derive_their_pixel_size():
    micrographs = read_micrographs(shared("formats/topaz/EMPIAR-10025_ctf_params.star"))
    assert len(micrographs) == 30
    assert micrographs[0].optics is not None
    assert micrographs[0].optics.voltage_kv == 300
    star = read_star(shared("formats/topaz/EMPIAR-10025_ctf_params.star")).blocks[0]
    size = star.number("rlnDetectorPixelSize") * 1e4 / star.number("rlnMagnification")
    assert micrographs[0].pixel_size_angstrom == pytest.approx(size[0])


def test_micrographs_without_ctf():
    path = shared("formats/tomo_preprocessing/relion_motion_correction_output.star")
    first = read_micrographs(path)[0]
    assert first.defocus is None
    assert first.pixel_size_angstrom == 1.35


def test_micrographs_survive_a_round_trip(tmp_path):
    other = Optics(voltage_kv=200, cs_mm=1.4, amplitude_contrast=0.1, group="g2")
    micrographs = (
        Micrograph(
            path="a/007.mrc",
            name="007",
            defocus=Defocus(u_um=1.25, v_um=1.125, astigmatism_angle_deg=30, phase_shift_deg=90),
            optics=Optics(),
            pixel_size_angstrom=1.5,
        ),
        Micrograph(
            path="1e5.mrc",
            name="1e5",
            defocus=Defocus(u_um=-0.5, v_um=2.0),
            optics=other,
            pixel_size_angstrom=1.5,
        ),
    )
    write_micrographs(tmp_path / "m.star", micrographs)
    assert read_micrographs(tmp_path / "m.star") == micrographs
    star = read_star(tmp_path / "m.star")
    assert star.block("optics").text("rlnOpticsGroup").tolist() == ["1", "2"]
    assert star.block("micrographs").number("rlnDefocusU").tolist() == [12500, -5000]
    assert star.block("micrographs").number("rlnCtfAstigmatism").tolist() == [1250, 25000]


def test_micrographs_that_cannot_be_written(tmp_path):
    one = Micrograph(path="a.mrc", name="a", defocus=Defocus(u_um=1, v_um=1))
    with pytest.raises(InputError, match="micrograph b has no defocus"):
        write_micrographs(tmp_path / "m.star", [one, Micrograph(path="b.mrc", name="b")])
    sized = Micrograph(path="b.mrc", name="b", pixel_size_angstrom=1.0)
    with pytest.raises(InputError, match="some micrographs lack a pixel size"):
        write_micrographs(tmp_path / "m.star", [one, sized])


def test_defocus_in_um_is_recognised(tmp_path):
    path = write(
        tmp_path / "m.star",
        "data_\nloop_\n_rlnMicrographName\n_rlnDefocusU\n_rlnDefocusV\na.mrc 5.3 5.1\n",
    )
    defocus = read_micrographs(path)[0].defocus
    assert defocus == Defocus(u_um=5.3, v_um=5.1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("data_\nloop_\n_rlnX\n1\n", "no table with rlnMicrographName"),
        (
            "data_optics\nloop_\n_rlnOpticsGroup\n_rlnVoltage\n1 300\ndata_micrographs\nloop_\n"
            "_rlnMicrographName\n_rlnOpticsGroup\na 2\n",
            "optics group 2 is not in block data_optics",
        ),
        (
            "data_optics\nloop_\n_rlnOpticsGroup\n_rlnVoltage\n1 -5\ndata_micrographs\nloop_\n"
            "_rlnMicrographName\n_rlnOpticsGroup\na 1\n",
            "voltage from 1 to 3000 kV",
        ),
    ],
)
def test_bad_micrographs_are_named(tmp_path, content, message):
    with pytest.raises(FormatError, match=message):
        read_micrographs(write(tmp_path / "m.star", content))


def test_ten_thousand_micrographs_are_read_in_one_pass(tmp_path):
    n = 10_000
    rows = "".join(f"{i}.mrc 300 2.7 0.1 10000 15000\n" for i in range(n))
    path = write(
        tmp_path / "m.star",
        "data_\nloop_\n_rlnMicrographName\n_rlnVoltage\n_rlnSphericalAberration\n"
        f"_rlnAmplitudeContrast\n_rlnDefocusU\n_rlnDefocusV\n{rows}",
    )
    micrographs = read_micrographs(path)
    assert len(micrographs) == n
    assert np.isclose(micrographs[-1].defocus.mean_um, 1.25)
