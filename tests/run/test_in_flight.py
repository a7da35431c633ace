"""``progress.json``: read by others while its driver runs, and never taken for another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryopick.run.in_flight import IN_FLIGHT, read_in_flight, remove_in_flight, write_in_flight
from cryopick.run.progress import Span

ME = {"pid": 7, "host": "node3", "started": 12.5}
SPANS = {"ts_01": Span(0.25, 0.5), "007": Span(0.0, 1.0)}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_in_flight(tmp_path, ME, SPANS)
    assert read_in_flight(tmp_path, ME) == SPANS
    write_in_flight(tmp_path, ME, {})
    assert read_in_flight(tmp_path, ME) == {}
    assert [path.name for path in tmp_path.iterdir()] == [IN_FLIGHT]


def test_news_of_another_run_is_no_news(tmp_path: Path) -> None:
    write_in_flight(tmp_path, ME, SPANS)
    assert read_in_flight(tmp_path, ME | {"started": 13.0}) == {}
    assert read_in_flight(tmp_path, {}) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"runner": {"pid": 7, "host": "node3", "started": 12.5}}',
        '{"runner": {"pid": 7, "host": "node3", "started": 12.5}, "items": {"a": 1}}',
        '{"runner": {"pid": 7, "host": "node3", "started": 12.5}, "items": {"a": [1, 2, 3]}}',
        '{"runner": {"pid": 7, "host": "node3", "started": 12.5}, "items": {"a": ["x", 2]}}',
    ],
)
def test_a_broken_file_tells_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / IN_FLIGHT).write_text(text)
    assert read_in_flight(tmp_path, ME) == {}


def test_no_file_tells_nothing_and_is_removed_in_peace(tmp_path: Path) -> None:
    assert read_in_flight(tmp_path, ME) == {}
    remove_in_flight(tmp_path)
    write_in_flight(tmp_path, ME, SPANS)
    remove_in_flight(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_the_job_goes_on(tmp_path: Path) -> None:
    write_in_flight(tmp_path / "gone", ME, SPANS)
    assert list(tmp_path.iterdir()) == []
