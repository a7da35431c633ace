"""All dialects in one place: found by name, told by content, asked through two functions."""

import inspect
import pkgutil
import re
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

import cryopick.io.picks as package
from cryopick.errors import (
    CryopickError,
    FormatError,
    InputError,
    MissingFileError,
    MissingFrameError,
)
from cryopick.io.picks.dialect import EVERY_COLUMN, Dialect, Frame, PickFile
from cryopick.io.picks.registry import (
    HEAD_BYTES,
    MODULES,
    dialect,
    dialects,
    read_picks,
    recognise,
    write_picks,
)
from cryopick.model import Grid, Picks, delete
from shared_data import ROOT, shared

NAMES = list(dialects())
WRITABLE = [name for name in NAMES if dialect(name).write is not None]
GRIDS = {
    2: Grid(shape=(90, 100), pixel_size_angstrom=2.0),
    3: Grid(shape=(80, 90, 100), pixel_size_angstrom=2.0),
}


def path_of(name, folder):
    suffixes = dialect(name).suffixes
    return folder / f"TS_007{suffixes[0] if suffixes else ''}"


def some(ndim):
    return Picks.of(
        np.array([[20.0, 40, 60], [100, 90, 80], [160, 20, 100]])[:, :ndim],
        image="TS_007",
        score=[0.9, 0.6, 0.3],
        label="ribosome",
    )


def test_every_module_with_dialects_is_listed():
    with_dialects = {
        info.name
        for info in pkgutil.iter_modules(package.__path__)
        if hasattr(import_module(f"{package.__name__}.{info.name}"), "DIALECTS")
    }
    assert set(MODULES) == with_dialects
    assert list(MODULES) == sorted(MODULES)


def test_no_two_dialects_share_a_name():
    every = [
        d.name for module in MODULES for d in import_module(f"{package.__name__}.{module}").DIALECTS
    ]
    assert len(every) == len(set(every)) == len(dialects())


@pytest.mark.parametrize("name", NAMES)
def test_a_dialect_tells_what_it_is(name):
    one = dialect(name)
    assert isinstance(one, Dialect)
    assert re.fullmatch(r"[a-z][a-z0-9-]+", one.name)
    assert set(one.dimensions) <= {2, 3}
    assert one.dimensions
    assert one.keeps <= EVERY_COLUMN
    assert one.origin
    assert one.unit
    assert ("orientation" not in one.keeps) or one.euler


def test_an_unknown_name_lists_the_known():
    with pytest.raises(InputError, match=r"dialect klingon: unknown; use one of copick, "):
        dialect("klingon")
    with pytest.raises(InputError, match="dialect klingon: unknown"):
        write_picks(some(2), "a.box", name="klingon")


def test_the_table_is_made_once():
    assert dialects() is dialects()


@pytest.mark.parametrize("name", WRITABLE)
@pytest.mark.parametrize("ndim", [2, 3])
def test_what_a_dialect_writes_it_recognises_and_reads(tmp_path, name, ndim):
    if ndim not in dialect(name).dimensions:
        with pytest.raises(InputError, match=rf"dialect {name}: holds .*, got {ndim}D picks"):
            write_picks(some(ndim), path_of(name, tmp_path), Frame(), name=name)
        return
    frame = Frame(default_grid=GRIDS[ndim])
    assumed = write_picks(some(ndim), path_of(name, tmp_path), frame, name=name)
    assert all(isinstance(line, str) and line for line in assumed)
    assert recognise(path_of(name, tmp_path)) is not None
    found = read_picks(path_of(name, tmp_path), frame, name=name)
    assert isinstance(found, PickFile)
    order = np.argsort(found.picks.position_angstrom[:, 0])
    np.testing.assert_allclose(
        found.picks.position_angstrom[order], some(ndim).position_angstrom, atol=2e-3
    )


def test_only_active_picks_are_handed_to_a_dialect(tmp_path):
    picks = delete(some(2), np.array([True, False, True]), reason="edge")
    write_picks(picks, tmp_path / "a.csv", Frame(default_grid=GRIDS[2]), name="csv")
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 2


def test_a_dialect_that_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="dialect tomotwin: can be read, not written"):
        write_picks(some(3), tmp_path / "a.tloc", Frame(), name="tomotwin")


def test_files_that_are_not_there_or_of_no_dialect(tmp_path):
    for ask in (recognise, read_picks):
        with pytest.raises(MissingFileError, match=r"none\.star: no such file"):
            ask(tmp_path / "none.star")
    (tmp_path / "a.bin").write_bytes(bytes(range(256)))
    assert recognise(tmp_path / "a.bin") is None
    with pytest.raises(FormatError, match=r"not a pick file of a known dialect; name it with"):
        read_picks(tmp_path / "a.bin")


@pytest.mark.parametrize("name", NAMES)
def test_sniffing_never_fails(tmp_path, name):
    """Whatever the bytes and the name, a dialect says how sure it is: 0 to 3."""
    rng = np.random.default_rng(1)
    heads = [
        b"",
        b"\x00" * 100,
        b"\xff\xfe" + rng.bytes(500),
        b"{",
        b"[[",
        b"<a",
        b"data_\nloop_\n",
    ]
    for suffix in ("", ".star", ".txt", ".json", ".xml", ".csv", ".mod", ".em", ".cs", ".tbl"):
        path = tmp_path / f"x{suffix}"
        for head in heads:
            path.write_bytes(head)
            assert dialect(name).sniff(path, head) in (0, 1, 2, 3)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("copick-project",)])
def test_rubbish_named_as_the_dialect_is_refused_with_the_files_name(tmp_path, name):
    path = path_of(name, tmp_path)
    ndim = max(dialect(name).dimensions)
    for rubbish in (b"", b"\x00\x01\x02" * 50, "words, words; {words} µ".encode()):
        path.write_bytes(rubbish)
        try:
            found = read_picks(path, Frame(default_grid=GRIDS[ndim]), name=name)
        except CryopickError as error:
            assert "TS_007" in str(error)
            assert "\n" not in str(error)
        else:
            assert len(found.picks) == 0  # an empty list is a list


@pytest.mark.parametrize("name", WRITABLE)
def test_a_frame_is_asked_for_where_it_is_needed(tmp_path, name):
    """Without an image a dialect either does without, or says how to give it."""
    ndim = max(dialect(name).dimensions)
    try:
        write_picks(some(ndim), path_of(name, tmp_path), Frame(), name=name)
    except MissingFrameError as error:
        assert re.search(r"--image|--pixel-size", str(error))
        assert not path_of(name, tmp_path).exists()


def test_only_the_head_of_a_file_is_read_to_recognise_it(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("image,x,y\n" + "a,1.0,2.0\n" * 20_000)
    lengths = []

    def sniff(_path, head):
        lengths.append(len(head))
        return 0

    watched = {name: replace(one, sniff=sniff) for name, one in dialects().items()}
    monkeypatch.setattr("cryopick.io.picks.registry.dialects", lambda: watched)
    assert recognise(path) is None
    assert lengths == [HEAD_BYTES] * len(NAMES)


def test_every_genuine_pick_file_is_read_by_the_dialect_that_knows_it_best():
    """Of two that could, the surer one; ties go to the one that is asked first."""
    shared("INDEX.md")
    expected = {
        "formats/pytom_match_pick/candidatesPytomRel5.star": "pytom-relion5",
        "formats/relion_tomo/relion_4.0.star": "relion4",
        "formats/dynamo/crop.tbl": "dynamo-table",
        "formats/imod/two_contour_example.mod": "imod-model",
        "formats/motl_em/tric.em": "em-motive-list",
        "formats/pytom/pickpos_format.xml": "pytom-xml",
    }
    for file, name in expected.items():
        path = ROOT / file
        if path.exists():
            assert recognise(path).name == name, file


def test_reading_and_writing_take_positions_by_keyword_only():
    for function in (read_picks, write_picks):
        kinds = [p.kind for p in inspect.signature(function).parameters.values()]
        assert kinds[-1] is inspect.Parameter.KEYWORD_ONLY
