"""Results of tiles are kept whole, or not at all, and only for their own search."""

import numpy as np
import pytest

from cryopick.pick.matching.tile_results import Checkpoints, TileResult, digest


def result(seed=0):
    rng = np.random.default_rng(seed)
    return TileResult(
        score=rng.normal(size=(2, 3, 4)).astype(np.float32),
        rotation=rng.integers(0, 9, (2, 3, 4)).astype(np.int32),
        squares=rng.random(5),
        done=3,
    )


def test_what_is_kept_comes_back_bit_for_bit(tmp_path):
    store = Checkpoints(folder=tmp_path / "deep" / "er", key="abc")
    assert store.load("one") is None
    store.save("one", result())
    found = store.load("one")
    for name in ("score", "rotation", "squares"):
        np.testing.assert_array_equal(getattr(found, name), getattr(result(), name))
        assert getattr(found, name).dtype == getattr(result(), name).dtype
    assert found.done == 3
    assert store.load("two") is None
    assert [path.name for path in (tmp_path / "deep" / "er").iterdir()] == ["one.npz"]


def test_results_of_another_search_are_ignored(tmp_path):
    Checkpoints(folder=tmp_path, key="abc").save("one", result())
    assert Checkpoints(folder=tmp_path, key="abd").load("one") is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"no archive"])
def test_a_damaged_file_counts_as_nothing(tmp_path, content):
    (tmp_path / "one.npz").write_bytes(content)
    assert Checkpoints(folder=tmp_path, key="abc").load("one") is None


def test_an_archive_cut_short_counts_as_nothing(tmp_path):
    store = Checkpoints(folder=tmp_path, key="abc")
    store.save("one", result())
    path = tmp_path / "one.npz"
    path.write_bytes(path.read_bytes()[:-200])
    assert store.load("one") is None


def test_the_fingerprint_tells_values_shapes_types_and_words_apart():
    base = np.arange(24.0).reshape(2, 3, 4)
    other = base.copy()
    other[1, 2, 3] += 1e-9
    made = [
        digest([base]), digest([other]), digest([base.reshape(3, 2, 4)]), digest([base, None]),
        digest([base.astype(np.float32)]), digest([base], "word"), digest([base], None),
    ]  # fmt: skip
    assert len(set(made)) == len(made)
    assert digest([base[:, ::-1]]) == digest([base[:, ::-1].copy()])
