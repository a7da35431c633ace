"""Start a command, wait for it, write its exit code and resource use as JSON.

    python -I -S launcher.py REPORT COMMAND ...

On Linux a process begins with the peak memory of the process that started it. A benchmark that has
just made a large file would so be counted as part of the command; this small process in between
keeps the floor at some 10 MB.
"""

import json
import os
import sys
import time


def main() -> None:
    report, command = sys.argv[1], sys.argv[2:]
    start = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    figures = {
        "code": os.waitstatus_to_exitcode(status),
        "wall_seconds": time.perf_counter() - start,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_rss_mb": usage.ru_maxrss / 1024,
    }
    with open(report, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs memory and time
        json.dump(figures, file)


if __name__ == "__main__":
    main()
