import json

import numpy as np
import pytest

from class_states import small_state
from cryopick.io.images import open_image
from cryopick.jobs.classify_state import (
    HISTORY,
    LIVE,
    STATE,
    Journal,
    live_page,
    load_state,
    read_history,
    save_state,
)


def same(one, other):
    a, b = one.arrays(), other.arrays()
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    return True


def test_a_state_comes_back_as_it_was(tmp_path):
    state = small_state()
    save_state(state, tmp_path / STATE)
    back = load_state(tmp_path / STATE)
    assert same(back, state)
    assert isinstance(back.iteration, int)
    assert back.precision == "float32"


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 not a zip file"])
def test_what_is_not_a_state_is_none(tmp_path, content):
    if content is not None:
        (tmp_path / STATE).write_bytes(content)
    assert load_state(tmp_path / STATE) is None


def test_a_state_of_another_version_is_none(tmp_path):
    arrays = small_state().arrays()
    del arrays["noise_power"]
    np.savez(tmp_path / STATE, **arrays)
    assert load_state(tmp_path / STATE) is None


def test_iterations_leave_state_history_and_pictures(tmp_path):
    journal = Journal(tmp_path / "new", iterations=3)
    assert journal.last() is None
    for iteration in (1, 2, 3):
        journal.add(small_state(iteration))
    assert same(journal.last(), small_state(3))
    assert [entry["iteration"] for entry in journal.history()] == [1, 2, 3]
    names = {path.name for path in (tmp_path / "new").iterdir()}
    pictures = {f"classes_it{i:03d}.{end}" for i in (1, 2, 3) for end in ("png", "mrcs")}
    assert names == {STATE, HISTORY, LIVE} | pictures
    stack = open_image(tmp_path / "new" / "classes_it002.mrcs")
    np.testing.assert_array_equal(stack.data[...], small_state(2).average)


def test_pictures_now_and_then_and_at_the_end(tmp_path):
    journal = Journal(tmp_path, iterations=5, pictures_every=2)
    for iteration in range(1, 6):
        journal.add(small_state(iteration))
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "classes_it002.png",
        "classes_it004.png",
        "classes_it005.png",
    }


def test_an_iteration_done_twice_counts_once(tmp_path):
    # A driver that was killed after the history but before the state does the iteration again.
    journal = Journal(tmp_path, iterations=4)
    for iteration in (1, 2, 3, 3):
        journal.add(small_state(iteration))
    assert [entry["iteration"] for entry in journal.history()] == [1, 2, 3]


def test_everything_but_the_live_page_is_kept(tmp_path):
    (tmp_path / "to").mkdir()
    journal = Journal(tmp_path / "from", iterations=1)
    journal.add(small_state(1))
    (tmp_path / "from" / ".state.npz.x.part").write_bytes(b"half")
    journal.move(tmp_path / "to")
    assert {path.name for path in (tmp_path / "to").iterdir()} == {
        STATE,
        HISTORY,
        "classes_it001.png",
        "classes_it001.mrcs",
    }
    assert same(load_state(tmp_path / "to" / STATE), small_state(1))


def test_history_is_json_whatever_is_unknown(tmp_path):
    nobody = small_state(
        1,
        class_index=(-1, -1),
        resolution_angstrom=np.full(3, np.inf),
    )
    Journal(tmp_path, iterations=2).add(nobody)
    (entry,) = read_history(tmp_path / HISTORY)
    assert entry["best_resolution_angstrom"] is None
    assert entry["populated"] == 0
    assert entry["mean_best_probability"] == 0.0
    assert entry["used_resolution_angstrom"] == pytest.approx(16 * 4 / 5)
    json.loads((tmp_path / HISTORY).read_text("utf-8"), parse_constant=pytest.fail)


def test_the_live_page_shows_the_newest_picture_and_reloads(tmp_path):
    journal = Journal(tmp_path, iterations=9)
    for iteration in (1, 2):
        journal.add(small_state(iteration))
    page = (tmp_path / LIVE).read_text("utf-8")
    assert 'src="classes_it002.png"' in page
    assert "iteration 2 of 9" in page
    assert 'http-equiv="refresh"' in page
    assert "best resolution 9.5 Å" in page
    assert "25.0% of the particles changed" in page
    unresolved = {**journal.history()[-1], "best_resolution_angstrom": None}
    assert "resolution" not in live_page([unresolved], 9, "x")
