"""Pickles taken apart without running them: what they name and call becomes a tree to look at.

Unpickling runs whatever a file asks for, so it is out of the question for files that nobody vouches
for. Here the opcodes are only followed: a class or function that the pickle names becomes a `Name`,
a call of one a `Call`, and nothing is imported or called. What the tree means (a data frame, an array)
is decided by the reader, from the names that it knows.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryopick.errors import FormatError

_MAX_BYTES = 256 * 1024 * 1024
_MAX_OPCODES = 2_000_000


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that the pickle refers to by module and name."""

    module: str
    name: str


@dataclass(slots=True)
class Call:
    """A call or construction that the pickle asks for, and the state it would then set."""

    what: Any
    arguments: tuple[Any, ...]
    state: Any = field(default=None)


class _Mark:
    """Where the arguments of a collection begin on the stack."""


_MARK = _Mark()
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = frozenset(
    ["INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
     "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE",
     "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"]
)  # fmt: skip
_IGNORED = frozenset(["PROTO", "FRAME", "STOP"])


class _Machine:
    """The stack and the memo of a pickle being followed."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def since_mark(self) -> list[Any]:
        """Take what lies above the last mark, and the mark."""
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise ValueError("a collection without its beginning")
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def pop(self, n: int) -> list[Any]:
        """Take the last ``n`` values."""
        if len(self.stack) < n:
            raise ValueError("more values asked for than were given")
        items = self.stack[len(self.stack) - n :]
        del self.stack[len(self.stack) - n :]
        return items

    def set_items(self, items: list[Any]) -> None:
        """Put keys and values into the dictionary below them."""
        if self.stack and isinstance(self.stack[-1], dict):
            self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def append(self, items: list[Any]) -> None:
        """Put values into the list below them."""
        if self.stack and isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def build(self) -> None:
        """Remember the state that an object would be given."""
        target, state = self.pop(2)
        if isinstance(target, Call):
            target.state = state
        self.stack.append(target)


def _name(machine: _Machine, argument: Any) -> None:
    module, _, name = str(argument).partition(" ")
    machine.stack.append(Name(module, name))


def _stack_name(machine: _Machine, _: Any) -> None:
    machine.stack.append(Name(*(str(part) for part in machine.pop(2))))


def _call(machine: _Machine, _: Any) -> None:
    what, arguments = machine.pop(2)
    machine.stack.append(Call(what, arguments if isinstance(arguments, tuple) else (arguments,)))


def _memoize(machine: _Machine, _: Any) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


def _put(machine: _Machine, argument: Any) -> None:
    machine.memo[int(argument)] = machine.stack[-1]


_STEPS: dict[str, Callable[[_Machine, Any], Any]] = {
    "MARK": lambda m, _: m.stack.append(_MARK),
    "EMPTY_TUPLE": lambda m, _: m.stack.append(()),
    "EMPTY_LIST": lambda m, _: m.stack.append([]),
    "EMPTY_DICT": lambda m, _: m.stack.append({}),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.since_mark())),
    "LIST": lambda m, _: m.stack.append(list(m.since_mark())),
    "TUPLE1": lambda m, _: m.stack.append(tuple(m.pop(1))),
    "TUPLE2": lambda m, _: m.stack.append(tuple(m.pop(2))),
    "TUPLE3": lambda m, _: m.stack.append(tuple(m.pop(3))),
    "SETITEMS": lambda m, _: m.set_items(m.since_mark()),
    "SETITEM": lambda m, _: m.set_items(m.pop(2)),
    "APPENDS": lambda m, _: m.append(m.since_mark()),
    "APPEND": lambda m, _: m.append(m.pop(1)),
    "POP": lambda m, _: m.pop(1),
    "GLOBAL": _name,
    "STACK_GLOBAL": _stack_name,
    "REDUCE": _call,
    "NEWOBJ": _call,
    "BUILD": lambda m, _: m.build(),
    "MEMOIZE": _memoize,
    "PUT": _put,
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "GET": lambda m, key: m.stack.append(m.memo[int(key)]),
    "BINGET": lambda m, key: m.stack.append(m.memo[int(key)]),
    "LONG_BINGET": lambda m, key: m.stack.append(m.memo[int(key)]),
}


def read_pickle_tree(path: Path) -> Any:
    """Follow the pickle in a file; values, `Name` and `Call` come back, nothing is run.

    Examples
    --------
    >>> import pickle, pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "a.pickle")
    >>> _ = file.write_bytes(pickle.dumps({"x": [1, slice(2)]}))
    >>> tree = read_pickle_tree(file)
    >>> tree["x"][0], tree["x"][1].what
    (1, Name(module='builtins', name='slice'))
    """
    if path.stat().st_size > _MAX_BYTES:
        raise FormatError(path, f"is larger than {_MAX_BYTES >> 20} MiB", "split the file")
    try:
        return _follow(path.read_bytes())
    # A damaged pickle breaks pickletools and the stack in each of these ways.
    except (ValueError, IndexError, KeyError, TypeError, UnicodeError, OverflowError,
            AttributeError, RecursionError) as error:  # fmt: skip
        raise FormatError(path, f"damaged pickle: {str(error)[:80]}", "write it again") from None


def _follow(data: bytes) -> Any:
    machine = _Machine()
    for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        if count > _MAX_OPCODES:
            raise ValueError(f"more than {_MAX_OPCODES} steps")
        name = opcode.name
        if name in _VALUES:
            machine.stack.append(argument)
        elif name in _CONSTANTS:
            machine.stack.append(_CONSTANTS[name])
        elif name in _STEPS:
            _STEPS[name](machine, argument)
        elif name not in _IGNORED:
            raise ValueError(f"step {name} is not expected in a table")
    return machine.pop(1)[0]
