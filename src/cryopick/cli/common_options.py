"""The options every job has, and their meaning."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from cryopick.cli.options import Option
from cryopick.errors import InputError

OUT = Option(
    name="out", flags=("--out", "-o"), help="Folder of the job. [required]", group="Common"
)
DEVICE = Option(
    name="device",
    flags=("--device",),
    help="Where to compute. [auto, cpu or cuda:N; default: auto]",
    group="Common",
)
ON = Option(
    name="on",
    flags=("--on",),
    help="Where to work: processes of this machine. [one of: local; default: local]",
    group="Common",
)
WORKERS = Option(
    name="workers",
    flags=("--workers",),
    help="Processes. [≥ 1; default: one per core or GPU, as memory allows]",
    kind="integer",
    group="Common",
)
MEMORY = Option(
    name="memory",
    flags=("--memory",),
    help="Memory of all processes together, GB. [> 0; default: what is free]",
    kind="number",
    group="Common",
)
SEED = Option(
    name="seed",
    flags=("--seed",),
    help="Seed of all random numbers. [≥ 0; default: 0]",
    kind="integer",
    group="Common",
)
OVERWRITE = Option(
    name="overwrite",
    flags=("--overwrite",),
    help="Delete the job that is in the folder.",
    kind="switch",
    group="Common",
    negatable=False,
)
DRY_RUN = Option(
    name="dry_run",
    flags=("--dry-run",),
    help="Say what would be done and what it takes; write nothing.",
    kind="switch",
    group="Common",
    negatable=False,
)
CONFIG = Option(
    name="config",
    flags=("--config",),
    help="TOML file of parameters; those given here win.",
    group="Common",
)
JSON = Option(
    name="json",
    flags=("--json",),
    help="The result as JSON on stdout, messages on stderr.",
    kind="switch",
    group="Common",
    negatable=False,
)
VERBOSE = Option(
    name="verbose",
    flags=("-v", "--verbose"),
    help="Say more.",
    kind="switch",
    group="Common",
    negatable=False,
)

JOB_OPTIONS = (
    OUT, DEVICE, ON, WORKERS, MEMORY, SEED, DRY_RUN, OVERWRITE, CONFIG, JSON, VERBOSE
)  # fmt: skip
CONFIGURABLE = ("device", "on", "workers", "memory", "seed")
"""Common options that a configuration file may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """The common options as given; None where they were not."""

    out: str | None = None
    device: str | None = None
    workers: int | None = None
    memory_bytes: int | None = None
    seed: int | None = None
    dry_run: bool = False
    overwrite: bool = False
    json: bool = False
    verbose: bool = False


def read_common(values: dict[str, Any]) -> Common:
    """Check the common options among ``values``."""
    on = values.get("on", "local")
    if on != "local":
        raise InputError(f"--on: {on!r} is not a place to work at; give local")
    out = values.get("out")
    if out is not None and not str(out).strip():
        raise InputError("--out: is empty; give the name of a folder")
    return Common(
        out=out,
        device=_text(values, "device"),
        workers=_whole_number(values, "workers", least=1),
        memory_bytes=_bytes(values, "memory"),
        seed=_whole_number(values, "seed", least=0),
        dry_run=bool(values.get("dry_run")),
        overwrite=bool(values.get("overwrite")),
        json=bool(values.get("json")),
        verbose=bool(values.get("verbose")),
    )


def _text(values: dict[str, Any], name: str) -> str | None:
    value = values.get(name)
    return None if value is None else str(value)


def _bytes(values: dict[str, Any], name: str) -> int | None:
    """Read a size in GB, which are 1e9 bytes."""
    value = values.get(name)
    if value is None:
        return None
    try:
        size = math.nan if isinstance(value, bool) else float(value) * 1e9
    except (TypeError, ValueError):
        size = math.nan
    if not 1 <= size < math.inf:
        raise InputError(f"--{name}: {value!r} is not a size above 0; give GB, such as 16")
    return int(size)


def _whole_number(values: dict[str, Any], name: str, *, least: int) -> int | None:
    value = values.get(name)
    if value is None:
        return None
    if not re.fullmatch(r"\d{1,15}", str(value)) or int(value) < least:
        raise InputError(f"--{name}: {value!r} is not a whole number of {least} or more")
    return int(value)
