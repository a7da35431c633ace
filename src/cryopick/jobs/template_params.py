"""Parameters of ``template``."""

from __future__ import annotations

from typing import Literal

from cryopick.geometry.views import MAX_VIEWS
from cryopick.run.job import Params, param

VIEW_SPACING_DEG = 30.0
# A pixel of p Å holds p² times the dose of one of 1 Å, and the signal lies at low frequencies.
SNR_PER_SQUARE_ANGSTROM = 0.1
HIGHEST_SNR = 2.0


class TemplateParams(Params):
    """Parameters of ``template``."""

    maps: list[str] = param(
        [],
        description="Maps: files, or built-in shapes as in `simulate`; each becomes a template. "
        "Repeat for several",
        flag="--map",
    )
    pixel_size_angstrom: float | None = param(
        None,
        description="Pixel size of the templates: that of the tomogram to be searched. Needed for "
        "maps; for picks that of their tomograms where not given",
        unit="Å",
        gt=0,
    )
    box_px: int | None = param(
        None,
        description="Edge of the box; where not given the smallest even one, good for Fourier "
        "transforms, that holds 1.5 times the particle",
        unit="px",
        ge=4,
        le=1000,
    )
    low_pass_angstrom: float | None = param(
        None,
        description="Gaussian low-pass, half of the amplitude left here; twice the pixel size "
        "where not given",
        unit="Å",
        gt=0,
    )
    invert: bool = param(False, description="Make bright dark: tomograms show matter dark mostly")
    contrast: Literal["dark", "bright"] | None = param(
        None, description="Contrast wanted, whatever that of the map is; instead of --invert"
    )
    center: bool = param(
        False, description="Move the centre of mass of the squared density to the box's centre"
    )
    mirror: bool = param(False, description="Make the other hand")
    input_pixel_size_angstrom: float | None = param(
        None,
        description="Pixel size of the maps, or of the tomograms; overrides their headers",
        unit="Å",
        gt=0,
    )
    picks: str | None = param(
        None, description="Make the template from these picks: they are cut out, turned and summed"
    )
    tomograms: list[str] = param([], description="Tomograms that the picks are in")
    label: str | None = param(None, description="Only picks of this label")
    tilt_range_deg: tuple[float, float] | None = param(
        None,
        description="Lowest and highest tilt: the sum of picks is divided by how often each wave "
        "was seen. Not given: the missing wedge is not compensated",
        unit="deg",
        flag="--tilt-range",
    )
    particle_diameter_angstrom: float | None = param(
        None,
        description="Diameter, for the mask and the box; measured where not given",
        unit="Å",
        gt=0,
    )
    mask_margin: float = param(
        0.15,
        description="Radius of the mask beyond that of the particle, as a fraction",
        advanced=True,
        ge=0,
        le=2,
    )
    from_dialect: str | None = param(
        None, description="Dialect of the picks; recognised where not given", advanced=True
    )
    project: bool = param(
        False, description="Make 2D references for `pick template`: the template seen in many views"
    )
    angular_spacing_deg: float | None = param(
        None,
        description=f"With --project: distance between views; {VIEW_SPACING_DEG:g} where neither "
        "it nor --views is given (RELION's is about 30)",
        unit="deg",
        ge=1,
        le=180,
    )
    views: int | None = param(
        None,
        description="With --project: number of views of one asymmetric unit, in the place of the "
        "spacing",
        ge=1,
        le=MAX_VIEWS,
    )
    symmetry: str = param(
        "C1", description="With --project: point group of the map; equal views are made once"
    )
    signal_to_noise: float | None = param(
        None,
        description="With --project: grey scale, as the variance of the references inside the "
        "particle over that of the noise in a pixel of theirs; where not given "
        f"{SNR_PER_SQUARE_ANGSTROM:g} times the pixel size in Å squared, at most {HIGHEST_SNR:g}",
        gt=0,
        advanced=True,
    )
