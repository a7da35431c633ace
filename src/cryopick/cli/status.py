"""``cryopick status DIR``: how a job or a project stands."""

from __future__ import annotations

from dataclasses import asdict

from cryopick.cli.common_options import JSON, read_common
from cryopick.cli.job_arguments import FOLDER, parse_folder
from cryopick.cli.output import print_json
from cryopick.project.status import (
    find_project,
    is_project,
    project_status,
    project_words,
)
from cryopick.run.report import format_seconds
from cryopick.run.status import Status, job_status


def command(argv: list[str]) -> int:
    """Print the status; exit 0 whatever it is."""
    if all(word.startswith("-") for word in argv) and (here := find_project()) is not None:
        argv = [str(here), *argv]  # inside a project there is no need to name it
    given = parse_folder("status", [FOLDER, JSON], argv, example="cryopick status picks")
    if given is None:
        return 0
    if is_project(given["folder"]):
        project = project_status(given["folder"])
        if read_common(given).json:
            print_json(project)
        else:
            print("\n".join(project_words(project)))
        return 0
    status = job_status(given["folder"])
    if read_common(given).json:
        print_json(asdict(status))
    else:
        print("\n".join(status_lines(status)))
    return 0


def status_lines(status: Status) -> list[str]:
    """Say a status in words."""
    lines = [f"{status.job}: {status.state}, {status.done} of {status.total} items done"]
    if status.sentence:
        lines.append(status.sentence)
    if status.runner:
        who = status.runner
        lines.append(f"run by process {who.get('pid', '?')} on {who.get('host', '?')}")
    lines += [f"{name}: {share:.0%}" for name, share in status.in_flight.items()]
    if status.seconds_left is not None:
        lines.append(f"{format_seconds(status.seconds_left)} left")
    lines += [f"failed: {name}: {line}" for name, line in status.failed.items()]
    unfinished = status.done < status.total
    if unfinished and status.state != "running":
        lines.append(f"go on with: cryopick resume {status.folder}")
    return lines
