"""Pixels keep their value when they change type, or the cast is refused."""

from pathlib import Path

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.io.images.cast import check_cast

PATH = Path("out.mrc")


def test_floats_are_rounded_to_integers_not_cut():
    cast = check_cast(np.array([0.4, 0.6, -1.5, 2.5]), np.dtype("int16"), PATH)
    assert cast.tolist() == [0, 1, -2, 2]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([128.0], "int8"), ([-129], "int8"), ([-1], "uint16"), ([65536], "uint16"),
     ([7e4], "float16"), ([-7e4], "float16"), ([np.nan], "int16"), ([40000], "int16")],
)  # fmt: skip
def test_values_that_do_not_fit_are_named(values, dtype):
    with pytest.raises(InputError, match=rf"out\.mrc: pixels from .* do not fit {dtype}"):
        check_cast(np.array(values), np.dtype(dtype), PATH)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "uint8"])
def test_limits_of_a_type_fit_it(dtype):
    limits = np.iinfo(dtype)
    values = np.array([limits.min, limits.max], dtype=np.float64)
    assert check_cast(values, np.dtype(dtype), PATH).tolist() == [limits.min, limits.max]


def test_not_a_number_and_infinity_stay_in_floats():
    cast = check_cast(np.array([np.nan, np.inf, 1.0]), np.dtype("float16"), PATH)
    assert np.isnan(cast[0])
    assert np.isinf(cast[1])
    assert cast[2] == 1


def test_the_same_type_is_handed_through():
    values = np.arange(4, dtype=np.int16)
    assert check_cast(values, np.dtype(np.int16), PATH) is values
