"""`check_cast`: turn pixels into the type of a file without losing what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError


def check_cast(values: NDArray[Any], dtype: np.dtype[Any], path: Path) -> NDArray[Any]:
    """Cast pixels for writing; rounds to integers and refuses what the type cannot hold."""
    if values.dtype == dtype:
        return values
    limits: Any = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    if dtype.kind in "iu":
        if values.dtype.kind == "f":
            values = np.rint(values)
        outside = not bool(np.all((values >= limits.min) & (values <= limits.max)))
    else:
        outside = bool(np.any(np.isfinite(values) & (np.abs(values) > limits.max)))
    if outside:
        raise InputError(
            f"{path}: pixels from {np.min(values):g} to {np.max(values):g} do not fit "
            f"{dtype.name}; scale them first or write float32"
        )
    return values.astype(dtype)
