"""`ClassifySettings`: what a classification is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cryopick.errors import InputError

# What the images have been through, and so how the CTF enters; "ignore" leaves it out.
CtfModel = Literal["full", "phase-flipped", "premultiplied", "ignore"]
CTF_MODELS: tuple[CtfModel, ...] = ("full", "phase-flipped", "premultiplied", "ignore")
# How products with references are formed; "auto" measures which is fastest on the hardware.
Precision = Literal["auto", "float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("auto", "float32", "bfloat16")


# No slots: the class itself tells the defaults, which jobs take from here.
@dataclass(frozen=True, kw_only=True)
class ClassifySettings:
    """What a classification is asked for.

    Attributes
    ----------
    classes
        How many class averages.
    iterations
        Passes of expectation and maximisation.
    mask_diameter_angstrom
        Particles and averages are masked by a soft disc; None: 0.9 of the box.
    zero_mask
        Set the surroundings of each particle to 0, so that neighbours and noise do not count.
    regularisation
        RELION's T: how far averages are trusted beyond their signal-to-noise ratio.
    resolution_limit_angstrom
        Finer detail than this is never used; None: up to Nyquist.
    start_resolution_angstrom
        Detail used in the first iteration; None: a fifth of the mask's diameter.
    psi_step_deg
        In-plane step of the final grid; the search begins on twice as wide a one.
    offset_range_angstrom
        Furthest that a particle is moved in one iteration; None: 5 px.
    offset_step_angstrom
        Step of the final grid of shifts; None: 1 px. The search begins on twice as wide a one.
    ctf
        How the CTF enters: "full" (images as recorded), "phase-flipped", "premultiplied" (by the
        CTF), or "ignore".
    batch_size
        Particles of one iteration, drawn anew each time; the last iteration takes all. None: all
        in every iteration.
    temperature
        Likelihoods are flattened by this factor in the first iteration; it falls to 1 half-way.
    recentre
        Move each average so that its mass lies in the centre, after every iteration.
    split
        A class that nothing is left in takes over one half of the largest.
    precision
        Of the products of the search; what is kept is always computed in float32.
    seed
        Of random starts, halves and batches; the same seed gives the same classes.

    Examples
    --------
    >>> ClassifySettings(classes=20, mask_diameter_angstrom=190.0).iterations
    25
    """

    classes: int = 50
    iterations: int = 25
    mask_diameter_angstrom: float | None = None
    zero_mask: bool = True
    regularisation: float = 2.0
    resolution_limit_angstrom: float | None = None
    start_resolution_angstrom: float | None = None
    psi_step_deg: float = 6.0
    offset_range_angstrom: float | None = None
    offset_step_angstrom: float | None = None
    ctf: CtfModel = "full"
    batch_size: int | None = None
    temperature: float = 1.0
    recentre: bool = True
    split: bool = True
    precision: Precision = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("classes", 1), ("iterations", 1), ("batch_size", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"classify: expected {name} of {least} or more, got {value}")
        positive = (
            "mask_diameter_angstrom",
            "regularisation",
            "resolution_limit_angstrom",
            "start_resolution_angstrom",
            "offset_step_angstrom",
        )
        for name in positive:
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"classify: expected {name} above 0, got {value}")
        if not 0 < self.psi_step_deg <= 45:
            raise InputError(
                f"classify: expected psi_step_deg from 0 to 45, got {self.psi_step_deg}"
            )
        if self.offset_range_angstrom is not None and not 0 <= self.offset_range_angstrom < 1e4:
            raise InputError(
                "classify: expected offset_range_angstrom of 0 or more, "
                f"got {self.offset_range_angstrom}"
            )
        if not 1 <= self.temperature <= 1000:
            raise InputError(
                f"classify: expected temperature from 1 to 1000, got {self.temperature}"
            )
        for name, known in (("ctf", CTF_MODELS), ("precision", PRECISIONS)):
            value = getattr(self, name)
            if value not in known:
                raise InputError(
                    f"classify: expected {name} to be one of {', '.join(known)}, got {value!r}"
                )
