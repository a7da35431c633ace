"""One million particles written and read: cryopick beside starfile, in one run.

    python benchmarks/star_speed.py [--rows 1000000]

Prints seconds, and writes results/star_speed.json.
"""

import argparse
import importlib.metadata
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.io.star import read_star
from cryopick.io.star_block import star_block
from cryopick.io.star_write import write_star
from measuring.result_file import spread, write_result

FULL_ROWS = 1_000_000
REPEATS = 3
NUMBERS = ("X", "Y", "Z", "Rot", "Tilt", "Psi", "LCCmax")


def table(rows: int) -> dict[str, np.ndarray]:
    """Seven columns of numbers and one of names."""
    rng = np.random.default_rng(1)
    columns = {f"rln{name}": rng.normal(0, 1000, rows) for name in NUMBERS}
    columns["rlnLCCmax"] = rng.random(rows)
    columns["rlnTomoName"] = np.char.add("TS_", (np.arange(rows) // 1000).astype(str))
    return columns


def timed(task: Callable[[], object]) -> tuple[float, float]:
    """Seconds of one run: on the wall, and of the processor (what counts on a busy machine)."""
    start, busy = time.perf_counter(), time.process_time()
    task()
    return time.perf_counter() - start, time.process_time() - busy


def read_numbers(path: Path) -> None:
    """Parse a file and turn its numeric columns into floats, its names into text."""
    block = read_star(path).blocks[-1]
    for name in block.columns:
        if name == "rlnTomoName":
            block.text(name)
        else:
            block.number(name)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=FULL_ROWS)
    rows = parser.parse_args().rows
    import pandas as pd
    import starfile

    columns = table(rows)
    block = star_block("particles", columns)
    frame = pd.DataFrame(columns)
    times: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        own, other = Path(folder) / "own.star", Path(folder) / "other.star"
        tasks: dict[str, Callable[[], object]] = {
            "cryopick_write_s": lambda: write_star(own, [block]),
            "starfile_write_s": lambda: starfile.write({"particles": frame}, other),
            "cryopick_read_s": lambda: read_numbers(own),
            "starfile_read_s": lambda: starfile.read(other),
        }
        # The programs take turns, so that a busy moment of the machine meets both.
        for _ in range(REPEATS):
            for name, task in tasks.items():
                times.setdefault(name, []).append(timed(task))
    result: dict[str, dict[str, Any]] = {}
    for name, pairs in times.items():
        walls, cpus = zip(*pairs, strict=True)
        result[name] = spread(walls, 2)
        result[f"{name.removesuffix('_s')}_cpu_s"] = spread(cpus, 2)
    for name, found in result.items():
        print(f"{name:<20} {found['median']:6.2f}")
    facts = {
        "rows": rows,
        "columns": len(columns),
        "starfile_version": importlib.metadata.version("starfile"),
    }
    write_result("star_speed", {**facts, **result}, smaller=rows < FULL_ROWS)


if __name__ == "__main__":
    main()
