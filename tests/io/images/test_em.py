"""EM files: every type and byte order; emfile is the oracle."""

import struct

import emfile
import numpy as np
import pytest

from cryopick.errors import FormatError, InputError
from cryopick.io.images import describe_image, open_image, write_image
from shared_data import shared

RNG = np.random.default_rng(5)


def _em(path, pixels, *, code, machine=6, order="<", comment=b""):
    head = bytearray(512)
    head[0], head[3] = machine, code
    struct.pack_into(order + "3i", head, 4, *pixels.shape[::-1])
    head[16 : 16 + len(comment)] = comment
    path.write_bytes(bytes(head) + pixels.tobytes())
    return path


@pytest.mark.parametrize(("code", "kind"), [(1, "i1"), (2, "i2"), (4, "i4"), (5, "f4"), (9, "f8")])
@pytest.mark.parametrize(("machine", "order"), [(6, "<"), (1, "<"), (5, ">"), (3, ">"), (0, ">")])
def test_types_and_machines(tmp_path, code, kind, machine, order):
    pixels = RNG.integers(-100, 100, (3, 4, 5)).astype(order + kind)
    image = open_image(
        _em(tmp_path / "a.em", pixels, code=code, machine=machine, order=order),
        pixel_size_angstrom=2,
    )
    assert np.array_equal(image.read(), pixels.astype(np.float32))
    assert image.facts["byte_order"] == ("little" if order == "<" else "big")
    assert image.grid.pixel_size_angstrom == 2.0


def test_a_machine_code_that_lies_about_the_byte_order(tmp_path):
    pixels = RNG.normal(size=(3, 4, 5)).astype("<f4")
    image = open_image(_em(tmp_path / "a.em", pixels, code=5, machine=5, order="<"))
    assert np.array_equal(image.read(), pixels)


def test_complex_pixels_show_their_amplitude(tmp_path):
    pixels = np.array([[[3 + 4j, 2j]], [[1, 0]]], dtype="<c8")
    image = open_image(_em(tmp_path / "a.em", pixels, code=8))
    assert image.read().tolist() == [[[5, 2]], [[1, 0]]]
    assert "amplitude" in image.warnings[0]


def test_comments_are_shown(tmp_path):
    path = _em(tmp_path / "a.em", np.zeros((1, 2, 2), "f4"), code=5, comment=b"tilt 12")
    assert describe_image(path)["labels"] == ["tilt 12"]


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("shape", [(4, 6), (3, 5, 7)])
def test_emfile_reads_what_we_write(tmp_path, dtype, shape):
    pixels = RNG.integers(-50, 50, shape).astype(dtype)
    write_image(tmp_path / "a.em", pixels, 2.0, dtype=dtype)
    _, data = emfile.read(str(tmp_path / "a.em"))
    assert np.array_equal(np.squeeze(data), pixels)
    assert np.array_equal(open_image(tmp_path / "a.em").data[...], pixels)


def test_we_read_what_emfile_writes(tmp_path):
    pixels = RNG.normal(size=(3, 5, 7)).astype(np.float32)
    emfile.write(str(tmp_path / "a.em"), pixels)
    assert np.array_equal(open_image(tmp_path / "a.em").read(), pixels)


def test_lengths_that_do_not_fit(tmp_path):
    path = _em(tmp_path / "a.em", np.zeros((2, 4, 4), "f4"), code=5)
    path.write_bytes(path.read_bytes() + b"12345")
    assert "5 bytes longer" in open_image(path).warnings[0]
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(FormatError, match="shorter"):
        open_image(path)


@pytest.mark.parametrize("head", [b"", bytes(100), bytes([6, 0, 0, 7]) + bytes(508)])
def test_what_is_not_em_is_refused(tmp_path, head):
    path = tmp_path / "a.em"
    path.write_bytes(head)
    with pytest.raises(FormatError, match=r"a\.em: "):
        open_image(path)


def test_what_em_cannot_hold_is_named(tmp_path):
    with pytest.raises(InputError, match="dtype uint16: EM holds int8"):
        write_image(tmp_path / "a.em", np.zeros((2, 2)), 1.0, dtype="uint16")
    with pytest.raises(InputError, match="one image or one volume"):
        write_image(tmp_path / "a.em", np.zeros((2, 2, 2)), 1.0, stack=True)


def test_a_genuine_map_agrees_with_emfile():
    path = shared("structures/maps/ribosome_100.em")
    image = open_image(path)
    assert image.grid.shape == (100, 100, 100)
    assert np.array_equal(image.read(), emfile.read(str(path))[1])
