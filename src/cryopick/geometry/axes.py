"""The only place where `zyx` array order and `xyz` table order meet."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def xyz_from_zyx(values: ArrayLike) -> NDArray[Any]:
    """Turn ``(..., d)`` values in array order (``z, y, x`` or ``y, x``) into table order.

    Examples
    --------
    >>> xyz_from_zyx([[30, 20, 10], [3, 2, 1]])
    array([[10, 20, 30],
           [ 1,  2,  3]])
    """
    return np.ascontiguousarray(np.asarray(values)[..., ::-1])


def zyx_from_xyz(values: ArrayLike) -> NDArray[Any]:
    """Turn ``(..., d)`` values in table order (``x, y(, z)``) into array order.

    Examples
    --------
    >>> zyx_from_xyz([10.5, 20.0])
    array([20. , 10.5])
    """
    return np.ascontiguousarray(np.asarray(values)[..., ::-1])
