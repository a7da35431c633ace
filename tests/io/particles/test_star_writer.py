"""particles.star written: everything comes back, and RELION's names stand for it."""

from dataclasses import fields, replace

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.geometry.euler import quaternion_from_psi_deg
from cryopick.io.particles import read_particles, write_particles
from cryopick.io.picks.dialect import Frame
from cryopick.io.star import read_star
from cryopick.model import Grid, Optics, Particles, Picks
from shared_data import shared


def rich(n=4):
    rng = np.random.default_rng(0)
    return Particles(
        picks=Picks(
            position_angstrom=rng.uniform(0, 900, (n, 2)).round(3),
            image=np.array(["mic1", "mic1", "mic2", "mic2"]),
            orientation=quaternion_from_psi_deg(np.array([10.0, -20.0, 150.0, 0.0])),
            score=np.array([0.1, 0.2, 0.3, 0.4]),
            label=np.array(["1", "2", "2", "10"]),
            extra={"rlnParticleSelectZScore": np.array([0.5, 1.0, 1.5, 2.0])},
        ),
        file=np.array(["x/mic1.mrcs", "x/mic1.mrcs", "x/mic2.mrcs", "x/mic2.mrcs"]),
        index=np.array([0, 1, 0, 1]),
        pixel_size_angstrom=4.0,
        box_px=64,
        optics=(Optics(group="a"), Optics(voltage_kv=200.0, group="b")),
        optics_group=np.array([0, 0, 1, 1]),
        defocus=np.array([[1.0, 1.1, 20.0, 0.0]] * 2 + [[2.0, 2.2, 40.0, 0.0]] * 2),
        shift_angstrom=np.array([[1.0, 2.0], [0.0, 0.0], [-3.0, 4.0], [0.5, 0.25]]),
        half=np.array([1, 2, 1, 2]),
        micrograph_pixel_angstrom=np.full(n, 1.25),
    )


def same(first, second):
    for field in fields(Particles):
        a, b = getattr(first, field.name), getattr(second, field.name)
        if field.name == "file":
            a, b = [f.rsplit("/", 1)[-1] for f in a], [f.rsplit("/", 1)[-1] for f in b]
        if field.name == "picks":
            np.testing.assert_allclose(a.position_angstrom, b.position_angstrom, atol=1e-4)
            np.testing.assert_allclose(a.orientation, b.orientation, atol=1e-6)
            assert a.image.tolist() == b.image.tolist()
            assert a.label.tolist() == b.label.tolist()
            np.testing.assert_allclose(a.score, b.score, atol=1e-6)
        elif isinstance(a, np.ndarray):
            np.testing.assert_allclose(a, b, atol=1e-6)
        else:
            assert a == b, field.name


@pytest.mark.parametrize(
    "flags", [{}, {"phase_flipped": True}, {"ctf_premultiplied": True}, {"dark": True}]
)
def test_everything_comes_back(tmp_path, flags):
    particles = replace(rich(), **flags)
    write_particles(tmp_path / "p.star", particles)
    found = read_particles(tmp_path / "p.star")
    same(particles, found)
    column = found.picks.extra["rlnParticleSelectZScore"].astype(float)
    np.testing.assert_allclose(column, [0.5, 1, 1.5, 2])


def test_names_of_relion(tmp_path):
    write_particles(tmp_path / "p.star", rich())
    star = read_star(tmp_path / "p.star")
    assert [block.name for block in star.blocks] == ["optics", "particles"]
    table = star.block("particles")
    assert table.text("rlnImageName").tolist()[1] == "000002@x/mic1.mrcs"
    assert table.text("rlnMicrographName").tolist()[2] == "mic2.mrc"
    np.testing.assert_allclose(table.number("rlnDefocusU"), [1e4, 1e4, 2e4, 2e4])
    optics = star.block("optics")
    assert optics.text("rlnOpticsGroupName").tolist() == ["a", "b"]
    assert optics.number("rlnImagePixelSize").tolist() == [4, 4]
    assert optics.number("rlnMicrographOriginalPixelSize").tolist() == [1.25, 1.25]


def test_micrographs_of_two_pixel_sizes_are_two_groups(tmp_path):
    mixed = replace(
        rich(),
        optics_group=None,
        micrograph_pixel_angstrom=np.array([1.0, 1.0, 2.0, 2.0]),
    )
    write_particles(tmp_path / "p.star", mixed)
    found = read_particles(tmp_path / "p.star")
    assert len(found.optics) == 2
    assert found.micrograph_pixel_angstrom.tolist() == [1, 1, 2, 2]
    np.testing.assert_allclose(
        found.picks.position_angstrom, mixed.picks.position_angstrom, atol=1e-4
    )


def test_an_origin_that_is_not_the_first_pixel(tmp_path):
    grid = Grid(shape=(900, 900), pixel_size_angstrom=1.25, origin_angstrom=(0.5, 0.5))
    frame = Frame(grids={"mic1": grid, "mic2": grid}, files={"mic1": "M/mic1.mrc"})
    write_particles(tmp_path / "p.star", rich(), frame)
    table = read_star(tmp_path / "p.star").block("particles")
    wanted = (rich().picks.position_angstrom[:, 0] - 0.5) / 1.25
    np.testing.assert_allclose(table.number("rlnCoordinateX"), wanted, atol=1e-4)
    assert table.text("rlnMicrographName").tolist()[0] == "M/mic1.mrc"


def test_positions_that_nobody_knows_are_left_out(tmp_path):
    lost = rich()
    picks = replace(lost.picks, position_angstrom=np.full((4, 2), np.nan))
    write_particles(tmp_path / "p.star", replace(lost, picks=picks))
    assert "rlnCoordinateX" not in read_star(tmp_path / "p.star").block("particles")


def test_pixels_of_unknown_micrographs_are_one_line(tmp_path):
    with pytest.raises(InputError, match="pixel size of the micrographs is not known"):
        write_particles(tmp_path / "p.star", replace(rich(), micrograph_pixel_angstrom=None))
    assert not (tmp_path / "p.star").exists()


def test_no_particles(tmp_path):
    write_particles(tmp_path / "p.star", rich()[np.zeros(4, bool)])
    assert len(read_star(tmp_path / "p.star").block("particles")) == 0


def test_a_genuine_file_comes_back(tmp_path):
    found = read_particles(shared("formats/relion5_spa_project/Extract/job009/particles.star"))
    write_particles(tmp_path / "p.star", found)
    again = read_particles(tmp_path / "p.star")
    np.testing.assert_allclose(
        again.picks.position_angstrom, found.picks.position_angstrom, atol=1e-3
    )
    np.testing.assert_allclose(again.defocus, found.defocus, atol=1e-5)
    assert set(again.picks.extra) == set(found.picks.extra)
