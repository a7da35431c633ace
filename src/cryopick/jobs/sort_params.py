"""Parameters of ``sort``."""

from __future__ import annotations

from typing import Literal

from cryopick.curate.settings import CtfUse, Scale, SortSettings, ZScore
from cryopick.run.job import Params, param

Order = Literal["screening", "z-score", "none"]


class SortParams(Params):
    """Parameters of ``sort``; the defaults are those of `SortSettings`."""

    particles: str = param(description="particles.star of `extract`, `classify` or RELION")
    references: str | None = param(
        None,
        description="What the particles were classified or picked with: class_averages.mrcs, "
        "class_averages.star or model.star. Without them, particles are compared with each other",
    )
    references_pixel_size_angstrom: float | None = param(
        None,
        description="Pixel size of the references; overrides their header",
        unit="Å",
        gt=0,
        flag="--pixel-size-references",
    )
    particle_diameter_angstrom: float | None = param(
        SortSettings.particle_diameter_angstrom,
        description="Disc that the particle fills; three quarters of the box where not given",
        unit="Å",
        gt=0,
    )
    references_contrast: Literal["bright", "dark"] = param(
        "bright", description="Matter in the references is brighter or darker than around it"
    )
    ctf: CtfUse = param(
        SortSettings.ctf,
        description="How references are seen: through each particle's CTF, through it from its "
        "first peak on, or as they are (references not corrected for the CTF)",
    )
    low_pass_angstrom: float | None = param(
        SortSettings.low_pass_angstrom,
        description="Finer detail does not count in the difference from the reference",
        unit="Å",
        gt=0,
    )
    order: Order = param(
        "screening",
        description="Best first by the screening score or by rlnParticleSelectZScore; none: in "
        "the order they came",
    )
    scale: Scale = param(
        SortSettings.scale,
        description="class: scale each reference to fit its particles; none: take it as it is, "
        "as RELION does",
        advanced=True,
    )
    z_score: ZScore = param(
        SortSettings.z_score,
        description="rlnParticleSelectZScore by mean and standard deviation (relion), or by "
        "median and median deviation (robust)",
        advanced=True,
    )
    min_z: float = param(
        SortSettings.min_z,
        description="Features less odd than so many standard deviations count nothing",
        advanced=True,
    )
    shown: int = param(
        50, description="Particles in each picture of the report", ge=1, le=500, advanced=True
    )

    def settings(self) -> SortSettings:
        """What the science needs of them."""
        names = SortSettings.__dataclass_fields__
        return SortSettings(**{n: v for n, v in self.model_dump().items() if n in names})
