"""Tilt series XML of Warp and WarpTools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.io.metadata.tlt import check_tilts
from cryopick.io.text_rows import to_integer, to_number
from cryopick.io.xml_document import read_xml
from cryopick.model import Optics, TiltSeries

_MAX_TILTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WarpTiltSeries:
    """A tilt series as Warp describes it.

    Attributes
    ----------
    series
        In this package's conventions; its tilts are *minus* Warp's angles.
    angle_deg
        ``(n,)`` ``Angles`` as written.
    angles_inverted
        ``AreAnglesInverted``: Warp takes the defocus gradient with the other sign.
    plane_normal
        ``PlaneNormal``: x, y, z of the specimen's normal; None where not given.
    """

    series: TiltSeries
    angle_deg: NDArray[np.float64]
    angles_inverted: bool
    plane_normal: tuple[float, float, float] | None


def read_warp_xml(path: str | Path) -> WarpTiltSeries:
    """Read a tilt series XML (UTF-8 or UTF-16).

    Notes
    -----
    - Tilts change sign, as other programs that read this file do: WarpTools stores minus the
      tilt of the stage (movie ``..._-46.0_...`` has angle 46). Warp 1, whose files are UTF-16,
      stored it as it was; where that matters, ``angle_deg`` has the numbers of the file.
    - ``exposure_e_per_a2`` is Warp's ``Dose`` as written: accumulated in the order of
      acquisition; Warp versions differ in whether the image's own exposure is in it.
    - Defocus per tilt comes from ``GridCTF`` and its three companions: u and v are half of the
      delta above and below the mean; the phase shift is stored in units of π.
    - ``UseTilt`` false means excluded.
    """
    path = Path(path)
    root = read_xml(path)
    if root.tag != "TiltSeries":
        raise FormatError(path, f"root element {root.tag[:40]}: expected TiltSeries")
    angle = _column(root, "Angles", path)
    if angle is None:
        raise FormatError(path, "Angles: missing or empty")
    check_tilts(angle, path)
    n = len(angle)
    if n > _MAX_TILTS:
        raise FormatError(path, f"Angles: {n} tilts are too many for a tilt series")
    columns = {
        "exposure_e_per_a2": _column(root, "Dose", path, n),
        "axis_angle_deg": _column(root, "AxisAngle", path, n),
        "shift_x_angstrom": _column(root, "AxisOffsetX", path, n),
        "shift_y_angstrom": _column(root, "AxisOffsetY", path, n),
        **_defocus(root, path, n),
    }
    ctf = _parameters(root, "CTF")
    series = TiltSeries(
        name=path.stem,
        tilt_deg=-angle + 0.0,  # + 0.0 keeps minus zero out
        image=_files(root, path, n),
        excluded=_excluded(root, path, n),
        pixel_size_angstrom=_positive(ctf, "PixelSize", path),
        optics=_optics(ctf, path),
        **columns,  # pyright: ignore[reportArgumentType] - columns of (n,) numbers, all of them
    )
    return WarpTiltSeries(
        series=series,
        angle_deg=angle,
        angles_inverted=root.get("AreAnglesInverted", "False").lower() == "true",
        plane_normal=_normal(root, path),
    )


def _lines(root: Element, tag: str) -> list[str]:
    element = root.find(tag)
    return [] if element is None or element.text is None else element.text.split()


def _column(
    root: Element, tag: str, path: Path, n: int | None = None
) -> NDArray[np.float64] | None:
    words = _lines(root, tag)
    if not words:
        return None
    if n is not None and len(words) != n:
        raise FormatError(path, f"{tag}: expected {n} values, got {len(words)}")
    return np.asarray([to_number(w, path, f"{tag} {i}") for i, w in enumerate(words)])


def _files(root: Element, path: Path, n: int) -> NDArray[np.str_] | None:
    element = root.find("MoviePath")
    text = "" if element is None or element.text is None else element.text.strip()
    if not text:
        return None
    names = [line.strip().replace("\\", "/").rpartition("/")[2] for line in text.split("\n")]
    if len(names) != n:
        raise FormatError(path, f"MoviePath: expected {n} files, got {len(names)}")
    return np.asarray(names)


def _excluded(root: Element, path: Path, n: int) -> NDArray[np.bool_] | None:
    words = [word.lower() for word in _lines(root, "UseTilt")]
    if not words:
        return None
    if len(words) != n or not set(words) <= {"true", "false"}:
        raise FormatError(path, f"UseTilt: expected {n} times True or False, got {len(words)}")
    return np.asarray([word == "false" for word in words])


def _parameters(root: Element, tag: str) -> dict[str, str]:
    element = root.find(tag)
    if element is None:
        return {}
    return {p.get("Name", ""): p.get("Value", "") for p in element.findall("Param")}


def _positive(ctf: dict[str, str], key: str, path: Path) -> float | None:
    if key not in ctf:
        return None
    value = to_number(ctf[key], path, f"CTF {key}")
    return value if value > 0 else None


def _optics(ctf: dict[str, str], path: Path) -> Optics | None:
    if not {"Voltage", "Cs", "Amplitude"} <= set(ctf):
        return None
    voltage, cs, contrast = (
        to_number(ctf[key], path, f"CTF {key}") for key in ("Voltage", "Cs", "Amplitude")
    )
    if not (1 <= voltage <= 3000 and 0 <= contrast <= 1):
        raise FormatError(path, f"CTF: {voltage:g} kV, amplitude contrast {contrast:g}")
    return Optics(voltage_kv=voltage, cs_mm=cs, amplitude_contrast=contrast)


def _defocus(root: Element, path: Path, n: int) -> dict[str, NDArray[np.float64] | None]:
    mean = _grid(root, "GridCTF", path, n)
    if mean is None:
        return {}
    zero = np.zeros(n)
    delta = _grid(root, "GridCTFDefocusDelta", path, n)
    angle = _grid(root, "GridCTFDefocusAngle", path, n)
    phase = _grid(root, "GridCTFPhase", path, n)
    half = (zero if delta is None else delta) / 2
    return {
        "defocus_u_um": mean + half,
        "defocus_v_um": mean - half,
        "astigmatism_angle_deg": zero if angle is None else angle,
        "phase_shift_deg": zero if phase is None else phase * 180.0,
    }


def _grid(root: Element, tag: str, path: Path, n: int) -> NDArray[np.float64] | None:
    """One value per tilt: the nodes of a grid averaged over x and y at each z."""
    element = root.find(tag)
    if element is None:
        return None
    total, count = np.zeros(n), np.zeros(n)
    depth = to_integer(element.get("Depth", "1"), path, f"{tag} Depth")
    if depth not in (1, n):
        raise FormatError(path, f"{tag}: depth {depth}: expected 1 or one per tilt ({n})")
    for node in element.findall("Node"):
        z = to_integer(node.get("Z", ""), path, f"{tag} Z")
        if not 0 <= z < depth:
            raise FormatError(path, f"{tag}: node at Z {z} is outside its depth {depth}")
        total[z] += to_number(node.get("Value", ""), path, f"{tag} {z}")
        count[z] += 1
    if (count[:depth] == 0).any():
        raise FormatError(path, f"{tag}: no node at Z {int((count[:depth] == 0).argmax())}")
    values = total[:depth] / count[:depth]
    return np.full(n, values[0]) if depth == 1 else values


def _normal(root: Element, path: Path) -> tuple[float, float, float] | None:
    words = root.get("PlaneNormal", "").replace(",", " ").split()
    if not words:
        return None
    if len(words) != 3:
        raise FormatError(path, f"PlaneNormal: expected x, y, z, got {len(words)} values")
    x, y, z = (to_number(word, path, "PlaneNormal") for word in words)
    return x, y, z
