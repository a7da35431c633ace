"""`TiltSeries`: how the images behind a tomogram were taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model.optics import Optics

_COLUMNS = (
    "exposure_e_per_a2",
    "defocus_u_um",
    "defocus_v_um",
    "astigmatism_angle_deg",
    "phase_shift_deg",
    "axis_angle_deg",
    "shift_x_angstrom",
    "shift_y_angstrom",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TiltSeries:
    """``n`` tilt images, in the order of the stack. Columns may be None: not known.

    Attributes
    ----------
    name
        Name of the tilt series, and of the tomograms made from it.
    tilt_deg
        ``(n,)`` tilt about y after alignment.
    exposure_e_per_a2
        ``(n,)`` exposure received *before* each image was taken, or as the source defines it
        (see ``docs/conventions.md``).
    defocus_u_um, defocus_v_um, astigmatism_angle_deg, phase_shift_deg
        ``(n,)`` each; positive defocus is underfocus.
    axis_angle_deg
        ``(n,)`` angle of the tilt axis in the image plane.
    shift_x_angstrom, shift_y_angstrom
        ``(n,)`` in-plane alignment shifts.
    image
        ``(n,)`` file of each tilt image.
    excluded
        ``(n,)`` images left out of the reconstruction.
    pixel_size_angstrom
        Pixel size of the unbinned tilt images.
    handedness
        +1 or -1: sign of the defocus gradient across a tilted image; 0 not known.
    """

    name: str
    tilt_deg: NDArray[np.float64]
    exposure_e_per_a2: NDArray[np.float64] | None = None
    defocus_u_um: NDArray[np.float64] | None = None
    defocus_v_um: NDArray[np.float64] | None = None
    astigmatism_angle_deg: NDArray[np.float64] | None = None
    phase_shift_deg: NDArray[np.float64] | None = None
    axis_angle_deg: NDArray[np.float64] | None = None
    shift_x_angstrom: NDArray[np.float64] | None = None
    shift_y_angstrom: NDArray[np.float64] | None = None
    image: NDArray[np.str_] | None = None
    excluded: NDArray[np.bool_] | None = None
    pixel_size_angstrom: float | None = None
    optics: Optics | None = None
    handedness: int = 0

    def __post_init__(self) -> None:
        tilt = np.asarray(self.tilt_deg, dtype=np.float64)
        if tilt.ndim != 1:
            raise InputError(f"TiltSeries {self.name}: expected a list of tilts, got {tilt.shape}")
        object.__setattr__(self, "tilt_deg", tilt)
        for name in _COLUMNS:
            self._cast(name, np.float64)
        self._cast("image", np.str_)
        self._cast("excluded", np.bool_)
        if self.handedness not in (-1, 0, 1):
            raise InputError(
                f"TiltSeries {self.name}: expected handedness -1, 0 or 1, got {self.handedness}"
            )

    def _cast(self, name: str, kind: Any) -> None:
        value = getattr(self, name)
        if value is None:
            return
        column = np.asarray(value, dtype=kind)
        if column.shape != self.tilt_deg.shape:
            raise InputError(
                f"TiltSeries {self.name}: expected {len(self)} values of {name}, got {column.shape}"
            )
        object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return self.tilt_deg.shape[0]
