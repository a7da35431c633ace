"""Runs of slow peers, kept in the scratch folder so that they need not be repeated."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from measuring.command import Measured


def kept_run(
    record: Path, run: Callable[[], Measured], *, reuse: bool, reused: list[str] | None = None
) -> Measured:
    """Run, and write down what it took; with ``reuse`` only where that is not written down yet.

    Parameters
    ----------
    record
        JSON file; delete it, or what the run made, to have it done again.
    run
        Does it.
    reused
        Gets the name of a run that was not repeated.
    """
    if reuse and record.is_file():
        if reused is not None:
            reused.append(record.stem)
        return Measured(**json.loads(record.read_text("utf-8")))
    record.unlink(missing_ok=True)
    done = run()
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(asdict(done)), "utf-8")
    return done
