"""PyTom particle lists."""

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.geometry.euler import quaternion_from_pytom
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Picks
from pick_round_trip import BINNINGS, check_round_trip, some_picks
from shared_data import shared

PIXEL = Frame(pixel_size_angstrom=2.0)
PARTICLE = (
    '<Particle Filename="./p_0.em"><Rotation Z1="10" Z2="20" X="30" Paradigm="ZXZ"/>'
    '<Shift X="0.5" Y="-1" Z="0"/>'
    '<PickPosition X="10" Y="20" Z="30" Origin="a/TS_1.mrc" Binning="1"/>'
    '<Score Type="FLCFScore" Value="0.75"/><Class Name="2"/></Particle>'
)


def read(tmp_path, *particles, frame=PIXEL):
    path = tmp_path / "list.xml"
    path.write_text(f"<ParticleList>{''.join(particles)}</ParticleList>")
    return read_picks(path, frame, name="pytom-xml")


def test_by_hand(tmp_path):
    picks = read(tmp_path, PARTICLE).picks
    assert picks.position_angstrom.tolist() == [[21.0, 38.0, 60.0]]
    assert picks.image.tolist() == ["TS_1"]
    assert (picks.score.tolist(), picks.label.tolist()) == ([0.75], ["2"])
    assert picks.extra["particle"].tolist() == ["./p_0.em"]
    np.testing.assert_allclose(picks.orientation, quaternion_from_pytom([[10, 20, 30]]))


def test_genuine_list():
    path = shared("formats/pytom/pickpos_format.xml")
    assert recognise(path).name == "pytom-xml"
    picks = read_picks(path, PIXEL).picks
    assert len(picks) == 10
    assert set(picks.image) == {"tomo1"}
    expected = quaternion_from_pytom([[303.99186654901735, 272.8635850585089, 75.7028845495521]])
    np.testing.assert_allclose(picks.orientation[:1], expected)
    assert picks.position_angstrom.tolist() == [[0.0, 0.0, 0.0]] * 10


def test_genuine_job_is_no_list():
    with pytest.raises(FormatError, match="root element JobDescription: expected ParticleList"):
        read_picks(shared("formats/pytom/localizationSample.xml"), PIXEL, name="pytom-xml")


@pytest.mark.parametrize("binning", BINNINGS)
@pytest.mark.parametrize("parity", ["even", "odd"])
def test_round_trip(tmp_path, parity, binning):
    names = ["007", "TS <1> & 'a' \"b\""]
    picks, found = check_round_trip(
        "pytom-xml", ndim=3, parity=parity, binning=binning, folder=tmp_path, images=names
    )
    assert found.image.tolist() == picks.image.tolist()
    assert found.label.tolist() == picks.label.tolist()
    np.testing.assert_allclose(found.score, picks.score, atol=1e-8)


def test_little_is_needed(tmp_path):
    found = read(tmp_path, '<Particle><PickPosition X="1" Y="2" Z="3" Origin="-"/></Particle>')
    assert found.picks.image.tolist() == ["list"]
    assert found.picks.position_angstrom.tolist() == [[2, 4, 6]]
    assert found.picks.orientation.tolist() == [[1, 0, 0, 0]]
    named = read(
        tmp_path,
        PARTICLE.replace("a/TS_1.mrc", ""),
        frame=Frame(pixel_size_angstrom=1, image_name="T9"),
    )
    assert named.picks.image.tolist() == ["T9"]  # fmt: skip


def test_binning_is_told(tmp_path):
    found = read(tmp_path, PARTICLE.replace('Binning="1"', 'Binning="8"'))
    assert found.warnings == ("Binning 8",)
    assert read(tmp_path, PARTICLE).warnings == ()


def test_empty_and_bare_picks(tmp_path):
    assert len(read(tmp_path).picks) == 0
    write_picks(Picks.empty(3), tmp_path / "a.xml", PIXEL, name="pytom-xml")
    assert len(read_picks(tmp_path / "a.xml", PIXEL).picks) == 0
    said = write_picks(
        Picks.of([[2.0, 4, 6]], image="T"), tmp_path / "b.xml", PIXEL, name="pytom-xml"
    )
    assert "no orientations: angles are 0" in said
    assert read_picks(tmp_path / "b.xml", PIXEL).picks.label.tolist() == ["0"]  # fmt: skip


def test_particle_files_are_written_back(tmp_path):
    before = read(tmp_path, PARTICLE).picks
    write_picks(before, tmp_path / "b.xml", PIXEL, name="pytom-xml")
    assert read_picks(tmp_path / "b.xml", PIXEL).picks.extra["particle"].tolist() == ["./p_0.em"]
    write_picks(some_picks(2, ["T"]), tmp_path / "c.xml", PIXEL, name="pytom-xml")
    assert 'Filename="particle_1.em"' in (tmp_path / "c.xml").read_text()


@pytest.mark.parametrize(
    ("particle", "message"),
    [
        ("<Particle/>", "particle 1: PickPosition is missing"),
        (PARTICLE.replace('Y="20"', ""), "particle 1, PickPosition Y: '' is not a number"),
        (PARTICLE.replace('Z1="10"', 'Z1="nan"'), "particle 1, Rotation Z1: 'nan' is not"),
        (PARTICLE.replace('"0.75"', '"good"'), "particle 1, Score Value: 'good' is not"),
        (PARTICLE.replace("TS_1", "x" * 2000), "particle 1: a name of 2006 characters"),
        (PARTICLE + "<Particle/>", "particle 2: PickPosition is missing"),
    ],
)
def test_bad_lists(tmp_path, particle, message):
    with pytest.raises(FormatError, match=rf"list.xml: {message}"):
        read(tmp_path, particle)


def test_entities_are_refused(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text('<!DOCTYPE x [<!ENTITY a "b">]><ParticleList>&a;</ParticleList>')
    with pytest.raises(FormatError, match="declares a document type"):
        read_picks(path, PIXEL)
