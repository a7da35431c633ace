import numpy as np
import pytest

from cryopick.errors import FormatError, MissingFileError
from cryopick.io.picks.npz import load_picks, save_picks
from cryopick.io.picks.registry import read_picks
from cryopick.model import Picks, delete


def full_picks():
    rng = np.random.default_rng(0)
    picks = Picks.of(
        rng.normal(size=(5, 3)) * 1e4,
        image=["007", "1e5", "b", "b", "µ"],
        orientation=rng.normal(size=(5, 4)),
        score=[1e-9, np.nan, 3, 4, 5],
        label="ribosome",
        group=["", "1", "2", "03", "x"],
        extra={"rlnFoo": np.arange(5), "note": np.array(["a", "", "b b", "c", "d"])},
    )
    return delete(picks, np.array([0, 1, 0, 0, 1], bool), reason="edge")


def test_every_column_survives_to_the_last_bit(tmp_path):
    picks = full_picks()
    save_picks(picks, tmp_path / "a.npz")
    back = load_picks(tmp_path / "a.npz")
    for name in (
        "position_angstrom",
        "image",
        "orientation",
        "score",
        "label",
        "group",
        "state",
        "reason",
    ):
        np.testing.assert_array_equal(getattr(back, name), getattr(picks, name))
    assert back.source is None
    assert list(back.extra) == ["rlnFoo", "note"]
    np.testing.assert_array_equal(back.extra["note"], picks.extra["note"])


def test_empty_picks_survive(tmp_path):
    save_picks(Picks.empty(2), tmp_path / "a.npz")
    back = load_picks(tmp_path / "a.npz")
    assert (len(back), back.ndim) == (0, 2)


def test_it_is_recognised(tmp_path):
    save_picks(full_picks(), tmp_path / "a.npz")
    assert len(read_picks(tmp_path / "a.npz").picks) == 5


def test_damage_is_told_in_one_line(tmp_path):
    save_picks(full_picks(), tmp_path / "a.npz")
    whole = (tmp_path / "a.npz").read_bytes()
    for damaged in (
        b"",
        b"PK",
        whole[:200],
        whole[: len(whole) // 2],
        whole[:60] + b"\xff" * 60 + whole[120:],
    ):
        (tmp_path / "bad.npz").write_bytes(damaged)
        with pytest.raises(FormatError, match=r"bad\.npz: not a whole archive") as caught:
            load_picks(tmp_path / "bad.npz")
        assert "\n" not in str(caught.value)
    with pytest.raises(MissingFileError, match=r"none\.npz"):
        load_picks(tmp_path / "none.npz")
