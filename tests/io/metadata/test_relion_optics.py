from cryopick.io.metadata.relion_optics import OpticsGroup, optics_table, read_optics
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
