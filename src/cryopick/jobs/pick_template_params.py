"""Parameters of ``pick template``; the defaults are those of `MeritSettings` and `PeakRules`."""

from __future__ import annotations

from typing import Literal

from cryopick.pick.merit.peaks import PeakRules, Suppression
from cryopick.pick.merit.settings import Contrast, ExpectedRatio, MeritEngine, MeritSettings
from cryopick.run.job import Params, param

KeptMaps = Literal["best", "each", "none"]


class PeakParams(Params):
    """Which peaks become picks: what ``candidates`` can change afterwards."""

    threshold: float | None = param(
        None,
        description="Lowest merit taken (RELION: 0.05 in its window, 0.25 on its command line); "
        "where not given, chosen from the scores of all micrographs: the best estimated F1, or "
        "--fdr; 0.05 with --suppression relion",
    )
    fdr: float | None = param(
        None,
        description="Instead: share of the picks that may be background, as the scores tell",
        gt=0,
        lt=1,
    )
    min_distance_angstrom: float | None = param(
        PeakRules.min_distance_angstrom,
        description="Least distance between picks; three quarters of the diameter where not given "
        "(with --suppression relion half the box of the references, as in RELION; its window "
        "says 100)",
        unit="Å",
        ge=0,
    )
    max_noise_sd: float | None = param(
        PeakRules.max_noise_sd,
        description="Drop picks on a background of a larger standard deviation, in that of the "
        "whole micrograph; useful: 1.0 to 1.2 (RELION's window: 1.1)",
        gt=0,
    )
    min_noise_mean: float | None = param(
        PeakRules.min_noise_mean,
        description="Drop picks on a background darker than this, in sd of the micrograph: "
        "carbon, thick ice; useful: -0.5 to 0",
    )
    suppression: Suppression = param(
        PeakRules.suppression,
        description="keep-better: best local maxima, a minimum distance apart; relion: groups of "
        "peaks per reference, and of two that stay too close both go",
    )
    normalise_scores: bool = param(
        False,
        description="Take out how background scores change with defocus, so that one threshold "
        "fits all micrographs; scores become those at the median defocus. Needs --ctf",
    )
    max_picks: int | None = param(
        PeakRules.max_picks, description="Keep only the best so many per micrograph", ge=1
    )
    mask: list[str] = param(
        [],
        description="Image that is above 0 where picks may be, for all micrographs; or several, or "
        "a folder: each called like its micrograph, with or without _mask",
    )
    border_angstrom: float | None = param(
        PeakRules.border_angstrom,
        description="Picks nearer to an edge are dropped; half the particle's diameter where not "
        "given (with --suppression relion half the box of the references, as in RELION)",
        unit="Å",
        ge=0,
        advanced=True,
    )


class PickTemplateParams(PeakParams):
    """Parameters of ``pick template``."""

    micrographs: list[str] = param(description="Micrographs: files, globs, folders, STAR")
    references: str = param(
        description="Stack of references, model.star or class_averages.star; gauss: a blob of the "
        "particle's diameter"
    )
    pixel_size_references_angstrom: float | None = param(
        None, description="Pixel size of the references; overrides their files", unit="Å", gt=0
    )
    pixel_size_angstrom: float | None = param(
        None,
        description="Pixel size of the micrographs; overrides their headers",
        unit="Å",
        gt=0,
    )
    ctf: str | None = param(
        None,
        description="micrographs_ctf.star, the STAR file of Gctf, or a folder of ctffind's .txt "
        "files; without it references are compared as they are",
    )
    ctf_use: Literal["full", "after-first-peak"] = param(
        "full",
        description="Multiply references by the whole CTF, or only beyond its first peak "
        "(RELION: ignore CTFs until first peak)",
    )
    particle_diameter_angstrom: float | None = param(
        MeritSettings.particle_diameter_angstrom,
        description="Diameter of the circle around the particle; that of the references' own "
        "mask where not given",
        unit="Å",
        gt=0,
    )
    angular_step_deg: float = param(
        MeritSettings.angular_step_deg,
        description="In-plane angular step, made to divide 360 (RELION's command line: 10)",
        unit="deg",
        gt=0,
        le=360,
    )
    low_pass_angstrom: float | None = param(
        MeritSettings.low_pass_angstrom,
        description="Detail finer than this is ignored (RELION's command line: none)",
        unit="Å",
        gt=0,
    )
    high_pass_angstrom: float | None = param(
        MeritSettings.high_pass_angstrom,
        description="Detail coarser than this is ignored",
        unit="Å",
        gt=0,
    )
    reference_contrast: Contrast = param(
        MeritSettings.reference_contrast,
        description="Particles in the references are bright or dark; class averages of "
        "particles that were inverted are bright",
    )
    particle_contrast: Contrast = param(
        MeritSettings.particle_contrast, description="Particles in the micrographs"
    )
    reject_contamination: bool = param(
        False,
        description="Leave out ice, carbon and other contamination, found in the micrograph; "
        "margins that repeat a row are left out always",
    )
    keep_maps: KeptMaps = param(
        "best",
        description="Score and angle maps kept of each micrograph: of the best reference at every "
        "place, of each reference (what `candidates --suppression relion` needs), or none",
    )
    shrink: float = param(
        MeritSettings.shrink,
        description="Size of the working image: 0: pixels of half the low-pass; up to 1: this "
        "fraction of the micrograph; above: so many pixels (RELION's command line: 1)",
        ge=0,
        advanced=True,
    )
    engine: MeritEngine = param(
        MeritSettings.engine,
        description="exact: one correlation per reference and angle; bank: a few component maps "
        "of which all turned references are mixtures; auto: the faster",
        advanced=True,
    )
    bank_energy: float = param(
        MeritSettings.bank_energy,
        description="Share of the references' energy that the bank holds",
        gt=0,
        le=1,
        advanced=True,
    )
    expected_ratio: ExpectedRatio = param(
        MeritSettings.expected_ratio,
        description="What merits are measured against. drawn: as RELION, with one draw of random "
        "numbers, which shifts references against each other; averaged: its mean over such draws",
        advanced=True,
    )
    outlier_sd: float = param(
        MeritSettings.outlier_sd,
        description="Pixels farther from the mean become the mean",
        unit="sd",
        gt=0,
        advanced=True,
    )
    mask_shrink_px: int = param(
        MeritSettings.mask_shrink_px,
        description="The circle is made smaller by so many pixels, as in RELION",
        unit="px",
        ge=0,
        advanced=True,
    )
    gauss_peak: float = param(
        0.1,
        description="Highest value of the Gaussian reference, in sd of the noise (RELION: 0.1)",
        gt=0,
        advanced=True,
    )
