import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, write_picks
from cryopick.io.star import read_star
from cryopick.model import Picks
from shared_data import shared

SPA = "formats/relion5_spa_project"


def write(path, text):
    path.write_text(text)
    return path


def test_genuine_two_level_files_are_followed_through_the_project():
    frame = Frame(pixel_size_angstrom=0.885)
    read = read_picks(shared(f"{SPA}/AutoPick/job008/autopick.star"), frame)
    assert len(read.picks) == 242 + 228
    assert "left out: AutoPick/job008/Movies/20170629_00023" in read.warnings[0]
    assert read.picks.extra["rlnMicrographName"][0].startswith("MotionCorr/job002/Movies/")
    manual = read_picks(shared(f"{SPA}/ManualPick/job006/manualpick.star"), frame).picks
    assert len(manual) == 13
    assert manual.score is None
    np.testing.assert_allclose(manual.position_angstrom[0], [2207 * 0.885, 547 * 0.885])


def test_two_level_files_are_written_one_per_micrograph(tmp_path):
    picks = Picks.of([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], image=["b", "a", "b"])
    frame = Frame(pixel_size_angstrom=1.0)
    write_picks(picks, tmp_path / "autopick.star", frame, name="relion-coordinates")
    block = read_star(tmp_path / "autopick.star").block("coordinate_files")
    assert list(block.columns["rlnMicrographName"]) == ["b.mrc", "a.mrc"]
    assert list(block.columns["rlnMicrographCoordinates"]) == [
        "autopick/b_autopick.star",
        "autopick/a_autopick.star",
    ]
    one = read_picks(tmp_path / "autopick" / "b_autopick.star", frame).picks
    np.testing.assert_allclose(one.position_angstrom, [[1, 2], [5, 6]])
    assert one.image.tolist() == ["b", "b"]


def test_two_level_files_that_cannot_be_followed_or_written(tmp_path):
    path = write(
        tmp_path / "a.star",
        "data_coordinate_files\nloop_\n_rlnMicrographName\n_rlnMicrographCoordinates\nm.mrc x.star\n",
    )
    with pytest.raises(FileNotFoundError, match=r"x\.star.*none of the files named in"):
        read_picks(path, Frame(pixel_size_angstrom=1.0))
    picks = Picks.of([[1.0, 2.0]], image="a/b")
    with pytest.raises(InputError, match="not fit for the name of a coordinate file"):
        write_picks(
            picks, tmp_path / "l.star", Frame(pixel_size_angstrom=1.0), name="relion-coordinates"
        )
