"""Options of ``match`` that do not go together: refused, as one of them would do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cryopick.errors import InputError, MissingFileError
from cryopick.io.tomogram_sources.plain import wedge_of
from cryopick.io.tomogram_sources.source import TomogramSource
from cryopick.jobs.match_inputs import mask_path
from cryopick.jobs.match_params import MatchParams
from cryopick.jobs.tomogram_masks import mask_grid
from cryopick.model import Image
from cryopick.pick.matching.regions import check_ranges

# Options that say what the files of a project say already.
_OF_PLAIN_FILES = {
    "tilts": "--tilts",
    "tilt_column": "--tilt-column",
    "dose": "--dose",
    "dose_column": "--dose-column",
    "defocus": "--defocus",
    "phase_shift_deg": "--phase-shift",
}
_OF_PROJECTS = {"mrc_dir": "--mrc-dir", "volume_suffixes": "--volume-suffix"}
_PROJECTS = {
    "relion_star": "--relion-star",
    "aretomo_dir": "--aretomo-dir",
    "warp": "--warp-xml",
}


def check_options(params: MatchParams) -> None:
    """Refuse options that contradict each other; one line says which.

    Examples
    --------
    >>> check_options(MatchParams(templates=["a.mrc"], relion_star="t.star", dose="d.txt"))
    Traceback (most recent call last):
    cryopick.errors.InputError: --dose: the files of --relion-star tell it; leave it out
    """
    for line in _conflicts(params):
        raise InputError(line)


def check_source(source: TomogramSource, image: Image, params: MatchParams) -> None:
    """Refuse what cannot be done with one tomogram, from headers alone.

    Parameters
    ----------
    source
        The tomogram and its tilts.
    image
        The volume; its pixels are not read.
    params
        What the user asked for.
    """
    tilts = source.tilts
    if tilts is None or tilts.defocus_u_um is None:
        for value, flag in (
            (params.phase_shift_deg, "--phase-shift"),
            (params.handedness, "--defocus-handedness"),
        ):
            if value:
                raise InputError(
                    f"{flag}: the defocus of each tilt of {source.name} is not known; give "
                    "--defocus with a file of tilts"
                )
    path = mask_path(source, params)
    if path is not None:
        mask_grid(path, image)
    check_ranges(image.grid, (params.search_x_px, params.search_y_px, params.search_z_px))
    if params.cone is not None and not Path(params.cone[0]).exists():
        raise MissingFileError(params.cone[0])


def _conflicts(params: MatchParams) -> Iterator[str]:
    defaults = {name: field.default for name, field in MatchParams.model_fields.items()}
    given = {name for name in defaults if getattr(params, name) not in (defaults[name], None, [])}
    projects = [flag for name, flag in _PROJECTS.items() if name in given]
    for name, flag in _OF_PLAIN_FILES.items():
        if name in given and projects:
            yield f"{flag}: the files of {projects[0]} tell it; leave it out"
    for name, flag in _OF_PROJECTS.items():
        if name in given and not projects:
            yield f"{flag}: goes with {', '.join(_PROJECTS.values())}; name the tomograms themselves"
    if "dose_per_tilt" in given and "aretomo_dir" not in given:
        yield "--dose-per-tilt: goes with --aretomo-dir; give --dose FILE"
    if "strip_prefixes" in given and "aretomo_dir" in given:
        yield "--strip-prefix: has no meaning with --aretomo-dir; leave it out"
    yield from _wedge_conflicts(params, given)
    for name, other in (
        ("dose_column", "dose"),
        ("cone_distance_angstrom", "cone"),
    ):
        if name in given and other not in given:
            flag = name.removesuffix("_angstrom").replace("_", "-")
            yield f"--{flag}: needs --{other}"
    if params.tomogram_mask is not None and params.mask_dir is not None:
        yield "--tomogram-mask and --mask-dir: give one mask or a folder of masks, not both"


def _wedge_conflicts(params: MatchParams, given: set[str]) -> Iterator[str]:
    """What needs single tilts, where only two limits are given."""
    if params.tilts is None or wedge_of(params.tilts) is None:
        return
    if params.ctf_model in ("phase-flip", "plain"):
        yield (
            f"--tomogram-ctf-model {params.ctf_model}: needs the single tilts and --defocus, but "
            f"--tilts {params.tilts} is a wedge; give a file of tilts"
        )
    if "tilt_column" in given:
        yield f"--tilt-column: needs a file, but --tilts is {params.tilts}"
