"""The options every job has: what they accept, and the line when they do not."""

from __future__ import annotations

import pytest

from cryopick.cli import common_options
from cryopick.cli.common_options import CONFIGURABLE, JOB_OPTIONS, Common, read_common
from cryopick.cli.options import Option, parse
from cryopick.errors import InputError


def test_nothing_given_is_nothing_known() -> None:
    assert read_common({}) == Common()
    assert Common().device is None  # not "auto": who runs the job decides


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"out": "x"}, Common(out="x")),
        ({"workers": "3"}, Common(workers=3)),
        ({"workers": 3}, Common(workers=3)),  # a number, from a configuration file
        ({"memory": "16"}, Common(memory_bytes=16_000_000_000)),
        ({"memory": "0.5"}, Common(memory_bytes=500_000_000)),
        ({"memory": 2}, Common(memory_bytes=2_000_000_000)),
        ({"seed": "0"}, Common(seed=0)),
        ({"seed": "0012"}, Common(seed=12)),
        ({"device": "cuda:1"}, Common(device="cuda:1")),
        ({"on": "local"}, Common()),
        ({"dry_run": True, "json": True}, Common(dry_run=True, json=True)),
        ({"overwrite": True, "verbose": True}, Common(overwrite=True, verbose=True)),
        ({"config": "c.toml"}, Common()),  # read before, by the command
    ],
)
def test_values(values: dict[str, object], expected: Common) -> None:
    assert read_common(values) == expected


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"workers": "0"}, "--workers: '0' is not a whole number of 1 or more"),
        ({"workers": "two"}, "--workers: 'two' is not a whole number of 1 or more"),
        ({"workers": "1.5"}, "--workers: '1.5' is not a whole number of 1 or more"),
        ({"workers": True}, "--workers: True is not a whole number of 1 or more"),
        ({"workers": "9" * 16}, "is not a whole number of 1 or more"),
        ({"memory": "0"}, "--memory: '0' is not a size above 0; give GB, such as 16"),
        ({"memory": "-4"}, "--memory: '-4' is not a size above 0"),
        ({"memory": "16G"}, "--memory: '16G' is not a size above 0"),
        ({"memory": "inf"}, "--memory: 'inf' is not a size above 0"),
        ({"memory": "nan"}, "--memory: 'nan' is not a size above 0"),
        ({"memory": "1e-12"}, "--memory: '1e-12' is not a size above 0"),  # no byte at all
        ({"memory": True}, "--memory: True is not a size above 0"),
        ({"memory": [1]}, "--memory: [1] is not a size above 0"),
        ({"seed": "-1"}, "--seed: '-1' is not a whole number of 0 or more"),
        ({"seed": ""}, "--seed: '' is not a whole number of 0 or more"),
        ({"seed": "1e5"}, "--seed: '1e5' is not a whole number of 0 or more"),
        ({"on": "moon"}, "--on: 'moon' is not a place to work at; give local"),
        ({"out": ""}, "--out: is empty; give the name of a folder"),
        ({"out": "  "}, "--out: is empty; give the name of a folder"),
    ],
)
def test_what_cannot_be_used(values: dict[str, object], line: str) -> None:
    with pytest.raises(InputError) as caught:
        read_common(values)
    assert line in str(caught.value)


def test_the_largest_seed_is_kept_exactly() -> None:
    assert read_common({"seed": "999999999999999"}).seed == 999_999_999_999_999


def test_each_option_is_listed_once_and_belongs_to_the_common_ones() -> None:
    flags = [flag for option in JOB_OPTIONS for flag in option.flags]
    assert len(flags) == len(set(flags))
    assert {option.group for option in JOB_OPTIONS} == {"Common"}
    declared = [value for value in vars(common_options).values() if isinstance(value, Option)]
    assert set(declared) == set(JOB_OPTIONS)


def test_switches_have_no_opposite_form() -> None:
    """``--no-overwrite`` would say what is so anyway."""
    switches = [option for option in JOB_OPTIONS if option.kind == "switch"]
    assert len(switches) == 4
    assert not any(option.negatable for option in switches)
    with pytest.raises(InputError, match="--no-overwrite"):
        parse("x", "X", JOB_OPTIONS, ["--no-overwrite"])


def test_what_a_configuration_may_hold_is_an_option() -> None:
    names = {option.name for option in JOB_OPTIONS}
    assert set(CONFIGURABLE) <= names
    # A file that wrote into a folder, or over one, would do so unseen.
    assert not {"out", "overwrite", "dry_run", "config"} & set(CONFIGURABLE)


@pytest.mark.parametrize("flag", ["--out", "-o"])
def test_short_and_long_form_are_one(flag: str) -> None:
    given = parse("x", "X", JOB_OPTIONS, [flag, "here", "-v", "--json"])
    assert given is not None
    common = read_common(given)
    assert (common.out, common.verbose, common.json) == ("here", True, True)
