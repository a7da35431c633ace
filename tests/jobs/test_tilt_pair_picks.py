"""Picks of both sides, from one file or a folder that both share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.jobs.tilt_pair_picks import SidePicks, side_picks
from cryopick.model import Grid

GRID = Grid(shape=(100, 100), pixel_size_angstrom=2.0)
POS = """# XMIPP_STAR_1 *
data_header
loop_
 _pickingMicrographState
Manual
data_particles
loop_
 _xcoor
 _ycoor
{rows}
"""


def write_pos(path: Path, *rows: tuple[int, int]) -> None:
    path.write_text(POS.format(rows="\n".join(f" {x} {y}" for x, y in rows)))


def read(given: Path, names: list[str], others: list[str]) -> SidePicks:
    return side_picks(str(given), dict.fromkeys(names, GRID), others=others, dialect=None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Xmipp's extra folder: the tilted micrograph's name begins with the untilted one's."""
    write_pos(tmp_path / "mic1.pos", (10, 20), (30, 40))
    write_pos(tmp_path / "mic1_T.pos", (11, 12))
    write_pos(tmp_path / "mic2.pos", (1, 2))
    (tmp_path / "notes.txt").write_text("nothing to read")
    return tmp_path


def test_both_sides_share_a_folder(folder: Path) -> None:
    found = read(folder, ["mic1"], ["mic1_T"]).picks
    assert list(found) == ["mic1"]
    np.testing.assert_allclose(found["mic1"].position_angstrom, [[20, 40], [60, 80]])
    other = read(folder, ["mic1_T"], ["mic1"]).picks
    np.testing.assert_allclose(other["mic1_T"].position_angstrom, [[22, 24]])


def test_both_sides_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text("image,x,y\nmic1.mrc,1,2\nmic1_T.mrc,3,4\nmic9.mrc,5,6\nmic1.mrc,7,8\n")
    found = read(path, ["mic1"], ["mic1_T"]).picks
    np.testing.assert_allclose(found["mic1"].position_angstrom, [[2, 4], [14, 16]])
    assert set(found["mic1"].image.tolist()) == {"mic1"}


def test_words_behind_a_name_are_no_matter(tmp_path: Path) -> None:
    (tmp_path / "mic1_autopick.star").write_text(
        "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n5 6\n"
    )
    found = read(tmp_path, ["mic1"], ["mic2"]).picks
    np.testing.assert_allclose(found["mic1"].position_angstrom, [[10, 12]])


def test_micrograph_without_picks_has_no_entry(folder: Path) -> None:
    assert list(read(folder, ["mic1", "mic3"], ["mic1_T"]).picks) == ["mic1"]


def test_a_file_written_anew_is_read_anew(tmp_path: Path) -> None:
    import os

    path = tmp_path / "mic1.pos"
    write_pos(path, (1, 2))
    assert len(read(path, ["mic1"], []).picks["mic1"]) == 1
    write_pos(path, (1, 2), (3, 4))
    os.utime(path, ns=(1, 1))
    assert len(read(path, ["mic1"], []).picks["mic1"]) == 2


def test_nothing_of_these_micrographs_is_one_clear_line(folder: Path) -> None:
    with pytest.raises(InputError, match="called after one of the micrographs zzz"):
        read(folder, ["zzz", "yyy"], [])
    path = folder / "some.csv"
    path.write_text("image,x,y\nother.mrc,1,2\n")
    with pytest.raises(InputError, match="it names other") as caught:
        read(path, ["mic1"], [])
    assert "\n" not in str(caught.value)


def test_picks_of_a_tomogram_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "three.csv"
    path.write_text("image,x,y,z\nmic1.mrc,1,2,3\n")
    with pytest.raises(InputError):
        read(path, ["mic1"], [])
