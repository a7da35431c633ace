"""Every job in the table can be loaded and is what the table says."""

from __future__ import annotations

import pytest

from cryopick.cli.commands import OWN
from cryopick.cli.flags import choices_of, flag_of
from cryopick.cli.job_command import command_of, job_options
from cryopick.errors import InputError
from cryopick.jobs.registry import JOBS, load_job
from cryopick.run.job import Params

WORDS = sorted(JOBS)


@pytest.mark.parametrize("words", WORDS)
def test_the_table_and_the_declaration_agree(words: str) -> None:
    job = load_job(words)
    assert job.name == words
    assert job.title == JOBS[words][1]
    assert words not in OWN


@pytest.mark.parametrize("words", WORDS)
def test_parameters_are_declared_in_full(words: str) -> None:
    job = load_job(words)
    assert issubclass(job.params, Params)
    assert set(job.arguments) <= set(job.params.model_fields)
    for name, field in job.params.model_fields.items():
        assert field.description, name
        extra = field.json_schema_extra
        assert isinstance(extra, dict), f"{name}: declare it with param()"
        if name.endswith(("_angstrom", "_deg", "_px", "_um", "_kv", "_mm", "_e_per_a2")):
            assert extra["unit"], name
        assert flag_of(name, field).startswith("--")
        default = field.get_default()
        if isinstance(default, str) and (choices := choices_of(field.annotation)):
            assert default in choices, name


@pytest.mark.parametrize("words", WORDS)
def test_options_do_not_clash_and_help_has_an_example(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    job = load_job(words)
    flags = [flag for option in job_options(job) for flag in option.flags]
    assert len(flags) == len(set(flags))
    assert job.example.startswith(f"cryopick {words} ")
    assert command_of(job)(["--help"]) == 0
    assert f"Usage: cryopick {words} " in capsys.readouterr().out


def test_an_unknown_job() -> None:
    with pytest.raises(InputError, match="'pick unicorns' is not a job of this version"):
        load_job("pick unicorns")
