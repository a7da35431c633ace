"""Parameters of ``match``."""

from __future__ import annotations

from typing import Literal

from cryopick.pick.matching.settings import Engine, MatchSettings, Noise
from cryopick.run.job import Params, param


class MatchParams(Params):
    """Parameters of ``match``; a search's defaults are those of `MatchSettings`."""

    tomograms: list[str] = param([], description="Tomograms: files, globs, folders")
    templates: list[str] = param(
        description="Map to search for, with the contrast of the tomogram (see `template`); "
        "repeat for several: each candidate goes to the best",
        flag="--template",
    )
    masks: list[str] = param(
        [],
        description="Mask of the template, one for all or one each; a soft ball around the "
        "particle where not given (or NAME_mask.mrc beside NAME.mrc)",
        flag="--mask",
    )
    # How the tomograms were made.
    relion_star: str | None = param(None, description="tomograms.star of a RELION 5 project")
    aretomo_dir: str | None = param(None, description="Session folder of AreTomo3")
    warp: str | None = param(
        None, description="Folder of a WarpTools project, or one XML", flag="--warp-xml"
    )
    tilts: str | None = param(
        None,
        description="Tilt angles: a file (tlt, rawtlt, aln, mdoc, XML...), a folder of them, a "
        "pattern with {TS}, or two numbers such as -60,60",
    )
    dose: str | None = param(None, description="Exposure before each tilt in e/Å²: as --tilts")
    defocus: str | None = param(
        None, description="Defocus of each tilt: as --tilts, or one number in µm"
    )
    pixel_size_angstrom: float | None = param(
        None, description="Of the tomograms; overrides their headers", unit="Å", gt=0
    )
    voltage_kv: float | None = param(
        None, description="Acceleration voltage; 300 where no file says it", unit="kV", gt=0
    )
    cs_mm: float | None = param(
        None, description="Spherical aberration; 2.7 where no file says it", unit="mm", ge=0
    )
    amplitude_contrast: float | None = param(
        None, description="Amplitude contrast; 0.07 where no file says it", ge=0, le=1
    )
    per_tilt_weighting: bool = param(
        True,
        description="Weight each tilt by its exposure, thickness and CTF, where these are known; "
        "else one wedge",
    )
    ctf_model: Literal["auto", "none", "phase-flip", "plain"] = param(
        "auto",
        description="What the CTF left in the tomogram: phase-flip, plain (not corrected), none: "
        "the template gets no CTF; auto: phase-flip where the defocus is known",
        flag="--tomogram-ctf-model",
    )
    # What is searched.
    particle_diameter_angstrom: float | None = param(
        None, description="Of the particle; measured from the mask where not given", unit="Å", gt=0
    )
    symmetry: str = param("C1", description="Point group of the template: C1, Cn, Dn, T, O, I")
    angular_step_deg: float | None = param(
        MatchSettings.angular_step_deg,
        description="Spacing of the orientations; from the particle's diameter where not given",
        unit="deg",
        gt=0,
    )
    engine: Engine = param(
        MatchSettings.engine,
        description="bank: component maps for all rotations; exact: a transform for each; auto: "
        "the faster one that keeps the accuracy",
    )
    low_pass_angstrom: float | None = param(None, description="Low-pass", unit="Å", gt=0)
    high_pass_angstrom: float | None = param(
        None, description="High-pass: 400 helps in crowded cells", unit="Å", gt=0
    )
    noise_correction: Noise = param(
        MatchSettings.noise,
        description="Subtract what a phase-randomised template scores: smooth (a tenth of the "
        "rotations, smoothed), pytom (all of them, as is)",
    )
    tomogram_mask: str | None = param(
        None, description="Search only where this volume is above 0 (see `mask slab`)"
    )
    max_picks: int | None = param(None, description="At most so many per tomogram", ge=1)
    false_positives: float | None = param(
        None, description="False picks to expect per tomogram; sets the cut-off", gt=0
    )
    fdr: float | None = param(
        None, description="Share of the picks that may be false; sets the cut-off", gt=0, lt=1
    )
    cutoff: float | None = param(None, description="Lowest score, in the place of a chosen one")
    include: list[str] = param([], description="Only tomograms of such names (wildcards)")
    exclude: list[str] = param([], description="No tomograms of such names (wildcards)")
    # Advanced.
    template_pixel_size_angstrom: float | None = param(
        None, description="Of the templates; overrides their headers", unit="Å", gt=0, advanced=True
    )
    invert_template: bool = param(
        False, description="Turn the template's contrast over", advanced=True
    )
    non_spherical_mask: bool = param(
        False,
        description="The mask turns with the template (exact engine, or at the refinement)",
        advanced=True,
    )
    whitening: bool = param(
        MatchSettings.whitening,
        description="Flatten the spectrum of the tomogram and the template",
        flag="--spectral-whitening",
        advanced=True,
    )
    phase_shift_deg: float = param(
        0.0, description="Of a phase plate", unit="deg", ge=-180, le=180, advanced=True
    )
    handedness: int = param(
        0,
        description="Sign of the defocus gradient, 1 or -1; 0: that of the files, or no gradient",
        ge=-1,
        le=1,
        flag="--defocus-handedness",
        advanced=True,
    )
    tilt_column: int | None = param(
        None, description="Column of the tilt angles, from 0", ge=0, advanced=True
    )
    dose_column: int | None = param(
        None, description="Column of the exposure, from 0", ge=0, advanced=True
    )
    dose_per_tilt: float | None = param(
        None, description="Exposure of one tilt in e/Å², with --aretomo-dir", gt=0, advanced=True
    )
    angle_list: str | None = param(
        None, description="Own orientations: ZXZ radians of pytom, or a STAR file", advanced=True
    )
    screen_step_deg: float | None = param(
        None,
        description="Spacing of the orientations of the bank's search, before refinement",
        unit="deg",
        gt=0,
        advanced=True,
    )
    screen_pixel_angstrom: float | None = param(
        None, description="Voxel of the search, before refinement", unit="Å", gt=0, advanced=True
    )
    energy: float = param(
        MatchSettings.energy,
        description="Fraction of the templates' energy that the bank holds",
        gt=0,
        le=1,
        advanced=True,
    )
    first_round_kept: float = param(
        MatchSettings.first_round_kept,
        description="Fraction of the voxels that the bank's first round lets pass; 1: no first "
        "round",
        gt=0,
        le=1,
        advanced=True,
    )
    pool_size: int | None = param(
        MatchSettings.pool_size,
        description="Local maxima that are refined, per tomogram and template; by its size where "
        "not given",
        ge=1,
        le=100_000,
        advanced=True,
    )
    refine: bool = param(
        MatchSettings.refine, description="Refine position and orientation", advanced=True
    )
    check_hand: bool = param(
        MatchSettings.check_hand,
        description="Score the best picks with the template's mirror image, too",
        advanced=True,
    )
    fill_gold: bool = param(
        MatchSettings.fill_gold, description="Find gold beads and leave them out", advanced=True
    )
    gold_contrast: Literal["dark", "bright"] = param(
        MatchSettings.gold_contrast, description="Of gold beads in the tomogram", advanced=True
    )
    clip_sd: float = param(
        MatchSettings.clip_sd,
        description="Clip the tomogram at so many standard deviations",
        unit="sd",
        gt=0,
        advanced=True,
    )
    search_x_px: tuple[int, int] | None = param(
        None, description="First and end pixel along x", unit="px", advanced=True
    )
    search_y_px: tuple[int, int] | None = param(
        None, description="First and end pixel along y", unit="px", advanced=True
    )
    search_z_px: tuple[int, int] | None = param(
        None, description="First and end pixel along z", unit="px", advanced=True
    )
    cone: tuple[str, float] | None = param(
        None,
        description="Oriented picks or a mesh, and an angle: the template's z axis lies within it "
        "of the nearest pick's z axis or of the mesh's normal",
        advanced=True,
    )
    cone_distance_angstrom: float | None = param(
        None,
        description="Search only so near to them; half the diameter where not given",
        unit="Å",
        gt=0,
        advanced=True,
    )
    min_distance_angstrom: float | None = param(
        None,
        description="Between two picks; half the diameter where not given",
        unit="Å",
        gt=0,
        advanced=True,
    )
    border_angstrom: float | None = param(
        None,
        description="Picks nearer to a face of the tomogram are deleted; half the diameter where not given",
        unit="Å",
        ge=0,
        advanced=True,
    )
    tophat: bool = param(False, description="Only sharp peaks of the score map", advanced=True)
    mrc_dir: str | None = param(None, description="Folder of the tomograms", advanced=True)
    volume_suffixes: list[str] = param(
        [],
        description="What file names of tomograms have after the name, with --relion-star, "
        "--aretomo-dir or --warp-xml",
        flag="--volume-suffix",
        advanced=True,
    )
    mask_dir: str | None = param(
        None, description="Folder with one tomogram mask each", advanced=True
    )
    strip_prefixes: list[str] = param(
        ["rec_"],
        description="Left out at the beginning of file names to get names of tomograms",
        flag="--strip-prefix",
        advanced=True,
    )
    half_precision: bool = param(False, description="Score maps of 16 bits", advanced=True)
