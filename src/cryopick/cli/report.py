"""``cryopick report DIR``: make ``report.html`` again."""

from __future__ import annotations

from cryopick.cli.job_arguments import FOLDER, parse_folder
from cryopick.run.report import write_report


def command(argv: list[str]) -> int:
    """Write the page and print its name."""
    given = parse_folder("report", [FOLDER], argv, example="cryopick report picks")
    if given is None:
        return 0
    print(write_report(given["folder"]))
    return 0
