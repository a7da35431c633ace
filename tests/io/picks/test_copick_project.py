from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Picks


def many() -> Picks:
    return Picks.of(
        [[1.0, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]],
        image=["TS_1", "TS_1", "TS_2", "TS_1"],
        label=["tric", "80S", "tric", "tric"],
    )


def test_one_file_per_run_and_object(tmp_path: Path):
    folder = tmp_path / "project"
    write_picks(many(), folder, name="copick-project")
    files = sorted(str(f.relative_to(folder)) for f in folder.rglob("*.json"))
    assert files == [
        "ExperimentRuns/TS_1/Picks/cryopick_0_80S.json",
        "ExperimentRuns/TS_1/Picks/cryopick_0_tric.json",
        "ExperimentRuns/TS_2/Picks/cryopick_0_tric.json",
    ]
    assert recognise(folder).name == "copick-project"
    back = read_picks(folder).picks
    order = np.argsort(back.position_angstrom[:, 0])
    np.testing.assert_array_equal(back.position_angstrom[order], many().position_angstrom)
    assert back.image[order].tolist() == many().image.tolist()
    assert back.label[order].tolist() == many().label.tolist()


def test_users_and_sessions_go_back_where_they_came_from(tmp_path: Path):
    picks = many()
    extra = {"copickUser": np.array(["ann", "bob", "ann", "ann"]), "copickSession": np.full(4, "7")}
    write_picks(
        Picks(
            position_angstrom=picks.position_angstrom,
            image=picks.image,
            label=picks.label,
            extra=extra,
        ),
        tmp_path,
        name="copick-project",
    )
    assert (tmp_path / "ExperimentRuns/TS_1/Picks/bob_7_80S.json").is_file()
    back = read_picks(tmp_path).picks
    order = np.argsort(back.position_angstrom[:, 0])
    assert back.extra["copickUser"][order].tolist() == ["ann", "bob", "ann", "ann"]


def test_one_run_can_be_asked_for(tmp_path: Path):
    write_picks(many(), tmp_path, name="copick-project")
    assert len(read_picks(tmp_path, Frame(image_name="TS_2")).picks) == 1


def test_nothing_is_written_when_a_name_is_wrong(tmp_path: Path):
    picks = Picks.of(np.ones((2, 3)), image="TS_1", label=["fine", "not_fine"])
    with pytest.raises(InputError, match=r"object name 'not_fine'.*use dashes"):
        write_picks(picks, tmp_path, name="copick-project")
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("run", ["..", "a/b", ""])
def test_a_run_stays_inside_the_project(tmp_path: Path, run: str):
    with pytest.raises(InputError, match="cannot name a folder"):
        write_picks(Picks.of(np.ones((1, 3)), image=run), tmp_path, name="copick-project")


def test_what_is_no_project(tmp_path: Path):
    assert recognise(tmp_path) is None
    with pytest.raises(FormatError, match="no folder ExperimentRuns"):
        read_picks(tmp_path, name="copick-project")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        write_picks(many(), tmp_path / "file", name="copick-project")


def test_an_empty_project_is_no_picks(tmp_path: Path):
    write_picks(Picks.empty(3), tmp_path, name="copick-project")
    back = read_picks(tmp_path).picks
    assert (len(back), back.ndim) == (0, 3)


def test_a_broken_file_is_named(tmp_path: Path):
    write_picks(many(), tmp_path, name="copick-project")
    (tmp_path / "ExperimentRuns/TS_2/Picks/cryopick_0_tric.json").write_text("{")
    with pytest.raises(FormatError, match=r"TS_2/Picks/cryopick_0_tric\.json: not JSON"):
        read_picks(tmp_path)


def test_other_picks_of_a_project_are_left_alone(tmp_path: Path):
    write_picks(Picks.of([[1.0, 2, 3]], image="TS_9", label="old"), tmp_path, name="copick-project")
    write_picks(many(), tmp_path, name="copick-project")
    back = read_picks(tmp_path).picks
    assert sorted(set(back.label.tolist())) == ["80S", "old", "tric"]
    assert len(back) == 5


def test_written_picks_read_alone_with_their_run(tmp_path: Path):
    write_picks(many(), tmp_path, name="copick-project")
    path = tmp_path / "ExperimentRuns/TS_2/Picks/cryopick_0_tric.json"
    picks = read_picks(path).picks
    assert picks.image.tolist() == ["TS_2"]
    np.testing.assert_array_equal(picks.position_angstrom, [[7, 8, 9]])
