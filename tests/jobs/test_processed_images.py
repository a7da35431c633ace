"""What ``resample`` and ``filter`` share."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images import write_mrc
from cryopick.jobs.processed_images import collect_images, open_item, plan_images
from foreign_mrc import write_foreign_mrc


def _plan(folder, **changes):
    call = {"needs_pixel_size": False, "copies": 8, "memory_bytes": 10**9,
            "seconds_per_pixel": 1e-7}  # fmt: skip
    return plan_images([str(folder)], None, **(call | changes))


def test_one_item_per_image_in_order(tmp_path):
    for name in ("b", "a", "007"):
        write_mrc(tmp_path / f"{name}.mrc", np.zeros((4, 5)), 2.0)
    items = _plan(tmp_path)
    assert [i.id for i in items] == ["007", "a", "b"]
    assert [i.inputs["output"] for i in items] == ["007.mrc", "a.mrc", "b.mrc"]
    assert items[0].cost.memory_bytes == 4 * 5 * 4 * 8
    assert items[0].cost.seconds == pytest.approx(20e-7)


def test_the_memory_of_a_stack_is_that_of_one_image(tmp_path):
    write_mrc(tmp_path / "p.mrc", np.zeros((50, 4, 5)), 2.0, stack=True)
    (item,) = _plan(tmp_path)
    assert item.cost.memory_bytes == 4 * 5 * 4 * 8
    assert item.inputs["output"] == "p.mrcs"


def test_names_that_would_be_hidden_or_no_folder(tmp_path):
    write_mrc(tmp_path / ".x y.mrc", np.zeros((4, 5)), 2.0)
    (item,) = _plan(tmp_path / ".x y.mrc")
    assert item.inputs["name"] == ".x y"
    assert item.inputs["output"] == "image.x y.mrc"
    assert "/" not in item.id
    assert not item.id.startswith(".")


def test_a_pixel_size_is_asked_for_where_needed(tmp_path):
    write_foreign_mrc(tmp_path / "a.mrc", np.zeros((4, 5)), 1.0)
    assert len(_plan(tmp_path)) == 1
    with pytest.raises(InputError, match="its pixel size is not known"):
        _plan(tmp_path, needs_pixel_size=True)


def test_what_is_odd_is_warned_of_with_the_file(tmp_path):
    write_foreign_mrc(tmp_path / "a.mrc", np.zeros((4, 5)), 1.0)
    (item,) = _plan(tmp_path)
    with pytest.warns(UserWarning, match=r"a\.mrc: pixel size of 1 Å"):
        open_item(item)


def test_items_that_failed_are_left_out(tmp_path):
    for name in ("a", "b"):
        write_mrc(tmp_path / f"{name}.mrc", np.zeros((4, 5)), 2.0)
    items = _plan(tmp_path)
    (tmp_path / "out/items/b").mkdir(parents=True)
    write_mrc(tmp_path / "out/items/b/b.mrc", np.ones((4, 5)), 2.0)
    outcome = collect_images(
        tmp_path / "out", items, verb="done", summary={"x": 1}, next_command=""
    )
    assert outcome.files == {"b": "items/b/b.mrc"}
    assert outcome.sentence == "1 image done"
    assert outcome.summary["x"] == 1
    nothing = collect_images(tmp_path / "no", items, verb="done", summary={}, next_command="")
    assert (nothing.files, list(nothing.plots)) == ({}, [])
    assert nothing.sentence == "0 images done"
