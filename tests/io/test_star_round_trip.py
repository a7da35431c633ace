"""Any content that a STAR file can hold survives; what it cannot hold is refused before writing."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.io.star import parse_star, read_star
from cryopick.io.star_block import StarFile, star_block
from cryopick.io.star_write import format_numbers, quoted, write_star
from shared_data import shared

# All but control characters, which no program writes into names; one kind of quote at a time.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=10).filter(
    lambda t: not ("'" in t and '"' in t)
)
SPICY = st.sampled_from(
    ["", " ", "'", '"', "#", "# a", "_a", "data_", "data_x", "loop_", " loop_", "stop_", "a #b",
     "a# b", "' a", 'a "', "it's", "'a b", "\u00a0", "\u2028", "\u3000x", "1e5", "007", "nan",
     "-", "é" * 40, "x" * 300, "save_", "?", ".", "_", "a _b", "\ufeff"]
)  # fmt: skip
NAME = st.text("abcXYZ019_#.,-+/µ", min_size=1, max_size=8)
BLOCK_NAME = st.text("abcXYZ019_.,-+/µ", max_size=8)


@st.composite
def blocks(draw):
    names = draw(st.lists(NAME, min_size=1, max_size=5, unique=True))
    loop = draw(st.booleans())
    n = draw(st.integers(1, 7)) if loop else 1
    columns = {}
    for name in names:
        kind = draw(st.sampled_from(["text", "int", "float"]))
        if kind == "text":
            values = draw(st.lists(TEXT | SPICY, min_size=n, max_size=n))
        elif kind == "int":
            values = np.array(draw(st.lists(st.integers(-(2**63) + 1, 2**63 - 1),
                                            min_size=n, max_size=n)), np.int64)  # fmt: skip
        else:
            values = np.array(draw(st.lists(st.floats(allow_nan=False, allow_infinity=False),
                                            min_size=n, max_size=n)))  # fmt: skip
        columns[name] = values
    comments = draw(st.lists(st.sampled_from(["version 50001", "é", "data_ x"]), max_size=2))
    return star_block(draw(BLOCK_NAME), columns, loop=loop, comments=comments)


@settings(max_examples=80, deadline=None)
@given(st.lists(blocks(), min_size=1, max_size=4))
def test_whole_files_come_back(tmp_path_factory, given_blocks):
    path = tmp_path_factory.getbasetemp() / "whole.star"
    write_star(path, given_blocks)
    back = read_star(path).blocks
    assert [b.name for b in back] == [b.name for b in given_blocks]
    for old, new in zip(given_blocks, back, strict=True):
        assert list(new.columns) == list(old.columns)
        assert (new.loop, len(new), new.comments) == (old.loop, len(old), old.comments)
        for name, values in old.columns.items():
            if values.dtype.kind == "i":
                assert [int(t) for t in new.columns[name]] == values.tolist()
            elif values.dtype.kind == "f":
                np.testing.assert_allclose(new.number(name), values, rtol=1e-8, atol=6e-7)
            else:
                assert list(new.columns[name]) == values.tolist()


@settings(max_examples=25, deadline=None)
@given(st.lists(blocks(), min_size=1, max_size=3))
def test_a_second_round_trip_changes_no_byte(tmp_path_factory, given_blocks):
    one, two = (tmp_path_factory.getbasetemp() / f"{name}.star" for name in ("one", "two"))
    write_star(one, given_blocks)
    texts = [
        star_block(b.name, {c: list(v) for c, v in b.columns.items()}, loop=b.loop,
                   comments=b.comments)
        for b in read_star(one).blocks
    ]  # fmt: skip
    write_star(two, texts)
    again = read_star(two)
    for old, new in zip(texts, again.blocks, strict=True):
        assert {c: list(v) for c, v in old.columns.items()} == {
            c: list(v) for c, v in new.columns.items()
        }
    write_star(one, again)
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("text", ["a\tb", "a\x0bb", "a\x0cb", "a\x1cb", "a\x85b", "\u2029"])
def test_any_white_space_within_a_value(tmp_path, text):
    write_star(tmp_path / "a.star", [star_block("p", {"x": [text, "y"], "n": [1, 2]})])
    assert list(read_star(tmp_path / "a.star").block("p").columns["x"]) == [text, "y"]


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\n\n b", "\n", "a\r"])
def test_line_breaks_become_spaces(tmp_path, text):
    write_star(tmp_path / "a.star", [star_block("p", {"x": [text], "n": [1]})])
    [found] = read_star(tmp_path / "a.star").block("p").columns["x"]
    assert found.split() == text.split()
    assert "\n" not in found


@pytest.mark.parametrize("name", ['a"b', "it's", "TS[1]", "a b", "a\nb"])
def test_block_names_that_no_reader_would_find_are_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"a block name cannot hold|cannot hold spaces"):
        write_star(tmp_path / "a.star", [star_block(name, {"x": [1]})])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "a b", "\t"])
def test_column_names_that_are_none_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="column name"):
        write_star(tmp_path / "a.star", [star_block("p", {name: [1]})])


@pytest.mark.parametrize("text", ["a\x00b", "mic_\udcff"])
@pytest.mark.parametrize("loop", [True, False])
def test_texts_that_no_file_can_hold_are_refused(tmp_path, text, loop):
    block = star_block("p", {"rlnTomoName": [text]}, loop=loop)
    with pytest.raises(InputError, match=r"a\.star: block 'p'.*(zero byte|not UTF-8)"):
        write_star(tmp_path / "a.star", [block])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("n", [1, 2, 65_535, 65_536, 65_537])
def test_tables_around_the_size_of_a_piece(tmp_path, n):
    values = np.arange(n) - n // 2
    write_star(tmp_path / "a.star", [star_block("p", {"i": values, "t": values.astype(str)})])
    block = read_star(tmp_path / "a.star").block("p")
    np.testing.assert_array_equal(block.number("i"), values)
    assert block.text("t")[[0, -1]].tolist() == [str(values[0]), str(values[-1])]


def test_a_row_longer_than_a_piece_between_short_ones():
    long = "y" * 400_000
    block = parse_star(f"data_a\nloop_\n_x\n_y\n1 a\n2 {long}\n3 'c d'\n").block("a")
    assert block.number("x").tolist() == [1, 2, 3]
    assert list(block.columns["y"]) == ["a", long, "c d"]


@pytest.mark.parametrize(
    "sep", ["data_a\nloop_\n{}", "data_a\n\nloop_ # c\n\n{}", "data_a\nloop_\n# c\n{}"]
)
@pytest.mark.parametrize("rows", ["1 2\n", "1 2", " 1\t2 \n\n", "1 2\n# the end\n"])
def test_a_table_of_one_row_however_it_is_laid_out(sep, rows):
    block = parse_star(sep.format("_x #1\n_y #2\n" + rows)).block("a")
    assert (block.loop, len(block)) == (True, 1)
    assert (block.number("x").tolist(), block.number("y").tolist()) == ([1], [2])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("_x 1", "1"), ("_x\t1", "1"), ("  _x   1  ", "1"), ("_x 1 # c", "1"), ("_x", ""),
        ("_x a b", "a b"), ("_x 'a b'", "a b"), ("_x 'a' b", "a b"), ("_x #", ""), ("_x a#b", "a#b"),
        ("_x data_1", "data_1"), ("_x loop_", "loop_"), ('_x ""', ""), ("_x _y", "_y"),
    ],
)  # fmt: skip
def test_single_values_however_they_are_laid_out(text, expected):
    block = parse_star(f"data_a\n\n{text}\n\n_other 1\n").block("a")
    assert not block.loop
    assert block.value("x") == expected
    assert block.value("other") == "1"


@pytest.mark.parametrize("value", [2**62, -(2**62), 2**63 - 1, 10**18 + 1, -(10**18) - 1])
def test_huge_integers_keep_every_digit(tmp_path, value):
    write_star(tmp_path / "a.star", [star_block("p", {"i": np.array([value, 0], np.int64)})])
    assert list(read_star(tmp_path / "a.star").block("p").columns["i"]) == [str(value), "0"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5e-324, "4.94065646e-324"), (-1e-9, "-1e-09"), (0.1, "0.100000"), (0.09999, "0.09999"),
        (99_999_999.5, "99999999.500000"), (1e12, "1e+12"), (-0.0, "0.000000"),
        (1.7976931348623157e308, "1.79769313e+308"), (0.9999995, "1.000000"),
    ],
)  # fmt: skip
def test_numbers_golden(value, text):
    assert bytes(format_numbers(np.array([value]))[0]).decode().strip() == text


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i1", "u1", "i2", ">u4", "u8", "?"])
def test_numbers_of_every_type(dtype):
    values = np.array([0, 1, 1, 0]).astype(dtype)
    assert [float(bytes(row)) for row in format_numbers(values)] == [0, 1, 1, 0]


def test_rows_line_up_so_that_people_can_read_them():
    laid = format_numbers(np.array([1.0, -20.0, 300.25, 1e-7]))
    assert laid.shape == (4, 11)
    assert [bytes(row) for row in laid] == [
        b"   1.000000", b" -20.000000", b" 300.250000", b"      1e-07",
    ]  # fmt: skip


@given(TEXT | SPICY)
def test_a_quoted_value_is_one_value(text):
    block = parse_star(f"data_a\nloop_\n_x\n_y\n{quoted(text)} 1\n2 {quoted(text)}\n").block("a")
    assert (block.columns["x"][0], block.columns["y"][1]) == (text, text)


def test_a_star_file_of_all_blocks_is_written_as_it_is(tmp_path):
    star = StarFile(
        blocks=(star_block("", {"a": [1]}), star_block("b", {"c": ["x y"]}, loop=False))
    )
    write_star(tmp_path / "a.star", star)
    (tmp_path / "b.star.gz").write_bytes(gzip.compress((tmp_path / "a.star").read_bytes()))
    plain, packed = read_star(tmp_path / "a.star"), read_star(tmp_path / "b.star.gz")
    assert [b.name for b in packed.blocks] == [b.name for b in plain.blocks] == ["", "b"]
    assert packed.block("b").value("c") == "x y"


FOLDERS = ("relion_spa", "relion_tomo", "relion5_tomo_project", "stopgap_motl", "pytom_match_pick")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_genuine_file_survives_value_for_value(tmp_path, folder):
    paths = sorted(shared(f"formats/{folder}").rglob("*.star"))
    assert paths
    for path in paths:
        before = read_star(path)
        write_star(tmp_path / "a.star", before)
        after = read_star(tmp_path / "a.star")
        old, new = (
            [(b.name, b.loop, {c: list(v) for c, v in b.columns.items()}) for b in f.blocks]
            for f in (before, after)
        )
        assert old == new, path.name
