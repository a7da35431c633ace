"""How particles are cut out: `ExtractSettings`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from cryopick.errors import InputError

Order = Literal["relion", "xmipp"]
Border = Literal["drop", "fill"]
Centring = Literal["pixel", "subpixel"]
Normalisation = Literal[
    "relion",
    "relion-no-ramp",
    "ramp",
    "old-xmipp",
    "near-old-xmipp",
    "new-xmipp",
    "new-xmipp2",
    "robust",
    "neighbour",
    "none",
]
Ctf = Literal["none", "phase-flip", "premultiply"]

# A box is a whole number of pixels up to this share of one.
_WHOLE = 1e-3


# No slots: the class itself tells the defaults, which jobs take from here.
@dataclass(frozen=True, kw_only=True)
class ExtractSettings:
    """What is done to each particle, and in which order.

    - ``relion``: box, CTF, rescale, window, dust in each image, normalise, invert.
    - ``xmipp``: down-sample the micrograph, dust in the whole micrograph, CTF, box, invert,
      window, normalise.

    Attributes
    ----------
    image_px
        Edge of the images, in their own pixels.
    downsampling
        Micrograph pixels per image pixel, 1 or more. ``relion`` cuts boxes of
        ``image_px * downsampling`` pixels, which must be whole; ``xmipp`` takes any factor.
    window_px
        Edge to which images are cut after down-sampling; None: not cut.
    order
        See above.
    border
        Of boxes that leave the micrograph: ``drop`` them, or ``fill`` with the nearest edge pixel.
        A box that lies outside altogether is always dropped.
    centring
        ``pixel``: the box is centred on the nearest pixel and the rest is handed on as a shift;
        ``subpixel``: the image is shifted by the rest.
    recentre
        Move boxes by the shifts that are known of the particles.
    ctf
        ``phase-flip``: give every frequency the sign it has without a CTF; contrast stays.
        ``premultiply``: multiply by the CTF, with the same sign.
    ctf_box_px
        Edge of the box, in pixels of the micrograph it is cut from, in which the CTF is applied;
        None: twice the box, so that what it draws in from around the box is there.
    invert
        Multiply by -1.
    normalise
        See `cryopick.extract.normalise`.
    background_radius_px
        Pixels of the final image beyond this distance of its centre are background. None: half
        the edge for ``xmipp``, three quarters of that for ``relion``.
    robust_clip
        ``robust`` cuts grey values off at +-1.3284.
    neighbour_threshold_sd
        ``neighbour`` replaces background pixels that deviate more.
    white_dust_sd, black_dust_sd
        ``relion``: pixels this far above or below the mean of the background are replaced by
        Gaussian noise of the background. None: not at all.
    dust_sd
        ``xmipp``: pixels this far from the mean of the micrograph are replaced by the median of
        the good pixels around. None: not at all.
    patch_px
        Edge of the patches whose variances judge a particle; None: no such scores.

    Examples
    --------
    >>> ExtractSettings(image_px=64, downsampling=4).box_px
    256
    """

    image_px: int
    downsampling: float = 1.0
    window_px: int | None = None
    order: Order = "relion"
    border: Border = "drop"
    centring: Centring = "pixel"
    recentre: bool = False
    ctf: Ctf = "none"
    ctf_box_px: int | None = None
    invert: bool = True
    normalise: Normalisation = "relion"
    background_radius_px: int | None = None
    robust_clip: bool = False
    neighbour_threshold_sd: float = 1.2
    white_dust_sd: float | None = None
    black_dust_sd: float | None = None
    dust_sd: float | None = None
    patch_px: int | None = None

    def __post_init__(self) -> None:
        _check_choices(self)
        _check_sizes(self)
        _check_dust(self)
        if self.neighbour_threshold_sd <= 0:
            raise InputError(
                f"--neighbour-threshold {self.neighbour_threshold_sd:g}: expected a number above 0"
            )

    @property
    def box_px(self) -> int:
        """Edge of the box, in pixels of the micrograph it is cut from."""
        whole = self.order == "relion"
        return round(self.image_px * self.downsampling) if whole else self.image_px

    @property
    def final_px(self) -> int:
        """Edge of the images that come out."""
        return self.image_px if self.window_px is None else self.window_px

    @property
    def background_px(self) -> int:
        """Radius beyond which pixels are background."""
        if self.background_radius_px is not None:
            return self.background_radius_px
        share = 0.75 if self.order == "relion" else 1.0
        return int(share * (self.final_px // 2))

    @property
    def ctf_box(self) -> int:
        """Edge of the box in which the CTF is applied."""
        return 2 * self.box_px if self.ctf_box_px is None else self.ctf_box_px


def _check_choices(settings: ExtractSettings) -> None:
    for name, kind in (
        ("order", Order),
        ("border", Border),
        ("centring", Centring),
        ("normalise", Normalisation),
        ("ctf", Ctf),
    ):
        value, known = getattr(settings, name), get_args(kind)
        if value not in known:
            raise InputError(f"--{name} {value}: expected {', '.join(known)}")


def _check_sizes(settings: ExtractSettings) -> None:
    if settings.image_px < 2:
        raise InputError(f"box: expected images of 2 px or more, got {settings.image_px}")
    if not 1.0 <= settings.downsampling < float("inf"):
        raise InputError(
            f"downsampling: expected 1 or more, got {settings.downsampling:g}; images are not "
            "enlarged"
        )
    box = settings.image_px * settings.downsampling
    if settings.order == "relion" and abs(box - round(box)) > _WHOLE:
        raise InputError(
            f"downsampling {settings.downsampling:g}: makes boxes of {box:g} px, not a whole "
            "number; take another size, or --order xmipp"
        )
    if settings.window_px is not None and not 2 <= settings.window_px <= settings.image_px:
        raise InputError(
            f"--window {settings.window_px}: expected 2 to {settings.image_px} px (the images)"
        )
    if not 1 <= settings.background_px <= settings.final_px // 2:
        raise InputError(
            f"--background-radius {settings.background_px}: expected 1 to "
            f"{settings.final_px // 2} px, half the final images"
        )
    if settings.ctf_box < settings.box_px:
        raise InputError(
            f"--ctf-box {settings.ctf_box}: is smaller than the box, {settings.box_px}"
        )
    if settings.patch_px is not None and not 2 <= settings.patch_px <= settings.final_px // 2:
        raise InputError(
            f"--patch {settings.patch_px}: expected 2 to {settings.final_px // 2} px, half the "
            "final images"
        )


def _check_dust(settings: ExtractSettings) -> None:
    for name in ("white_dust_sd", "black_dust_sd", "dust_sd"):
        value = getattr(settings, name)
        if value is not None and value <= 0:
            flag = name.removesuffix("_sd").replace("_", "-")
            raise InputError(f"--{flag} {value:g}: expected a number above 0, or none")
    relion = settings.white_dust_sd is not None or settings.black_dust_sd is not None
    if settings.order == "xmipp" and relion:
        raise InputError("--white-dust, --black-dust: belong to --order relion; give --dust")
    if settings.order == "relion" and settings.dust_sd is not None:
        raise InputError("--dust: belongs to --order xmipp; give --white-dust and --black-dust")
