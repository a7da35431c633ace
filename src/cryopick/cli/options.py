"""`Option` and `parse`: the options of one command, read and explained by cyclopts.

Values stay text here: what they must be is checked once, where the parameters are declared.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cryopick.errors import InputError

Kind = Literal["text", "number", "integer", "switch", "list"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option or positional argument.

    Attributes
    ----------
    name
        Key of the value in what `parse` gives.
    flags
        ``--diameter-min``; or the word of a positional argument, ``IMAGES``.
    help
        One line.
    kind
        What is shown as its value; a ``list`` takes one or more words.
    group
        Heading in the help.
    negatable
        Whether a switch has its ``--no-`` form.
    count
        How many words a ``list`` takes; 0 for one or more.
    """

    name: str
    flags: tuple[str, ...]
    help: str
    kind: Kind = "text"
    group: str = "Parameters"
    negatable: bool = True
    count: int = 0

    @property
    def positional(self) -> bool:
        """Whether it is given without a flag."""
        return not self.flags[0].startswith("-")


HELP = ("--help", "-h")
METAVARS: dict[Kind, str] = {
    "text": "TEXT",
    "number": "NUMBER",
    "integer": "INT",
    "list": "WORD...",
}


def parse(
    words: str,
    title: str,
    options: Sequence[Option],
    argv: Sequence[str],
    *,
    example: str = "",
    groups: Sequence[str] = ("Arguments", "Parameters", "Common", "Advanced"),
) -> dict[str, Any] | None:
    """Read the arguments of a command; only what was given is in the result.

    Gives None after it has printed the help. Raises `InputError` for wrong usage.
    """
    import cyclopts

    app = cyclopts.App(
        name=f"cryopick {words}",
        help=title.rstrip(".") + ".",
        usage=f"Usage: cryopick {words} {_arguments(options)}[OPTIONS]",
        help_flags=[],
        version_flags=[],
        help_format="plaintext",
        help_epilogue=f"Example: {example}" if example else None,
        result_action="return_value",
    )
    app.default(_signed(options, groups))
    if any(word in HELP for word in _before_dashes(argv)):
        app.help_print([])
        return None
    try:
        _, bound, _ = app.parse_args(
            list(argv), print_error=False, exit_on_error=False, help_on_error=False
        )
    except cyclopts.CycloptsError as error:
        text = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"{text}; see: cryopick {words} --help") from None
    found = dict(bound.arguments)
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in found.items()
    }


def _arguments(options: Sequence[Option]) -> str:
    positional = [option for option in options if option.positional]
    return "".join(
        f"{option.flags[0]}{'...' if option.kind == 'list' and not option.count else ''} "
        for option in positional
    )


def _before_dashes(argv: Sequence[str]) -> Sequence[str]:
    return argv[: argv.index("--")] if "--" in argv else argv


def _signed(options: Sequence[Option], names: Sequence[str]) -> Any:
    """Make a function whose signature is the options: what cyclopts works from."""
    import cyclopts

    groups = {
        name: cyclopts.Group(name, sort_key=index)
        for index, name in enumerate(names, 1)
        if name not in ("Arguments", "Parameters")  # cyclopts's own two
    }

    def target(*_args: Any, **_values: Any) -> None:
        """Be described by `__signature__`; never called."""

    parameters: list[inspect.Parameter] = []
    for option in sorted(options, key=lambda option: not option.positional):
        listed = option.kind == "list"
        kind: Any = {"switch": bool, "list": list[str]}.get(option.kind, str)
        if option.count:
            kind = tuple[(str,) * option.count]
        settings: dict[str, Any] = {
            "name": option.flags,
            "help": option.help,
            "show_default": False,
            "required": False,
        }
        if not option.positional:
            settings["group"] = groups.get(option.group, option.group)
        if not (option.kind == "switch" and option.negatable):
            settings["negative"] = ()
        if listed and not option.positional:
            settings["consume_multiple"] = True
        if not option.positional and option.kind in METAVARS:
            settings["metavar"] = " ".join(["WORD"] * option.count) or METAVARS[option.kind]
        where, default = inspect.Parameter.KEYWORD_ONLY, None
        if option.positional:
            where = inspect.Parameter.POSITIONAL_ONLY
        if option.positional and option.kind == "list" and not option.count:
            # Words may then stand before and after options; so such a list comes last.
            where, kind, default = inspect.Parameter.VAR_POSITIONAL, str, inspect.Parameter.empty
        annotation = Annotated[kind | None, cyclopts.Parameter(**settings)]
        parameters.append(
            inspect.Parameter(option.name, where, annotation=annotation, default=default)
        )
    # The attribute is documented by `inspect`, but not by the type of a function.
    target.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    return target
