"""Damaged files of tomography: a clear error that names the file, never anything else."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import CryopickError
from cryopick.io.metadata.aretomo3 import read_aretomo3_metrics, read_aretomo3_tilts
from cryopick.io.metadata.aretomo3_aln import read_aln
from cryopick.io.metadata.ctffind import read_ctffind
from cryopick.io.metadata.gctf import read_gctf_log, read_gctf_star
from cryopick.io.metadata.imod_alignment import read_xf
from cryopick.io.metadata.imod_defocus import read_imod_defocus
from cryopick.io.metadata.mdoc import mdoc_tilt_series, read_mdoc
from cryopick.io.metadata.tilt_com import read_tilt_com
from cryopick.io.metadata.tlt import read_order_list, read_tilts
from cryopick.io.metadata.warp_xml import read_warp_xml
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.numbered_lists import read_tomogram_map
from cryopick.io.picks.registry import dialect, recognise, write_picks
from pick_round_trip import some_picks

PIXEL = Frame(pixel_size_angstrom=2.0)

TEXTS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a.tlt": ("-60.0\n-57.0\n-54.0\n", read_tilts),
    "order_list.csv": ("1,0\n2,3\n3,-3\n", read_order_list),
    "a.xf": ("1.0 0.0 0.0 1.0 2.5 -3.5\n" * 3, read_xf),
    "a.defocus": (
        "7 0 0.0 0.0 0.0 3\n1 2 -3 0 3000 2900 0.5 90\n3 3 3 3 3100 3000 0.5 90\n",
        lambda p: read_imod_defocus(p).per_view(100_000),
    ),
    "tilt.com": (
        "$tilt -StandardInput\nTHICKNESS 1500\nFULLIMAGE 4096 4096\nEXCLUDELIST 1,3-5\n",
        read_tilt_com,
    ),
    "a.mdoc": (
        "PixelSpacing = 1.5\n[T = Tilt axis angle = 85.3]\n[ZValue = 0]\nTiltAngle = -3\n"
        "ExposureDose = 2\nDateTime = 06-Jun-23  23:19:46\nSubFramePath = X:\\a\\b.tif\n"
        "[ZValue = 1]\nTiltAngle = 0\nExposureDose = 2\nDateTime = 06-Jun-23  23:18:46\n",
        lambda p: mdoc_tilt_series(read_mdoc(p)),
    ),
    "a_ctf.txt": (
        "# acceleration voltage: 300.0 keV ; spherical aberration: 2.70 mm ; amplitude contrast: "
        "0.07\n1.0 14477.8 13500.0 75.0 0.0 0.001 12.1\n2.0 18332.7 17896.2 -84.1 0.0 0.006 inf\n",
        read_ctffind,
    ),
    "a_gctf.star": (
        "data_\nloop_\n_rlnMicrographName #1\n_rlnDefocusU #2\n_rlnDefocusV #3\n"
        "_rlnDefocusAngle #4\n_rlnVoltage #5\na.mrc 20000 18000 45 300\nb.mrc 20000 18000 45 300\n",
        read_gctf_star,
    ),
    "a_gctf.log": (" 25123.12 24898.43 45.12 0.123456  Final Values\n", read_gctf_log),
    "a.aln": (
        "# RawSize = 100 80 3\n# NumPatches = 0\n# DarkFrame = 1 1 -6.0\n# AlphaOffset = 0.5\n"
        " 2 85.0 1.0 10.0 -2.0 1 1 1 0 -3.0\n 3 85.0 1.0 10.0 -2.0 1 1 1 0 0.0\n"
        "# Local Alignment\n 0 0 1 2 3 4 1\n",
        read_aln,
    ),
    "a_TLT.txt": ("-3 2 1.5\n0 1 1.5\n", read_aretomo3_tilts),
    "TiltSeries_Metrics.csv": (
        "Tilt_Series,Thickness(Pix),Tilt_Axis,Global_Shift(Pix),Bad_Patch_Low,Bad_Patch_All,"
        "CTF_Res(A),CTF_Score,Pix_Size(A)\na.mrc, 2240, 90.59, 70.16, 0.0, 0.22, 11.52, 0.1, 1.69\n",
        read_aretomo3_metrics,
    ),
    "warp.xml": (
        '<?xml version="1.0" encoding="utf-8"?>\n<TiltSeries PlaneNormal="0, 0, 1">'
        "<Angles>3\n0\n-3</Angles><Dose>2\n0\n4</Dose><UseTilt>True\nTrue\nFalse</UseTilt>"
        '<CTF><Param Name="PixelSize" Value="1.5"/><Param Name="Voltage" Value="300"/></CTF>'
        '<GridCTF Depth="1"><Node X="0" Y="0" Z="0" Value="3.1"/></GridCTF></TiltSeries>',
        read_warp_xml,
    ),
    "a.doc": ("1\tTS_1.mrc\n2\tTS_2.mrc\n", read_tomogram_map),
}
LISTS = {
    "dynamo-table": ".tbl",
    "stopgap": ".star",
    "em-motive-list": ".em",
    "imod-model": ".mod",
    "imod-text": ".txt",
    "pytom-xml": ".xml",
    "pytom-coordinates": ".txt",
}
SPICE = [b"1e308", b"nan", b"-", b"\xff\xff\xff\xff", b"\n\n", b" 99999999999999999999 ", b"1_0"]
SPICE += [b"\x00", b"[ZValue = 99999999999]", b"<a>", b"\x7f\xa0\x00\x01", b"#", b"="]


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One of: cut off, bytes changed, nonsense put in, a piece taken out, noise."""
    copy, kind = bytearray(data), rng.randrange(5)
    if kind == 0:
        return data[: rng.randrange(len(data))]
    if kind == 1:
        for _ in range(rng.randrange(1, 12)):
            copy[rng.randrange(len(copy))] = rng.randrange(256)
    elif kind == 2:
        for _ in range(rng.randrange(1, 6)):
            place = rng.randrange(len(copy))
            copy[place:place] = rng.choice(SPICE)
    elif kind == 3:
        place = rng.randrange(len(copy))
        del copy[place : place + rng.randrange(1, 60)]
    else:
        return rng.randbytes(rng.randrange(2000))
    return bytes(copy)


def outcomes(path: Path, data: bytes, read: Callable[[Path], object], n: int) -> list[str]:
    """Read ``n`` damaged copies; anything but success or an error of ours fails the test."""
    rng = random.Random(path.name)
    said: list[str] = []
    for _ in range(n):
        path.write_bytes(damaged(data, rng))
        try:
            read(path)
        except CryopickError as error:
            said.append(str(error))
    return said


@pytest.mark.parametrize("name", TEXTS)
def test_metadata(tmp_path, name):
    text, read = TEXTS[name]
    path = tmp_path / name
    path.write_text(text)
    read(path)  # whole, it is read
    said = outcomes(path, text.encode(), read, 150)
    assert said  # damage was seen
    for message in said:
        assert name in message
        assert "\n" not in message


@pytest.mark.parametrize("name", LISTS)
def test_lists(tmp_path, name):
    path = tmp_path / f"list{LISTS[name]}"
    write_picks(some_picks(6, ["list"]), path, PIXEL, name=name)
    data = path.read_bytes()

    def read(damaged_path: Path) -> object:
        assert dialect(name).sniff(damaged_path, damaged_path.read_bytes()[:65536]) in range(4)
        return dialect(name).read(damaged_path, PIXEL)

    read(path)
    said = outcomes(path, data, read, 150)
    assert said
    for message in said:
        # the map of names beside the list may be what does not fit any more
        assert path.name in message or "list.doc" in message or "angles" in message
        assert "\n" not in message


@pytest.mark.parametrize("name", LISTS)
def test_what_is_read_of_damaged_lists_is_finite(tmp_path, name):
    path = tmp_path / f"list{LISTS[name]}"
    write_picks(some_picks(6, ["list"]), path, PIXEL, name=name)
    data, rng = path.read_bytes(), random.Random(1)
    for _ in range(60):
        path.write_bytes(damaged(data, rng))
        try:
            picks = dialect(name).read(path, PIXEL).picks
        except CryopickError:
            continue
        assert np.isfinite(picks.position_angstrom).all()
        if picks.orientation is not None:
            np.testing.assert_allclose(np.linalg.norm(picks.orientation, axis=1), 1.0)


def test_noise_is_nobodys_list(tmp_path):
    path, rng = tmp_path / "noise.bin", random.Random(2)
    for _ in range(20):
        path.write_bytes(rng.randbytes(rng.randrange(3000)))
        found = recognise(path)
        assert found is None or found.name not in LISTS
