"""``cryopick demo``: see the program at work on images it makes itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from cryopick.cli.commands import OWN
from cryopick.cli.common_options import JSON, OVERWRITE
from cryopick.cli.options import Option, parse
from cryopick.cli.output import print_json

if TYPE_CHECKING:
    from cryopick.jobs.demo import Stage
    from cryopick.run import Progress

OUT = Option(name="out", flags=("--out", "-o"), help="Folder. [default: demo]", group="Common")


def command(argv: list[str]) -> int:
    """Run the demonstration and say where its report lies."""
    given = parse("demo", OWN["demo"][1], [OUT, OVERWRITE, JSON], argv, example="cryopick demo")
    if given is None:
        return 0
    from cryopick.jobs.demo import STAGES, run_demo

    quiet = bool(given.get("json"))
    with ExitStack() as bars:
        number = 0

        def announce(stage: Stage) -> Callable[[Progress], None]:
            nonlocal number
            number += 1
            from cryopick.cli.progress_bar import ProgressBar

            bars.close()
            if not quiet:
                print(f"{number}/{len(STAGES)} {stage.heading} ({stage.job})", file=sys.stderr)
            return bars.enter_context(ProgressBar(stage.job, silent=quiet))

        report = run_demo(
            given.get("out") or "demo",
            overwrite=bool(given.get("overwrite")),
            on_stage=announce,
        )
    if quiet:
        print_json({"report": str(report)})
    else:
        print(f"report: {report}")
        print("next: cryopick pick log --help")
    return 0
