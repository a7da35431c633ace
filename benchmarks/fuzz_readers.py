"""Damage genuine files in 2,000 ways and give them to every reader.

Each damaged file is given to ``cryopick info``, opened as an image and read, and read as picks, in
worker processes whose memory is limited. What counts as a failure: a traceback, an exit code other
than 0 or 2, a message that does not name the file or is longer than one line, more than 5 s, or
more than 2 GB.

    python benchmarks/fuzz_readers.py [--files 2000] [--seed 0] [--data ../shared/data]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from measuring.result_file import write_result  # noqa: E402
from mutated_files import mutants, originals  # noqa: E402

FULL_FILES = 2000
SECONDS = 5
MEMORY_BYTES = 2 << 30
LARGEST_PIXELS = 64 << 20


def check(path: Path) -> tuple[list[str], bool]:
    """What went wrong with one file (empty where nothing did), and whether it was refused."""
    wrong: list[str] = []
    refused = False
    started = time.perf_counter()
    signal.alarm(2 * SECONDS)
    try:
        said, refused = check_info(path)
        wrong += said
        wrong += check_reading(path)
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        last = traceback.extract_tb(error.__traceback__)[-1]
        wrong.append(f"{type(error).__name__}: {error} at {last.filename}:{last.lineno}"[:300])
    finally:
        signal.alarm(0)
    seconds = time.perf_counter() - started
    if seconds > SECONDS:
        wrong.append(f"took {seconds:.1f} s")
    return wrong, refused


def check_info(path: Path) -> tuple[list[str], bool]:
    from cryopick.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(["info", str(path)])
        except SystemExit as stop:
            code = stop.code
    said = err.getvalue().strip()
    if code == 0:
        return [], False
    if code != 2:
        return [f"info: exit {code}: {said[:300]}"], True
    clear = path.name in said and "\n" not in said
    return ([] if clear else [f"info: message {said[:300]!r}"]), True


def check_reading(path: Path) -> list[str]:
    import numpy as np

    from cryopick.errors import CryopickError
    from cryopick.io.images import open_image
    from cryopick.io.picks.dialect import Frame
    from cryopick.io.picks.registry import dialects
    from cryopick.model import Grid

    wrong: list[str] = []

    def attempt(what: str, read: object) -> None:
        try:
            read()  # type: ignore[operator]
        except CryopickError as error:
            if "\n" in str(error):
                wrong.append(f"{what}: more than one line")

    def pixels() -> None:
        image = open_image(path)
        if np.prod(image.data.shape) < LARGEST_PIXELS:
            np.asarray(image.data[...])

    attempt("image", pixels)
    head = path.read_bytes()[:65536]
    for dialect in dialects().values():
        if dialect.sniff(path, head):
            grid = Grid(shape=(64,) * max(dialect.dimensions), pixel_size_angstrom=2.0)
            frame = Frame(default_grid=grid, box_size_px=10)
            attempt(dialect.name, lambda d=dialect, f=frame: d.read(path, f))
    return wrong


def start_worker() -> None:
    warnings.simplefilter("ignore")
    import cryopick.cli.main
    import cryopick.io.describe
    import cryopick.io.images  # noqa: F401

    # Address space grows with threads and maps that hold no memory; data is what counts.
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=FULL_FILES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    files = originals(arguments.data)
    failures: dict[str, list[str]] = {}
    peak = n_refused = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        multiprocessing.get_context("spawn").Pool(
            2, initializer=start_worker, maxtasksperchild=500
        ) as pool,
    ):
        pending = []
        for name, data in mutants(files, n=arguments.files, seed=arguments.seed):
            path = Path(folder) / name
            path.write_bytes(data)
            pending.append((path, pool.apply_async(check_and_measure, (path,))))
        for path, result in pending:
            wrong, refused, used = result.get(timeout=600)
            n_refused += refused
            peak = max(peak, used)
            if wrong:
                failures[path.name] = wrong
            path.unlink(missing_ok=True)
    figures = {
        "files": arguments.files,
        "originals": len(files),
        "seed": arguments.seed,
        "refused": n_refused,
        "failures": failures,
        "peak_mb": peak // 1024,
        "limits": {"seconds": SECONDS, "memory_mb": MEMORY_BYTES >> 20},
    }
    print(json.dumps(figures, indent=1))
    write_result("fuzz_readers", figures, smaller=arguments.files < FULL_FILES)
    return 1 if failures else 0


def check_and_measure(path: Path) -> tuple[list[str], bool, int]:
    wrong, refused = check(path)
    return wrong, refused, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
