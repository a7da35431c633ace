"""Which micrographs belong together: by order, by pattern, by a list; wrong input in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import CryopickError, FormatError, InputError, MissingFileError
from cryopick.io.images import write_mrc
from cryopick.jobs.tilt_pair_names import MicrographPair, micrograph_pairs

XMD = """# XMIPP_STAR_1 *
data_noname
loop_
 _enabled
 _micrograph
 _micrographTilted
 _angleY
 1 mics/a_00.mrc mics/a_45.mrc 90.0
 1 mics/b_00.mrc mics/b_45.mrc 91.0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mics = tmp_path / "mics"
    mics.mkdir()
    for name in ("a_00", "a_45", "b_00", "b_45"):
        write_mrc(mics / f"{name}.mrc", np.zeros((8, 8), np.float32), 2.0)
    return tmp_path


def found(folder: Path, **given: object) -> list[tuple[str, str]]:
    settings = {
        "untilted": [str(folder / "mics" / "*_00.mrc")],
        "tilted": [str(folder / "mics" / "*_45.mrc")],
        "listed": None,
        "untilted_pattern": None,
        "tilted_pattern": None,
        **given,
    }
    untilted, tilted = settings.pop("untilted"), settings.pop("tilted")
    return names(micrograph_pairs(untilted, tilted, **settings))  # type: ignore[arg-type]


def names(pairs: list[MicrographPair]) -> list[tuple[str, str]]:
    assert all(p.untilted_path.is_file() and p.tilted_path.is_file() for p in pairs)
    return [(pair.untilted, pair.tilted) for pair in pairs]


BOTH = [("a_00", "a_45"), ("b_00", "b_45")]


def test_by_order(folder: Path) -> None:
    assert found(folder) == BOTH


def test_order_of_unequal_numbers_is_refused(folder: Path) -> None:
    (folder / "mics" / "b_45.mrc").unlink()
    with pytest.raises(InputError, match="names 2 micrographs, --tilted 1"):
        found(folder)


def test_by_pattern_leaves_out_who_has_no_partner(folder: Path) -> None:
    write_mrc(folder / "mics" / "aa_45.mrc", np.zeros((8, 8), np.float32), 2.0)
    pairs = found(folder, untilted_pattern="*_00", tilted_pattern="*_45")
    assert pairs == BOTH


@pytest.mark.parametrize(
    ("untilted", "tilted", "message"),
    [
        ("*_00", None, "--tilted-pattern: is missing"),
        ("_00", "*_45", "expected one \\*"),
        ("*_*", "*_45", "expected one \\*"),
        ("*_99", "*_45", "fits none of the names a_00, b_00"),
        ("a_*", "*_45", "no two names share"),
    ],
)
def test_patterns_that_do_not_work(
    folder: Path, untilted: str, tilted: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        found(folder, untilted_pattern=untilted, tilted_pattern=tilted)


def test_xmipp_list_alone_names_the_files(folder: Path) -> None:
    (folder / "tilted_pairs.xmd").write_text(XMD)
    assert found(folder, untilted=[], tilted=[], listed=str(folder / "tilted_pairs.xmd")) == BOTH


def test_list_chooses_among_the_files_given(folder: Path) -> None:
    (folder / "pairs.csv").write_text("untilted,tilted\nb_00.mrc,b_45.mrc\n")
    assert found(folder, listed=str(folder / "pairs.csv")) == BOTH[1:]
    (folder / "pairs.txt").write_text("# two\nb_00 b_45\na_00 a_45\n")
    assert found(folder, listed=str(folder / "pairs.txt")) == BOTH[::-1]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", FormatError, "lists no pairs"),
        ("a_00,a_45,b_00\n", FormatError, "line 1"),
        ("a_00,\n", FormatError, "is not a pair"),
        ("a_00,zzz\n", InputError, "lists zzz, but --tilted names"),
        ("a_00,a_45\na_00,b_45\n", InputError, "stands in two pairs"),
    ],
)
def test_lists_that_do_not_work(
    folder: Path, text: str, error: type[CryopickError], message: str
) -> None:
    (folder / "pairs.csv").write_text(text)
    with pytest.raises(error, match=message) as caught:
        found(folder, listed=str(folder / "pairs.csv"))
    assert "\n" not in str(caught.value)


def test_missing_things(folder: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nowhere\.csv"):
        found(folder, listed="nowhere.csv")
    with pytest.raises(InputError, match="name the micrographs of both sides"):
        found(folder, tilted=[])
    (folder / "pairs.xmd").write_text(XMD.replace("b_45", "c_45"))
    with pytest.raises(MissingFileError, match="c_45"):
        found(folder, untilted=[], tilted=[], listed=str(folder / "pairs.xmd"))
    (folder / "other.star").write_text("data_\nloop_\n_rlnMicrographName\na_00.mrc\n")
    with pytest.raises(FormatError, match="no table of pairs"):
        found(folder, listed=str(folder / "other.star"))


def test_same_micrograph_on_both_sides_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="both sides"):
        found(folder, tilted=[str(folder / "mics" / "*_00.mrc")])
