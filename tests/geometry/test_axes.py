import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.geometry.axes import xyz_from_zyx, zyx_from_xyz


def test_a_table_row_of_three_is_reversed():
    assert xyz_from_zyx([3, 2, 1]).tolist() == [1, 2, 3]
    assert zyx_from_xyz([1.5, 2.5, 3.5]).tolist() == [3.5, 2.5, 1.5]


@pytest.mark.parametrize("shape", [(2,), (3,), (0, 3), (5, 2), (4, 7, 3)])
def test_only_the_last_axis_turns_round(shape):
    values = np.arange(np.prod(shape)).reshape(shape)
    flipped = xyz_from_zyx(values)
    assert flipped.shape == shape
    for d in range(shape[-1]):
        np.testing.assert_array_equal(flipped[..., d], values[..., shape[-1] - 1 - d])


@given(st.lists(st.tuples(*[st.floats(-1e9, 1e9)] * 3), max_size=5))
def test_there_and_back(rows):
    values = np.array(rows).reshape(-1, 3)
    np.testing.assert_array_equal(zyx_from_xyz(xyz_from_zyx(values)), values)


def test_the_result_is_contiguous_and_keeps_its_type():
    flipped = zyx_from_xyz(np.ones((4, 3), dtype=np.float32))
    assert flipped.flags.c_contiguous
    assert flipped.dtype == np.float32


def test_array_index_and_table_position_name_the_same_voxel():
    volume = np.zeros((4, 5, 6))
    volume[1, 2, 3] = 1.0
    index = np.argwhere(volume == 1.0)
    assert xyz_from_zyx(index).tolist() == [[3, 2, 1]]
    assert volume[tuple(zyx_from_xyz([3, 2, 1]))] == 1.0
