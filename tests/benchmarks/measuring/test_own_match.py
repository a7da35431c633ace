"""The command lines of our own searches, and what is read of their results."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cryopick.io.images import write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import write_picks
from cryopick.model import Grid, Picks
from measuring import own_match

GRID = Grid(shape=(16, 20, 24), pixel_size_angstrom=10.0)


@pytest.fixture
def called(monkeypatch):
    words = []

    def note(*given):
        words.append(given)
        return SimpleNamespace(stdout='{"seconds": 3.5, "memory_bytes": 7}')

    monkeypatch.setattr(own_match, "cryopick", note)
    return words


def test_scene_words_tell_all_that_is_known():
    scene = SimpleNamespace(
        tomogram="t.mrc", dark_template="dark.mrc", mask="m.mrc", tilts="t.tlt",
        exposure="e.txt", defocus="d.txt",
    )  # fmt: skip
    words = own_match.scene_words(scene, "bank", step_deg=17)
    assert words[:2] == ["match", "t.mrc"]
    given = dict(zip(words[2::2], words[3::2], strict=True))
    assert given == {
        "--template": "dark.mrc", "--mask": "m.mrc", "--angular-step": 17, "--tilts": "t.tlt",
        "--dose": "e.txt", "--defocus": "d.txt", "--tomogram-ctf-model": "phase-flip",
        "--engine": "bank",
    }  # fmt: skip


def test_a_search_replaces_what_is_there(called, tmp_path):
    own_match.match(["match", "t.mrc"], tmp_path)
    assert called == [("match", "t.mrc", "-o", tmp_path, "--overwrite")]


def test_forecast_is_read_from_the_dry_run(called, tmp_path):
    said = own_match.forecast(["match", "t.mrc"], tmp_path)
    assert said == {"seconds": 3.5, "memory_bytes": 7}
    assert called[0][-2:] == ("--dry-run", "--json")


def test_long_list_goes_beside_the_job_and_has_no_cut_off(called, tmp_path):
    tomogram = tmp_path / "007.mrc"
    write_mrc(tomogram, np.zeros(GRID.shape, np.float32), 10.0)
    picks = Picks.of(
        [[30.0, 40, 50], [60, 70, 80]], image="007", score=[0.2, 0.9], orientation=np.eye(4)[:2]
    )
    (tmp_path / "job_all").mkdir()
    write_picks(
        picks, tmp_path / "job_all" / "picks.star", Frame(default_grid=GRID), name="relion5"
    )
    found = own_match.long_list(tmp_path / "job", tomogram, n=9, diameter_angstrom=120.0)
    np.testing.assert_allclose(found.position_angstrom, picks.position_angstrom, atol=1e-3)
    (words,) = called
    assert words[:2] == ("candidates", tmp_path / "job")
    given = dict(zip(words[2:-1:2], words[3:-1:2], strict=True))
    assert given == {
        "--particle-diameter": 120.0, "--max-picks": 9, "--cutoff": -1, "-o": Path(f"{tmp_path}/job_all"),
    }  # fmt: skip


def test_summary(tmp_path):
    (tmp_path / "summary.json").write_text('{"picks": 4}')
    assert own_match.summary(tmp_path)["picks"] == 4
