"""Maps that fill up tile by tile, and what is left of them after a kill."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cryopick.pick.matching import best_maps
from cryopick.pick.matching.best_maps import BestMaps
from cryopick.pick.matching.search import Means
from cryopick.pick.matching.tiles import plan_tiles

SHAPE = (12, 20, 14)
TILES = plan_tiles(SHAPE, 5, most_voxels=2000)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(best_maps, "_SECONDS_BETWEEN_CHECKPOINTS", -1.0)


def values_of(number):
    """Every second voxel of a tile, with values that tell the tile."""
    voxel = np.arange(0, int(np.prod(TILES[number].shape)), 2)
    return voxel, (number + voxel / 1e4).astype(np.float32), (number * 1000 + voxel).astype("i4")


def filled(maps, numbers):
    for number in numbers:
        maps.keep(number, *values_of(number))
    return maps


def expected(numbers):
    score, rotation = np.zeros(SHAPE, np.float32), np.full(SHAPE, -1, np.int32)
    for number in numbers:
        voxel, values, rows = values_of(number)
        index = np.stack(np.unravel_index(voxel, TILES[number].shape)).T + TILES[number].first
        score[tuple(index.T)] = values
        rotation[tuple(index.T)] = rows
    return score, rotation


def check(maps, numbers):
    score, rotation = expected(numbers)
    np.testing.assert_array_equal(maps.score, score)
    np.testing.assert_array_equal(maps.rotation, rotation)


@pytest.mark.parametrize("kept", [False, True])
def test_what_is_entered_is_there_and_all_else_is_not_searched(tmp_path, kept):
    assert len(TILES) >= 6
    told = []
    means = Means(checkpoints=tmp_path / "a" / "b" if kept else None, progress=told.append)
    maps = filled(BestMaps(SHAPE, TILES, means), [3, 0])
    check(maps, [3, 0])
    assert maps.todo() == [n for n in range(len(TILES)) if n not in (0, 3)]
    assert told == [1 / len(TILES), 2 / len(TILES)]


def test_what_was_done_is_taken_up_again(tmp_path):
    means = Means(checkpoints=tmp_path)
    filled(BestMaps(SHAPE, TILES, means), [1, 2])
    again = BestMaps(SHAPE, TILES, means)
    assert again.todo() == [n for n in range(len(TILES)) if n not in (1, 2)]
    check(filled(again, again.todo()), range(len(TILES)))
    assert BestMaps(SHAPE, TILES, means).todo() == []


def test_tiles_since_the_last_record_are_done_again(tmp_path, monkeypatch):
    means = Means(checkpoints=tmp_path)
    maps = filled(BestMaps(SHAPE, TILES, means), [0, 1])
    monkeypatch.setattr(best_maps, "_SECONDS_BETWEEN_CHECKPOINTS", 1e9)
    filled(maps, [2, 3])
    assert 2 in BestMaps(SHAPE, TILES, means).todo()


def test_another_search_or_another_cut_begins_anew(tmp_path):
    means = Means(checkpoints=tmp_path)
    filled(BestMaps(SHAPE, TILES, means, key="one"), [0, 1])
    assert 0 not in BestMaps(SHAPE, TILES, means, key="one").todo()
    other = BestMaps(SHAPE, TILES, means, key="two")
    assert len(other.todo()) == len(TILES)
    check(other, [])
    filled(other, [0])
    whole = plan_tiles(SHAPE, 5, most_voxels=10**6)
    assert BestMaps(SHAPE, whole, means, key="two").todo() == [0]


def test_the_record_of_an_earlier_search_does_not_outlive_its_maps(tmp_path):
    """Killed before its first record, a second search must not leave the first one's."""
    means = Means(checkpoints=tmp_path)
    filled(BestMaps(SHAPE, TILES, means, key="one"), range(len(TILES)))
    BestMaps(SHAPE, TILES, means, key="two")
    back = BestMaps(SHAPE, TILES, means, key="one")
    assert len(back.todo()) == len(TILES)
    check(back, [])


@pytest.mark.parametrize("damage", ["record", "field", "map"])
def test_damaged_checkpoints_are_left_aside(tmp_path, damage):
    means = Means(checkpoints=tmp_path)
    filled(BestMaps(SHAPE, TILES, means), [0, 1])
    if damage == "record":
        (tmp_path / "tiles.json").write_text('{"plan": [')
    elif damage == "field":
        (tmp_path / "tiles.json").write_text(json.dumps({"done": [0]}))
    else:
        (tmp_path / "score.npy").unlink()
    again = BestMaps(SHAPE, TILES, means)
    assert len(again.todo()) == len(TILES)
    check(filled(again, again.todo()), range(len(TILES)))


def test_several_threads_may_enter(tmp_path):
    means = Means(checkpoints=tmp_path)
    maps = BestMaps(SHAPE, TILES, means)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: maps.keep(n, *values_of(n)), range(len(TILES))))
    check(maps, range(len(TILES)))
    check(BestMaps(SHAPE, TILES, means), range(len(TILES)))
