import pickle
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.pickle_tree import Call, Name
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.io.picks.tomotwin import DIALECTS, _array, _columns, _labels
from cryopick.model import Grid, Picks
from shared_data import shared

ONE = Frame(pixel_size_angstrom=1.0)


def test_genuine_locations():
    path = shared("formats/cryolo/valid.tloc")
    assert recognise(path).name == "tomotwin"
    picks = read_picks(path, ONE).picks
    assert len(picks) == 14
    np.testing.assert_allclose(picks.position_angstrom[0], [86.06830834, 26.54613439, 98.65558195])
    # The file's own column of names says the same of each row.
    assert picks.label.tolist() == ["cluster_2"] * 8 + ["cluster_3"] * 6
    assert picks.score[0] == pytest.approx(0.63964844)
    assert np.all((picks.position_angstrom >= 0) & (picks.position_angstrom < 100))
    assert picks.extra["size"][0] == 18


def test_genuine_locations_without_reference_names():
    found = read_picks(shared("formats/cryolo/valid_missing_dim_z.tloc"), ONE)
    np.testing.assert_array_equal(found.picks.position_angstrom[:2], [[86, 26, 98], [88, 2, 44]])
    assert set(found.picks.label.tolist()) == {"1", "2"}
    assert found.box_size_px == 37


def test_positions_are_placed_by_the_tomogram():
    path = shared("formats/cryolo/valid_missing_dim_z.tloc")
    grid = Grid(shape=(200, 200, 200), pixel_size_angstrom=2.0).binned_by_mean(2)
    picks = read_picks(path, Frame(default_grid=grid)).picks
    np.testing.assert_array_equal(picks.position_angstrom[0], [86 * 4 + 1, 26 * 4 + 1, 98 * 4 + 1])


@pytest.mark.parametrize("value", [[1, 2], {"X": 1}, np.arange(4)])
def test_other_pickles_are_refused(tmp_path: Path, value: object):
    path = tmp_path / "a.tloc"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(FormatError, match="no pickled pandas DataFrame"):
        read_picks(path, ONE, name="tomotwin")


def test_a_table_without_positions_is_refused(tmp_path: Path):
    data = shared("formats/cryolo/valid.tloc").read_bytes()
    path = tmp_path / "a.tloc"
    path.write_bytes(data.replace(b"\x8c\x01X\x94", b"\x8c\x01Q\x94"))
    with pytest.raises(FormatError, match="no column X"):
        read_picks(path, ONE)


def test_it_is_read_only(tmp_path: Path):
    assert DIALECTS[0].write is None
    with pytest.raises(InputError, match="can be read, not written"):
        write_picks(Picks.empty(3), tmp_path / "a.tloc", ONE, name="tomotwin")


def test_a_folder_is_refused(tmp_path: Path):
    with pytest.raises(FormatError, match="is a folder"):
        read_picks(tmp_path, ONE, name="tomotwin")


def dtype_of(code: str, order: str = "<") -> Call:
    return Call(
        Name("numpy", "dtype"), (code, False, True), (3, order, None, None, None, -1, -1, 0)
    )


def buffer(values: np.ndarray, *, order: str = "C") -> Call:
    data = values.tobytes(order=order)
    kind = dtype_of(values.dtype.str[1:], values.dtype.str[0])
    return Call(Name("numpy.core.numeric", "_frombuffer"), (data, kind, values.shape, order))


def table(*blocks: tuple[np.ndarray, object], names: list[str]) -> Call:
    parts = tuple(
        Call(Name("pandas._libs.internals", "_unpickle_block"), (buffer(values), places, 2))
        for values, places in blocks
    )
    objects = Call(Name("numpy", "_reconstruct"), (), (1, (len(names),), None, False, names))
    index = Call(Name("pandas", "_new_Index"), (None, {"data": objects, "name": None}))
    manager = Call(Name("pandas", "BlockManager"), (parts, [index, None]))
    return Call(Name("pandas.core.frame", "DataFrame"), (), {"_mgr": manager})


def columns_of(*blocks: tuple[np.ndarray, object], names: list[str]) -> dict[str, np.ndarray]:
    return _columns(Path("a.tloc"), table(*blocks, names=names).state)


@pytest.mark.parametrize("kind", ["<f4", "<f8", ">f8", "<i8", ">i4", "<u2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_every_kind_and_order(kind: str, order: str):
    values = np.arange(6).reshape(2, 3).astype(kind)
    found = _array(buffer(values, order=order))
    np.testing.assert_array_equal(found, values)


def test_arrays_as_older_numpy_pickles_them():
    values = np.arange(6.0).reshape(2, 3)
    state = (1, (2, 3), dtype_of("f8"), False, values.tobytes())
    node = Call(Name("numpy.core.multiarray", "_reconstruct"), (), state)
    np.testing.assert_array_equal(_array(node), values)
    state = (1, (2, 3), dtype_of("f8"), True, values.tobytes(order="F"))
    np.testing.assert_array_equal(_array(Call(node.what, (), state)), values)


@pytest.mark.parametrize(
    "arguments",
    [
        (b"12345678", dtype_of("f8"), (2,), "C"),
        (b"12345678", dtype_of("O8"), (1,), "C"),
        (b"12345678", dtype_of("f8"), (-1,), "C"),
        (b"12345678", dtype_of("f8"), (1, 1, 1), "C"),
        (b"12345678", dtype_of("f8"), (2**39, 2**39), "C"),
        (b"12345678", None, (1,), "C"),
        ("12345678", dtype_of("f8"), (1,), "C"),
        (b"12345678", dtype_of("f8"), [1], "C"),
    ],
)
def test_arrays_that_do_not_fit_are_none(arguments: tuple[object, ...]):
    assert _array(Call(Name("numpy.core.numeric", "_frombuffer"), arguments)) is None
    assert _array(Call(Name("os", "system"), arguments)) is None
    assert _array(arguments) is None


def test_columns_are_put_in_their_places():
    floats = np.array([[1.0, 2.0], [3.0, 4.0]])
    whole = np.array([[5, 6]])
    every_second = Call(Name("builtins", "slice"), (0, 4, 2))
    found = columns_of(
        (floats, every_second), (whole, buffer(np.array([1]))), names=["X", "class", "Y", "text"]
    )
    assert {name: column.tolist() for name, column in found.items()} == {
        "X": [1, 2],
        "Y": [3, 4],
        "class": [5, 6],
    }


@pytest.mark.parametrize(
    "places",
    [None, Call(Name("builtins", "slice"), (0, 10**9, 1)), Call(Name("builtins", "slice"), (0, 1)),
     Call(Name("builtins", "slice"), (0, 1, 0)), buffer(np.array([0.5])), buffer(np.array([7]))],
)  # fmt: skip
def test_blocks_without_a_usable_place_are_left_out(places: object):
    assert columns_of((np.ones((1, 2)), places), names=["X"]) == {}


def test_columns_of_different_lengths_are_refused():
    first = Call(Name("builtins", "slice"), (0, 1, 1))
    second = Call(Name("builtins", "slice"), (1, 2, 1))
    with pytest.raises(FormatError, match="columns differ in length"):
        columns_of((np.ones((1, 2)), first), (np.ones((1, 3)), second), names=["X", "Y"])


def test_tables_of_unknown_versions_are_refused():
    with pytest.raises(FormatError, match="pandas tables of this version"):
        _columns(Path("a.tloc"), {"_data": 1})
    manager = Call(Name("pandas", "BlockManager"), ((), [1, 2]))
    with pytest.raises(FormatError, match="no column names found"):
        _columns(Path("a.tloc"), {"_mgr": manager})


def test_classes_are_named_where_the_file_names_them():
    classes = np.array([0, 2, 1, -1])
    state = {"attrs": {"references": ["ref/8.5A_tric.mrc", "b.mrc"]}}
    assert _labels(state, classes) == ["8.5A_tric", "2", "b", "-1"]
    assert _labels({}, classes) == ["0", "2", "1", "-1"]
    assert _labels({"attrs": {"references": 3}}, classes) == ["0", "2", "1", "-1"]
    assert _labels(state, None) is None
    assert _labels(state, np.array([0.5])) is None
