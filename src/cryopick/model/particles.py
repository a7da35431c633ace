"""`Particles`: images cut out of micrographs, with all that is known of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.model.optics import Defocus, Optics
from cryopick.model.picks import Picks

_ROWS = (
    "file",
    "index",
    "optics_group",
    "defocus",
    "shift_angstrom",
    "half",
    "micrograph_pixel_angstrom",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Particles:
    """``n`` square images of one pixel size and one box, in files on disk.

    A column that is None is not known. A particle stays a pick: position in its micrograph,
    in-plane rotation (``picks.orientation``), class (``picks.label``), score and any further
    column (``picks.extra``, by RELION's name where RELION has one) are those of ``picks``.

    Attributes
    ----------
    picks
        ``n`` 2D picks; ``position_angstrom`` is the centre of the box in the micrograph (pixel
        ``N // 2`` of the image), shifts not applied.
    file
        ``(n,)`` stack that holds each image; relative paths begin where the command runs.
    index
        ``(n,)`` place in that stack, from 0.
    pixel_size_angstrom
        Of the images.
    box_px
        Their edge.
    optics
        Optics groups.
    optics_group
        ``(n,)`` place in ``optics``, from 0.
    defocus
        ``(n, 4)``: along both axes (µm), astigmatism angle (deg), phase shift (deg).
    shift_angstrom
        ``(n, 2)`` ``x, y`` to *add* to what the image shows to centre it (``rlnOriginXAngst``).
    half
        ``(n,)`` random half set, 1 or 2.
    micrograph_pixel_angstrom
        ``(n,)`` pixel size of the micrograph that each was cut from.
    phase_flipped, ctf_premultiplied
        What has been done to the images about the CTF.
    dark
        Matter is darker than the ice in the images.

    Examples
    --------
    >>> picks = Picks.of([[10.0, 20.0], [30.0, 40.0]], image="mic1")
    >>> two = Particles(picks=picks, file=np.array(["a.mrcs"] * 2), index=np.arange(2),
    ...                 pixel_size_angstrom=4.0, box_px=64)
    >>> len(two[1]), two[1].index
    (1, array([1]))
    """

    picks: Picks
    file: NDArray[np.str_]
    index: NDArray[np.int64]
    pixel_size_angstrom: float
    box_px: int
    optics: tuple[Optics, ...] = field(default_factory=lambda: (Optics(),))
    optics_group: NDArray[np.int64] | None = None
    defocus: NDArray[np.float64] | None = None
    shift_angstrom: NDArray[np.float64] | None = None
    half: NDArray[np.int64] | None = None
    micrograph_pixel_angstrom: NDArray[np.float64] | None = None
    phase_flipped: bool = False
    ctf_premultiplied: bool = False
    dark: bool = False

    def __post_init__(self) -> None:
        n = len(self.picks)
        if self.picks.ndim != 2:
            raise InputError("Particles: expected 2D picks")
        if self.pixel_size_angstrom <= 0 or self.box_px <= 0:
            raise InputError(
                f"Particles: expected a pixel size and a box above 0, got "
                f"{self.pixel_size_angstrom} Å and {self.box_px} px"
            )
        shapes: dict[str, tuple[Any, tuple[int, ...]]] = {
            "file": (np.str_, ()),
            "index": (np.int64, ()),
            "optics_group": (np.int64, ()),
            "defocus": (np.float64, (4,)),
            "shift_angstrom": (np.float64, (2,)),
            "half": (np.int64, ()),
            "micrograph_pixel_angstrom": (np.float64, ()),
        }
        for name, (dtype, tail) in shapes.items():
            value = getattr(self, name)
            if value is None:
                continue
            column = np.asarray(value, dtype=dtype)
            if column.shape != (n, *tail):
                raise InputError(
                    f"Particles: expected {name} of shape {(n, *tail)}, got {column.shape}"
                )
            object.__setattr__(self, name, column)
        groups = self.optics_group
        if groups is not None and n and not 0 <= groups.min() <= groups.max() < len(self.optics):
            raise InputError(
                f"Particles: expected optics groups from 0 to {len(self.optics) - 1}, "
                f"got {groups.min()} to {groups.max()}"
            )

    def __len__(self) -> int:
        return len(self.picks)

    def __getitem__(self, index: Any) -> Particles:
        """Select particles by mask, slice or index array (a single integer gives one)."""
        rows: Any = [int(index)] if isinstance(index, (int, np.integer)) else index
        columns = {name: getattr(self, name) for name in _ROWS}
        chosen: dict[str, Any] = {n: v if v is None else v[rows] for n, v in columns.items()}
        return replace(self, picks=self.picks[rows], **chosen)

    def optics_of(self, row: int) -> Optics:
        """Microscope settings of one particle."""
        return self.optics[0 if self.optics_group is None else int(self.optics_group[row])]

    def defocus_of(self, row: int) -> Defocus | None:
        """Defocus of one particle; None where it is not known."""
        if self.defocus is None or not np.isfinite(self.defocus[row]).all():
            return None
        u, v, angle, phase = self.defocus[row].tolist()
        return Defocus(u_um=u, v_um=v, astigmatism_angle_deg=angle, phase_shift_deg=phase)
