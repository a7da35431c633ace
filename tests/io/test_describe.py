import json
import re

import numpy as np
import pytest

from cryopick.errors import CryopickError, FormatError, InputError, MissingFileError
from cryopick.io.describe import describe_file
from cryopick.io.images import write_mrc
from shared_data import ROOT, shared

# Refused with one clear line, and why.
REFUSED = {
    "INDEX.md": "prose",
    "2d_corrupt_has_string.box": "a word where a number belongs",
    "alignmentResultsFullRange.txt": "Python dictionaries of an old PyTom log",
    "experimental_images.xmd": "ten values under nine columns",
    "1f2n_RYMV_capsid.bcif": "BinaryCIF is not read",
}
# The index gives columns, rows, sections; in this map these are z, x, y (MAPC MAPR MAPS 3 1 2).
AXES_PERMUTED = {"EMD-3001.map": [43, 25, 73]}
ZARR_PARTS = (".zarr",)


def genuine_files():
    if not ROOT.is_dir():
        return []
    return sorted(
        p for p in ROOT.rglob("*") if p.is_file() and not any(z in str(p) for z in ZARR_PARTS)
    )


def index_rows():
    """(folder, file, as read) of every row of the index of genuine files."""
    path = ROOT / "INDEX.md"
    folder = ""
    for line in path.read_text("utf-8").splitlines() if path.is_file() else []:
        if line.startswith("## "):
            folder = line[3:].strip()
        cells = [cell.strip() for cell in line.split("|")]
        if line.startswith("|") and len(cells) > 4 and not cells[1].startswith(("---", "file")):
            yield folder, cells[1], cells[3]


def test_every_genuine_file_is_described_or_refused_as_listed():
    shared("INDEX.md")
    refused = {}
    for path in genuine_files():
        try:
            facts = describe_file(path)
        except CryopickError as error:
            assert "\n" not in str(error)
            assert path.name in str(error)
            refused[path.name] = str(error)
            continue
        assert facts["kind"]
        json.dumps(facts)
    assert set(refused) == set(REFUSED)


def test_images_have_the_sizes_of_the_index():
    shared("INDEX.md")
    checked = 0
    for folder, name, as_read in index_rows():
        path = ROOT / folder / name
        size = re.match(r"(\d+)x(\d+)(?:x(\d+))? \(xyz\) (\w+) voxel ([\d.]+) A", as_read)
        if size is None or not path.is_file():
            continue
        facts = describe_file(path)
        lengths = AXES_PERMUTED.get(name, [int(n) for n in size.groups()[:3] if n])
        assert [n for n in facts["size_px"] if n > 1] == [n for n in lengths if n > 1], name
        voxel = float(size.group(5))
        if voxel > 0:
            assert facts["pixel_size_angstrom"] == pytest.approx(voxel, rel=1e-3), name
        else:
            assert not facts["pixel_size_known"], name
        checked += 1
    assert checked > 50


def test_star_files_have_the_rows_of_the_index():
    shared("INDEX.md")
    checked = 0
    for folder, name, as_read in index_rows():
        path = ROOT / folder / name
        if ".star" not in name or not path.is_file():
            continue
        expected = re.findall(r"data_([\w.+-]*):(\d+)x(\d+)", as_read)
        found = {
            (b["name"], b["rows"], len(b["columns"]))
            for b in describe_file(path)["blocks"]
            if b["loop"]
        }
        for block, rows, columns in expected:
            assert (block, int(rows), int(columns)) in found, (name, found)
            checked += 1
    assert checked >= 30


def test_lists_have_the_rows_of_the_index():
    shared("INDEX.md")
    checked = 0
    for folder, name, as_read in index_rows():
        path = ROOT / folder / name
        counted = re.match(r"(\d+) (boxes|rows|points|picks|particles|atoms)\b", as_read)
        if counted is None or not path.is_file() or name in REFUSED or ".star" in name:
            continue
        facts = describe_file(path)
        counts = {facts.get(key) for key in ("picks", "rows", "atoms")}
        assert int(counted.group(1)) in counts, (name, as_read, facts)
        checked += 1
    assert checked > 15


def test_atoms_and_chains():
    facts = describe_file(shared("structures/atomic/2BUK_STNV_capsid.pdb.gz"))
    assert (facts["atoms"], facts["chains"], facts["assembly_operators"]) == (1588, 1, 60)
    facts = describe_file(shared("structures/atomic/1xnr_30S.cif.gz"))
    assert (facts["atoms"], facts["chains"]) == (43833, 1)


def test_a_folder_is_described_by_what_it_holds(tmp_path):
    facts = describe_file(shared("images/portal_sample_tomos/input_omezarr.zarr"))
    assert facts["format"].startswith("OME-Zarr")
    facts = describe_file(shared("formats/aretomo3"))
    assert facts["kind"] == "AreTomo3 session"
    with pytest.raises(InputError, match="folder of no kind"):
        describe_file(tmp_path)


def test_small_text_files(tmp_path):
    cases = {
        "a.json": ('{"b": 1}', {"kind": "JSON object", "keys": ["b"]}),
        "l.json": ("[1, 2]", {"kind": "JSON list", "rows": 2}),
        "n.dat": ("1 2 3\n4 5 6\n", {"kind": "table of numbers", "rows": 2, "columns": 3}),
        "x.xml": ("<Root><a/></Root>", {"kind": "XML document", "root": "Root"}),
        "t.csv": ("name;b\nx;2\ny;3\n", {"kind": "table", "rows": 2, "columns": ["name", "b"]}),
    }
    for name, (text, expected) in cases.items():
        (tmp_path / name).write_text(text)
        assert describe_file(tmp_path / name) == expected


def test_what_cannot_be_read_is_told(tmp_path):
    (tmp_path / "empty.mrc").write_bytes(b"")
    with pytest.raises(FormatError, match=r"empty\.mrc: is empty"):
        describe_file(tmp_path / "empty.mrc")
    (tmp_path / "junk.bin").write_bytes(bytes(range(256)) * 40)
    with pytest.raises(FormatError, match="not a format cryopick reads"):
        describe_file(tmp_path / "junk.bin")
    (tmp_path / "bad.json").write_text('{"a": ')
    with pytest.raises(FormatError, match="not JSON: "):
        describe_file(tmp_path / "bad.json")
    (tmp_path / "bomb.xml").write_text('<!DOCTYPE a [<!ENTITY b "c">]><a/>')
    with pytest.raises(FormatError):
        describe_file(tmp_path / "bomb.xml")
    with pytest.raises(MissingFileError):
        describe_file(tmp_path / "none")


def test_an_image_is_described_from_its_header(tmp_path):
    write_mrc(tmp_path / "a.mrc", np.zeros((3, 4, 5), np.float32), 2.5)
    facts = describe_file(tmp_path / "a.mrc")
    assert facts["size_px"] == [5, 4, 3]
    assert facts["pixel_size_angstrom"] == 2.5
