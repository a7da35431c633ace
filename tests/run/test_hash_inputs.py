"""Inputs are found, hashed and compared."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from cryopick.run import hash_inputs as module
from cryopick.run.hash_inputs import changed_inputs, hash_inputs, hash_path


def test_inputs_are_found_wherever_they_are_named(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name)
    values = {
        "one": str(tmp_path / "a"),
        "two": [tmp_path / "b", {"deep": (str(tmp_path / "c"), 3, None, "")}],
        "word": "keep-better",
        "gone": str(tmp_path / "d"),
        "odd": "nul\0nul",
        "long": "x" * 10_000,
    }
    found = hash_inputs(values)
    assert list(found) == [str(tmp_path / name) for name in "abc"]
    assert found[str(tmp_path / "a")].sha256 == hashlib.sha256(b"a").hexdigest()


def test_small_files_are_hashed_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"cryopick")
    os.utime(path, (1e9, 1e9))
    found = hash_path(path)
    assert found is not None
    assert (found.kind, found.size_bytes, found.modified) == ("file", 8, 1e9)
    assert found.sha256 == hashlib.sha256(b"cryopick").hexdigest()


def test_large_files_by_their_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WHOLE_BYTES", 10)
    monkeypatch.setattr(module, "END_BYTES", 3)
    path = tmp_path / "x"
    path.write_bytes(b"abcdefghijkl")
    found = hash_path(path)
    assert found is not None
    assert found.kind == "ends"
    assert found.sha256 == hashlib.sha256(b"abcjkl").hexdigest()
    path.write_bytes(b"abcdefghijk")  # one byte over the limit, shorter than before
    other = hash_path(path)
    assert other is not None
    assert other.sha256 == hashlib.sha256(b"abcijk").hexdigest()


def test_folders_by_names_and_sizes(tmp_path: Path) -> None:
    folder = tmp_path / "image.zarr"
    (folder / "0").mkdir(parents=True)
    (folder / "0/c").write_bytes(b"123")
    before = hash_path(folder)
    (folder / "0/c").write_bytes(b"124")
    assert before is not None
    assert (before.kind, before.size_bytes) == ("folder", 3)
    same = hash_path(folder)
    assert same is not None
    assert before.same_content(same)  # by design: contents of large stores are not read
    (folder / "0/d").write_bytes(b"")
    other = hash_path(folder)
    assert other is not None
    assert not before.same_content(other)


def test_changes_are_named(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name)
    names = [str(tmp_path / name) for name in "abc"]
    before = hash_inputs(names)
    os.utime(names[0], (1, 1))  # touched, not changed
    Path(names[1]).write_text("B")
    Path(names[2]).unlink()
    assert changed_inputs(before, hash_inputs(names)) == [
        f"input {names[1]} changed since the job was started",
        f"input {names[2]} is gone since the job was started",
    ]
    assert changed_inputs({}, before) == []
