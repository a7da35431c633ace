"""Tilt series XML of Warp 1 (UTF-16) and WarpTools (UTF-8 with a mark)."""

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.metadata.warp_xml import read_warp_xml
from shared_data import shared

CTF = (
    '<CTF><Param Name="PixelSize" Value="1.5"/><Param Name="Voltage" Value="200"/>'
    '<Param Name="Cs" Value="2.7"/><Param Name="Amplitude" Value="0.1"/></CTF>'
)


def grid(tag, *values, depth=None):
    nodes = "".join(f'<Node X="0" Y="0" Z="{z}" Value="{v}"/>' for z, v in enumerate(values))
    return f'<{tag} Width="1" Height="1" Depth="{depth or len(values)}">{nodes}</{tag}>'


def write(tmp_path, *parts, attributes=""):
    path = tmp_path / "007.xml"
    path.write_text(f"<TiltSeries {attributes}>{''.join(parts)}</TiltSeries>")
    return path


def test_genuine_warptools_file():
    warp = read_warp_xml(shared("formats/pytom_match_pick/warptools_xml_example/gs04_ts_003.xml"))
    series = warp.series
    assert (series.name, len(series)) == ("gs04_ts_003", 47)
    # the name of each movie holds the nominal tilt: WarpTools stores minus that
    nominal = [float(name.split("_")[4]) for name in series.image]
    np.testing.assert_allclose(series.tilt_deg, nominal, atol=0.6)
    np.testing.assert_array_equal(warp.angle_deg, -series.tilt_deg)
    assert series.exposure_e_per_a2[0] == 140.97852
    assert series.axis_angle_deg[0] == 84.500114
    assert series.pixel_size_angstrom == 0.7303
    assert (series.optics.voltage_kv, series.optics.amplitude_contrast) == (300.0, 0.1)
    # 5.162571 is the mean of u and v, 0.008811178 their difference
    assert series.defocus_u_um[0] == pytest.approx(5.162571 + 0.004405589)
    assert series.defocus_v_um[0] == pytest.approx(5.162571 - 0.004405589)
    assert set(series.astigmatism_angle_deg) == {129.0}
    assert not series.excluded.any()
    assert not warp.angles_inverted
    assert warp.plane_normal == (-0.0552735, -0.009931533, 0.99842185)


def test_genuine_warp_1_file_in_utf_16():
    warp = read_warp_xml(shared("formats/cryocat_ts017/017.xml"))
    series = warp.series
    assert (series.name, len(series)) == ("017", 60)
    assert warp.angle_deg[:2].tolist() == [-52.0, -50.0]
    assert series.pixel_size_angstrom == 1.971
    assert series.shift_x_angstrom[0] == 51.38024
    assert series.image[0] == "017_01.mrc"


def test_genuine_dose_of_warp_1_counts_the_image_itself():
    # its smallest value is the exposure of one image, 2.23843 e/Å² in the mdoc of the series
    dose = read_warp_xml(shared("formats/cryocat_ts017/017.xml")).series.exposure_e_per_a2
    assert dose.min() == 2.23843


def test_by_hand(tmp_path):
    path = write(
        tmp_path,
        "<Angles>3\n0\n-3</Angles><Dose>2\n0\n4</Dose><UseTilt>True\nFalse\nTrue</UseTilt>",
        "<MoviePath>../frames/a.eer\n..\\frames\\b.eer\nc.eer</MoviePath>",
        CTF,
        grid("GridCTF", 3.0, 3.1, 3.2),
        grid("GridCTFDefocusDelta", 0.2),
        grid("GridCTFDefocusAngle", 30.0),
        grid("GridCTFPhase", 0.5, 0.25, 0.0),
        attributes='AreAnglesInverted="True"',
    )
    warp = read_warp_xml(path)
    series = warp.series
    assert (series.name, warp.angles_inverted, warp.plane_normal) == ("007", True, None)
    assert series.tilt_deg.tolist() == [-3.0, 0.0, 3.0]
    assert not np.signbit(series.tilt_deg[1])
    assert series.exposure_e_per_a2.tolist() == [2.0, 0.0, 4.0]
    assert series.excluded.tolist() == [False, True, False]
    assert series.image.tolist() == ["a.eer", "b.eer", "c.eer"]
    assert series.defocus_u_um.tolist() == pytest.approx([3.1, 3.2, 3.3])
    assert series.defocus_v_um.tolist() == pytest.approx([2.9, 3.0, 3.1])
    assert series.astigmatism_angle_deg.tolist() == [30.0] * 3
    assert series.phase_shift_deg.tolist() == [90.0, 45.0, 0.0]
    assert series.optics.voltage_kv == 200.0


def test_little_is_needed(tmp_path):
    series = read_warp_xml(write(tmp_path, "<Angles>0</Angles>")).series
    assert len(series) == 1
    assert (series.defocus_u_um, series.image, series.excluded) == (None, None, None)
    assert (series.optics, series.pixel_size_angstrom) == (None, None)


def test_grids_with_several_nodes_per_tilt_are_averaged(tmp_path):
    nodes = "".join(
        f'<Node X="{x}" Y="0" Z="{z}" Value="{2 + x + z}"/>' for x in (0, 1) for z in (0, 1)
    )
    path = write(tmp_path, "<Angles>0 3</Angles>", f'<GridCTF Depth="2">{nodes}</GridCTF>')  # fmt: skip
    assert read_warp_xml(path).series.defocus_u_um.tolist() == [2.5, 3.5]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([""], "Angles: missing or empty"),
        (["<Angles>0 x</Angles>"], "Angles 1: 'x' is not a number"),
        (["<Angles>0 999</Angles>"], "999° is not possible"),
        (["<Angles>0 3</Angles><Dose>1</Dose>"], "Dose: expected 2 values, got 1"),
        (["<Angles>0 3</Angles><UseTilt>True</UseTilt>"], "UseTilt: expected 2 times"),
        (["<Angles>0</Angles><UseTilt>maybe</UseTilt>"], "UseTilt: expected 1 times"),
        (["<Angles>0</Angles><MoviePath>a\nb</MoviePath>"], "MoviePath: expected 1 files, got 2"),
        (["<Angles>0 3</Angles>", grid("GridCTF", 1, 2, 3)], r"GridCTF: depth 3: expected 1 or"),
        (["<Angles>0</Angles>", '<GridCTF Depth="1"/>'], "GridCTF: no node at Z 0"),
        (["<Angles>0</Angles>", grid("GridCTF", 1, 2, depth=1)], "node at Z 1 is outside"),
        (["<Angles>0</Angles>", CTF.replace("200", "0")], "CTF: 0 kV"),
        (["<Angles>0</Angles>", CTF.replace("2.7", "big")], "CTF Cs: 'big' is not a number"),
    ],
)
def test_bad_files(tmp_path, parts, message):
    with pytest.raises(FormatError, match=rf"007.xml: .*{message}"):
        read_warp_xml(write(tmp_path, *parts))


def test_bad_normal_and_other_documents(tmp_path):
    path = write(tmp_path, "<Angles>0</Angles>", attributes='PlaneNormal="0, 1"')
    with pytest.raises(FormatError, match="PlaneNormal: expected x, y, z, got 2 values"):
        read_warp_xml(path)
    path.write_text("<Movie/>")
    with pytest.raises(FormatError, match="root element Movie: expected TiltSeries"):
        read_warp_xml(path)
