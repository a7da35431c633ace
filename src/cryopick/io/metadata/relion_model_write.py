"""Writing what a 2D classification found, as RELION's ``*_model.star`` and ``class_averages.star``.

The model has the tables of RELION 3.1 and later: general values, one row per class, one spectrum
per class, the groups (one per micrograph) and their noise; RELION 4 and later read the noise by
optics group, so it is there as well.

Spectra are in RELION's unit: a Fourier transform is divided by the number of pixels, and a power is
that of one of the two parts, real or imaginary, of a coefficient. White noise of variance 1 in a
box of ``N`` pixels has the power ``1 / (2 N²)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.io.metadata.relion_classes import ClassEntry
from cryopick.io.star_block import StarBlock, star_block
from cryopick.io.star_write import write_star

UNKNOWN = 999.0  # RELION's word for an accuracy or a resolution that nobody estimated

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassModel:
    """``K`` classes of images with ``box_px`` pixels, and spectra of ``S = box_px // 2 + 1`` rings.

    Attributes
    ----------
    entries
        The classes; ``image`` as RELION is to find it from where it runs.
    box_px, pixel_size_angstrom
        Of the class averages.
    signal_power, signal_to_noise
        ``(K, S)``: power of each class average, and its spectral signal-to-noise ratio.
    noise_power
        ``(S,)`` power of the noise in the particles.
    frc
        ``(K, S)`` correlation of the halves' averages; zeros where there are no halves.
    regularisation
        RELION's ``T`` (tau2 fudge).
    shift_sd_angstrom
        Spread of the shifts.
    log_likelihood, mean_best_probability
        Sums over all particles: of the log-likelihood, and the mean weight of the best pose.
    group_sizes
        Particles by group; a group is named after its micrograph, as RELION does.
    optics_groups
        Names of the optics groups, in their order, with their numbers of particles.
    """

    entries: tuple[ClassEntry, ...]
    box_px: int
    pixel_size_angstrom: float
    signal_power: Floats
    signal_to_noise: Floats
    noise_power: Floats
    frc: Floats
    regularisation: float
    shift_sd_angstrom: float
    log_likelihood: float = 0.0
    mean_best_probability: float = 1.0
    group_sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    optics_groups: Mapping[str, int] = field(default_factory=lambda: {"opticsGroup1": 0})

    def __post_init__(self) -> None:
        rings = self.box_px // 2 + 1
        shapes = {
            "signal_power": (len(self.entries), rings),
            "signal_to_noise": (len(self.entries), rings),
            "frc": (len(self.entries), rings),
            "noise_power": (rings,),
        }
        for name, shape in shapes.items():
            value = np.asarray(getattr(self, name), dtype=np.float64)
            if value.shape != shape or not np.isfinite(value).all():
                raise InputError(
                    f"ClassModel: expected finite {name} of shape {shape}, got {value.shape}"
                )
            object.__setattr__(self, name, value)


def write_model(path: str | Path, model: ClassModel) -> None:
    """Write ``run_itNNN_model.star``.

    Examples
    --------
    >>> import tempfile
    >>> from cryopick.io.metadata.relion_classes import read_classes
    >>> model = ClassModel(
    ...     entries=(ClassEntry(number=1, image="000001@class_averages.mrcs", fraction=1.0),),
    ...     box_px=4, pixel_size_angstrom=3.0, signal_power=np.ones((1, 3)),
    ...     signal_to_noise=np.ones((1, 3)), noise_power=np.ones(3), frc=np.ones((1, 3)),
    ...     regularisation=2.0, shift_sd_angstrom=5.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_model(f"{folder}/run_it001_model.star", model)
    ...     read_classes(f"{folder}/run_it001_model.star")[0].image
    '000001@class_averages.mrcs'
    """
    blocks = [
        _general(model),
        star_block("model_classes", _class_columns(model.entries)),
        *(_class_spectrum(model, row) for row in range(len(model.entries))),
        *_groups(model),
    ]
    write_star(path, blocks)


def write_class_averages(path: str | Path, entries: Sequence[ClassEntry]) -> None:
    """Write ``class_averages.star``: the references of a picker, or a choice among classes.

    One table, so that ``relion_autopick`` finds it: it reads the first of a file and no other.
    """
    write_star(path, [star_block("", _class_columns(entries))])


def noise_power_of_white(variance: float, box_px: int) -> float:
    """Power of white noise in RELION's unit.

    Examples
    --------
    >>> noise_power_of_white(2.0, 10)
    0.01
    """
    return variance / (2 * box_px**2)


def _class_columns(entries: Sequence[ClassEntry]) -> dict[str, Any]:
    def numbers(name: str) -> Floats:
        values = [getattr(entry, name) for entry in entries]
        return np.array([UNKNOWN if value is None else value for value in values])

    columns: dict[str, Any] = {
        "rlnReferenceImage": [entry.image for entry in entries],
        "rlnClassDistribution": np.array([entry.fraction for entry in entries]),
        "rlnAccuracyRotations": numbers("rotation_accuracy_deg"),
        "rlnAccuracyTranslationsAngst": numbers("shift_accuracy_angstrom"),
        "rlnEstimatedResolution": numbers("resolution_angstrom"),
        "rlnOverallFourierCompleteness": np.ones(len(entries)),
        "rlnClassPriorOffsetX": np.zeros(len(entries)),
        "rlnClassPriorOffsetY": np.zeros(len(entries)),
    }
    if any(entry.score is not None for entry in entries):
        score = [-1.0 if entry.score is None else entry.score for entry in entries]
        columns["rlnClassScore"] = np.array(score)
    if any(entry.keep is not None for entry in entries):
        columns["rlnSelected"] = np.array([int(entry.keep is not False) for entry in entries])
    # The place in the stack need not be the number, once classes are chosen.
    columns["rlnClassNumber"] = np.array([entry.number for entry in entries], dtype=np.int64)
    return columns


def _general(model: ClassModel) -> StarBlock:
    known = [e.resolution_angstrom for e in model.entries if e.resolution_angstrom is not None]
    values: dict[str, Any] = {
        "rlnReferenceDimensionality": 2,
        "rlnDataDimensionality": 2,
        "rlnOriginalImageSize": model.box_px,
        "rlnCurrentResolution": min(known, default=UNKNOWN),
        "rlnCurrentImageSize": model.box_px,
        "rlnPaddingFactor": 2.0,
        "rlnIsHelix": 0,
        "rlnFourierSpaceInterpolator": 1,
        "rlnMinRadiusNnInterpolation": 10,
        "rlnPixelSize": model.pixel_size_angstrom,
        "rlnNrClasses": len(model.entries),
        "rlnNrBodies": 1,
        "rlnNrGroups": len(_group_sizes(model)),
        "rlnNrOpticsGroups": len(model.optics_groups),
        "rlnTau2FudgeFactor": model.regularisation,
        "rlnNormCorrectionAverage": 1.0,
        "rlnSigmaOffsetsAngst": model.shift_sd_angstrom,
        "rlnOrientationalPriorMode": 0,
        "rlnSigmaPriorRotAngle": 0.0,
        "rlnSigmaPriorTiltAngle": 0.0,
        "rlnSigmaPriorPsiAngle": 0.0,
        "rlnLogLikelihood": model.log_likelihood,
        "rlnAveragePmax": model.mean_best_probability,
    }
    return star_block("model_general", values, loop=False)


def _rings(model: ClassModel) -> dict[str, Any]:
    ring = np.arange(model.box_px // 2 + 1)
    return {
        "rlnSpectralIndex": ring,
        "rlnResolution": ring / (model.box_px * model.pixel_size_angstrom),
    }


def _class_spectrum(model: ClassModel, row: int) -> StarBlock:
    rings = _rings(model)
    frequency = rings["rlnResolution"]
    angstrom = np.divide(1.0, frequency, out=np.full(len(frequency), UNKNOWN), where=frequency > 0)
    signal, ratio = model.signal_power[row], model.signal_to_noise[row]
    columns = {
        **rings,
        "rlnAngstromResolution": angstrom,
        "rlnSsnrMap": ratio,
        "rlnGoldStandardFsc": model.frc[row],
        "rlnFourierCompleteness": np.ones(len(frequency)),
        "rlnReferenceSigma2": _noise_left(signal, ratio),
        "rlnReferenceTau2": signal,
    }
    return star_block(f"model_class_{row + 1}", columns)


def _noise_left(signal: Floats, ratio: Floats) -> Floats:
    """Noise left in an average; on rings without any signal what it is on the others."""
    seen = ratio > 0
    noise = np.divide(signal, ratio, out=np.zeros_like(signal), where=seen)
    return np.where(seen, noise, np.median(noise[seen])) if seen.any() else signal


def _group_sizes(model: ClassModel) -> Mapping[str, int]:
    return model.group_sizes or {"group_1": sum(model.optics_groups.values())}


def _groups(model: ClassModel) -> list[StarBlock]:
    sizes = _group_sizes(model)
    noise = {**_rings(model), "rlnSigma2Noise": model.noise_power}
    listed = {
        "rlnGroupNumber": np.arange(1, len(sizes) + 1),
        "rlnGroupName": [*sizes],
        "rlnGroupNrParticles": np.array([*sizes.values()], dtype=np.int64),
        "rlnGroupScaleCorrection": np.ones(len(sizes)),
    }
    optics = {
        "rlnOpticsGroup": np.arange(1, len(model.optics_groups) + 1),
        "rlnOpticsGroupName": [*model.optics_groups],
        "rlnOpticsGroupNrParticles": np.array([*model.optics_groups.values()], dtype=np.int64),
    }
    return [
        star_block("model_groups", listed),
        *(star_block(f"model_group_{number}", noise) for number in listed["rlnGroupNumber"]),
        star_block("model_optics_groups", optics),
        *(star_block(f"model_optics_group_{n}", noise) for n in optics["rlnOpticsGroup"]),
    ]
