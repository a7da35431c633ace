"""``cryopick rerun job.json -o NEW``: repeat a job as it was recorded."""

from __future__ import annotations

import contextlib
from pathlib import Path

from cryopick.cli.common_options import (
    DEVICE,
    DRY_RUN,
    JSON,
    MEMORY,
    OUT,
    OVERWRITE,
    VERBOSE,
    WORKERS,
    read_common,
)
from cryopick.cli.job_arguments import parse_folder
from cryopick.cli.options import Option
from cryopick.cli.output import print_plan, run_and_print
from cryopick.errors import InputError
from cryopick.jobs.registry import load_job
from cryopick.run.drive import params_of, plan_job, run_job
from cryopick.run.record import read_record

RECORD = Option(name="record", flags=("JOB",), help="A job.json, or the job's folder. [required]")


def command(argv: list[str]) -> int:
    """Run the recorded job again with its parameters and its seed."""
    options = [RECORD, OUT, DEVICE, WORKERS, MEMORY, DRY_RUN, OVERWRITE, JSON, VERBOSE]
    example = "cryopick rerun picks/job.json -o picks_again"
    given = parse_folder("rerun", options, argv, example=example)
    if given is None:
        return 0
    common = read_common(given)
    record = read_record(given["record"])
    job = load_job(record.job)
    params = params_of(job, record, given["record"])
    if common.out is None and not common.dry_run:
        raise InputError("--out: is missing; give the name of a new folder: -o DIR")
    out = Path(common.out or ".").absolute()
    start = Path(record.folder_at_start)  # relative names in the record begin there
    with contextlib.chdir(start if start.is_dir() else Path.cwd()):
        if common.dry_run:
            print_plan(job, plan_job(job, params), common)
            return 0
        return run_and_print(
            job.name,
            out,
            common,
            lambda show: run_job(
                job,
                params,
                out,
                workers=common.workers,
                memory_bytes=common.memory_bytes,
                device=common.device or record.device,
                seed=record.seed,
                overwrite=common.overwrite,
                on_progress=show,
                before=record,
            ),
        )
