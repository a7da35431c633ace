"""What masks of simple shapes have in common: their box, pixel size and soft edge."""

from __future__ import annotations

from cryopick.jobs.mask_outputs import box_and_pixel, length_px
from cryopick.run.job import Params, param


class ShapeMaskParams(Params):
    """Parameters that every mask of a simple shape has."""

    box_px: int | None = param(
        None,
        description="Edge of the box; that of --like where not given",
        unit="px",
        ge=4,
        le=2000,
    )
    like: str | None = param(
        None, description="Template that the mask is for: gives box and pixel size"
    )
    pixel_size_angstrom: float | None = param(
        None, description="Pixel size of the mask; needed for lengths in Å", unit="Å", gt=0
    )
    soft_edge_angstrom: float | None = param(
        None,
        description="Standard deviation of the Gaussian edge outside of it; 1 px where not given",
        unit="Å",
        ge=0,
    )
    soft_edge_px: float | None = param(
        None, description="The same in pixels", unit="px", ge=0, flag="--soft-edge-px"
    )

    def box(self) -> tuple[int, float | None]:
        """Edge of the box in pixels, and the pixel size where it is known."""
        return box_and_pixel(self.box_px, self.pixel_size_angstrom, self.like)

    def soft_px(self, pixel_size_angstrom: float | None) -> float:
        """Width of the soft edge in pixels."""
        return length_px(
            "soft-edge",
            self.soft_edge_angstrom,
            self.soft_edge_px,
            pixel_size_angstrom=pixel_size_angstrom,
            default_px=1.0,
        )
