"""`Frame`: which image a coordinate belongs to, and what is said where nobody knows."""

import dataclasses

import pytest

from cryopick.errors import InputError, MissingFrameError
from cryopick.io.picks.dialect import EVERY_COLUMN, Dialect, Frame, PickFile
from cryopick.model import Grid, Picks

SMALL = Grid(shape=(10, 20), pixel_size_angstrom=4.0)
LARGE = Grid(shape=(40, 80), pixel_size_angstrom=1.0)


def test_an_image_has_its_own_grid_before_the_common_one():
    frame = Frame(grids={"a": SMALL}, default_grid=LARGE)
    assert frame.grid("a", "f.box") is SMALL
    assert frame.grid("b", "f.box") is LARGE
    assert frame.known_grid("a") is SMALL
    assert Frame(grids={"a": SMALL}).known_grid("b") is None


def test_the_grid_knows_the_pixel_size_better_than_the_option():
    """A pixel size given for images that are not at hand does not override one that is."""
    frame = Frame(grids={"a": SMALL}, pixel_size_angstrom=9.0)
    assert frame.pixel_size("a", "f.box") == 4.0
    assert frame.pixel_size("b", "f.box") == 9.0
    assert Frame(default_grid=LARGE, pixel_size_angstrom=9.0).pixel_size("x", "f.box") == 1.0


def test_a_pixel_size_is_no_shape():
    with pytest.raises(MissingFrameError, match=r"^f\.box: image a: its shape is needed"):
        Frame(pixel_size_angstrom=2.0).grid("a", "f.box")


def test_what_is_missing_names_file_image_and_option():
    with pytest.raises(MissingFrameError) as shape:
        Frame().grid("TS_007", "x/p.star")
    assert str(shape.value) == (
        "x/p.star: image TS_007: its shape is needed to place the picks; name it with --image"
    )
    with pytest.raises(MissingFrameError) as size:
        Frame().pixel_size("TS_007", "x/p.star")
    assert str(size.value) == (
        "x/p.star: image TS_007: its pixel size is needed; "
        "give --pixel-size, or the image with --image"
    )
    assert isinstance(size.value, InputError)  # exit code 2


def test_an_empty_frame_knows_nothing_and_shares_nothing():
    one, two = Frame(), Frame()
    assert one == two
    assert one.grids == {}
    assert one.grids is not two.grids
    assert (one.box_size_px, one.image_name, one.tilt_series_pixel_angstrom) == (None, None, None)


def test_frames_and_results_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Frame().image_name = "a"
    with pytest.raises(dataclasses.FrozenInstanceError):
        PickFile(picks=Picks.empty(2)).box_size_px = 3.0


def test_a_result_assumes_nothing_unless_it_says_so():
    found = PickFile(picks=Picks.empty(3))
    assert (found.box_size_px, found.assumed, found.warnings) == (None, (), ())


def test_a_dialect_that_only_reads_loses_everything_it_does_not_name():
    one = Dialect(
        name="x",
        title="X",
        suffixes=(".x",),
        dimensions=(2,),
        origin="centre of the first pixel",
        unit="pixels",
        sniff=lambda path, head: 0,
        read=lambda path, frame: PickFile(picks=Picks.empty(2)),
    )
    assert (one.write, one.euler, one.decimals, one.keeps) == (None, "", None, frozenset())


def test_every_column_is_a_column_of_picks():
    assert {field.name for field in dataclasses.fields(Picks)} >= EVERY_COLUMN
