"""STOPGAP motive lists."""

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.geometry.euler import quaternion_from_stopgap
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.io.star import read_star
from cryopick.model import Picks
from pick_round_trip import BINNINGS, check_round_trip, some_picks
from shared_data import shared

PIXEL = Frame(pixel_size_angstrom=1.0)
HEAD = "data_stopgap_motivelist\n\nloop_\n"
NEEDED = "_tomo_num\n_orig_x\n_orig_y\n_orig_z\n"


def test_genuine_list_by_hand():
    found = read_picks(shared("formats/czportal_annotations/stopgap_star.star"), PIXEL)
    picks = found.picks
    assert len(picks) == 6
    # 4 - 1.2 - 1, 8 - 2.4 - 1, 12 - 3.2 - 1
    np.testing.assert_allclose(picks.position_angstrom[0], [1.8, 4.6, 7.8])
    assert picks.image.tolist() == ["1", "1", "2", "2", "2", "3"]
    np.testing.assert_allclose(picks.orientation[0], quaternion_from_stopgap([90, 180, 45]))
    assert picks.score[0] == 0.1816
    assert picks.extra["halfset"].tolist() == ["A"] * 6
    assert picks.extra["subtomo_num"].tolist() == list("123456")


def test_genuine_list_of_another_program():
    path = shared("formats/stopgap_motl/class6_er_mr1_1_sg_head.star")
    assert recognise(path).name == "stopgap"
    picks = read_picks(path, PIXEL).picks
    assert len(picks) == 379
    np.testing.assert_allclose(picks.position_angstrom[0], [823.2121, 753.6012, 677.4676])
    assert picks.label[:3].tolist() == ["3", "1", "2"]
    assert picks.image[0] == "24"


@pytest.mark.parametrize("binning", BINNINGS)
@pytest.mark.parametrize("parity", ["even", "odd"])
def test_round_trip(tmp_path, parity, binning):
    picks, found = check_round_trip(
        "stopgap", ndim=3, parity=parity, binning=binning, folder=tmp_path, images=["007", "1e5"]
    )
    assert found.image.tolist() == picks.image.tolist()
    assert found.group.tolist() == picks.group.tolist()
    np.testing.assert_allclose(found.score, picks.score, atol=1e-6)


def test_all_columns_stopgap_asks_for_are_written_in_its_order(tmp_path):
    write_picks(some_picks(3, ["24"]), tmp_path / "a.star", PIXEL, name="stopgap")
    genuine = read_star(shared("formats/stopgap_motl/class6_er_mr1_1_sg_head.star")).blocks[0]
    block = read_star(tmp_path / "a.star").block("stopgap_motivelist")
    assert list(block.columns) == list(genuine.columns)
    assert block.text("halfset").tolist() == ["A", "B", "A"]
    assert np.all(np.abs(block.number("x_shift")) <= 0.5)
    assert np.all(block.number("orig_x") == np.round(block.number("orig_x")))


def test_what_a_list_carried_is_written_back(tmp_path):
    before = read_picks(shared("formats/stopgap_motl/class6_er_mr1_1_sg_head.star"), PIXEL).picks
    write_picks(before, tmp_path / "a.star", PIXEL, name="stopgap")
    after = read_picks(tmp_path / "a.star", PIXEL).picks
    np.testing.assert_allclose(after.position_angstrom, before.position_angstrom, atol=1e-6)
    for name in ("motl_idx", "subtomo_num", "halfset"):
        assert after.extra[name].tolist() == before.extra[name].tolist()


def test_little_is_needed(tmp_path):
    path = tmp_path / "a.star"
    path.write_text(HEAD + NEEDED + "3 1 1 1\n")
    picks = read_picks(path, PIXEL).picks
    assert picks.position_angstrom.tolist() == [[0, 0, 0]]
    assert (picks.orientation, picks.score, picks.label) == (None, None, None)


def test_bare_and_empty_picks(tmp_path):
    said = write_picks(
        Picks.of([[1.0, 2, 3]], image="3"), tmp_path / "a.star", PIXEL, name="stopgap"
    )
    assert "no orientations: angles are 0" in said
    assert read_picks(tmp_path / "a.star", PIXEL).picks.position_angstrom.tolist() == [[1, 2, 3]]
    write_picks(Picks.empty(3), tmp_path / "b.star", PIXEL, name="stopgap")
    assert len(read_picks(tmp_path / "b.star", PIXEL).picks) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "_tomo_num\n1\n", "no column orig_x"),
        (HEAD + NEEDED + "1 2 nan 4\n", "row 1, orig_y: not a finite number"),
        (HEAD + NEEDED + "1.5 2 3 4\n", "row 1, tomo_num: 1.5 is not a whole number"),
        (HEAD + NEEDED + "1 a 3 4\n", "orig_x, row 1: 'a' is not a number"),
        ("data_particles\n\nloop_\n_tomo_num\n1\n", "no block data_stopgap_motivelist"),
    ],
)
def test_bad_lists(tmp_path, text, message):
    path = tmp_path / "a.star"
    path.write_text(text)
    with pytest.raises(FormatError, match=rf"a.star: .*{message}"):
        read_picks(path, PIXEL, name="stopgap")
