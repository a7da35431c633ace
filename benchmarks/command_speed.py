"""How fast the command line answers: ``cryopick --help``, and ``cryopick info`` on a 1 GB MRC.

    python benchmarks/command_speed.py [--repeats 9] [--megapixels 256]

Each repeat is a new process. Prints each figure beside its limit; writes results/command_speed.json.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from cryopick.io.images.mrc_write import mrc_canvas
from measuring.command import cryopick
from measuring.result_file import spread, write_result

FULL_MEGAPIXELS = 256
HELP_LIMIT_S = 0.4
INFO_LIMIT_S = 0.8
MEMORY_LIMIT_MB = 200.0


def write_large_mrc(path: Path, megapixels: int) -> None:
    """Write a volume of noise, 1024 x 1024 a section; ``megapixels`` sections of float32."""
    section = np.random.default_rng(0).normal(size=(1024, 1024)).astype(np.float32)
    with mrc_canvas(path, (megapixels, 1024, 1024), 1.5) as canvas:
        for z in range(megapixels):
            canvas[z] = np.roll(section, z, axis=1)


def against(name: str, value: float, limit: float, unit: str) -> str:
    """One line: the figure, its limit, and whether it keeps it.

    Examples
    --------
    >>> against("help", 0.25, 0.4, "s")
    'help                     0.25 s    limit 0.4 s    kept'
    """
    verdict = "kept" if value < limit else "MISSED"
    return f"{name:<24} {value:.4g} {unit:<4} limit {limit:g} {unit:<4} {verdict}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--megapixels", type=int, default=FULL_MEGAPIXELS)
    given = parser.parse_args()
    # The first run fills the caches of files, as the second look of the day finds them.
    cryopick("--help")
    helps = [cryopick("--help") for _ in range(given.repeats)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.mrc"
        write_large_mrc(path, given.megapixels)
        gigabytes = path.stat().st_size / 1e9
        cryopick("info", path)
        infos = [cryopick("info", path) for _ in range(given.repeats)]
    figures = {
        "help_s": spread(run.wall_seconds for run in helps),
        "help_cpu_s": spread(run.cpu_seconds for run in helps),
        "help_limit_s": HELP_LIMIT_S,
        "info_file_gb": round(gigabytes, 2),
        "info_s": spread(run.wall_seconds for run in infos),
        "info_cpu_s": spread(run.cpu_seconds for run in infos),
        "info_limit_s": INFO_LIMIT_S,
        "info_peak_rss_mb": spread((run.peak_rss_mb for run in infos), 1),
        "info_limit_mb": MEMORY_LIMIT_MB,
    }
    print(against("cryopick --help", figures["help_s"]["median"], HELP_LIMIT_S, "s"))
    print(
        against(f"cryopick info {gigabytes:.1f} GB", figures["info_s"]["median"], INFO_LIMIT_S, "s")
    )
    print(
        against("  its peak memory", figures["info_peak_rss_mb"]["median"], MEMORY_LIMIT_MB, "MB")
    )
    write_result("command_speed", figures, smaller=given.megapixels < FULL_MEGAPIXELS)


if __name__ == "__main__":
    main()
