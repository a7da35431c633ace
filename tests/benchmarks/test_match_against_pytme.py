"""Side by side with pyTME: searches are done once, times are put on one line."""

from types import SimpleNamespace

import numpy as np
import pytest

import match_against_pytme
from cryopick.model import Picks
from match_against_pytme import Peer, ratios, scores_of, show
from measuring import pytme_peer
from measuring.command import Measured


def run_of(seconds):
    return Measured(
        wall_seconds=2 * seconds, cpu_seconds=seconds, peak_rss_mb=5.0, peak_private_mb=4.0,
        stdout="", stderr="",
    )  # fmt: skip


DATA = SimpleNamespace(
    tomogram="t.mrc",
    template="r.mrc",
    mask="m.mrc",
    targets=Picks.of([[0.0, 0, 0], [500, 0, 0]], image="t"),
    others=None,
)


@pytest.fixture
def searches(monkeypatch):
    """Stand-in for pyTME: 10 s, and a tenth of a second per rotation."""
    done = []
    rotations = {90.0: 24, 30.0: 360}

    def match(environment, search, out):
        done.append(search.angular_step_deg)
        out.touch()
        return run_of(10 + 0.1 * rotations[search.angular_step_deg])

    monkeypatch.setattr(pytme_peer, "match", match)
    monkeypatch.setattr(pytme_peer, "n_rotations", lambda environment, step: rotations[step])
    return done


def test_time_is_extrapolated_along_the_line(searches, tmp_path):
    found = Peer(environment=tmp_path, folder=tmp_path, reuse=False).times(DATA)
    assert found["cpu_s_per_rotation"] == 0.1
    assert found["cpu_s_for_7800"] == pytest.approx(790)
    assert found["wall_s_for_7800"] == pytest.approx(1580)
    assert found["24_rotations"]["cpu_s"]["median"] == 12.4


def test_each_search_is_done_once_per_run_and_again_in_the_next(searches, tmp_path):
    for _ in range(2):
        peer = Peer(environment=tmp_path, folder=tmp_path, reuse=False)
        first = peer.search("tomoL", DATA, 30.0)
        assert peer.search("tomoL", DATA, 30.0) == first
        assert peer.reused == []
    assert searches == [30.0, 30.0]


def test_reused_searches_are_named(searches, tmp_path):
    fresh = Peer(environment=tmp_path, folder=tmp_path, reuse=True)
    _, run = fresh.search("tomoL", DATA, 30.0)
    assert fresh.reused == []
    later = Peer(environment=tmp_path, folder=tmp_path, reuse=True)
    assert later.search("tomoL", DATA, 30.0)[1] == run
    assert later.reused == ["tomoL_30"]
    assert searches == [30.0]


def test_lists_are_cut_to_one_length():
    places = np.array(
        [[0.0, 0, 0]] + [[1000.0 + 200 * i, 0, 0] for i in range(8)] + [[500.0, 0, 0]]
    )
    found = scores_of(Picks.of(places, image="t", score=np.arange(10)[::-1]), DATA)
    assert found["picks"] == 8
    assert found["recall"] == 0.5


def test_ratios_are_of_the_whole_command():
    figures = {
        "pytme_time": {"cpu_s_for_7800": 4000.0, "wall_s_for_7800": 4200.0},
        "tomograms": {
            "tomoL": {"cryopick": {"cpu_s": {"median": 100.0}, "wall_s": {"median": 60.0}}}
        },
    }
    assert ratios(figures) == {"cpu": 40.0, "wall": 70.0}


def test_table_shows_what_is_not_known_as_a_dash(capsys):
    row = scores_of(Picks.empty(3), DATA)
    show("tomoL", {"nobody": row})
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.split()[:6] == ["nobody", "0.000", "0.000", "-", "-", "-"]


def test_without_pytme_and_its_folder_only_we_run(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv(pytme_peer.VARIABLE, raising=False)
    row = scores_of(Picks.empty(3), DATA) | {"cpu_s": {"median": 1.0}}
    monkeypatch.setattr(
        match_against_pytme, "make", lambda *_, **__: {"tomoL": DATA, "tomoL_hard": DATA}
    )
    monkeypatch.setattr(match_against_pytme, "own", lambda *_: row)
    given = SimpleNamespace(
        pytme=None, scratch=tmp_path, generator=None, reuse=False, repeats=1, angular_step=14.0,
        pytme_step=[],
    )  # fmt: skip
    figures = match_against_pytme.measure_all(given)
    assert {name: list(rows) for name, rows in figures["tomograms"].items()} == {
        "tomoL": ["cryopick"], "tomoL_hard": ["cryopick"]
    }  # fmt: skip
    assert "pytme_version" not in figures
    assert "pip install pytme" in capsys.readouterr().out
