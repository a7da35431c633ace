"""Damaged files give an answer or one line; the long run is ``benchmarks/fuzz_readers.py``."""

import numpy as np
import pytest

from cryopick.errors import CryopickError
from cryopick.io.describe import describe_file
from cryopick.io.images import open_image
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import dialects
from cryopick.model import Grid
from mutated_files import mutants, originals
from shared_data import ROOT, shared

FILES = 400


@pytest.fixture(scope="module")
def genuine():
    shared("formats")
    return originals(ROOT)


def one_line(error: CryopickError) -> bool:
    return "\n" not in str(error)


def read_all_ways(path):
    """Describe a file, read it as an image, and in every dialect that takes it for its own."""
    ways = [lambda: describe_file(path), lambda: np.asarray(open_image(path).data[...])]
    head = path.read_bytes()[:65536]
    for dialect in dialects().values():
        if dialect.sniff(path, head):
            grid = Grid(shape=(64,) * max(dialect.dimensions), pixel_size_angstrom=2.0)
            ways.append(
                lambda d=dialect, g=grid: d.read(path, Frame(default_grid=g, box_size_px=9))
            )
    for way in ways:
        try:
            yield way()
        except CryopickError as error:
            assert one_line(error)
            assert path.name in str(error)
            yield None


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_files_are_read_or_refused_in_words(genuine, tmp_path):
    refused = read = 0
    for name, data in mutants(genuine, n=FILES, seed=3):
        path = tmp_path / name
        path.write_bytes(data)
        answers = list(read_all_ways(path))
        refused += sum(a is None for a in answers)
        read += sum(a is not None for a in answers)
        path.unlink()
    # Both happen, or the test shows nothing.
    assert refused > FILES / 4
    assert read > FILES / 10


def test_mutants_differ_from_their_originals_and_repeat(genuine):
    one = dict(mutants(genuine, n=60, seed=1))
    two = dict(mutants(genuine, n=60, seed=1))
    assert one == two
    by_name = {p.name: p.read_bytes() for p in genuine}
    changed = [name for name, data in one.items() if data != by_name[name.split("-", 1)[1]]]
    assert len(changed) > 50
