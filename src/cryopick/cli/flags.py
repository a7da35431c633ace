"""From the fields of a job's parameters to options, and from pydantic's errors to one line."""

from __future__ import annotations

import types
import typing
from typing import Any, Literal, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cryopick.cli.options import Kind, Option
from cryopick.errors import InputError

P = TypeVar("P", bound=BaseModel)

DROPPED_UNITS = ("_angstrom", "_deg", "_px", "_um", "_e_per_a2")
"""Suffixes that a flag leaves to its help; kV and mm stay, as users know them from elsewhere."""


def flag_of(name: str, field: FieldInfo) -> str:
    """Give the one flag of a field.

    Examples
    --------
    >>> from cryopick.run.job import Params, param
    >>> class P(Params):
    ...     diameter_min_angstrom: float = param(description="", unit="Å")
    ...     cs_mm: float = param(description="", unit="mm")
    >>> [flag_of(name, field) for name, field in P.model_fields.items()]
    ['--diameter-min', '--cs-mm']
    """
    if own := str(_extra(field).get("flag", "")):
        return own
    for unit in DROPPED_UNITS:
        name = name.removesuffix(unit)
    return "--" + name.replace("_", "-")


def options_of(model: type[BaseModel], arguments: tuple[str, ...]) -> list[Option]:
    """Make the options of a parameter model; ``arguments`` are the positional fields."""
    options: list[Option] = []
    for name, field in model.model_fields.items():
        kind, count = kind_of(field.annotation)
        word = name.upper().replace("_", "-")
        options.append(
            Option(
                name=name,
                flags=(word if name in arguments else flag_of(name, field),),
                help=help_of(field, listed=kind == "list"),
                kind=kind,
                count=count,
                group="Advanced" if _extra(field).get("advanced") else "Parameters",
            )
        )
    order = {name: index for index, name in enumerate(arguments)}
    return sorted(options, key=lambda option: order.get(option.name, len(order)))


def kind_of(annotation: Any) -> tuple[Kind, int]:
    """Tell how a field is given: its kind, and how many words a fixed list takes."""
    parts = _alternatives(annotation)
    origins = [typing.get_origin(part) or part for part in parts]
    if origins == [bool]:
        return "switch", 0
    for part, origin in zip(parts, origins, strict=True):
        if origin in (list, set, frozenset):
            return "list", 0
        if origin is tuple:
            inner = typing.get_args(part)
            return "list", 0 if Ellipsis in inner or not inner else len(inner)
    if origins == [int]:
        return "integer", 0
    if origins == [float] or set(origins) == {int, float}:
        return "number", 0
    return "text", 0


def help_of(field: FieldInfo, *, listed: bool = False) -> str:
    """Describe a field: meaning, then unit, bounds, choices and default in brackets."""
    facts: list[str] = []
    if unit := str(_extra(field).get("unit", "")):
        facts.append(unit)
    facts += _bounds(field)
    if choices := choices_of(field.annotation):
        facts.append("one of: " + ", ".join(choices))
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        facts.append("required")
    elif isinstance(default, bool):
        facts.append(f"default: {'yes' if default else 'no'}")
    elif default is None or default in ([], ()):
        facts.append("default: none" if not listed else "default: empty")
    elif isinstance(default, list | tuple):
        facts.append("default: " + " ".join(map(str, cast("list[Any]", default))))
    else:
        facts.append(
            f"default: {default:g}" if isinstance(default, float) else f"default: {default}"
        )
    return f"{(field.description or '').rstrip('.')}. [{'; '.join(facts)}]"


def choices_of(annotation: Any) -> list[str]:
    """List the words a field may hold, where it is a choice."""
    return [
        str(value)
        for part in _alternatives(annotation)
        if typing.get_origin(part) is Literal
        for value in typing.get_args(part)
    ]


def validated(model: type[P], values: dict[str, Any], *, arguments: tuple[str, ...]) -> P:
    """Check values as the command line gave them; errors name the flag."""
    typed = {name: _typed_choice(model, name, value) for name, value in values.items()}
    try:
        return model.model_validate(typed)
    except ValidationError as error:
        raise InputError(error_line(model, error, arguments=arguments)) from None


def error_line(
    model: type[BaseModel], error: ValidationError, *, arguments: tuple[str, ...]
) -> str:
    """Say in one line which value is wrong and what is expected."""
    errors = error.errors()
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    reason = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return " ".join(reason.split()) + more
    name = str(first["loc"][0])
    field = model.model_fields[name]
    flag = name.upper().replace("_", "-") if name in arguments else flag_of(name, field)
    if first["type"] == "missing":
        return f"{flag}: is missing; give it: {help_of(field)}{more}"
    value = str(first["input"])
    value = value if len(value) <= 60 else value[:57] + "..."
    reason = reason.removeprefix("Input ")
    return " ".join(f"{flag}: {value!r} {reason}; it is: {help_of(field)}{more}".split())


def _typed_choice(model: type[BaseModel], name: str, value: Any) -> Any:
    """Turn the text of a choice among numbers (``2``) into the number."""
    if not isinstance(value, str) or name not in model.model_fields:
        return value
    for part in _alternatives(model.model_fields[name].annotation):
        for choice in typing.get_args(part) if typing.get_origin(part) is Literal else ():
            if not isinstance(choice, str) and str(choice) == value:
                return choice
    return value


def _alternatives(annotation: Any) -> list[Any]:
    """Take a union apart, leaving out None."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [
            inner
            for part in typing.get_args(annotation)
            if part is not type(None)
            for inner in _alternatives(part)
        ]
    if typing.get_origin(annotation) is typing.Annotated:
        return _alternatives(typing.get_args(annotation)[0])
    return [annotation]


def _bounds(field: FieldInfo) -> list[str]:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    return [
        f"{sign}\N{NO-BREAK SPACE}{getattr(part, name):g}"
        for part in field.metadata
        for name, sign in signs.items()
        if getattr(part, name, None) is not None
    ]


def _extra(field: FieldInfo) -> dict[str, Any]:
    extra = field.json_schema_extra
    return cast("dict[str, Any]", extra) if isinstance(extra, dict) else {}
