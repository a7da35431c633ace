import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import FormatError
from cryopick.io.picks.pickle_tree import Call, Name, read_pickle_tree


def tree_of(folder: Path, value: Any, protocol: int = 4) -> Any:
    path = folder / "a.pickle"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return read_pickle_tree(path)


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def test_nothing_is_run(tmp_path: Path):
    marker = tmp_path / "ran"
    tree = tree_of(tmp_path, [Bomb(marker)])
    assert not marker.exists()
    assert isinstance(tree[0], Call)
    assert tree[0].what == Name(os.system.__module__, "system")
    assert tree[0].arguments == (f"touch {marker}",)
    pickle.loads((tmp_path / "a.pickle").read_bytes())
    assert marker.exists()  # the bomb is a real one


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.text(), children, max_size=4)
        | st.tuples(children, children)
    ),
    max_leaves=12,
)


@given(plain, st.sampled_from([4, 5]))
def test_plain_values_come_out_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, value: Any, protocol: int
):
    assert tree_of(tmp_path_factory.mktemp("p"), value, protocol) == value


@pytest.mark.parametrize("protocol", [2, 3])
def test_older_protocols(tmp_path: Path, protocol: int):
    value = {"a": [1, 2.5, "x", None, True], "b": (1, (2, 3, 4))}
    assert tree_of(tmp_path, value, protocol) == value


def test_shared_objects_stay_shared(tmp_path: Path):
    inner = [1]
    tree = tree_of(tmp_path, {"a": inner, "b": inner})
    assert tree["a"] is tree["b"]


def test_constructions_keep_name_arguments_and_state(tmp_path: Path):
    array = tree_of(tmp_path, np.arange(3.0))
    assert isinstance(array, Call)
    assert array.what.name in ("_reconstruct", "_frombuffer")
    ordered = tree_of(tmp_path, OrderedDict(a=1))
    assert ordered.what == Name("collections", "OrderedDict")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04.",
        b"\x80\x04K\x01",
        b"\x80\x04t.",
        b"\x80\x04R.",
        b"\x80\x04h\x05.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
        b"\x80\x04r\xff\xff\xff\xff.",
        b"garbage",
        b"\x80\x04c__builtin__\neval\n\x8c\x01xQ.",
        pickle.dumps(list(range(100)))[:-20],
    ],
)
def test_damaged_pickles_are_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "a.pickle"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.pickle: damaged pickle"):
        read_pickle_tree(path)
