from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import FormatError, InputError, MissingFrameError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.placing import (
    box_to_write,
    groups_of,
    names_of,
    one_image,
    own_name,
    pixel_sizes,
    text_column,
    to_px,
    to_specimen,
)
from cryopick.model import Grid, Picks

HERE = Path("a.box")


def test_own_name_is_the_file_name_without_folders_suffix_and_ending():
    assert own_name(Path("x/mic.1.box"), Frame()) == "mic.1"
    assert own_name(Path("007.box.gz"), Frame()) == "007"
    assert own_name(Path("mic1.mrc.box"), Frame()) == "mic1"
    assert own_name(Path("mic1_info.json"), Frame(), ending="_info") == "mic1"
    assert own_name(Path("mic1.box"), Frame(image_name="other")) == "other"


def test_each_image_uses_its_own_grid():
    frame = Frame(
        grids={"a": Grid(shape=(10, 10), pixel_size_angstrom=2.0).binned_by_mean(2)},
        pixel_size_angstrom=3.0,
    )
    px = np.array([[1.0, 1.0], [1.0, 1.0]])
    # a: 4 Å pixels, the first centred at (2 - 1) / 2 * 2 Å = 1 Å; b: 3 Å pixels from 0.
    position = to_specimen(px, np.array(["a", "b"]), path=HERE, frame=frame)
    np.testing.assert_allclose(position, [[5, 5], [3, 3]])
    back = to_px(
        Picks(position_angstrom=position, image=np.array(["a", "b"])), path=HERE, frame=frame
    )
    np.testing.assert_allclose(back, px)


def test_a_pixel_size_is_asked_for():
    with pytest.raises(MissingFrameError, match=r"a\.box: image mic: .*--pixel-size"):
        to_specimen(np.zeros((1, 2)), np.array(["mic"]), path=HERE, frame=Frame())


def test_2d_picks_do_not_go_into_a_tomogram():
    frame = Frame(default_grid=Grid(shape=(5, 5, 5), pixel_size_angstrom=1.0))
    with pytest.raises(
        InputError, match="image mic: 2D picks, but the image is 3D; name the image"
    ):
        to_specimen(np.zeros((1, 2)), np.array(["mic"]), path=HERE, frame=frame)


def test_absurd_positions_are_refused():
    with pytest.raises(FormatError, match="over 1e9 pixels away"):
        to_specimen(
            np.array([[1e300, 0]]), np.array(["m"]), path=HERE, frame=Frame(pixel_size_angstrom=1.0)
        )


def test_one_image():
    picks = Picks.of(np.zeros((2, 2)), image=["a", "b"])
    with pytest.raises(InputError, match=r"one image, got 2 images \(a, b"):
        one_image(picks, HERE, Frame())
    assert one_image(picks[0], HERE, Frame()) == "a"
    assert one_image(Picks.empty(2), HERE, Frame()) == "a"


@given(st.lists(st.sampled_from(["x", "a", "007", ""]), max_size=30))
def test_groups_are_a_partition_in_order_of_appearance(names: list[str]):
    image = np.array(names, dtype="<U8")
    parts = list(groups_of(image).items())
    assert [name for name, _ in parts] == list(dict.fromkeys(names))
    for name, rows in parts:
        assert all(image[rows] == name)
        assert list(rows) == sorted(rows)
    assert sum(len(rows) for _, rows in parts) == len(names)


def test_groups_keep_the_order_of_appearance_and_of_rows():
    groups = groups_of(np.array(["b", "a", "b", "c", "a"]))
    assert {name: rows.tolist() for name, rows in groups.items()} == {
        "b": [0, 2],
        "a": [1, 4],
        "c": [3],
    }
    assert [*groups] == ["b", "a", "c"]
    assert groups_of(np.zeros(0, dtype="<U1")) == {}


def test_the_image_goes_before_the_pixel_size_given_before_that_of_the_file():
    px = np.array([[1.0, 2.0]] * 3)
    names = np.array(["a", "b", "b"])
    own = np.array([5.0, 6.0, 7.0])
    grid = Grid(shape=(4, 4), pixel_size_angstrom=2.0, origin_angstrom=(10, 20))
    both = Frame(grids={"a": grid}, pixel_size_angstrom=3.0)
    position = to_specimen(px, names, path=HERE, frame=both, own_angstrom=own)
    np.testing.assert_allclose(position, [[12, 24], [3, 6], [3, 6]])
    first = Frame(grids={"a": grid})
    position = to_specimen(px, names, path=HERE, frame=first, own_angstrom=own)
    np.testing.assert_allclose(position, [[12, 24], [6, 12], [7, 14]])
    with pytest.raises(InputError, match="image a: 2D picks, but the image is 3D"):
        flat = Frame(default_grid=Grid(shape=(4, 4, 4), pixel_size_angstrom=1.0))
        to_specimen(px, names, path=HERE, frame=flat, own_angstrom=own)


def test_pixels_follow_each_image():
    grid = Grid(shape=(9, 9), pixel_size_angstrom=2.0, origin_angstrom=(1.0, 0.0))
    picks = Picks.of([[5.0, 6.0], [5.0, 6.0]], image=["a", "b"])
    frame = Frame(grids={"a": grid}, pixel_size_angstrom=4.0)
    np.testing.assert_allclose(to_px(picks, path=HERE, frame=frame), [[2, 3], [1.25, 1.5]])
    assert pixel_sizes(picks.image, path=HERE, frame=frame).tolist() == [2, 4]


def test_text_column_refuses_one_giant_value():
    assert text_column(HERE, [], column="label").shape == (0,)
    with pytest.raises(FormatError, match="column label: a text of 1000 characters"):
        text_column(HERE, ["a", "b" * 1000], column="label")
    assert names_of("007", 2).tolist() == ["007", "007"]


def test_box_to_write_prefers_what_is_known():
    frame = Frame(pixel_size_angstrom=2.0)
    picks = Picks.of(np.zeros((2, 2)), image="a")
    sized = Picks.of(np.zeros((2, 2)), image="a", diameter_angstrom=[100.0, np.nan])
    assert box_to_write(sized, HERE, Frame(pixel_size_angstrom=2.0, box_size_px=31))[0] == 31
    assert box_to_write(sized, HERE, frame) == (
        76,
        ("box of 76 px: 1.5 times the largest diameter",),
    )  # 1.5 * 50 px = 75, made even
    box, assumed = box_to_write(picks, HERE, frame)
    assert box == 100
    assert "no box size was given" in assumed[0]


@given(
    st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), min_size=1, max_size=10),
    st.floats(0.1, 100),
    st.integers(1, 8),
)
def test_pixels_come_back_from_the_specimen(
    rows: list[tuple[float, float]], size: float, binning: int
):
    grid = Grid(shape=(64, 81), pixel_size_angstrom=size).binned_by_mean(binning)
    frame = Frame(default_grid=grid)
    px = np.array(rows)
    image = names_of("m", len(px))
    position = to_specimen(px, image, path=HERE, frame=frame)
    back = to_px(Picks(position_angstrom=position, image=image), path=HERE, frame=frame)
    np.testing.assert_allclose(back, px, atol=1e-8)


def test_pixel_sizes_follow_the_image_of_each_pick():
    grids = {"a": Grid(shape=(4, 4), pixel_size_angstrom=2.0)}
    frame = Frame(grids=grids, pixel_size_angstrom=3.0)
    sizes = pixel_sizes(np.array(["a", "b", "a"]), path=HERE, frame=frame)
    assert sizes.tolist() == [2, 3, 2]
    with pytest.raises(MissingFrameError, match="image b: its pixel size is needed"):
        pixel_sizes(np.array(["a", "b"]), path=HERE, frame=Frame(grids=grids))
