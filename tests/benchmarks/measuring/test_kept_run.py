"""A slow run is repeated only where it must be."""

import pytest

from measuring.command import Measured
from measuring.kept_run import kept_run


def measured(seconds):
    return Measured(
        wall_seconds=seconds, cpu_seconds=seconds, peak_rss_mb=1.0, peak_private_mb=1.0,
        stdout="", stderr="",
    )  # fmt: skip


def test_a_kept_run_is_not_repeated(tmp_path):
    record = tmp_path / "kept" / "slow.json"
    assert kept_run(record, lambda: measured(5.0), reuse=True).cpu_seconds == 5.0
    names = []
    assert kept_run(record, lambda: measured(9.0), reuse=True, reused=names).cpu_seconds == 5.0
    assert names == ["slow"]


def test_without_reuse_it_runs_again_and_replaces_the_record(tmp_path):
    record = tmp_path / "slow.json"
    kept_run(record, lambda: measured(5.0), reuse=False)
    names = []
    assert kept_run(record, lambda: measured(9.0), reuse=False, reused=names).cpu_seconds == 9.0
    assert names == []
    assert kept_run(record, lambda: measured(1.0), reuse=True).cpu_seconds == 9.0


def test_a_run_that_fails_leaves_no_record(tmp_path):
    record = tmp_path / "slow.json"
    kept_run(record, lambda: measured(5.0), reuse=False)

    def fails():
        raise RuntimeError("exit 1")

    with pytest.raises(RuntimeError):
        kept_run(record, fails, reuse=False)
    assert not record.exists()
