"""What ``match`` is given, made ready: tomograms with their tilts, templates, rotations, regions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.io.images import image_name, open_image
from cryopick.io.tomogram_sources.aretomo import aretomo_sources
from cryopick.io.tomogram_sources.plain import plain_sources
from cryopick.io.tomogram_sources.relion import relion_sources
from cryopick.io.tomogram_sources.source import TomogramSource
from cryopick.io.tomogram_sources.warp import warp_sources
from cryopick.jobs.match_params import MatchParams
from cryopick.model import Grid, Image, Optics, TiltSeries
from cryopick.pick.matching.imaging import Band, Imaging
from cryopick.pick.matching.settings import MatchSettings
from cryopick.pick.matching.template import Template

# A soft ball around the particle, where no mask is given.
_BALL_RADIUS = 1.15
_BALL_SOFT_PX = 1.5
# A mask that is wider along one axis, off the centre, or uneven within shells is no ball; the
# voxels of a small hard ball are uneven, too.
_UNEVEN = 0.1
_OFF_CENTRE_PX = 0.5
_NOT_A_BALL = 0.35


def tomogram_sources(params: MatchParams) -> list[TomogramSource]:
    """Tomograms of whichever input was given."""
    given = {
        "TOMOGRAMS": bool(params.tomograms),
        "--relion-star": params.relion_star is not None,
        "--aretomo-dir": params.aretomo_dir is not None,
        "--warp-xml": params.warp is not None,
    }
    named = [name for name, is_given in given.items() if is_given]
    if len(named) != 1:
        raise InputError(
            f"match: expected one of {', '.join(given)}, got {' and '.join(named) or 'none'}"
        )
    shared: dict[str, Any] = {
        "include": params.include,
        "exclude": params.exclude,
        "mask_dir": params.mask_dir,
        "pixel_size_angstrom": params.pixel_size_angstrom,
    }
    if not params.tomograms:
        shared["mrc_dir"] = params.mrc_dir
        # Each program has its own usual endings; only what the user names replaces them.
        if params.volume_suffixes:
            shared["volume_endings"] = params.volume_suffixes
    prefixes = params.strip_prefixes
    if params.relion_star is not None:
        return relion_sources(params.relion_star, strip_prefixes=prefixes, **shared)
    if params.aretomo_dir is not None:
        return aretomo_sources(params.aretomo_dir, dose_per_tilt=params.dose_per_tilt, **shared)
    if params.warp is not None:
        return warp_sources(params.warp, strip_prefixes=prefixes, **shared)
    return plain_sources(
        params.tomograms,
        tilts=params.tilts,
        tilt_column=params.tilt_column,
        dose=params.dose,
        dose_column=params.dose_column,
        defocus=params.defocus,
        phase_shift_deg=params.phase_shift_deg,
        handedness=params.handedness,
        strip_prefixes=prefixes,
        **shared,
    )


def imaging_of(source: TomogramSource, params: MatchParams) -> Imaging:
    """How a tomogram was made, from its files and from what the user says."""
    optics = _optics(source.optics or (source.tilts.optics if source.tilts else None), params)
    tilts = _with_one_defocus(source)
    if tilts is None:
        if source.wedge_deg is None:
            raise InputError(
                f"{source.path}: its tilt angles are not known; give --tilts FILE or --tilts=-60,60"
            )
        if params.defocus is not None:
            raise InputError(
                f"{source.path}: a defocus needs the single tilts; give --tilts FILE with one "
                "angle per image"
            )
        return Imaging(wedge_deg=source.wedge_deg, optics=optics)
    knows_defocus = tilts.defocus_u_um is not None
    if params.ctf_model in ("phase-flip", "plain") and not knows_defocus:
        raise InputError(
            f"--tomogram-ctf-model {params.ctf_model}: the defocus of {source.name} is not known; "
            "give --defocus"
        )
    handedness = params.handedness or tilts.handedness
    return Imaging(
        wedge_deg=(float(tilts.tilt_deg.min()), float(tilts.tilt_deg.max())),
        tilts=tilts,
        per_tilt=params.per_tilt_weighting,
        phase_flipped=params.ctf_model != "plain",
        optics=optics,
        use_ctf=knows_defocus and params.ctf_model != "none",
        handedness=handedness,
    )


def settings_of(params: MatchParams) -> MatchSettings:
    """The search's settings among the parameters."""
    names = MatchSettings.__dataclass_fields__
    given = {name: value for name, value in params.model_dump().items() if name in names}
    return MatchSettings(
        **given,
        noise=params.noise_correction,
        band=Band(
            low_pass_angstrom=params.low_pass_angstrom, high_pass_angstrom=params.high_pass_angstrom
        ),
    )


def load_templates(params: MatchParams) -> list[Template]:
    """Read the templates and their masks."""
    if len(params.masks) > 1 and len(params.masks) != len(params.templates):
        raise InputError(
            f"--mask: {len(params.masks)} masks for {len(params.templates)} templates; give one "
            "for all, or one each"
        )
    masks = params.masks * (len(params.templates) if len(params.masks) == 1 else 1)
    loaded = [
        _template(Path(path), masks[index] if masks else None, params)
        for index, path in enumerate(params.templates)
    ]
    names = [template.name for template in loaded]
    if len(set(names)) != len(names):
        raise InputError("--template: two files have the same name, which labels their picks")
    return loaded


def own_rotations(params: MatchParams) -> NDArray[np.float64] | None:
    """The list of ``--angle-list``, or None."""
    if params.angle_list is None:
        return None
    from cryopick.geometry.euler import quaternion_from_pytom_match_pick, quaternion_from_relion
    from cryopick.io.metadata.number_list import read_number_table
    from cryopick.io.star import read_star

    path = Path(params.angle_list)
    if path.name.lower().endswith((".star", ".star.gz")):
        table = read_star(path).table_with("rlnAngleRot")
        if table is None:
            raise InputError(f"{path}: has no column rlnAngleRot")
        columns = [table.number(f"rlnAngle{name}") for name in ("Rot", "Tilt", "Psi")]
        return quaternion_from_relion(np.stack(columns, axis=-1))
    angles = read_number_table(path)
    if angles.shape[1] != 3:
        raise InputError(f"{path}: expected three angles per line, got {angles.shape[1]}")
    return quaternion_from_pytom_match_pick(angles)


def region_of(
    image: Image, mask: Image | None, params: MatchParams
) -> Callable[[Grid], NDArray[np.bool_] | None]:
    """What `match_tomogram` asks for: the voxels of a grid to search."""
    from cryopick.pick.matching.regions import searched_region

    def region(grid: Grid) -> NDArray[np.bool_] | None:
        return searched_region(grid, tomogram=image.grid, mask=mask, ranges_px=ranges_of(params))

    return region


def ranges_of(params: MatchParams) -> tuple[tuple[int, int] | None, ...]:
    """First and end pixel along x, y and z; None: all of that axis."""
    return params.search_x_px, params.search_y_px, params.search_z_px


def mask_path(source: TomogramSource, params: MatchParams) -> Path | None:
    """The mask of a tomogram: the one for all, or its own."""
    return Path(params.tomogram_mask) if params.tomogram_mask else source.mask


def _optics(known: Optics | None, params: MatchParams) -> Optics:
    known = known or Optics()
    return replace(
        known,
        voltage_kv=params.voltage_kv or known.voltage_kv,
        cs_mm=known.cs_mm if params.cs_mm is None else params.cs_mm,
        amplitude_contrast=known.amplitude_contrast
        if params.amplitude_contrast is None
        else params.amplitude_contrast,
    )


def _with_one_defocus(source: TomogramSource) -> TiltSeries | None:
    """The tilts, with the defocus of the whole tomogram where they have none of their own."""
    tilts = source.tilts
    if tilts is None or tilts.defocus_u_um is not None or source.defocus is None:
        return tilts
    return replace(
        tilts,
        defocus_u_um=np.full(len(tilts), source.defocus.u_um),
        defocus_v_um=np.full(len(tilts), source.defocus.v_um),
    )


def _template(path: Path, mask_path: str | None, params: MatchParams) -> Template:
    opened = _volume(path, params.template_pixel_size_angstrom, "template")
    density, pixel = opened.read(), opened.grid.pixel_size_angstrom
    if params.invert_template:
        density = -density
    beside = path.with_name(f"{path.stem}_mask.mrc")
    if mask_path is None and beside.is_file():
        mask_path = str(beside)
    if mask_path is not None:
        mask = _volume(Path(mask_path), pixel, "mask").read()
    elif params.particle_diameter_angstrom is not None:
        mask = _ball(density.shape, params.particle_diameter_angstrom / pixel)
    else:
        raise InputError(f"{path}: how large is the particle? give --mask or --particle-diameter")
    diameter = params.particle_diameter_angstrom
    if diameter is None:
        content = float(mask.sum(dtype=np.float64))
        diameter = 2 * (3 * content / (4 * np.pi)) ** (1 / 3) * pixel / _BALL_RADIUS
    return Template(
        density=density,
        mask=mask,
        pixel_size_angstrom=pixel,
        name=image_name(path),
        diameter_angstrom=diameter,
        symmetry=params.symmetry,
        spherical_mask=not params.non_spherical_mask,
    )


def mask_is_ball(mask: NDArray[np.float32]) -> bool:
    """Whether a mask is a (soft) ball about ``N // 2``.

    Examples
    --------
    >>> ball = _ball((16, 16, 16), 10)
    >>> rod = np.zeros_like(ball)
    >>> rod[4:13, 7:10, 7:10] = 1
    >>> mask_is_ball(ball), mask_is_ball(rod)
    (True, False)
    """
    weight = mask.astype(np.float64)
    total = max(float(weight.sum()), 1e-9)
    axes = np.ogrid[tuple(slice(-(n // 2), n - n // 2) for n in mask.shape)]
    middle = [float((weight * axis).sum()) / total for axis in axes]
    moment = [
        [float((weight * a * b).sum()) / total - m * k for b, k in zip(axes, middle, strict=True)]
        for a, m in zip(axes, middle, strict=True)
    ]
    width = np.linalg.eigvalsh(np.array(moment))
    if np.abs(middle).max() > _OFF_CENTRE_PX or np.ptp(width) > _UNEVEN * width.mean():
        return False
    # A cube is as wide along all axes: what differs within a shell of one radius.
    shell = np.rint(_radius(mask.shape)).astype(int).ravel()
    count = np.bincount(shell)
    mean = np.bincount(shell, weight.ravel()) / np.maximum(count, 1)
    return bool(np.abs(weight.ravel() - mean[shell]).sum() / total < _NOT_A_BALL)


def _ball(shape: tuple[int, ...], diameter_px: float) -> NDArray[np.float32]:
    radius = _BALL_RADIUS * diameter_px / 2
    if radius > shape[0] / 2:
        raise InputError(
            f"--particle-diameter: a ball of {2 * radius:.0f} px does not fit into the template's "
            f"box of {shape[0]}; make a larger box with `cryopick template`"
        )
    edge = (radius + _BALL_SOFT_PX - _radius(shape)) / _BALL_SOFT_PX
    return np.clip(edge, 0, 1).astype(np.float32)


def _radius(shape: tuple[int, ...]) -> NDArray[np.float64]:
    z, y, x = np.ogrid[tuple(slice(-(n // 2), n - n // 2) for n in shape)]
    return np.sqrt((z**2 + y**2 + x**2).astype(np.float64))


def _volume(path: Path, pixel_size_angstrom: float | None, what: str) -> Image:
    opened = open_image(path, pixel_size_angstrom=pixel_size_angstrom)
    if not isinstance(opened, Image) or opened.ndim != 3:
        raise InputError(f"{path}: is not a volume, as a {what} must be")
    if not opened.facts["pixel_size_known"]:
        raise InputError(f"{path}: its pixel size is not known; give --template-pixel-size")
    return opened
