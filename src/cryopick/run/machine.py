"""Facts about this machine: cores and memory that may be used, devices, versions."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

from cryopick.errors import InputError

PACKAGES = ("cryopick", "numpy", "scipy", "torch", "pydantic", "mrcfile", "tifffile", "matplotlib")


def core_count() -> int:
    """Count the cores this process may use (affinity and container quota respected)."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        cores = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        cores = min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no quota
    return max(1, cores)


def free_bytes() -> int:
    """Memory that can be had without swapping; bytes."""
    free = 1 << 62
    try:
        text = Path("/proc/meminfo").read_text("ascii")
        if found := re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE):
            free = int(found[1]) * 1024
    except OSError:
        pass  # not Linux: unknown, so unlimited
    try:
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text("ascii"))
        used = int((group / "memory.current").read_text("ascii"))
        free = min(free, limit - max(0, used - _cached_bytes(group)))
    except (OSError, ValueError):
        pass  # no limit
    return max(0, free)


def _cached_bytes(group: Path) -> int:
    """Count what the group's files take in the cache: given back as soon as it is needed."""
    try:
        text = (group / "memory.stat").read_text("ascii")
    except OSError:
        return 0
    found = re.search(r"^inactive_file (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def find_devices(device: str, *, uses_gpu: bool = True) -> tuple[str, ...]:
    """Resolve ``auto``, ``cpu`` or ``cuda:N`` to the devices that workers are spread over.

    ``auto`` gives every GPU that torch can use, or the CPU.

    Examples
    --------
    >>> find_devices("cpu")
    ('cpu',)
    """
    if device == "cpu" or (device == "auto" and not uses_gpu):
        return ("cpu",)
    if device == "auto":
        gpus = _gpu_count() if Path("/dev/nvidiactl").exists() else 0
        return tuple(f"cuda:{index}" for index in range(gpus)) or ("cpu",)
    if not re.fullmatch(r"cuda(:\d{1,4})?", device):
        raise InputError(f"--device: {device!r} is not a device; give auto, cpu or cuda:N")
    if not uses_gpu:
        raise InputError(f"--device: {device} cannot be used, this job runs on the CPU; give cpu")
    index = int(device.partition(":")[2] or 0)
    gpus = _gpu_count()
    if index >= gpus:
        raise InputError(f"--device: {device} is not here ({gpus} GPUs found); give auto or cpu")
    return (f"cuda:{index}",)


def versions() -> dict[str, str]:
    """Versions of python, of cryopick and of what its results depend on."""
    from cryopick import __version__

    found = {"python": platform.python_version(), "cryopick": __version__}
    for name in PACKAGES[1:]:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def host_facts() -> dict[str, Any]:
    """Name, system and size of this machine, for the record."""
    memory = 0
    with contextlib.suppress(OSError, ValueError):  # not known here; 0 says so
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "name": platform.node(),
        "system": platform.platform(terse=True),
        "machine": platform.machine(),
        "cores": core_count(),
        "memory_bytes": memory,
    }


def _gpu_count() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
