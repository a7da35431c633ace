"""Which file belongs to which image."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.project.matching import match_all, matched_name


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("TS_1", "TS_1"),
        ("TS_10", "TS_10"),
        ("TS_100", None),
        ("TS_1_bin4", "TS_1"),
        ("TS_10-filtered", "TS_10"),
        ("TS_1.b4_x", "TS_1"),
        ("TS_01", None),
        ("xTS_1", None),
        ("007", "007"),
        ("7", None),
        ("1e5", "1e5"),
        ("100000", None),
        ("", None),
    ],
)
def test_names(name: str, match: str | None):
    assert matched_name(name, ["TS_1", "TS_10", "007", "1e5"]) == match


@given(st.lists(st.text("ab_-.1", min_size=1), min_size=1), st.text("ab_-.1"))
def test_a_match_is_known_and_a_beginning(known: list[str], name: str):
    match = matched_name(name, known)
    if match is None:
        assert name not in known
    else:
        assert match in known
        assert name == match or (name.startswith(match) and name[len(match)] in "_-.")


def test_the_first_that_match_nothing_are_named():
    with pytest.raises(InputError) as caught:
        match_all(["a", "b", "c", "d", "mic1"], ["mic1", "mic2", "mic3", "mic4"], what="x.star")
    assert str(caught.value) == (
        "x.star: no image called a, b, c and 1 more; the set has mic1, mic2, mic3.... Import "
        "those images, rename the files, or leave them out with --skip-unmatched"
    )
