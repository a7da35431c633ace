"""Files, patterns and folders; names that STAR files hold."""

from pathlib import Path

import pytest

from cryopick.errors import InputError, MissingFileError
from cryopick.io.file_patterns import expand, located


def touched(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_files_patterns_and_folders(tmp_path: Path):
    touched(tmp_path, "b.mrc", "a.mrc.gz", "notes.txt", ".hidden.mrc", "sub/c.tif")
    assert [f.name for f in expand([tmp_path])] == ["a", "b"]
    assert [f.name for f in expand([f"{tmp_path}/*.mrc", tmp_path / "b.mrc"])] == ["b"]
    assert [f.name for f in expand([f"{tmp_path}/**/*.tif"])] == ["c"]
    assert [f.name for f in expand([tmp_path / "b.mrc", tmp_path])] == ["b", "a"]


def test_the_name_stands_where_ts_stands(tmp_path: Path):
    touched(tmp_path, "rec_TS_01_10.00Apx.mrc", "rec_TS_02_10.00Apx.mrc", "other.mrc")
    found = expand([f"{tmp_path}/rec_{{TS}}_10.00Apx.mrc"])
    assert [f.name for f in found] == ["TS_01", "TS_02"]
    touched(tmp_path, "TS_03/TS_03.rec", "TS_04/TS_99.rec")
    twice = expand([f"{tmp_path}/{{TS}}/{{TS}}.rec"])
    assert [f.name for f in twice] == ["TS_03"]


def test_excluded_words(tmp_path: Path):
    touched(tmp_path, "a.mrc", "a_half1.mrc", "b_mask.mrc")
    assert [f.name for f in expand([tmp_path], exclude=["half", "mask"])] == ["a"]
    with pytest.raises(InputError, match="all 3 files are excluded; exclude fewer words"):
        expand([tmp_path], exclude=["mrc"])


def test_nothing_there_is_told(tmp_path: Path):
    with pytest.raises(MissingFileError, match=r"\*\.mrc: no such file .* check the name or the"):
        expand([f"{tmp_path}/*.mrc"])
    with pytest.raises(InputError, match="no such files in this folder; name files or another"):
        expand([tmp_path])
    with pytest.raises(InputError, match="no files given"):
        expand([])


def test_names_in_a_relion_project(tmp_path: Path):
    star = tmp_path / "CtfFind" / "job003" / "micrographs_ctf.star"
    touched(tmp_path, "CtfFind/job003/micrographs_ctf.star", "MotionCorr/job002/a.mrc")
    assert located("MotionCorr/job002/a.mrc", star) == tmp_path / "MotionCorr/job002/a.mrc"
    assert located("MotionCorr/job002/gone.mrc", star) == tmp_path / "MotionCorr/job002/gone.mrc"
    assert located("/far/a.mrc", star) == Path("/far/a.mrc")
    alone = tmp_path / "alone.star"
    assert located("gone.mrc", alone) == tmp_path / "gone.mrc"


def test_names_where_the_program_runs_come_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    touched(tmp_path, "run/a.mrc", "run/b.mrc", "lists/set.star", "lists/a.mrc")
    monkeypatch.chdir(tmp_path / "run")
    star = tmp_path / "lists" / "set.star"
    assert located("a.mrc", star) == tmp_path / "lists" / "a.mrc"
    assert located("b.mrc", star).resolve() == tmp_path / "run" / "b.mrc"
    assert located("c.mrc", star) == tmp_path / "lists" / "c.mrc"
