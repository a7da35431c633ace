import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import save_picks
from cryopick.io.picks.registry import read_picks, write_picks
from cryopick.jobs.pick_outputs import PICKS, collect_picks, open_for_picking
from cryopick.model import Grid, Picks, delete
from cryopick.run.job import Cost, Item

COST = Cost(memory_bytes=1, seconds=1.0)


def item(folder, name, *, ndim=2):
    shape = (60, 50) if ndim == 2 else (20, 60, 50)
    path = folder / f"{name}.mrc"
    write_mrc(path, np.random.default_rng(0).normal(size=shape).astype(np.float32), 4.0)
    inputs = {"name": name, "path": str(path), "pixel_size_angstrom": None, "ndim": ndim}
    return Item(id=name, inputs=inputs, cost=COST)


def keep(folder, one, picks):
    place = folder / "items" / one.id
    place.mkdir(parents=True)
    save_picks(picks, place / PICKS)


def collect(folder, items):
    return collect_picks(folder, items, thresholds={}, next_command="next")


def test_picks_that_know_only_their_place_are_collected(tmp_path):
    """A picker need not give scores, sizes or states."""
    one = item(tmp_path, "007")
    keep(tmp_path, one, Picks.of([[40.0, 80.0], [120.0, 20.0]], image="007"))
    outcome = collect(tmp_path, [one])
    assert outcome.sentence == "2 picks from 1 micrograph"
    assert outcome.files == {"picks": "picks.star"}
    assert all(plot.png or plot.svg for plot in outcome.plots)


def test_discarded_picks_are_written_with_their_counts(tmp_path):
    one = item(tmp_path, "a")
    picks = Picks.of(
        np.full((4, 2), 40.0) * np.arange(1, 5)[:, None], image="a", score=np.arange(4.0)
    )
    picks = delete(picks, np.array([True, False, False, False]), reason="edge")
    keep(tmp_path, one, delete(picks, np.array([0, 1, 0, 0], bool), reason="below threshold"))
    outcome = collect(tmp_path, [one])
    assert outcome.summary["picks"] == 2
    assert outcome.summary["discarded"] == {"edge": 1, "below threshold": 1}
    frame = Frame(default_grid=Grid(shape=(60, 50), pixel_size_angstrom=4.0))
    assert len(read_picks(tmp_path / "discarded.star", frame).picks) == 2
    assert len(read_picks(tmp_path / "picks.star", frame).picks) == 2


def test_items_that_failed_are_left_out(tmp_path):
    items = [item(tmp_path, "a"), item(tmp_path, "b")]
    keep(tmp_path, items[0], Picks.of([[40.0, 80.0]], image="a"))
    outcome = collect(tmp_path, items)
    assert outcome.summary["images"] == 1
    assert outcome.sentence == "1 pick from 1 micrograph"


def test_micrographs_are_named_as_they_were_given(tmp_path):
    one = item(tmp_path, "a")
    keep(tmp_path, one, Picks.of([[40.0, 80.0]], image="a"))
    collect(tmp_path, [one])
    assert f"{tmp_path}/a.mrc " in (tmp_path / "picks.star").read_text()


def test_tomograms_without_orientations_have_the_columns_relion_expects(tmp_path):
    one = item(tmp_path, "TS_01", ndim=3)
    keep(tmp_path, one, Picks.of([[40.0, 80.0, 20.0]], image="TS_01", score=[3.0]))
    collect(tmp_path, [one])
    text = (tmp_path / "picks.star").read_text()
    for column in ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnLCCmax"):
        assert f"_{column} " in text
    # The zeros mean nothing, and our own reader knows it.
    assert read_picks(tmp_path / "picks.star").picks.orientation is None


def test_an_identity_orientation_is_not_mistaken_for_none(tmp_path):
    picks = Picks.of([[40.0, 80.0, 20.0]], image="t", orientation=[[1.0, 0, 0, 0]])
    frame = Frame(default_grid=Grid(shape=(20, 60, 50), pixel_size_angstrom=4.0))
    write_picks(picks, tmp_path / "p.star", frame, name="relion5")
    back = read_picks(tmp_path / "p.star", frame).picks
    np.testing.assert_allclose(back.orientation, [[1.0, 0, 0, 0]], atol=1e-9)


def test_a_stack_is_not_one_image(tmp_path):
    write_mrc(tmp_path / "s.mrcs", np.zeros((3, 8, 8), np.float32), 4.0, stack=True)
    inputs = {"path": str(tmp_path / "s.mrcs"), "pixel_size_angstrom": None}
    with pytest.raises(InputError, match="is a stack of images"):
        open_for_picking(Item(id="s", inputs=inputs, cost=COST))
