"""The tree of errors: what is caught by what, and that each message is one line."""

import inspect
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cryopick
from cryopick import errors
from cryopick.errors import (
    CryopickError,
    FormatError,
    InputError,
    JobError,
    MissingFileError,
    MissingFrameError,
    StoreError,
)

ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, CryopickError)
]


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (InputError, ValueError),
        (FormatError, ValueError),
        (MissingFrameError, ValueError),
        (MissingFileError, FileNotFoundError),
        (JobError, RuntimeError),
        (StoreError, RuntimeError),
    ],
)
def test_each_error_is_also_a_builtin(kind, builtin):
    """Who does not know cryopick's errors can still catch them by what they are."""
    assert issubclass(kind, CryopickError)
    assert issubclass(kind, builtin)


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = re.findall(r"(?:[├└]──|^    )\s*(\w+)", errors.__doc__, re.MULTILINE)
    named = {word for word in drawn if word.endswith("Error")}
    assert named == {kind.__name__ for kind in ALL}


def test_a_missing_file_is_not_a_wrong_value():
    assert not issubclass(MissingFileError, ValueError)
    assert not issubclass(JobError, InputError)  # exit 1, not 2


def test_a_format_error_keeps_its_parts():
    error = FormatError("a/b.star", "column x: 'q' is not a number", "correct the row")
    assert error.path == Path("a/b.star")
    assert (error.problem, error.remedy) == ("column x: 'q' is not a number", "correct the row")
    assert str(error) == "a/b.star: column x: 'q' is not a number; correct the row"
    assert str(FormatError("a.star", "is empty")) == "a.star: is empty"


def test_a_missing_file_names_the_way_out():
    error = MissingFileError("a.mrc", "give --image")
    assert str(error) == "a.mrc: no such file or folder; give --image"
    assert str(MissingFileError("a.mrc")).endswith("; check the name")
    with pytest.raises(FileNotFoundError, match=r"^a\.mrc: no such file"):
        raise error


@given(st.text(), st.text(), st.text())
def test_a_message_is_one_line_whatever_the_values_hold(path, problem, remedy):
    for error in (FormatError(path, problem, remedy), MissingFileError(path, remedy)):
        assert len(str(error).splitlines()) <= 1
        assert str(error) == " ".join(str(error).split())


# Where something else is raised, with the reason.
OTHERS = {
    "raw.py": "EOFError joins those that the unpackers raise, all caught beside it",
    "pickle_tree.py": "caught in its own reader, which names the file",
    "ome_zarr.py": "caught in its own reader, which names the file",
    "star_column.py": "IndexError is how a sequence ends; the other is caught beside it",
    "views.py": "IndexError is what an array raises",
}


def test_nothing_is_raised_on_purpose_but_errors_of_the_tree():
    """Bad input never meets a bare ValueError, RuntimeError or KeyError of ours."""
    allowed = {kind.__name__ for kind in ALL} | {"KeyboardInterrupt", "StopIteration"}
    odd = []
    for path in sorted(Path(cryopick.__file__).parent.rglob("*.py")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            found = re.match(r"\s+raise ([A-Z]\w+)\b", line)
            if found and found[1] not in allowed and path.name not in OTHERS:
                odd.append(f"{path.name}:{number}: {line.strip()}")
    assert odd == []
