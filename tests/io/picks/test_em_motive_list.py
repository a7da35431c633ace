"""Motive lists in EM files."""

import struct

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.geometry.euler import quaternion_from_motive_list
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Picks
from pick_round_trip import BINNINGS, check_round_trip, some_picks
from shared_data import shared

PIXEL = Frame(pixel_size_angstrom=1.0)


def em(table, *, machine=6, code=5, kind="<f4", shape=None):
    """Bytes of an EM file that holds this table, ``(n, 20)``."""
    order = "<" if machine == 6 else ">"
    size = shape or (20, len(table), 1)
    head = bytes([machine, 0, 0, code]) + struct.pack(f"{order}3i", *size)
    return head.ljust(512, b"\0") + np.asarray(table).astype(kind).tobytes()


def one_row():
    """Rows 1 to 20 hold their own number, but for those that must make sense."""
    row = np.arange(1, 21, dtype=float)
    row[[10, 11, 12]] = 0.5, -0.25, 0.125
    return row[None]


def test_rows_by_hand(tmp_path):
    path = tmp_path / "a.em"
    path.write_bytes(em(one_row()))
    picks = read_picks(path, Frame(pixel_size_angstrom=2.0)).picks
    # rows 8, 9, 10 plus rows 11, 12, 13 less 1, in voxels of 2 Å
    assert picks.position_angstrom.tolist() == [[15.0, 15.5, 18.25]]
    assert picks.score.tolist() == [1.0]
    assert (picks.image[0], picks.group[0], picks.label[0]) == ("5", "6", "20")
    assert picks.extra["particle"].tolist() == ["4"]
    np.testing.assert_allclose(picks.orientation, quaternion_from_motive_list([[17, 18, 19]]))
    assert picks.extra["motl_row_3"].tolist() == [3.0]


@pytest.mark.parametrize(
    ("machine", "code", "kind"),
    [(6, 9, "<f8"), (6, 4, "<i4"), (6, 2, "<i2"), (3, 5, ">f4"), (5, 9, ">f8"), (0, 2, ">i2")],
)
def test_types_and_byte_orders(tmp_path, machine, code, kind):
    path = tmp_path / "a.em"
    path.write_bytes(em(np.round(one_row()), machine=machine, code=code, kind=kind))
    picks = read_picks(path, PIXEL).picks
    assert picks.position_angstrom.tolist() == [[7.0, 8.0, 9.0]]  # 0.5 is rounded to even


@pytest.mark.parametrize("shape", [(20, 2, 1), (1, 20, 2), (20, 1, 2)])
def test_layouts(tmp_path, shape):
    path = tmp_path / "a.em"
    path.write_bytes(em(np.repeat(one_row(), 2, axis=0), shape=shape))
    assert len(read_picks(path, PIXEL).picks) == 2


@pytest.mark.parametrize(
    ("file", "n", "tomogram"),
    [("motl_em/ribosome.em", 1023, "51"), ("motl_em/tric.em", 139, "51"),
     ("cryocat_ts017/au_1.em", 64, "160")],
)  # fmt: skip
def test_genuine_lists(file, n, tomogram):
    path = shared(f"formats/{file}")
    assert recognise(path).name == "em-motive-list"
    picks = read_picks(path, PIXEL).picks
    assert len(picks) == n
    assert picks.image[0] == tomogram
    assert np.linalg.norm(picks.orientation, axis=1) == pytest.approx(1.0)


@pytest.mark.filterwarnings("ignore")  # the oracle's own dependencies
def test_genuine_list_against_another_reader():
    path = shared("formats/motl_em/ribosome.em")
    _, data = pytest.importorskip("emfile").read(path)
    table = np.squeeze(data)
    picks = read_picks(path, PIXEL).picks
    np.testing.assert_allclose(
        picks.position_angstrom + 1, table[:, 7:10].astype(float) + table[:, 10:13], atol=1e-4
    )
    np.testing.assert_allclose(picks.score, table[:, 0])


@pytest.mark.filterwarnings("ignore")  # the oracle's own dependencies
def test_another_reader_reads_what_is_written(tmp_path):
    emfile = pytest.importorskip("emfile")
    write_picks(some_picks(3, ["12"]), tmp_path / "a.em", PIXEL, name="em-motive-list")
    table = np.squeeze(emfile.read(tmp_path / "a.em")[1])
    assert table.shape == (3, 20)
    assert table[:, 4].tolist() == [12] * 3
    assert np.abs(table[:, 10:13]).max() <= 0.5


def test_other_em_files_are_refused():
    for file in ("pytom/angles_35.76_320.em", "cryocat_ts017/wedge_list.em"):
        path = shared(f"formats/{file}")
        assert recognise(path) is None
        with pytest.raises(FormatError, match=r"\.em: EM file of .* a motive list is 20 x n x 1"):
            read_picks(path, PIXEL, name="em-motive-list")


@pytest.mark.parametrize("binning", BINNINGS)
@pytest.mark.parametrize("parity", ["even", "odd"])
def test_round_trip(tmp_path, parity, binning):
    picks, found = check_round_trip(
        "em-motive-list",
        ndim=3,
        parity=parity,
        binning=binning,
        folder=tmp_path,
        images=["007", "7"],
    )
    assert found.image.tolist() == picks.image.tolist()
    np.testing.assert_allclose(found.score, picks.score, atol=1e-7)


def test_round_trip_far_out_keeps_its_precision(tmp_path):
    picks = Picks.of([[8191.123456, 8000.4996, 4095.5004]], image="1")
    write_picks(picks, tmp_path / "a.em", PIXEL, name="em-motive-list")
    found = read_picks(tmp_path / "a.em", PIXEL).picks
    np.testing.assert_allclose(found.position_angstrom, picks.position_angstrom, atol=1e-6)


def test_genuine_list_is_written_back(tmp_path):
    before = read_picks(shared("formats/motl_em/tric.em"), PIXEL).picks
    write_picks(before, tmp_path / "a.em", PIXEL, name="em-motive-list")
    after = read_picks(tmp_path / "a.em", PIXEL).picks
    np.testing.assert_allclose(after.position_angstrom, before.position_angstrom, atol=1e-4)
    assert after.label.tolist() == before.label.tolist()
    assert after.extra["particle"].tolist() == before.extra["particle"].tolist()


def test_empty_list_and_large_numbers_do_not_fit(tmp_path):
    with pytest.raises(InputError, match="cannot hold an empty list"):
        write_picks(Picks.empty(3), tmp_path / "a.em", PIXEL, name="em-motive-list")
    picks = Picks.of([[1.0, 2, 3]], image="1", extra={"particle": np.array(["99999999"])})
    with pytest.raises(InputError, match="numbers above 16777216 do not fit"):
        write_picks(picks, tmp_path / "a.em", PIXEL, name="em-motive-list")


GOOD = em(np.repeat(one_row(), 3, axis=0))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes: an EM file has a header of 512"),
        (GOOD[:200], "200 bytes"),
        (GOOD[:-1], "the header says 3 particles, 752 bytes, the file has 751"),
        (GOOD + b"\0", "the file has 753"),
        (em(one_row(), shape=(20, 2**31 - 1, 1)), "the header says 2147483647 particles"),
        (em(one_row(), shape=(20, -1, 1)), "a motive list is 20 x n x 1"),
        (em(one_row(), code=8), "machine 6, type 8: not a motive list"),
        (em(one_row(), machine=77), "machine 77"),
        (em(one_row() * np.nan), "particle 1, row 8: not a finite number"),
    ],
)
def test_bad_files(tmp_path, data, message):
    path = tmp_path / "a.em"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=rf"a.em: .*{message}"):
        read_picks(path, PIXEL, name="em-motive-list")
