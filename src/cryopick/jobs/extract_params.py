"""Parameters of ``extract particles``, and what they mean for one micrograph."""

from __future__ import annotations

from typing import Any, Literal

from cryopick.errors import InputError
from cryopick.extract.settings import (
    Border,
    Centring,
    Ctf,
    ExtractSettings,
    Normalisation,
    Order,
)
from cryopick.model import Grid
from cryopick.run.job import Params, param

# Boxes are this much wider than the particles where nobody says.
BOX_PER_DIAMETER = 1.5


class ExtractParams(Params):
    """Parameters of ``extract particles``; the defaults are those of `ExtractSettings`."""

    picks: str = param(
        description="Picks in any dialect: a file, or a folder or pattern of one file per "
        "micrograph; or a particles.star, to extract again"
    )
    micrographs: list[str] = param(
        [],
        description="Micrographs to cut from: files, globs, folders, STAR; matched with the picks "
        "by name, of any pixel size. Where not given, those that the picks name",
    )
    box_px: int | None = param(
        None,
        description="Edge of the boxes in pixels of the micrographs; 1.5 times the diameter of "
        "the picks where neither this nor --box-angstrom is given",
        unit="px",
        ge=2,
        le=10_000,
    )
    box_angstrom: float | None = param(
        None, description="The same in Å", unit="Å", gt=0, flag="--box-angstrom"
    )
    rescale_px: int | None = param(
        None, description="Edge of the images after down-sampling; not down-sampled where not "
        "given", unit="px", ge=2, le=10_000,
    )  # fmt: skip
    rescale_pixel_size_angstrom: float | None = param(
        None, description="Pixel size after down-sampling, in the place of --rescale", unit="Å",
        gt=0,
    )  # fmt: skip
    window_px: int | None = param(
        None, description="Cut images to this edge after down-sampling", unit="px", ge=2
    )
    order: Order = param(
        ExtractSettings.order,
        description="relion: box, CTF, rescale, dust, normalise, invert; xmipp: down-sample "
        "the micrograph, dust, CTF, box, invert, normalise",
    )
    contrast: Literal["dark", "bright"] = param(
        "dark", description="Particles are darker or brighter than the ice in the micrographs"
    )
    invert: bool = param(
        ExtractSettings.invert,
        description="Multiply by -1: dark particles come out bright, as programs expect them",
    )
    normalise: Normalisation = param(
        ExtractSettings.normalise,
        description="relion (plane, mean and deviation of the background), ramp (the same as "
        "Xmipp computes it), or another",
    )
    background_radius_px: int | None = param(
        ExtractSettings.background_radius_px,
        description="Beyond it is background, in pixels of the final images; half their edge "
        "(relion: three quarters of that) where not given",
        unit="px",
        ge=1,
    )
    white_dust_sd: float | None = param(
        ExtractSettings.white_dust_sd,
        description="relion: replace pixels this far above the background by noise",
        unit="sd of the background",
        gt=0,
        flag="--white-dust",
    )
    black_dust_sd: float | None = param(
        ExtractSettings.black_dust_sd,
        description="relion: replace pixels this far below the background by noise",
        unit="sd of the background",
        gt=0,
        flag="--black-dust",
    )
    dust_sd: float | None = param(
        ExtractSettings.dust_sd,
        description="xmipp: replace pixels this far from the mean of the micrograph by the median "
        "around; 3.5 to 5 is usual",
        unit="sd of the micrograph",
        gt=0,
        flag="--dust",
    )
    border: Border = param(
        ExtractSettings.border,
        description="Boxes that leave the micrograph: drop them, or fill with its edge pixels",
    )
    ctf: str | None = param(
        None,
        description="CTF of the micrographs: micrographs_ctf.star of RELION, Gctf's STAR, or a "
        "folder or pattern of ctffind's .txt. Taken from the picks or the micrographs' STAR "
        "where those have it",
    )
    phase_flip: bool = param(False, description="Undo the sign changes of the CTF")
    premultiply_ctf: bool = param(False, description="Multiply by the CTF")
    recentre: bool = param(
        ExtractSettings.recentre,
        description="Move the boxes by the shifts that a particles.star holds",
    )
    reset_offsets: bool = param(False, description="Forget the shifts that a particles.star holds")
    min_score: float | None = param(None, description="Leave out picks that score lower")
    float16: bool = param(
        False, description="Write half the bytes (RELION 4 and later, cryoSPARC; not RELION 3)"
    )
    pixel_size_angstrom: float | None = param(
        None, description="Pixel size of the micrographs; overrides their headers", unit="Å", gt=0
    )
    # Advanced.
    picks_pixel_size_angstrom: float | None = param(
        None,
        description="Pixel size of the micrographs that were picked, where the picks count "
        "pixels of others than those given and do not say so themselves",
        unit="Å",
        gt=0,
        advanced=True,
    )
    centring: Centring = param(
        ExtractSettings.centring,
        description="pixel: centre on the nearest pixel, keep the rest as a shift; subpixel: "
        "shift the images",
        advanced=True,
    )
    ctf_box_px: int | None = param(
        ExtractSettings.ctf_box_px,
        description="Box in which the CTF is applied, in pixels of what it is cut from; twice "
        "the box where not given",
        unit="px",
        ge=2,
        advanced=True,
    )
    robust_clip: bool = param(
        ExtractSettings.robust_clip,
        description="With --normalise robust: cut grey values off at +-1.3284",
        advanced=True,
    )
    neighbour_threshold_sd: float = param(
        ExtractSettings.neighbour_threshold_sd,
        description="With --normalise neighbour: background pixels that deviate more are replaced",
        unit="sd of the background",
        gt=0,
        advanced=True,
        flag="--neighbour-threshold",
    )
    patch_px: int | None = param(
        ExtractSettings.patch_px,
        description="Score particles by the variances of patches of this edge",
        unit="px",
        ge=2,
        advanced=True,
        flag="--patch",
    )
    from_dialect: str | None = param(
        None, description="Dialect of the picks; recognised where not given", advanced=True
    )


def ctf_of(params: ExtractParams) -> Ctf:
    """What is done about the CTF."""
    if params.phase_flip and params.premultiply_ctf:
        raise InputError("--phase-flip, --premultiply-ctf: give one of them")
    if params.phase_flip:
        return "phase-flip"
    return "premultiply" if params.premultiply_ctf else "none"


def settings_of(
    params: ExtractParams, grid: Grid, *, diameter_angstrom: float | None
) -> ExtractSettings:
    """The settings for a micrograph of this pixel size.

    Parameters
    ----------
    params
        What was asked for.
    grid
        Of the micrograph.
    diameter_angstrom
        Largest diameter of the picks, for the box; None: not known.
    """
    box = _box_px(params, grid.pixel_size_angstrom, diameter_angstrom)
    image = _image_px(params, box, grid.pixel_size_angstrom)
    if image > box:
        raise InputError(
            f"--rescale {image}: is larger than the box of {box} px; images are not enlarged"
        )
    names = ExtractSettings.__dataclass_fields__
    given: dict[str, Any] = {n: v for n, v in params.model_dump().items() if n in names}
    exact = params.rescale_pixel_size_angstrom
    down = box / image
    if params.order == "xmipp" and exact is not None:
        down = exact / grid.pixel_size_angstrom
    given |= {"image_px": image, "downsampling": down, "ctf": ctf_of(params)}
    return ExtractSettings(**given)


def _box_px(params: ExtractParams, pixel_angstrom: float, diameter: float | None) -> int:
    if params.box_px is not None and params.box_angstrom is not None:
        raise InputError("--box, --box-angstrom: give one of them")
    if params.box_px is not None:
        return params.box_px
    wanted = params.box_angstrom
    if wanted is None:
        if diameter is None:
            raise InputError("--box: is missing, and the picks tell no diameter; give it")
        wanted = BOX_PER_DIAMETER * diameter
    return _even(wanted / pixel_angstrom)


def _image_px(params: ExtractParams, box_px: int, pixel_angstrom: float) -> int:
    if params.rescale_px is not None and params.rescale_pixel_size_angstrom is not None:
        raise InputError("--rescale, --rescale-pixel-size: give one of them")
    if params.rescale_px is not None:
        return params.rescale_px
    if params.rescale_pixel_size_angstrom is None:
        return box_px
    if params.rescale_pixel_size_angstrom < pixel_angstrom * (1 - 1e-6):
        raise InputError(
            f"--rescale-pixel-size {params.rescale_pixel_size_angstrom:g}: is below that of the "
            f"micrographs, {pixel_angstrom:g} Å; images are not enlarged"
        )
    return _even(box_px * pixel_angstrom / params.rescale_pixel_size_angstrom)


def _even(length_px: float) -> int:
    return max(2, 2 * round(length_px / 2))
