"""``cryopick cancel DIR``: stop a running job."""

from __future__ import annotations

import time

from cryopick.cli.job_arguments import FOLDER, parse_folder
from cryopick.errors import JobError
from cryopick.run.folder import JobFolder
from cryopick.run.lock import ask_to_cancel, holder
from cryopick.run.record import read_record

PATIENCE_SECONDS = 30.0


def command(argv: list[str]) -> int:
    """Ask the driver to stop and wait until it has."""
    given = parse_folder("cancel", [FOLDER], argv, example="cryopick cancel picks")
    if given is None:
        return 0
    folder = JobFolder(given["folder"]).path
    read_record(folder)
    who = ask_to_cancel(folder)
    end = time.monotonic() + PATIENCE_SECONDS
    while holder(folder) == who:
        if time.monotonic() > end:
            raise JobError(
                f"{folder}: asked process {who.get('pid')} on {who.get('host')} to stop, "
                "but it has not yet; it may be collecting its results"
            )
        time.sleep(0.1)
    print(f"{folder}: stopped; go on with: cryopick resume {folder}")
    return 0
