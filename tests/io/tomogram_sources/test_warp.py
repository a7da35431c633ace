"""Warp and WarpTools: genuine XML to the last digit, volumes beside them, what is missing."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import InputError, MissingFileError
from cryopick.io.images import write_mrc
from cryopick.io.tomogram_sources.warp import warp_sources
from shared_data import shared

WARPTOOLS = "formats/pytom_match_pick/warptools_xml_example/gs04_ts_003.xml"
XML = """<?xml version="1.0" encoding="utf-8"?>
<TiltSeries AreAnglesInverted="True">
<Angles>3\n0\n-3</Angles>
<Dose>6\n0\n3</Dose>
<UseTilt>True\nTrue\nFalse</UseTilt>
<GridCTF Width="1" Height="1" Depth="3">
<Node X="0" Y="0" Z="0" Value="3.1"/><Node X="0" Y="0" Z="1" Value="3.2"/>
<Node X="0" Y="0" Z="2" Value="3.3"/></GridCTF>
<CTF><Param Name="PixelSize" Value="2.0"/><Param Name="Voltage" Value="200"/>
<Param Name="Cs" Value="2.6"/><Param Name="Amplitude" Value="0.1"/></CTF>
</TiltSeries>
"""


def volume(path: Path, pixel: float = 10.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mrc(path, np.zeros((3, 4, 5), np.float32), pixel)
    return path


def between(text: str, tag: str) -> list[float]:
    """The numbers of an element, cut out of the text without the package."""
    inside = text.split(f"<{tag}>")[1].split(f"</{tag}>", maxsplit=1)[0]
    return [float(word) for word in inside.split()]


def nodes(text: str, tag: str) -> list[float]:
    inside = text.split(f"<{tag} ")[1].split(f"</{tag}>", maxsplit=1)[0]
    found = re.findall(r'<Node X="0" Y="0" Z="(\d+)" Value="([^"]+)"', inside)
    return [float(value) for _, value in sorted(found, key=lambda pair: int(pair[0]))]


def test_genuine_warptools_series(tmp_path: Path):
    shutil.copyfile(shared(WARPTOOLS), tmp_path / "gs04_ts_003.xml")
    made = volume(tmp_path / "reconstruction" / "gs04_ts_003_10.00Apx.mrc")
    (source,) = warp_sources(tmp_path)
    text = (tmp_path / "gs04_ts_003.xml").read_text("utf-8-sig")
    angles = between(text, "Angles")
    assert len(angles) == 47
    assert source.tilts.tilt_deg.tolist() == [-a for a in angles]
    assert source.tilts.exposure_e_per_a2.tolist() == between(text, "Dose")
    assert source.tilts.axis_angle_deg.tolist() == between(text, "AxisAngle")
    mean, delta = nodes(text, "GridCTF"), nodes(text, "GridCTFDefocusDelta")
    assert len(mean) == 47
    delta = delta * 47 if len(delta) == 1 else delta
    u = [m + d / 2 for m, d in zip(mean, delta, strict=True)]
    assert source.tilts.defocus_u_um.tolist() == u
    assert (source.name, source.path) == ("gs04_ts_003", made)
    assert source.tilt_series_pixel_angstrom == 0.7303
    assert source.binning == pytest.approx(10.0 / 0.7303)
    assert source.optics.voltage_kv == 300.0
    assert source.warnings == ()


def test_genuine_warp_1_series_is_utf_16(tmp_path: Path):
    shutil.copyfile(shared("formats/cryocat_ts017/017.xml"), tmp_path / "017.xml")
    volume(tmp_path / "017.mrc")
    (source,) = warp_sources(tmp_path, mrc_dir=tmp_path)
    text = (tmp_path / "017.xml").read_text("utf-16")
    assert source.name == "017"
    assert source.tilts.tilt_deg.tolist() == [-a for a in between(text, "Angles")]
    assert source.tilts.exposure_e_per_a2.tolist() == between(text, "Dose")


def test_images_that_are_not_used_are_left_out(tmp_path: Path):
    (tmp_path / "007.xml").write_text(XML)
    (source,) = warp_sources(tmp_path / "007.xml", mrc_dir=volume(tmp_path / "007.mrc").parent)
    assert source.name == "007"
    assert source.tilts.tilt_deg.tolist() == [-3.0, 0.0]
    assert source.tilts.exposure_e_per_a2.tolist() == [6.0, 0.0]
    assert source.tilts.defocus_u_um.tolist() == [3.1, 3.2]
    assert source.warnings == ("1 of 3 tilt images left out (excluded): 3°",)
    assert (source.optics.cs_mm, source.binning) == (2.6, 5.0)
    assert source.tilts.handedness == 0


def test_a_folder_of_a_session(tmp_path: Path):
    for name in ("TS_10", "TS_9", "TS_1"):
        (tmp_path / f"{name}.xml").write_text(XML)
        volume(tmp_path / "reconstruction" / f"{name}_10.00Apx.mrc")
    (tmp_path / "movie_1.xml").write_text("<Movie CTFResolutionEstimate='4'/>")
    volume(tmp_path / "masks" / "TS_9_mask.mrc")
    sources = warp_sources(tmp_path, mask_dir=tmp_path / "masks", exclude=["TS_1"])
    assert [s.name for s in sources] == ["TS_9", "TS_10"]
    assert [s.mask is not None for s in sources] == [True, False]
    assert sources[1].warnings[-1] == "no mask for TS_10: the whole tomogram is searched"


def test_volumes_of_several_pixel_sizes(tmp_path: Path):
    (tmp_path / "TS_1.xml").write_text(XML)
    for size in (10, 15):
        volume(tmp_path / "reconstruction" / f"TS_1_{size}.00Apx.mrc", size)
    with pytest.raises(InputError, match=r"tomogram TS_1: .* could all be it; give the ending"):
        warp_sources(tmp_path)
    (source,) = warp_sources(tmp_path, volume_endings=["_15.00Apx"])
    assert source.pixel_size_angstrom == pytest.approx(15.0)


def test_what_is_missing_is_told(tmp_path: Path):
    with pytest.raises(MissingFileError):
        warp_sources(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no XML of a tilt series; give the processing folder"):
        warp_sources(tmp_path)
    (tmp_path / "TS_1.xml").write_text(XML)
    with pytest.raises(InputError, match=r"1 of 1 tomograms: no volume in .*reconstruction: TS_1"):
        warp_sources(tmp_path)
    with pytest.raises(MissingFileError):
        warp_sources(tmp_path, mrc_dir=tmp_path / "gone")
