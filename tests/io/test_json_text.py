from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import FormatError
from cryopick.io.json_text import (
    as_float,
    as_list,
    as_matrix,
    as_object,
    parse_json,
    read_json_object,
)

HERE = Path("a.json")


@pytest.mark.parametrize("text", ["", "{", "[1,]", "[" * 200_000, "{'a': 1}", '"' + "\\ud800" * 3])
def test_what_is_not_json(text: str):
    with pytest.raises(FormatError, match=r"a\.json: (not JSON|line)"):
        parse_json(HERE, text)


def test_a_line_is_named():
    with pytest.raises(FormatError, match=r"a\.json: line 7: not JSON"):
        parse_json(HERE, "{", line=7)


def test_numbers_too_long_to_be_numbers():
    with pytest.raises(FormatError, match="not JSON"):
        parse_json(HERE, "9" * 10_000)
    with pytest.raises(FormatError, match="is not a number"):
        as_float(HERE, 10**400, "x")


@pytest.mark.parametrize("value", [None, True, "1", [1], {}, float("nan"), float("inf")])
def test_only_finite_numbers_are_numbers(value: object):
    with pytest.raises(FormatError, match=r"a\.json: x: .* is not a number; correct the entry"):
        as_float(HERE, value, "x")


def test_shapes():
    assert as_float(HERE, 3, "x") == 3.0
    assert as_list(HERE, [1], "x") == [1]
    np.testing.assert_array_equal(as_matrix(HERE, [[1, 2], [3, 4]], "m", size=2), [[1, 2], [3, 4]])
    with pytest.raises(FormatError, match="x: expected an object, got a list"):
        as_object(HERE, [], "x")
    with pytest.raises(FormatError, match='x: expected a list, got "abc"'):
        as_list(HERE, "abc", "x")
    with pytest.raises(FormatError, match="m: expected a 2 x 2 matrix"):
        as_matrix(HERE, [[1, 2], [3]], "m", size=2)


def test_a_file_holds_one_object(tmp_path: Path):
    path = tmp_path / "a.json"
    path.write_text('{"a": [1, 2]}')
    assert read_json_object(path) == {"a": [1, 2]}
    path.write_text("[1]")
    with pytest.raises(FormatError, match="the file: expected an object, got a list"):
        read_json_object(path)


def test_size_is_bounded(tmp_path: Path):
    path = tmp_path / "a.json"
    with path.open("wb") as handle:
        handle.truncate(65 * 2**20)
    with pytest.raises(FormatError, match="larger than 64 MiB"):
        read_json_object(path)
