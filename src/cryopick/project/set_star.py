"""Sets of images as STAR blocks that RELION reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cryopick.io.star_block import StarBlock, star_block
from cryopick.model import Optics, TiltSeries
from cryopick.model.sets import Dataset, Member, SetKind

_COLUMN = {
    SetKind.MICROGRAPHS: ("micrographs", "rlnMicrographName"),
    SetKind.VOLUMES: ("", "rlnReferenceImage"),
    SetKind.CLASSES: ("", "rlnReferenceImage"),
    SetKind.PARTICLES: ("particle_stacks", "rlnImageName"),
    SetKind.SUBTOMOGRAMS: ("subtomograms", "rlnImageName"),
    SetKind.MESHES: ("meshes", "rlnTomoName"),
}


def set_blocks(dataset: Dataset, resolve: Callable[[str], Path]) -> list[StarBlock]:
    """STAR blocks of a set that is no set of picks.

    Parameters
    ----------
    dataset
        The set.
    resolve
        Gives the whole path of a member's file, so that the STAR can be read from anywhere.
    """
    if dataset.kind in (SetKind.TOMOGRAMS, SetKind.TILT_SERIES):
        return [_tomograms(dataset, resolve)]
    if dataset.kind in (SetKind.TILT_PAIRS, SetKind.PICK_PAIRS):
        return [_pairs(dataset, resolve)]
    name, column = _COLUMN[dataset.kind]
    columns: dict[str, Any] = {column: [_file(m, resolve) for m in dataset.members]}
    if any(member.group for member in dataset.members):
        columns["cryopickGroup"] = [member.group for member in dataset.members]
    if dataset.kind is SetKind.MICROGRAPHS:
        columns |= _defocus(dataset.members)
        columns["rlnOpticsGroup"] = [1] * len(dataset.members)
        return [_optics(dataset), star_block(name, columns)]
    columns["cryopickCount"] = [member.count for member in dataset.members]
    return [star_block(name, columns)]


def tilt_series_block(series: TiltSeries) -> StarBlock:
    """One tilt series as RELION 5 keeps it, a row per image; columns not known are left out."""
    n = len(series)
    names = series.image if series.image is not None else np.full(n, "")
    columns: dict[str, Any] = {
        "rlnMicrographName": [name or f"{i + 1:06d}@{series.name}" for i, name in enumerate(names)],
        "rlnTomoNominalStageTiltAngle": series.tilt_deg,
        "rlnTomoYTilt": series.tilt_deg,
    }
    for name, values, factor in (
        ("rlnTomoNominalTiltAxisAngle", series.axis_angle_deg, 1.0),
        ("rlnTomoZRot", series.axis_angle_deg, 1.0),
        ("rlnTomoXShiftAngst", series.shift_x_angstrom, 1.0),
        ("rlnTomoYShiftAngst", series.shift_y_angstrom, 1.0),
        ("rlnMicrographPreExposure", series.exposure_e_per_a2, 1.0),
        ("rlnDefocusU", series.defocus_u_um, 1e4),
        ("rlnDefocusV", series.defocus_v_um, 1e4),
        ("rlnDefocusAngle", series.astigmatism_angle_deg, 1.0),
        ("rlnPhaseShift", series.phase_shift_deg, 1.0),
    ):
        if values is not None:
            columns[name] = values * factor
    if series.excluded is not None and series.excluded.any():
        kept = ~series.excluded
        columns = {name: np.asarray(values)[kept] for name, values in columns.items()}
    return star_block(series.name, columns)


def _tomograms(dataset: Dataset, resolve: Callable[[str], Path]) -> StarBlock:
    """``data_global`` of RELION 5; sizes are those of the unbinned tomogram.

    Binning 1 is what the set itself knows; another is kept with the member it was read from.
    """
    members, size = dataset.members, dataset.pixel_size_angstrom or 1.0
    columns: dict[str, Any] = {"rlnTomoName": [m.name for m in members], **_optics_values(dataset)}
    binning = np.array([float(m.files.get("binning", "1")) for m in members])
    columns["rlnTomoTiltSeriesPixelSize"] = size / binning
    columns["rlnOpticsGroupName"] = [(dataset.optics or Optics()).group] * len(members)
    stars = [m.files.get("tilt_series", "") for m in members]
    if all(stars):
        columns["rlnTomoTiltSeriesStarFile"] = [str(resolve(star)) for star in stars]
    if dataset.kind is SetKind.TOMOGRAMS:
        columns["rlnTomoTomogramBinning"] = binning
        if all(m.size_px for m in members):
            for axis, letter in enumerate("XYZ"):
                lengths = np.array([m.size_px[axis] for m in members]) * binning
                columns[f"rlnTomoSize{letter}"] = np.rint(lengths).astype(np.int64)
        columns["rlnTomoReconstructedTomogram"] = [_file(m, resolve) for m in members]
    return star_block("global", columns)


def _pairs(dataset: Dataset, resolve: Callable[[str], Path]) -> StarBlock:
    return star_block(
        "tilt_pairs",
        {
            "rlnMicrographName": [_file(m, resolve) for m in dataset.members],
            "cryopickTiltedMicrographName": [
                str(resolve(m.files["tilted"])) if m.files.get("tilted") else m.name
                for m in dataset.members
            ],
            "cryopickCount": [m.count for m in dataset.members],
        },
    )


def _optics(dataset: Dataset) -> StarBlock:
    optics = dataset.optics or Optics()
    columns: dict[str, Any] = {"rlnOpticsGroupName": [optics.group], "rlnOpticsGroup": [1]}
    if dataset.pixel_size_angstrom is not None:
        columns["rlnMicrographPixelSize"] = [dataset.pixel_size_angstrom]
        columns["rlnMicrographOriginalPixelSize"] = [dataset.pixel_size_angstrom]
    one = {name: values[:1] for name, values in _optics_values(dataset).items()}
    return star_block("optics", columns | one)


def _optics_values(dataset: Dataset) -> dict[str, list[float]]:
    """Microscope settings for each member, where they are known."""
    if dataset.optics is None:
        return {}
    n = max(len(dataset.members), 1)
    return {
        "rlnVoltage": [dataset.optics.voltage_kv] * n,
        "rlnSphericalAberration": [dataset.optics.cs_mm] * n,
        "rlnAmplitudeContrast": [dataset.optics.amplitude_contrast] * n,
    }


def _defocus(members: tuple[Member, ...]) -> dict[str, list[float]]:
    """CTF columns, where every micrograph has a defocus."""
    known = [m.defocus for m in members if m.defocus is not None]
    if not members or len(known) < len(members):
        return {}
    return {
        "rlnDefocusU": [d.u_um * 1e4 for d in known],
        "rlnDefocusV": [d.v_um * 1e4 for d in known],
        "rlnDefocusAngle": [d.astigmatism_angle_deg for d in known],
        "rlnPhaseShift": [d.phase_shift_deg for d in known],
    }


def _file(member: Member, resolve: Callable[[str], Path]) -> str:
    return str(resolve(member.path)) if member.path else member.name
