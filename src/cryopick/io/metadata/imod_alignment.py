"""IMOD's linear transforms ``.xf``, and tilt series aligned by IMOD."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import write_text
from cryopick.io.metadata.imod_defocus import read_imod_defocus
from cryopick.io.metadata.number_list import read_number_table
from cryopick.io.metadata.tilt_com import read_tilt_com
from cryopick.io.metadata.tlt import read_tilts
from cryopick.model import TiltSeries


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImodTransforms:
    """``n`` linear transforms that turn each raw tilt image into an aligned one.

    A point at ``p`` relative to the centre of the raw image lands at ``matrix @ p + shift_px``
    relative to the centre of the aligned one.

    Attributes
    ----------
    matrix
        ``(n, 2, 2)``.
    shift_px
        ``(n, 2)`` x, y in unbinned pixels.
    """

    matrix: NDArray[np.float64]
    shift_px: NDArray[np.float64]

    def __post_init__(self) -> None:
        n = len(self.matrix)
        if self.matrix.shape != (n, 2, 2) or self.shift_px.shape != (n, 2):
            raise InputError(
                f"ImodTransforms: expected (n, 2, 2) and (n, 2), got {self.matrix.shape} "
                f"and {self.shift_px.shape}"
            )

    def __len__(self) -> int:
        return len(self.matrix)

    @property
    def axis_angle_deg(self) -> NDArray[np.float64]:
        """``(n,)`` angle of the tilt axis in the raw image, from y, counter-clockwise."""
        return np.degrees(np.arctan2(self.matrix[:, 0, 1], self.matrix[:, 0, 0]))

    @property
    def raw_shift_px(self) -> NDArray[np.float64]:
        """``(n, 2)`` where the centre of the aligned image lies from the raw image's centre."""
        return np.asarray(
            -np.linalg.solve(self.matrix, self.shift_px[:, :, None])[:, :, 0], dtype=np.float64
        )


def read_xf(path: str | Path) -> ImodTransforms:
    """Read a ``.xf`` file: rows of A11 A12 A21 A22 DX DY."""
    table = read_number_table(path)
    if table.shape[1] != 6:
        raise FormatError(path, f"expected 6 numbers per row, got {table.shape[1]}")
    matrix = table[:, :4].reshape(-1, 2, 2)
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.abs(np.linalg.det(matrix))
    bad = np.flatnonzero(~((size > 1e-6) & (size < 1e6)))
    if bad.size:
        raise FormatError(path, f"row {bad[0] + 1}: the matrix cannot be inverted")
    return ImodTransforms(matrix=matrix, shift_px=table[:, 4:])


def write_xf(path: str | Path, transforms: ImodTransforms) -> None:
    r"""Write a ``.xf`` file in IMOD's own layout (12 columns each, 7 and 3 decimals).

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.xf"
    >>> write_xf(path, ImodTransforms(matrix=np.eye(2)[None], shift_px=np.array([[1.5, -2.0]])))
    >>> path.read_text()
    '   1.0000000   0.0000000   0.0000000   1.0000000       1.500      -2.000\n'
    """
    rows = zip(transforms.matrix.reshape(-1, 4), transforms.shift_px, strict=True)
    write_text(
        path,
        "".join(
            "".join(f"{v:12.7f}" for v in matrix) + "".join(f"{v:12.3f}" for v in shift) + "\n"
            for matrix, shift in rows
        ),
    )


def read_imod_tilt_series(
    tilts: str | Path,
    *,
    xf: str | Path | None = None,
    defocus: str | Path | None = None,
    tilt_com: str | Path | None = None,
    pixel_size_angstrom: float | None = None,
) -> TiltSeries:
    """Join the files of an IMOD alignment into a `TiltSeries`.

    Parameters
    ----------
    tilts
        ``.tlt``; its name is the name of the series.
    xf
        Alignment of every image of the stack.
    defocus
        ``.defocus`` of ctfplotter.
    tilt_com
        For its ``EXCLUDELIST`` and its ``OFFSET``, which is added to the tilts as IMOD does.
    pixel_size_angstrom
        Of the unbinned tilt images; needed with ``xf``.

    Notes
    -----
    ``shift_x_angstrom`` and ``shift_y_angstrom`` are `ImodTransforms.raw_shift_px` in Å.
    """
    tilt_deg = read_tilts(tilts)
    n = len(tilt_deg)
    known: dict[str, NDArray[np.float64] | NDArray[np.bool_]] = {}
    if xf is not None:
        transforms = read_xf(xf)
        if len(transforms) != n:
            raise FormatError(xf, f"{len(transforms)} transforms, but {tilts} has {n} tilts")
        if pixel_size_angstrom is None:
            raise InputError(f"{xf}: shifts are in pixels; give --pixel-size")
        shift = transforms.raw_shift_px * pixel_size_angstrom
        known["axis_angle_deg"] = transforms.axis_angle_deg
        known["shift_x_angstrom"], known["shift_y_angstrom"] = shift[:, 0], shift[:, 1]
    if defocus is not None:
        ranges = read_imod_defocus(defocus)
        if ranges.last_view > n:
            raise FormatError(defocus, f"names view {ranges.last_view}, but there are {n} tilts")
        values = ranges.per_view(n)
        known["defocus_u_um"], known["defocus_v_um"] = values[:, 0], values[:, 1]
        known["astigmatism_angle_deg"], known["phase_shift_deg"] = values[:, 2], values[:, 3]
    if tilt_com is not None:
        command = read_tilt_com(tilt_com)
        tilt_deg = tilt_deg + command.offset_deg
        excluded = np.zeros(n, dtype=np.bool_)
        for view in command.excluded_views:
            if view > n:
                raise FormatError(tilt_com, f"EXCLUDELIST: view {view}, but there are {n} tilts")
            excluded[view - 1] = True
        known["excluded"] = excluded
    return TiltSeries(
        name=Path(tilts).stem,
        tilt_deg=tilt_deg,
        pixel_size_angstrom=pixel_size_angstrom,
        **known,  # pyright: ignore[reportArgumentType] - each name is set with its own type above
    )
