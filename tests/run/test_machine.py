"""What a machine offers: cores and memory within its limits, devices, versions."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cryopick.errors import InputError
from cryopick.run import machine as module
from cryopick.run.local import choose_executor
from cryopick.run.machine import core_count, find_devices, free_bytes, host_facts, versions


class Files:
    """Stands for the files of the kernel that tell of limits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **texts: str) -> None:
        names = {
            "quota": "/sys/fs/cgroup/cpu.max",
            "limit": "/sys/fs/cgroup/memory.max",
            "used": "/sys/fs/cgroup/memory.current",
            "stat": "/sys/fs/cgroup/memory.stat",
            "meminfo": "/proc/meminfo",
        }
        known = {names[key]: text for key, text in texts.items()}

        def read_text(path: Path, encoding: str) -> str:
            if str(path) not in known:
                raise FileNotFoundError(path)
            return known[str(path)]

        monkeypatch.setattr(Path, "read_text", read_text)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(16)), raising=False)


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("400000 100000", 4),
        ("150000 100000", 1),
        ("10000 100000", 1),  # a tenth of a core still runs one worker
        ("max 100000", 16),
        ("6400000 100000", 16),
        ("rubbish", 16),
        ("", 16),
    ],
)
def test_cores_within_the_quota_of_a_container(
    monkeypatch: pytest.MonkeyPatch, quota: str, cores: int
) -> None:
    Files(monkeypatch, quota=quota)
    assert core_count() == cores


def test_cores_where_the_system_knows_no_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    Files(monkeypatch)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert core_count() == 1
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert core_count() == 12


MEMINFO = "MemTotal:       32000000 kB\nMemFree: 1000 kB\nMemAvailable:    2000000 kB\n"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"meminfo": MEMINFO}, 2_048_000_000),
        ({"meminfo": MEMINFO, "limit": "max", "used": "5"}, 2_048_000_000),
        ({"meminfo": MEMINFO, "limit": "1000000000", "used": "400000000"}, 600_000_000),
        ({"meminfo": MEMINFO, "limit": "100", "used": "400"}, 0),  # over its limit: nothing free
        ({"limit": "1000", "used": "400"}, 600),
        ({"limit": "1000", "used": "400", "stat": "anon 90\ninactive_file 300\n"}, 900),
        ({"limit": "1000", "used": "400", "stat": "inactive_file 500\n"}, 1000),
        ({"limit": "1000", "used": "400", "stat": "anon 300\n"}, 600),
        ({"meminfo": "MemTotal: 5 kB\n"}, 1 << 62),
        ({}, 1 << 62),
    ],
)
def test_free_memory(monkeypatch: pytest.MonkeyPatch, texts: dict[str, str], expected: int) -> None:
    Files(monkeypatch, **texts)
    assert free_bytes() == expected


@pytest.mark.parametrize(
    ("item_bytes", "items", "expected"),
    [(500_000_000, 99, 4), (3_000_000_000, 99, 1), (0, 99, 16), (1, 5, 5), (100_000_000, 99, 16)],
)
def test_as_many_workers_as_memory_allows(
    monkeypatch: pytest.MonkeyPatch, item_bytes: int, items: int, expected: int
) -> None:
    Files(monkeypatch, meminfo=MEMINFO)
    found = choose_executor(workers=None, devices=("cpu",), item_bytes=item_bytes, items=items)
    assert found.workers == expected


def test_a_number_of_workers_that_is_asked_for_is_not_bounded_by_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Files(monkeypatch, meminfo=MEMINFO)
    found = choose_executor(workers=8, devices=("cpu",), item_bytes=1 << 40, items=99)
    assert found.workers == 8


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_gpu_count", lambda: 2)
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda p: str(p) == "/dev/nvidiactl" or exists(p))


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("auto", ("cuda:0", "cuda:1")),
        ("cpu", ("cpu",)),
        ("cuda", ("cuda:0",)),
        ("cuda:1", ("cuda:1",)),
        ("cuda:01", ("cuda:1",)),
    ],
)
def test_devices_of_a_machine_with_two_gpus(asked: str, found: tuple[str, ...]) -> None:
    assert find_devices(asked) == found


@pytest.mark.usefixtures("two_gpus")
def test_a_third_gpu_is_not_there() -> None:
    with pytest.raises(InputError, match=r"cuda:2 is not here \(2 GPUs found\); give auto or cpu"):
        find_devices("cuda:2")


def test_a_driver_without_a_usable_gpu_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_gpu_count", lambda: 0)
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda p: str(p) == "/dev/nvidiactl" or exists(p))
    assert find_devices("auto") == ("cpu",)


def test_without_a_driver_torch_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> int:
        raise AssertionError("torch was asked")

    monkeypatch.setattr(module, "_gpu_count", asked)
    monkeypatch.setattr(Path, "exists", lambda _p: False)
    assert find_devices("auto") == ("cpu",)


def test_versions_leave_out_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGES", ("cryopick", "numpy", "no-such-package-at-all"))
    assert list(versions()) == ["python", "cryopick", "numpy"]


def test_facts_of_the_host_are_json() -> None:
    facts = host_facts()
    assert json.loads(json.dumps(facts)) == facts
    assert set(facts) == {"name", "system", "machine", "cores", "memory_bytes"}
    assert facts["memory_bytes"] > 1 << 20


def test_memory_that_the_system_does_not_tell_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_name: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "sysconf", unknown)
    assert host_facts()["memory_bytes"] == 0
