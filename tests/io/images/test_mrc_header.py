"""The 1024 bytes before the pixels of an MRC file."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import FormatError
from cryopick.io.images.mrc_header import (
    MrcHeader,
    looks_like_mrc,
    origin_label,
    pack_header,
    parse_header,
)

PATH = Path("a.mrc")


def _head(order="<", **fields):
    """A header written byte by byte, apart from our own packer."""
    head = bytearray(1024)
    struct.pack_into(order + "4i", head, 0, *fields.get("size", (4, 3, 2)), fields.get("mode", 2))
    struct.pack_into(order + "3i", head, 28, *fields.get("sampling", (4, 3, 2)))
    struct.pack_into(order + "3f", head, 40, *fields.get("cell", (8.0, 6.0, 4.0)))
    struct.pack_into(order + "3i", head, 64, *fields.get("axes", (1, 2, 3)))
    struct.pack_into(order + "3f", head, 76, *fields.get("statistics", (0.0, 1.0, 0.5)))
    struct.pack_into(order + "i", head, 88, fields.get("ispg", 1))
    if "imod_flags" in fields:
        struct.pack_into(order + "2i", head, 152, 1146047817, fields["imod_flags"])
    head[208:212] = b"MAP "
    head[212:214] = b"\x44\x44" if order == "<" else b"\x11\x11"
    for i, label in enumerate(fields.get("labels", ())):
        struct.pack_into(order + "i", head, 220, i + 1)
        head[224 + 80 * i : 224 + 80 * i + len(label)] = label
    return bytes(head)


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders(order):
    header = parse_header(_head(order, labels=[b"made by hand"]), PATH)
    assert header.byte_order == order
    assert (header.size_px, header.mode) == ((4, 3, 2), 2)
    assert header.voxel_size_angstrom == (2.0, 2.0, 2.0)
    assert header.labels == ("made by hand",)
    assert header.stamped


def test_a_wrong_machine_stamp_does_not_mislead():
    head = bytearray(_head("<"))
    head[212:214] = b"\x11\x11"
    assert parse_header(bytes(head), PATH).byte_order == "<"
    head[208:216] = bytes(8)
    assert parse_header(bytes(head), PATH).stamped is False


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"mode": 5}, "nx ny nz mode are 4 3 2 5"),
        ({"size": (0, 3, 2)}, "0 3 2 2"),
        ({"size": (-4, 3, 2)}, "-4 3 2"),
        ({"size": (4, 3, 1 << 30)}, "1073741824"),
    ],
)
def test_impossible_headers_are_refused_with_their_values(fields, text):
    with pytest.raises(FormatError, match=f"not an MRC header: .*{text}"):
        parse_header(_head(**fields), PATH)
    assert not looks_like_mrc(_head(**fields))


def test_a_short_header_is_refused():
    with pytest.raises(FormatError, match="100 bytes are too few"):
        parse_header(_head()[:100], PATH)


@pytest.mark.parametrize(
    ("fields", "unsigned"),
    [
        ({"mode": 0}, False),
        ({"mode": 0, "imod_flags": 0}, True),
        ({"mode": 0, "imod_flags": 1}, False),
        ({"mode": 0, "imod_flags": 4}, True),
        ({"mode": 0, "statistics": (0.0, 200.0, 90.0)}, True),
        ({"mode": 0, "statistics": (-5.0, 200.0, 90.0)}, False),
        ({"mode": 2, "imod_flags": 0}, False),
    ],
)
def test_signs_of_bytes(fields, unsigned):
    assert parse_header(_head(**fields), PATH).unsigned_bytes is unsigned


@pytest.mark.parametrize(
    ("cell", "sampling", "voxel"),
    [
        ((0.0, 0.0, 0.0), (4, 3, 2), 0.0),
        ((-8.0, 6.0, 4.0), (4, 3, 2), 0.0),
        ((np.nan, 6.0, 4.0), (4, 3, 2), 0.0),
        ((np.inf, 6.0, 4.0), (4, 3, 2), 0.0),
        ((8.0, 6.0, 4.0), (0, 0, 0), 2.0),  # without sampling the size counts
        ((8.0, 6.0, 4.0), (8, 3, 2), 1.0),  # a header whose sampling is not its size
    ],
)
def test_voxel_sizes(cell, sampling, voxel):
    header = parse_header(_head(cell=cell, sampling=sampling), PATH)
    assert header.voxel_size_angstrom[0] == voxel


@given(
    size=st.floats(0.1, 99.0).map(lambda v: float(f"{v:.5g}")),
    n=st.integers(1, 8192),
)
def test_a_pixel_size_of_five_digits_comes_back_exactly(size, n):
    cell = float(np.float32(n * size))
    header = parse_header(_head(size=(n, 3, 2), sampling=(n, 3, 2), cell=(cell, 6, 4)), PATH)
    assert header.voxel_size_angstrom[0] == size


@given(st.lists(st.floats(-1e5, 1e5).map(lambda v: float(f"{v:.9g}")), min_size=2, max_size=3))
def test_grid_origins_come_back_from_their_label(origin):
    label = origin_label(origin)
    assert len(label) <= 80
    header = parse_header(pack_header(MrcHeader(size_px=(1, 1, 1), mode=2, labels=(label,))), PATH)
    assert header.grid_origin_angstrom == pytest.approx(origin, rel=1e-10)


@pytest.mark.parametrize(
    "label",
    [b"cryopick grid origin 1 2 A", b"cryopick grid origin 1.5e0 2 3 A"],
)
def test_origin_labels_that_count(label):
    assert len(parse_header(_head(labels=[label]), PATH).grid_origin_angstrom) in (2, 3)


@pytest.mark.parametrize(
    "label",
    [
        b"cryopick grid origin nan 2 3 A",
        b"cryopick grid origin 1e400 2 3 A",
        b"cryopick grid origin one two three A",
        b"cryopick grid origin 1 A",
        b"cryopick grid origin 1 2 3 nm",
        b"grid origin 1 2 3 A",
    ],
)
def test_origin_labels_that_do_not(label):
    assert parse_header(_head(labels=[label]), PATH).grid_origin_angstrom == ()


def test_the_last_origin_label_counts():
    labels = [b"cryopick grid origin 1 1 1 A", b"other", b"cryopick grid origin 2 2 2 A"]
    assert parse_header(_head(labels=labels), PATH).grid_origin_angstrom == (2.0, 2.0, 2.0)


def test_what_is_packed_is_parsed():
    header = MrcHeader(
        size_px=(7, 5, 3), mode=12, start_px=(-1, 2, 3), sampling=(7, 5, 3),
        cell_angstrom=(14.0, 10.0, 6.0), axis_order=(2, 1, 3), statistics=(-1.5, 2.5, 0.25, 0.5),
        space_group=401, origin_angstrom=(1.0, 2.0, 3.0), labels=("one", "two"),
    )  # fmt: skip
    packed = pack_header(header)
    assert len(packed) == 1024
    assert parse_header(packed, PATH) == header


def test_labels_are_cut_to_ten_of_eighty_characters_of_ascii():
    header = MrcHeader(size_px=(1, 1, 1), mode=2, labels=("Å" + "x" * 100, *"abcdefghijkl"))
    labels = parse_header(pack_header(header), PATH).labels
    assert len(labels) == 10
    assert labels[0] == "?" + "x" * 79


def test_control_characters_in_labels_are_not_shown():
    assert parse_header(_head(labels=[b"red\x1b[31m"]), PATH).labels == ("red?[31m",)
