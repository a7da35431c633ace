"""AreTomo3's output folder: alignment, defocus, exposure and metrics of many tilt series."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.io.metadata.aretomo3_aln import AretomoAlignment, read_aln
from cryopick.io.metadata.ctffind import read_ctffind
from cryopick.io.metadata.number_list import read_number_table
from cryopick.io.metadata.tlt import check_tilts, prior_exposure
from cryopick.io.text_file import read_text
from cryopick.io.text_rows import to_number
from cryopick.model import Optics, TiltSeries

METRICS_FILE = "TiltSeries_Metrics.csv"
TILT_TOLERANCE_DEG = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AretomoTilts:
    """``<name>_TLT.txt``: all images of the raw stack, dark ones too, sorted by tilt.

    Attributes
    ----------
    tilt_deg
        ``(n,)`` nominal tilt of the stage, never with the alpha offset.
    order
        ``(n,)`` place in the acquisition, counted from 1; None where the file has one column.
    exposure_e_per_a2
        ``(n,)`` exposure of each image by itself; None where not given or all 0.
    """

    tilt_deg: NDArray[np.float64]
    order: NDArray[np.int64] | None = None
    exposure_e_per_a2: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AretomoMetrics:
    """One row of ``TiltSeries_Metrics.csv``.

    Attributes
    ----------
    name
        Tilt series, without suffix.
    pixel_size_angstrom
        Of the tilt images.
    thickness_px, axis_angle_deg, global_shift_px, bad_patch_low, bad_patch_all
        As AreTomo3 measured them.
    ctf_resolution_angstrom, ctf_score
        Rating of the CTF fit.
    optics
        From the columns ``Kv`` and ``Cs`` of newer versions; None in older files.
    """

    name: str
    pixel_size_angstrom: float
    thickness_px: float
    axis_angle_deg: float
    global_shift_px: float
    bad_patch_low: float
    bad_patch_all: float
    ctf_resolution_angstrom: float
    ctf_score: float
    optics: Optics | None = None


def read_aretomo3_tilts(path: str | Path) -> AretomoTilts:
    """Read a ``_TLT.txt``: tilt, and where given place in the acquisition and exposure."""
    table = read_number_table(path)
    if table.shape[1] not in (1, 2, 3):
        raise FormatError(path, f"expected 1 to 3 columns, got {table.shape[1]}")
    check_tilts(table[:, 0], path)
    order = None
    if table.shape[1] > 1:
        column = table[:, 1] + (1 if table[:, 1].min() == 0 else 0)
        if sorted(column.tolist()) != list(range(1, len(column) + 1)):
            raise FormatError(
                path, f"column 2: expected each place from 1 to {len(column)} once (order taken)"
            )
        order = column.astype(np.int64)
    dose = table[:, 2] if table.shape[1] == 3 else None
    if dose is not None and dose.min() < 0:
        raise FormatError(path, f"column 3: exposure {dose.min():g} e/Å² is below 0")
    return AretomoTilts(
        tilt_deg=table[:, 0],
        order=order,
        exposure_e_per_a2=dose if dose is not None and dose.any() else None,
    )


def read_aretomo3_metrics(path: str | Path) -> dict[str, AretomoMetrics]:
    """Read ``TiltSeries_Metrics.csv``: one `AretomoMetrics` per tilt series, by name."""
    lines = [line for line in read_text(path).split("\n") if line.strip()]
    if not lines or not lines[0].startswith("Tilt_Series,"):
        raise FormatError(path, "line 1: expected Tilt_Series,... as heading")
    names = [name.strip() for name in lines[0].split(",")]
    found: dict[str, AretomoMetrics] = {}
    for number, line in enumerate(lines[1:], start=2):
        words = [word.strip() for word in line.split(",")]
        if len(words) != len(names):
            raise FormatError(path, f"row {number}: expected {len(names)} values, got {len(words)}")
        metrics = _metrics(dict(zip(names, words, strict=True)), path, f"row {number}")
        found[metrics.name] = metrics
    return found


def _metrics(row: dict[str, str], path: str | Path, place: str) -> AretomoMetrics:
    def number(key: str) -> float:
        if key not in row:
            raise FormatError(path, f"{place}: column {key} is missing")
        return to_number(row[key], path, f"{place}: {key}")

    size = number("Pix_Size(A)")
    if not size > 0:
        raise FormatError(path, f"{place}: Pix_Size(A): expected above 0, got {size:g}")
    optics = None
    if "Kv" in row and "Cs(nm)" in row:  # the heading says nm, the value is mm (2.7)
        kv = number("Kv")
        if not 1 <= kv <= 3000:
            raise FormatError(path, f"{place}: Kv: expected 1 to 3000, got {kv:g}")
        optics = Optics(voltage_kv=kv, cs_mm=number("Cs(nm)"))
    return AretomoMetrics(
        name=row["Tilt_Series"].removesuffix(".mrc"),
        pixel_size_angstrom=size,
        thickness_px=number("Thickness(Pix)"),
        axis_angle_deg=number("Tilt_Axis"),
        global_shift_px=number("Global_Shift(Pix)"),
        bad_patch_low=number("Bad_Patch_Low"),
        bad_patch_all=number("Bad_Patch_All"),
        ctf_resolution_angstrom=number("CTF_Res(A)"),
        ctf_score=number("CTF_Score"),
        optics=optics,
    )


def read_aretomo3_folder(
    folder: str | Path,
    *,
    pixel_size_angstrom: float | None = None,
    exposure_e_per_a2: float | None = None,
) -> dict[str, TiltSeries]:
    """Read every tilt series of an AreTomo3 output folder, by name.

    See `read_aretomo3_tilt_series` for the parameters.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingFileError(folder)
    names = sorted(path.stem for path in folder.glob("*.aln"))
    if not names:
        raise InputError(f"{folder}: no .aln file; give the output folder of AreTomo3")
    return {
        name: read_aretomo3_tilt_series(
            folder / f"{name}.aln",
            pixel_size_angstrom=pixel_size_angstrom,
            exposure_e_per_a2=exposure_e_per_a2,
        )
        for name in names
    }


def read_aretomo3_tilt_series(
    aln: str | Path,
    *,
    pixel_size_angstrom: float | None = None,
    exposure_e_per_a2: float | None = None,
) -> TiltSeries:
    """Join a ``.aln`` with ``_TLT.txt``, ``_CTF.txt`` and the metrics beside it.

    Parameters
    ----------
    aln
        The alignment.
    pixel_size_angstrom
        Of the tilt images; default: from ``TiltSeries_Metrics.csv``. Shifts are left out where
        neither is there.
    exposure_e_per_a2
        Exposure of each image, for sessions whose ``_TLT.txt`` has none. The order of acquisition
        still comes from that file.

    Returns
    -------
    TiltSeries
        The *aligned* images only, in the order of the stack. Dark images are not in it, but
        their exposure counts. Tilts are the ``TILT`` column, which includes the alpha offset.

    Notes
    -----
    Numbers of images must agree: aligned and dark ones make the raw stack, ``_TLT.txt`` has one
    row for each image of the raw stack, ``_CTF.txt`` one for each of the raw stack or for each
    aligned one.
    """
    aln = Path(aln)
    alignment = read_aln(aln)
    n_raw = alignment.raw_size[2]
    if len(alignment) + len(alignment.dark_frames) != n_raw:
        raise FormatError(
            aln,
            f"RawSize says {n_raw} images, but {len(alignment)} are aligned and "
            f"{len(alignment.dark_frames)} dark",
        )
    place = alignment.section - alignment.first_section
    if place.max() >= n_raw:
        raise FormatError(aln, f"SEC: {alignment.section.max()} is beyond the {n_raw} images")
    metrics = _metrics_of(aln)
    pixel = pixel_size_angstrom or (metrics.pixel_size_angstrom if metrics else None)
    known = _defocus_columns(aln.with_name(f"{aln.stem}_CTF.txt"), place, n_raw)
    if pixel is not None:
        known["shift_x_angstrom"] = alignment.shift_px[:, 0] * pixel
        known["shift_y_angstrom"] = alignment.shift_px[:, 1] * pixel
    return TiltSeries(
        name=aln.stem,
        tilt_deg=alignment.tilt_deg,
        axis_angle_deg=alignment.axis_angle_deg,
        exposure_e_per_a2=_exposure(aln, alignment, place, exposure_e_per_a2),
        pixel_size_angstrom=pixel,
        optics=metrics.optics if metrics else None,
        **known,  # pyright: ignore[reportArgumentType] - columns of (n,) numbers, all of them
    )


def _metrics_of(aln: Path) -> AretomoMetrics | None:
    path = aln.with_name(METRICS_FILE)
    return read_aretomo3_metrics(path).get(aln.stem) if path.is_file() else None


def _defocus_columns(
    path: Path, place: NDArray[np.int64], n_raw: int
) -> dict[str, NDArray[np.float64]]:
    if not path.is_file():
        return {}
    values = read_ctffind(path).columns
    if len(values) == n_raw:
        values = values[place]
    elif len(values) != len(place):
        raise FormatError(
            path, f"{len(values)} rows, but {n_raw} raw and {len(place)} aligned images"
        )
    names = ("defocus_u_um", "defocus_v_um", "astigmatism_angle_deg", "phase_shift_deg")
    return {name: values[:, column] for column, name in enumerate(names)}


def _exposure(
    aln: Path,
    alignment: AretomoAlignment,
    place: NDArray[np.int64],
    given_e_per_a2: float | None,
) -> NDArray[np.float64] | None:
    """Exposure before each aligned image; None where order or dose is not known."""
    path = aln.with_name(f"{aln.stem}_TLT.txt")
    if not path.is_file():
        if given_e_per_a2 is not None:
            raise MissingFileError(path, "it says in which order the images were taken")
        return None
    tilts = read_aretomo3_tilts(path)
    n_raw = alignment.raw_size[2]
    if len(tilts.tilt_deg) != n_raw:
        raise FormatError(path, f"{len(tilts.tilt_deg)} rows, but {aln.name} has {n_raw} images")
    expected = tilts.tilt_deg[place] + (alignment.alpha_offset_deg or 0.0)
    apart = np.abs(expected - alignment.tilt_deg)
    if apart.max() > TILT_TOLERANCE_DEG:
        worst = int(apart.argmax())
        raise FormatError(
            path,
            f"row {place[worst] + 1}: tilt {tilts.tilt_deg[place[worst]]:g}° and alpha offset "
            f"{alignment.alpha_offset_deg or 0.0:g}° do not make the {alignment.tilt_deg[worst]:g}° "
            f"of {aln.name}",
            "use files of one run",
        )
    if tilts.order is None and given_e_per_a2 is not None:
        raise FormatError(path, "column 2, the order of acquisition, is missing")
    dose = tilts.exposure_e_per_a2 if given_e_per_a2 is None else given_e_per_a2
    if tilts.order is None or dose is None:
        return None
    return prior_exposure(dose, tilts.order)[place]
