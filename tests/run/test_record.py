"""The record: whole, read back as written, suspicious of everything else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import CryopickError, FormatError, InputError, MissingFileError
from cryopick.run import record as module
from cryopick.run.drive import params_of, plan_job
from cryopick.run.record import Record, new_record, read_record, write_record
from toy_jobs import JOB, ToyParams


def make(**params: object) -> Record:
    values = ToyParams(names=["007", "1e5"], **params)
    return new_record(
        JOB,
        values,
        plan_job(JOB, values).items,
        seed=3,
        device="auto",
        devices=("cpu",),
        executor="local",
        workers=2,
        warnings=["a warning"],
    )


def test_round_trip(tmp_path: Path) -> None:
    record = make(pixel_size_angstrom=1 / 3, double=True)
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    assert read_record(tmp_path / "job.json") == record
    assert [item.item().id for item in record.items] == ["007", "1e5"]
    params = params_of(JOB, read_record(tmp_path), tmp_path)
    assert params == ToyParams(names=["007", "1e5"], pixel_size_angstrom=1 / 3, double=True)


def test_state_at_the_start() -> None:
    record = make()
    assert record.state == "running"
    assert record.finished is None
    assert record.sittings == 1
    assert record.timings == {}
    assert record.warnings == ["a warning"]
    assert record.folder_at_start == str(Path.cwd())


def test_meanings_say_unit_and_default() -> None:
    meanings = make(count=9).meanings
    assert meanings["voltage_kv"].model_dump() == {
        "description": "Voltage.",
        "unit": "kV",
        "default": 300,
    }
    assert meanings["count"].default == 3  # the default, not the value
    assert meanings["names"].default is None  # there is none


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"format": 2}, r"is not the record of a job \(format: "),
        ({"state": "asleep"}, r"\(state: Input should be 'running', "),
        ({"items": [{"id": "a"}]}, r"\(items\.0\.inputs: Field required\)"),
        ({"seed": "x"}, r"\(seed: "),
        ({"surprise": 1}, r"\(surprise: Extra inputs"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: dict[str, object], line: str) -> None:
    write_record(tmp_path, make())
    path = tmp_path / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FormatError, match=line) as caught:
        read_record(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_params_of_another_version(tmp_path: Path) -> None:
    record = make()
    record.params["angle"] = 3
    with pytest.raises(InputError, match="parameter angle = 3 does not fit this version of toy"):
        params_of(JOB, record, tmp_path)


def test_no_record(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"give a job folder or its job\.json"):
        read_record(tmp_path)
    with pytest.raises(MissingFileError):
        read_record(tmp_path / "nowhere")
    with pytest.raises(InputError, match="cannot be read"):
        read_record("nul\0nul")


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECORD_BYTES", 100)
    (tmp_path / "job.json").write_bytes(b" " * 101)
    with pytest.raises(FormatError, match="is too large for the record of a job"):
        read_record(tmp_path)


RECORD_TEXT = make().model_dump_json(indent=1).encode()


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutated_records_are_refused_or_read(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = bytearray(RECORD_TEXT)
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place] = data.draw(st.integers(0, 255))
    text = text[: data.draw(st.integers(0, len(text)))] if data.draw(st.booleans()) else text
    path = tmp_path_factory.getbasetemp() / f"mutated-{os.getpid()}.json"
    path.write_bytes(bytes(text))
    line = ""
    try:
        assert isinstance(read_record(path), Record)
    except CryopickError as error:
        line = str(error)
    assert line == "" or line.startswith(f"{path}: ")
    assert "\n" not in line
