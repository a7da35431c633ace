"""The command of a job: options from its declaration, a run, the result in words or JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryopick.cli.common_options import JOB_OPTIONS, MEMORY, SEED, Common, read_common
from cryopick.cli.config_file import read_config
from cryopick.cli.flags import options_of, validated
from cryopick.cli.options import Option, parse
from cryopick.cli.output import print_plan, run_and_print
from cryopick.errors import InputError
from cryopick.run.drive import plan_job, run_job
from cryopick.run.job import Job


def command_of(job: Job[Any]) -> Callable[[list[str]], int]:
    """Make the command of a job."""

    def command(argv: list[str]) -> int:
        options = job_options(job)
        given = parse(job.name, job.title, options, argv, example=job.example)
        if given is None:
            return 0
        config = read_config(given["config"], job.params) if given.get("config") else {}
        fields = job.params.model_fields
        values = {name: value for name, value in (config | given).items() if name in fields}
        common = read_common({k: v for k, v in (config | given).items() if k not in fields})
        params = validated(job.params, values, arguments=job.arguments)
        return _run(job, params, common)

    return command


def job_options(job: Job[Any]) -> list[Option]:
    """List all options of a job; a field must not shadow a common option.

    The exceptions are ``seed``, for a job that draws in ``collect``, and ``--memory``, for a job
    that limits each item itself: there the field is the option.
    """
    own = options_of(job.params, job.arguments)
    flags = {flag for option in own for flag in option.flags}
    common = [
        option
        for option in JOB_OPTIONS
        if not (option is SEED and has_seed(job))
        and not (option is MEMORY and flags.intersection(MEMORY.flags))
    ]
    taken = {word for option in common for word in (option.name, *option.flags)}
    for option in own:
        if taken & {option.name, *option.flags}:
            raise InputError(
                f"{job.name}: its parameter {option.name} is a common option; rename it"
            )
    return [*own, *common]


def has_seed(job: Job[Any]) -> bool:
    """Tell whether the job's seed is one of its parameters."""
    return "seed" in job.params.model_fields


def _run(job: Job[Any], params: Any, common: Common) -> int:
    if common.dry_run:
        print_plan(job, plan_job(job, params), common)
        return 0
    if common.out is None:
        raise InputError("--out: is missing; give the name of a folder for the results: -o DIR")
    out = common.out
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
            device=common.device or "auto",
            seed=common.seed,
            overwrite=common.overwrite,
            on_progress=show,
        ),
    )
