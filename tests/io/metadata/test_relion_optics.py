from cryopick.io.metadata.relion_optics import (
    OpticsGroup,
    optics_table,
    read_optics,
    usual_optics_words,
)
from cryopick.io.star import parse_star, read_star
from cryopick.io.star_write import write_star
from cryopick.model import Optics


def test_optics_groups_survive_a_round_trip(tmp_path):
    groups = [
        OpticsGroup(number="3", optics=Optics(group="one"), pixel_size_angstrom=1.25),
        OpticsGroup(number="7", optics=Optics(voltage_kv=200), pixel_size_angstrom=2.5),
    ]
    write_star(tmp_path / "o.star", [optics_table(groups)])
    assert list(read_optics(read_star(tmp_path / "o.star")).values()) == groups


def test_optics_fall_back_where_a_file_is_silent():
    groups = read_optics(parse_star("data_optics\nloop_\n_rlnVoltage\n200\n"))
    assert groups["1"].optics == Optics(voltage_kv=200)
    assert groups["1"].pixel_size_angstrom is None
    assert read_optics(parse_star("data_a\n_x 1\n")) == {}


def test_what_a_file_does_not_state_of_the_optics_is_said():
    text = "data_particles\nloop_\n_rlnImageName #1\n_rlnVoltage #2\n1@a.mrcs 200\n"
    star = parse_star(text)
    words = usual_optics_words(star, star.get("particles"))
    assert words.endswith(
        "does not state its optics; taken: rlnSphericalAberration 2.7 mm, rlnAmplitudeContrast 0.07"
    )


def test_nothing_is_said_of_optics_that_are_stated():
    groups = [OpticsGroup(number="1", optics=Optics(), pixel_size_angstrom=1.0)]
    table = optics_table(groups)
    assert usual_optics_words(parse_star("data_other\n_rlnVoltage 1\n"), table) is None
