"""Lazy views index like the array they stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.io.images.views import (
    AddedAxis,
    Computed,
    Field,
    Packed4Bit,
    Permuted,
    ReadOnce,
    Reshaped,
    Section,
    amplitude,
    luminance,
)

INDICES = [
    ..., 0, -1, slice(1, 3), (slice(None), 1), (0, slice(None), 2), (..., 1), (1, ...),
    (slice(None, None, 2), slice(1, None), slice(0, 2)), (slice(None), slice(None), -1), (1, 2, 3),
]  # fmt: skip


def _pack(pixels):
    """4-bit packing, written out pixel by pixel."""
    rows = np.zeros((*pixels.shape[:-1], (pixels.shape[-1] + 1) // 2), dtype=np.uint8)
    for x in range(pixels.shape[-1]):
        rows[..., x // 2] |= (pixels[..., x] << (4 if x % 2 else 0)).astype(np.uint8)
    return rows


@pytest.mark.parametrize("width", [4, 5])
@pytest.mark.parametrize("index", INDICES)
def test_packed_pixels(width, index):
    pixels = np.random.default_rng(1).integers(0, 16, (3, 4, width)).astype(np.uint8)
    view = Packed4Bit(_pack(pixels), width)
    assert view.shape == pixels.shape
    assert np.array_equal(view[index], pixels[index])


def test_packed_bytes_by_hand():
    # 0x21 holds 1 in its low and 2 in its high half; the last high half of an odd row is padding.
    view = Packed4Bit(np.array([[0x21, 0xF3]], dtype=np.uint8), 3)
    assert view[...].tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize("index", INDICES)
def test_permuted_axes(axes, index):
    stored = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    view = Permuted(stored, axes)
    expected = stored.transpose(axes)
    assert view.shape == expected.shape
    assert np.array_equal(view[index], expected[index])


def test_a_permuted_plane_reads_only_that_plane():
    asked = []

    class Watched:
        shape, dtype = (4, 5, 6), np.dtype(int)

        def __getitem__(self, index):
            asked.append(index)
            return np.arange(120).reshape(4, 5, 6)[index]

    assert Permuted(Watched(), (2, 0, 1))[3].shape == (4, 5)
    assert asked == [(slice(None), slice(None), slice(3, 4))]


@pytest.mark.parametrize("index", INDICES)
def test_added_axis_and_reshaped(index):
    cube = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    volumes = Reshaped(cube, 2)
    expected = cube.reshape(2, 2, 5, 6)
    assert volumes.shape == expected.shape
    if index != (1, 2, 3):  # out of bounds of two planes
        assert np.array_equal(volumes[index], expected[index])
    assert np.array_equal(volumes[1, 1, 2, 3], expected[1, 1, 2, 3])
    assert np.array_equal(volumes[5:5], expected[5:5])
    flat = cube[0]
    view = AddedAxis(flat)
    assert view.shape == (1, 5, 6)
    assert np.array_equal(view[...], flat[None])
    assert np.array_equal(view[0], flat)
    assert np.array_equal(view[0, 2], flat[2])


@pytest.mark.parametrize("index", [..., 0, (1, 2), (slice(1, 4), 3), (..., -1)])
def test_section(index):
    cube = np.arange(2 * 5 * 6).reshape(2, 5, 6)
    view = Section(cube, 1)
    assert view.shape == (5, 6)
    assert np.array_equal(view[index], cube[1][index])


@pytest.mark.parametrize("index", [..., 0, (0, 1), (slice(0, 2), 1, 2), (slice(None), ..., 0)])
def test_field_of_records(index):
    kind = np.dtype([("header", "V8"), ("pixels", "<f4", (3, 4))])
    records = np.zeros(3, dtype=kind)
    records["pixels"] = np.arange(36).reshape(3, 3, 4)
    view = Field(records, "pixels")
    assert (view.shape, view.dtype) == ((3, 3, 4), np.dtype("<f4"))
    assert np.array_equal(view[index], records["pixels"][index])


def test_computed_values_and_read_once():
    view = Computed(np.array([[3 + 4j, 0]]), amplitude, np.float32)
    assert view[...].tolist() == [[5.0, 0.0]]
    calls = []

    def decode():
        calls.append(1)
        return np.eye(3)

    once = ReadOnce((3, 3), np.dtype(float), decode)
    assert (once.shape, calls) == ((3, 3), [])
    assert once[1, 1] == 1
    assert once[0, 1] == 0
    assert len(calls) == 1


def test_amplitude_of_integer_pairs():
    pairs = np.array([(3, -4), (0, 0)], dtype=[("re", "i2"), ("im", "i2")])
    assert amplitude(pairs).tolist() == [5.0, 0.0]


def test_luminance_by_hand():
    colours = np.array([[[255, 0, 0, 9], [0, 255, 0, 9], [0, 0, 255, 9], [10, 10, 10, 0]]])
    assert luminance(colours)[0] == pytest.approx([76.245, 149.685, 29.07, 10.0])


def test_too_many_indices():
    with pytest.raises(IndexError, match="too many"):
        Permuted(np.zeros((2, 2, 2)), (0, 1, 2))[0, 0, 0, 0]
    with pytest.raises(IndexError, match="outside"):
        Permuted(np.zeros((2, 2, 2)), (0, 1, 2))[5]


@given(
    st.tuples(*(st.integers(1, 5),) * 3),
    st.permutations([0, 1, 2]),
    st.data(),
)
def test_permuted_with_any_slices(shape, axes, data):
    stored = np.arange(np.prod(shape)).reshape(shape)
    expected = stored.transpose(axes)
    index = tuple(
        data.draw(st.one_of(st.integers(-n, n - 1), st.slices(n))) for n in expected.shape
    )
    assert np.array_equal(Permuted(stored, tuple(axes))[index], expected[index])
