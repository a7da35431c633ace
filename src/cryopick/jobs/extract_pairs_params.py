"""Parameters of ``extract pairs``, and what they mean for one side."""

from __future__ import annotations

from typing import Literal

from cryopick.combine.tilt_defocus import Gradient
from cryopick.errors import InputError
from cryopick.extract.settings import Border, ExtractSettings, Normalisation
from cryopick.run.job import Params, param

Side = Literal["untilted", "tilted"]


class ExtractPairsParams(Params):
    """Parameters of ``extract pairs``; steps, defaults and their order are Xmipp's."""

    pairs: str = param(description="Folder of a pairs fit job")
    box_px: int | None = param(
        None,
        description="Edge of the images in pixels, after down-sampling; an even number is best",
        unit="px",
        ge=2,
        le=10_000,
    )
    invert: bool | None = param(
        None,
        description="--invert where particles are darker than the ice in the micrographs, "
        "--no-invert where they are brighter: they come out bright either way. Must be given",
    )
    untilted: list[str] = param(
        [],
        description="Other untilted micrographs to cut from, of any pixel size, matched by name; "
        "those that were picked where not given",
    )
    tilted: list[str] = param([], description="Other tilted micrographs to cut from")
    ctf_untilted: str | None = param(
        None,
        description="CTF of the untilted micrographs: RELION's or Gctf's STAR, or ctffind's .txt",
    )
    ctf_tilted: str | None = param(None, description="CTF of the tilted micrographs")
    phase_flip: bool = param(
        False, description="Undo the sign changes of the CTF, on each side that has a CTF"
    )
    defocus_gradient: Gradient = param(
        "none",
        description="Side of the tilt axis on which the defocus grows: that of the axis (in "
        "pairs.json, shown in the report) turned by +90 degrees from x towards y, or the other. "
        "none: one defocus for a micrograph",
    )
    downsample: float = param(
        1.0, description="Factor by which micrographs are down-sampled first", ge=1, le=100
    )
    border: Border = param(
        "drop", description="Boxes that leave the micrograph: drop the pair, or fill with its edge"
    )
    remove_dust: bool = param(
        True, description="Replace pixels far from the mean of the micrograph by the median around"
    )
    dust_sd: float = param(
        3.5,
        description="How far that is; larger for negative stain",
        unit="sd of the micrograph",
        gt=0,
        flag="--dust",
    )
    normalise: Normalisation = param(
        "ramp", description="Xmipp's Ramp, OldXmipp, NewXmipp, or another; none"
    )
    background_radius_px: int | None = param(
        None,
        description="Beyond it is background, in pixels of the images; half the box where not "
        "given",
        unit="px",
        ge=1,
    )
    float16: bool = param(
        False, description="Write half the bytes (RELION 4 and later, cryoSPARC; not RELION 3)"
    )
    pixel_size_angstrom: float | None = param(
        None,
        description="Pixel size of the micrographs to cut from; overrides their headers",
        unit="Å",
        gt=0,
    )


def settings_of(params: ExtractPairsParams, *, has_ctf: bool) -> ExtractSettings:
    """The settings for one side.

    Parameters
    ----------
    params
        What was asked for.
    has_ctf
        Whether the CTF of this side is known: only then it can be flipped.
    """
    if params.box_px is None:
        raise InputError("--box: is missing; give the edge of the images in pixels")
    if params.invert is None:
        raise InputError(
            "--invert: is missing; give --invert where particles are dark in the micrographs, "
            "--no-invert where they are bright"
        )
    return ExtractSettings(
        image_px=params.box_px,
        downsampling=params.downsample,
        order="xmipp",
        border=params.border,
        ctf="phase-flip" if params.phase_flip and has_ctf else "none",
        invert=params.invert,
        normalise=params.normalise,
        background_radius_px=params.background_radius_px,
        dust_sd=params.dust_sd if params.remove_dust else None,
    )


def check_ctf(params: ExtractPairsParams) -> None:
    """Refuse what needs a CTF that nobody gave."""
    if params.phase_flip and params.ctf_untilted is None and params.ctf_tilted is None:
        raise InputError("--phase-flip: needs a CTF; give --ctf-untilted, --ctf-tilted or both")
    if params.defocus_gradient != "none" and params.ctf_tilted is None:
        raise InputError(
            f"--defocus-gradient {params.defocus_gradient}: needs the defocus of the tilted "
            "micrographs; give --ctf-tilted"
        )
