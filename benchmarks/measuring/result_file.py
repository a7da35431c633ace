"""Results of benchmarks as JSON: the figures, with the machine, the day and the versions."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from cryopick.io.atomic import write_text

BENCHMARKS = Path(__file__).resolve().parents[1]
RESULTS = BENCHMARKS / "results"
# Genuine images lie beside the checkout, never inside it.
SHARED_DATA = BENCHMARKS.parents[1] / "shared" / "data"
PACKAGES = ("numpy", "scipy", "torch", "pydantic")


def machine(cpuinfo: str | None = None, meminfo: str | None = None) -> dict[str, Any]:
    """Cores, processor, AMX, memory and load of this machine.

    The texts are those of ``/proc/cpuinfo`` and ``/proc/meminfo``; read from there where not given.
    """
    cpuinfo = _text("/proc/cpuinfo") if cpuinfo is None else cpuinfo
    meminfo = _text("/proc/meminfo") if meminfo is None else meminfo
    flags = _field(cpuinfo, "flags").split()
    kilobytes = _field(meminfo, "MemTotal").split()
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _field(cpuinfo, "model name") or platform.processor() or platform.machine(),
        "model": _field(cpuinfo, "model"),
        "amx": any(flag.startswith("amx") for flag in flags),
        "avx512": "avx512f" in flags,
        "memory_gib": round(int(kilobytes[0]) / 2**20, 1) if kilobytes else None,
        "system": platform.system(),
        # Other work on the same cores makes wall times longer; it is said, not corrected for.
        "load_1_min": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def versions() -> dict[str, str]:
    """Python, cryopick and the libraries that do the sums."""
    found = {"python": platform.python_version()}
    for name in ("cryopick", *PACKAGES):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    commit = _commit()
    return found | ({"commit": commit} if commit else {})


def write_result(
    name: str, figures: Mapping[str, Any], *, folder: Path | None = None, smaller: bool = False
) -> Path | None:
    """Write ``NAME.json``: what was measured, where, when and with what.

    Parameters
    ----------
    name
        Name of the benchmark.
    figures
        JSON values.
    folder
        Default: `RESULTS`.
    smaller
        The run was not of full size: it is printed only, so that a quick look never replaces the
        figures that the README quotes.
    """
    if smaller:
        print(f"{name}: not of full size, so results/{name}.json stays as it is")
        return None
    document = {
        "benchmark": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        **figures,
    }
    path = (RESULTS if folder is None else folder) / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    write_text(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(f"written: results/{path.name}")
    return path


def spread(values: Iterable[float], digits: int = 3) -> dict[str, Any]:
    """Median, least and most of repeated measurements, and how many there were.

    Examples
    --------
    >>> spread([3.0, 1.0, 2.0])
    {'median': 2.0, 'min': 1.0, 'max': 3.0, 'n': 3}
    """
    values = list(values)
    return {
        "median": round(median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
        "n": len(values),
    }


def _commit() -> str:
    """The commit of this checkout; empty where it is none."""
    git = shutil.which("git")
    if git is None:
        return ""
    words = [git, "-C", str(BENCHMARKS), "rev-parse", "--short", "HEAD"]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    return found.stdout.strip()


def _text(path: str) -> str:
    file = Path(path)
    return file.read_text("utf-8") if file.is_file() else ""


def _field(text: str, name: str) -> str:
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
