"""``cryopick resume DIR``: go on with a job."""

from __future__ import annotations

from cryopick.cli.common_options import DEVICE, JSON, MEMORY, VERBOSE, WORKERS, read_common
from cryopick.cli.job_arguments import FOLDER, parse_folder
from cryopick.cli.output import run_and_print
from cryopick.jobs.registry import load_job
from cryopick.run.drive import resume_job
from cryopick.run.record import read_record


def command(argv: list[str]) -> int:
    """Do what is still to do, then collect."""
    options = [FOLDER, DEVICE, WORKERS, MEMORY, JSON, VERBOSE]
    given = parse_folder("resume", options, argv, example="cryopick resume picks")
    if given is None:
        return 0
    folder, common = given["folder"], read_common(given)
    job = load_job(read_record(folder).job)
    return run_and_print(
        job.name,
        folder,
        common,
        lambda show: resume_job(
            job,
            folder,
            workers=common.workers,
            memory_bytes=common.memory_bytes,
            device=common.device,
            on_progress=show,
        ),
    )
