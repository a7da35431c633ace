"""Damaged files in every dialect of boxes and lists: refused in a line, or read; nothing else."""

import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import CryopickError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import dialect, read_picks, recognise, write_picks
from pick_round_trip import grid_of, random_picks
from shared_data import ROOT

NAMES = (
    "copick", "cryolo-cbox", "cryosparc", "cryosparc-flipped", "deepfinder", "eman-box",
    "eman-box-flipped", "eman-json", "points", "portal-ndjson", "shrec", "shrec-zyx", "tardis",
    "topaz", "xmipp-pos", "xmipp-xmd",
)  # fmt: skip
GENUINE = (
    "cryolo/valid.tloc", "cryolo/valid_missing_dim_z.tloc", "cryolo/3d_particle.cbox",
    "cryosparc/4k_dataset.cs", "czportal_annotations/copick.json", "czportal_annotations/tardis.csv",
    "xmipp/testBlock.xmd",
)  # fmt: skip
JUNK = (
    b"\x00",
    b"\xff" * 8,
    b"9" * 400,
    b"-1e999",
    b"nan",
    b"[" * 3000,
    b"<!ENTITY a '&a;'>",
    b"\n",
)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """A file cut short, with bytes changed, junk put in, or a piece doubled or lost."""
    place = rng.randrange(len(data) + 1)
    end = min(len(data), place + rng.randrange(1, 60))
    kind = rng.randrange(5)
    if kind == 0:
        return data[:place]
    if kind == 1:
        return data[:place] + rng.choice(JUNK) + data[place:]
    if kind == 2:
        return data[:place] + data[end:]
    if kind == 3:
        return data[:end] + data[place:]
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 6)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def survives(path: Path, data: bytes, frame: Frame, name: str) -> bool:
    """Whether a file reads; a `CryopickError` of one line is the only other end."""
    path.write_bytes(data)
    recognise(path)
    message = ""
    found = None
    try:
        found = read_picks(path, frame, name=name)
    except CryopickError as error:
        message = str(error)
    if found is None:
        assert path.name in message
        assert "\n" not in message
        return False
    assert np.all(np.isfinite(found.picks.position_angstrom))
    assert len(found.picks.image) == len(found.picks)
    return True


@pytest.mark.parametrize("name", NAMES)
def test_written_files_damaged(name: str, tmp_path: Path):
    ndim = min(dialect(name).dimensions)
    grid = grid_of(ndim, "odd", 1)
    frame = Frame(default_grid=grid, box_size_px=30)
    path = tmp_path / f"TS_007{dialect(name).suffixes[0]}"
    write_picks(random_picks(grid, n=6, labels=1), path, frame, name=name)
    whole = path.read_bytes()
    assert survives(path, whole, frame, name)
    rng = random.Random(name)
    ends = [survives(path, damaged(whole, rng), frame, name) for _ in range(60)]
    assert not all(ends)


@pytest.mark.parametrize("genuine", GENUINE)
def test_genuine_files_damaged(genuine: str, tmp_path: Path):
    source = ROOT / "formats" / genuine
    if not source.exists():
        pytest.skip(f"shared data not beside the checkout: {genuine}")
    whole = source.read_bytes()
    path = tmp_path / source.name
    name = recognise(source).name
    rng = random.Random(genuine)
    frame = Frame(pixel_size_angstrom=1.0)
    ends = [survives(path, damaged(whole, rng), frame, name) for _ in range(60)]
    assert not all(ends)


@pytest.mark.parametrize("name", [*NAMES, "tomotwin", "copick-project"])
@pytest.mark.parametrize("data", [b"", b"\x00" * 4096, bytes(range(256)) * 16, b"\x80\x05" * 100])
def test_binary_garbage(name: str, data: bytes, tmp_path: Path):
    path = tmp_path / "garbage"
    frame = Frame(default_grid=grid_of(min(dialect(name).dimensions), "even", 1))
    if survives(path, data, frame, name):
        assert data == b""  # an empty list of boxes is a list of no boxes


@pytest.mark.parametrize("name", ["topaz", "deepfinder", "portal-ndjson", "tardis"])
def test_one_giant_value_is_not_paid_for_in_every_row(name: str, tmp_path: Path):
    grid = grid_of(min(dialect(name).dimensions), "even", 1)
    frame = Frame(default_grid=grid)
    path = tmp_path / "a"
    write_picks(random_picks(grid, n=2000), path, frame, name=name)
    giant = b"x" * 1_000_000
    data = path.read_bytes()
    for old in (b"TS_007", b'"instance_id": 1', b"\n1,"):
        new = {b"TS_007": giant, b"\n1,": b"\n" + giant + b","}.get(
            old, b'"instance_id": "' + giant + b'"'
        )
        path.write_bytes(data.replace(old, new, 1))
        tracemalloc.start()
        message = ""
        try:
            read_picks(path, frame, name=name)
        except CryopickError as error:
            message = str(error)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert len(message) < 1000
        assert peak < 100e6
