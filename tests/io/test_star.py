import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import CryopickError, FormatError, MissingFileError
from cryopick.io.star import head_of_star, parse_star, read_star, tokens_of
from cryopick.io.star_block import star_block
from shared_data import ROOT, shared

TWO_BLOCKS = b"""# version 50001

data_optics

loop_
_rlnOpticsGroup #1
_rlnVoltage #2
1 300.000000

# version 50001
# second line

data_particles

loop_
_rlnTomoName #1
_rlnCoordinateX #2
_myOwnColumn #3
007   1.500  a
1e5  -2.25   'b c'  # remark
"""


def test_blocks_columns_comments_and_text_survive():
    star = parse_star(TWO_BLOCKS)
    assert [b.name for b in star.blocks] == ["optics", "particles"]
    block = star.block("particles")
    assert list(block.columns) == ["rlnTomoName", "rlnCoordinateX", "myOwnColumn"]
    assert block.comments == ("version 50001", "second line")
    assert block.text("rlnTomoName").tolist() == ["007", "1e5"]
    assert block.text("rlnCoordinateX").tolist() == ["1.500", "-2.25"]
    assert block.number("rlnCoordinateX").tolist() == [1.5, -2.25]
    assert block.text("myOwnColumn").tolist() == ["a", "b c"]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("tail", [b"", b"\n", b"\n\n  \n# end\n"])
def test_line_ends_and_a_missing_last_newline_do_not_matter(newline, tail):
    text = (TWO_BLOCKS.rstrip(b"\n") + tail).replace(b"\n", newline)
    block = parse_star(text).block("particles")
    assert block.number("rlnCoordinateX").tolist() == [1.5, -2.25]
    assert len(block) == 2


def test_single_values_and_empty_block_names():
    star = parse_star("data_\n_rlnA  1.0\n_rlnB \"\"\n_rlnC 'x y' # remark\n_rlnD\n\ndata_\n")
    first, second = star.blocks
    assert not first.loop
    assert [first.value(c) for c in first.columns] == ["1.0", "", "x y", ""]
    assert len(first) == 1
    assert len(second.columns) == 0


def test_an_empty_loop_has_columns_but_no_rows():
    block = parse_star("data_x\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n").block("x")
    assert (len(block), list(block.columns)) == (0, ["rlnCoordinateX", "rlnCoordinateY"])
    assert block.number("rlnCoordinateX").shape == (0,)
    assert block.text("rlnCoordinateX").shape == (0,)


def test_two_tables_in_one_block_and_a_table_after_single_values():
    star = parse_star("data_a\n_one 1\nloop_\n_two\n5\n6\nloop_\n_three\n7\n_four 8\n")
    assert [(list(b.columns), b.loop) for b in star.blocks] == [
        (["one"], False),
        (["two"], True),
        (["three"], True),
        (["four"], False),
    ]
    assert star.blocks[1].number("two").tolist() == [5, 6]


def test_values_that_look_like_syntax_inside_a_table():
    star = parse_star("data_a\nloop_\n_x\n_y\ndata_set/1.mrc 5\n a_b 6\n loop_de_loop 7\n")
    assert star.block("a").text("x").tolist() == ["data_set/1.mrc", "a_b", "loop_de_loop"]


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        ("a  b\tc", ["a", "b", "c"]),
        ("'a b' \"c d\" e", ["a b", "c d", "e"]),
        ('"it\'s" \'say "hi"\'', ["it's", 'say "hi"']),
        ("a'b c\"d", ["a'b", 'c"d']),
        ("'' \"\" x", ["", "", "x"]),
        ("a #b c", ["a"]),
        ("a#b c", ["a#b", "c"]),
        ("'a b", ["'a", "b"]),
        ("'a'b c' d", ["a'b c", "d"]),
        ("# all", []),
        ("", []),
    ],
)
def test_tokens(line, tokens):
    assert tokens_of(line) == tokens


def test_many_open_quotes_stay_linear():
    line = "'a " * 200_000
    assert len(tokens_of(line)) == 200_000


def test_ragged_rows_are_named_with_their_line():
    text = "data_a\n\nloop_\n_x #1\n_y #2\n1 2\n3\n4 5 6\n"
    with pytest.raises(FormatError, match=r"f\.star: line 7: 1 values, but 2 columns"):
        parse_star(text, "f.star")
    # One row short and the next one long by the same amount is still ragged.
    with pytest.raises(FormatError, match="line 8: 3 values"):
        parse_star(text.replace("3\n", "3 9\n"), "f.star")


def test_a_ragged_row_far_down_has_the_right_line():
    rows = "1 2\n" * 100_000
    with pytest.raises(FormatError, match="line 100005: 1 values"):
        parse_star(f"data_a\nloop_\n_x\n_y\n{rows}7\n{rows}")


@pytest.mark.parametrize("text", ["1_000", "abc", "1.0.0", "0x10", ""])
def test_a_value_that_is_no_number_is_named(text):
    block = parse_star(f"data_p\nloop_\n_x\n_n\n1 a\n'{text}' b\n", "f.star").block("p")
    with pytest.raises(FormatError, match=r"f\.star: block 'p', column x, row 2: .* is not a num"):
        block.number("x")
    assert block.text("x").tolist() == ["1", text]


def test_questions_to_a_file_that_has_no_answer():
    star = parse_star(TWO_BLOCKS, "f.star")
    with pytest.raises(FormatError, match="no block data_nope; it has data_optics, data_particles"):
        star.block("nope")
    with pytest.raises(FormatError, match="no column rlnY; it has rlnOpticsGroup, rlnVoltage"):
        star.block("optics").number("rlnY")
    assert star.get("nope") is None
    assert star.table_with("rlnTomoName", "rlnCoordinateX") is star.blocks[1]
    assert star.table_with("rlnTomoName", "rlnVoltage") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no data_ block"),
        (b"hello world\n", "no data_ block"),
        (b"hello\ndata_a\n", "text before the first data_ block"),
        (b"data_a\nfoo bar\n", "line 2: expected a column name, got 'foo'"),
        (b"data_a\nloop_\n1 2\n", "values, but no column names"),
        (b"data_a\nloop_\n_x\n_x\n1 2\n", "line 4: column x is there twice"),
        (b"data_a\n_x 1\n_x 2\n", "line 3: column x is there twice"),
        (b"data_a\x00", "zero bytes"),
        (b"\x1f\x8bxx", "gzip"),
    ],
)
def test_what_is_no_star_file_says_so(tmp_path, content, message):
    path = tmp_path / "f.star"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=re.escape(message)):
        read_star(path)


def test_a_missing_file():
    with pytest.raises(MissingFileError, match=r"nope\.star"):
        read_star("nope.star")


def test_gzip_is_read_and_bounded(tmp_path):
    path = tmp_path / "a.star.gz"
    path.write_bytes(gzip.compress(TWO_BLOCKS))
    assert len(read_star(path).block("particles")) == 2
    path.write_bytes(gzip.compress(TWO_BLOCKS)[:-9])
    with pytest.raises(FormatError, match="end too early"):
        read_star(path)
    path.write_bytes(gzip.compress(b"data_a\nloop_\n_x\n" + b"1\n" * (40 << 20)))
    with pytest.raises(FormatError, match="unpacks to more than"):
        read_star(path)


def test_one_huge_value_does_not_take_the_memory_of_all():
    text = "data_a\nloop_\n_x\n_y\n" + "1 2\n" * 50_000 + "3 " + "z" * 400_000 + "\n"
    block = parse_star(text).block("a")
    assert block.number("x").sum() == 50_003
    with pytest.raises(FormatError, match="a value of 400000 characters"):
        block.text("y")
    assert len(block.columns["y"][50_000]) == 400_000


def test_text_that_is_not_ascii():
    utf8 = parse_star("data_a\nloop_\n_x\nGröße\nÅ\n".encode()).block("a")
    assert utf8.text("x").tolist() == ["Größe", "Å"]
    latin = parse_star("data_a\nloop_\n_x\n_y\nGröße 'à b'\n".encode("latin-1")).block("a")
    assert latin.text("x").tolist() == ["Größe"]
    assert latin.text("y").tolist() == ["à b"]
    assert parse_star(b"\xef\xbb\xbfdata_a\n_x 1\n").blocks[0].value("x") == "1"


def test_columns_index_like_sequences():
    column = parse_star("data_a\nloop_\n_x\n" + "".join(f"{i}\n" for i in range(90_000))).blocks[0]
    values = column.columns["x"]
    assert (values[0], values[-1], values[70_000]) == ("0", "89999", "70000")
    assert values[1:3] == ["1", "2"]
    with pytest.raises(IndexError):
        values[90_000]
    assert column.number("x").sum() == 90_000 * 89_999 // 2


def test_numbers_given_as_arrays_come_back_as_they_are():
    block = star_block("a", {"x": [1.5, 2.5], "n": ["1", "2"]})
    assert block.number("x").tolist() == [1.5, 2.5]
    assert block.number("n").tolist() == [1, 2]
    assert block.text("x").tolist() == ["1.5", "2.5"]


def test_the_head_of_a_file_is_enough_to_sniff(tmp_path):
    blocks, columns = head_of_star(tmp_path / "a.star", TWO_BLOCKS[:150])
    assert blocks == {"optics", "particles"}
    assert columns >= {"rlnOpticsGroup", "rlnVoltage"}
    assert head_of_star(tmp_path / "a", b"\x00\x01data_") == (frozenset(), frozenset())
    assert head_of_star(tmp_path / "a", b"\x1f\x8bnot really") == (frozenset(), frozenset())
    packed = gzip.compress(TWO_BLOCKS)
    assert head_of_star(tmp_path / "a", packed)[0] == {"optics", "particles"}


def _index() -> list[tuple[str, str]]:
    """Path and the column "as read" of every STAR file of the index."""
    if not (ROOT / "INDEX.md").exists():
        return []
    rows: list[tuple[str, str]] = []
    folder = ""
    for line in (ROOT / "INDEX.md").read_text().split("\n"):
        if line.startswith("## "):
            folder = line[3:].split()[0]
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 4 and ".star" in cells[1]:
            rows.append((f"{folder}/{cells[1].split()[0]}", cells[3]))
    return rows


@pytest.mark.parametrize(("relative", "expected"), _index())
def test_genuine_files_have_the_rows_and_columns_of_the_index(relative, expected):
    star = read_star(shared(relative))
    sizes = [
        f"{b.name or 'data_'}:"
        + (f"{len(b)}x{len(b.columns)}" if b.loop else f"pairs {len(b.columns)}")
        for b in star.blocks
    ]
    assert "; ".join(sizes) == expected


@pytest.mark.parametrize("name", ["one_loop", "particles_relion30", "rln3.1_data_style"])
def test_the_same_as_starfile(name):
    starfile = pytest.importorskip("starfile")
    path = shared(f"formats/relion_spa/{name}.star")
    oracle = starfile.read(path, always_dict=True)
    ours = read_star(path)
    assert [*oracle] == [b.name for b in ours.blocks]
    for block, table in zip(ours.blocks, oracle.values(), strict=True):
        assert [*table.columns] == list(block.columns)
        for column in block.columns:
            if table[column].dtype.kind in "fi":
                np.testing.assert_array_equal(block.number(column), table[column])
            else:
                assert block.text(column).tolist() == table[column].astype(str).tolist()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(0, len(TWO_BLOCKS)), st.integers(0, 40))
def test_damaged_content_gives_an_error_of_ours_or_a_table(noise, place, cut):
    content = TWO_BLOCKS[:place] + noise + TWO_BLOCKS[place + cut :]
    message = "f.star: fine"
    try:
        for block in parse_star(content, Path("f.star")).blocks:
            for column in block.columns:
                assert len(block.text(column)) == len(block)
                block.number(column)
    except CryopickError as error:
        message = str(error)
    assert message.startswith("f.star: ")
    assert "\n" not in message
