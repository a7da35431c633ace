import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.io.star import parse_star, read_star
from cryopick.io.star_block import star_block
from cryopick.io.star_write import format_numbers, quoted, write_star
from shared_data import shared


def lines_of(values, dtype=np.float64):
    return [bytes(row).decode() for row in format_numbers(np.array(values, dtype=dtype))]


def test_numbers_stand_flush_right_with_six_decimals():
    assert lines_of([1.5, -22.25, 0.0, 1234.123456]) == [
        "    1.500000",
        "  -22.250000",
        "    0.000000",
        " 1234.123456",
    ]
    assert [v.strip() for v in lines_of([0.1, -0.5, 0.9999999, -0.0])] == [
        "0.100000",
        "-0.500000",
        "1.000000",
        "0.000000",
    ]


def test_small_and_large_numbers_keep_nine_digits():
    assert [v.strip() for v in lines_of([1e-9, 0.0123456789, 3.5e15, -2e-300])] == [
        "1e-09",
        "0.0123456789",
        "3.5e+15",
        "-2e-300",
    ]


def test_integers():
    values = [0, 7, -999, 10**12, np.iinfo(np.int64).max, np.iinfo(np.int64).min + 1]
    assert [int(v) for v in lines_of(values, np.int64)] == values
    assert [v.strip() for v in lines_of([True, False], bool)] == ["1", "0"]
    assert [v.strip() for v in lines_of([2**64 - 1], np.uint64)] == [str(2**64 - 1)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_every_finite_number_comes_back_close(values):
    back = np.array([float(v) for v in lines_of(values)])
    np.testing.assert_allclose(back, values, rtol=1e-8, atol=6e-7)
    small = np.abs(np.array(values)) < 0.1
    np.testing.assert_allclose(back[small], np.array(values)[small], rtol=1e-8, atol=0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=30))
def test_every_integer_comes_back(values):
    assert [int(v) for v in lines_of(values, np.int64)] == values


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_and_nothing_is_written(tmp_path, value):
    path = tmp_path / "a.star"
    with pytest.raises(InputError, match=r"column x, row 2: .* is not a finite number"):
        write_star(path, [star_block("p", {"x": [1.0, value]})])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain/name.mrc", "plain/name.mrc"),
        ("", '""'),
        ("a b", '"a b"'),
        ('say "hi" now', "'say \"hi\" now'"),
        ("_x", '"_x"'),
        ("#1", '"#1"'),
        ("data_1", '"data_1"'),
        ("loop_", '"loop_"'),
        ("it's", "it's"),
        ("a\nb", '"a b"'),
    ],
)
def test_quotes_where_needed(text, written):
    assert quoted(text) == written


def test_a_text_with_both_quotes_and_a_space_is_refused():
    with pytest.raises(InputError, match="both kinds of quotes"):
        quoted("a 'b' \"c\"")


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs")) | st.just(" "),
    max_size=12,
).filter(lambda t: not ("'" in t and '"' in t))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=20))
def test_every_text_survives_a_round_trip(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("star") / "a.star"
    columns = {"a": [r[0] for r in rows], "b": [r[1] for r in rows], "n": list(range(len(rows)))}
    write_star(path, [star_block("x", columns)])
    block = read_star(path).block("x")
    assert list(block.columns["a"]) == columns["a"]
    assert list(block.columns["b"]) == columns["b"]
    assert block.number("n").tolist() == columns["n"]


def test_long_texts_do_not_pad_the_other_rows(tmp_path):
    names = ["short"] * 1000 + ["x" * 5000]
    write_star(tmp_path / "a.star", [star_block("", {"name": names, "v": np.arange(1001.0)})])
    assert (tmp_path / "a.star").stat().st_size < 60_000
    block = read_star(tmp_path / "a.star").blocks[0]
    assert list(block.columns["name"]) == names
    assert block.number("v").tolist() == list(range(1001))


def test_more_rows_than_one_piece(tmp_path):
    n = 150_001
    values = np.linspace(-1e4, 1e4, n)
    write_star(tmp_path / "a.star", [star_block("", {"v": values, "i": np.arange(n)})])
    block = read_star(tmp_path / "a.star").blocks[0]
    np.testing.assert_allclose(block.number("v"), values, atol=5.1e-7, rtol=0)
    np.testing.assert_array_equal(block.number("i"), np.arange(n))


def test_layout_is_what_relion_reads(tmp_path):
    blocks = [
        star_block("general", {"rlnTomoSubTomosAre2DStacks": 1}, loop=False),
        star_block("particles", {"rlnTomoName": ["TS_1", "TS_22"], "rlnLCCmax": [0.5, 12.25]}),
    ]
    write_star(tmp_path / "a.star", blocks)
    assert (tmp_path / "a.star").read_text() == (
        "# version 50001\n\ndata_general\n\n_rlnTomoSubTomosAre2DStacks  1\n"
        "\n# version 50001\n\ndata_particles\n\nloop_\n_rlnTomoName #1\n_rlnLCCmax #2\n"
        "TS_1    0.500000\nTS_22  12.250000\n"
    )


def test_empty_tables_and_their_columns_survive(tmp_path):
    write_star(tmp_path / "a.star", [star_block("", {"x": np.zeros(0), "name": []})])
    block = read_star(tmp_path / "a.star").blocks[0]
    assert (len(block), list(block.columns)) == (0, ["x", "name"])


@pytest.mark.parametrize(
    ("columns", "loop", "message"),
    [
        ({"x": [1], "y": [1, 2]}, True, "differ in length"),
        ({"x": [1, 2]}, False, "needs one each"),
        ({"a b": [1]}, True, "cannot hold spaces"),
    ],
)
def test_blocks_that_cannot_be_written(tmp_path, columns, loop, message):
    with pytest.raises(InputError, match=message):
        write_star(tmp_path / "a.star", [star_block("p", columns, loop=loop)])


@pytest.mark.parametrize(
    "relative",
    [
        "formats/relion_spa/loop_single_quote.star",
        "formats/relion_spa/basic_double_quote.star",
        "formats/relion_spa/default_pipeline.star",
        "formats/relion_tomo/R5_tutorial_run_data_head.star",
        "formats/relion_tomo/warp2_matching_tomograms.star",
        "formats/relion_spa/isecc_relion31_aberrations.star",
    ],
)
def test_genuine_files_survive_text_for_text(tmp_path, relative):
    before = read_star(shared(relative))
    write_star(tmp_path / "a.star", before)
    after = read_star(tmp_path / "a.star")
    assert [(b.name, b.loop, b.comments) for b in after.blocks] == [
        (b.name, b.loop, b.comments) for b in before.blocks
    ]
    for old, new in zip(before.blocks, after.blocks, strict=True):
        assert {k: list(v) for k, v in old.columns.items()} == {
            k: list(v) for k, v in new.columns.items()
        }


def test_starfile_reads_what_we_write(tmp_path):
    starfile = pytest.importorskip("starfile")
    values = np.array([1e-9, -12.5, 3e20])
    write_star(tmp_path / "a.star", [star_block("p", {"v": values, "s": ["a", "b c", "d"]})])
    table = starfile.read(tmp_path / "a.star")
    np.testing.assert_allclose(table["v"].astype(float), values, rtol=1e-8)
    assert table["s"].tolist() == ["a", "b c", "d"]


def test_parse_accepts_text_and_bytes():
    assert parse_star("data_a\n_x 1\n").blocks[0].value("x") == "1"
    assert parse_star(b"data_a\n_x 1\n").blocks[0].value("x") == "1"
