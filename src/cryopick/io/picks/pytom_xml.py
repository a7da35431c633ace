"""Particle lists of PyTom: XML, positions in voxels from 0.

``PickPosition`` is where a particle was picked in the tomogram ``Origin``, ``Shift`` what
alignment added, ``Rotation`` Z1 Z2 X are phi, psi, theta of the TOM toolbox.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.geometry.euler import pytom_from_quaternion, quaternion_from_pytom
from cryopick.io.atomic import write_text
from cryopick.io.images.name import referenced_name
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.numbered_lists import finite_scores
from cryopick.io.picks.placing import names_of, own_name, to_px, to_specimen
from cryopick.io.text_rows import to_number
from cryopick.io.xml_document import read_xml
from cryopick.model import Picks, active

_AXES = ("X", "Y", "Z")
_EULER = ("Z1", "Z2", "X")
_LONGEST_NAME = 255


def read_particle_list(path: Path, frame: Frame) -> PickFile:
    """Read a ``ParticleList``; shifts are added to the positions."""
    root = read_xml(path)
    if root.tag != "ParticleList":
        raise FormatError(path, f"root element {root.tag[:40]}: expected ParticleList")
    particles = root.findall("Particle")
    if not particles:
        return PickFile(picks=Picks.empty(3), assumed=_ASSUMED)
    places = [f"particle {i}" for i in range(1, len(particles) + 1)]
    each = list(zip(particles, places, strict=True))
    position = np.asarray([_numbers(p, "PickPosition", _AXES, path, w) for p, w in each])
    position += np.asarray([_numbers(p, "Shift", _AXES, path, w, needed=False) for p, w in each])
    euler = np.asarray([_numbers(p, "Rotation", _EULER, path, w, needed=False) for p, w in each])
    image = np.asarray([_image(p, path, frame, w) for p, w in each], dtype=np.str_)
    extra: dict[str, NDArray[Any]] = {
        "particle": np.asarray([_short(p.get("Filename", ""), path, w) for p, w in each])
    }
    binning = {_attribute(p, "PickPosition", "Binning")[:20] for p in particles}
    picks = Picks(
        position_angstrom=to_specimen(position, image, path=path, frame=frame),
        image=image,
        orientation=quaternion_from_pytom(euler),
        score=np.asarray(
            [_numbers(p, "Score", ("Value",), path, w, needed=False)[0] for p, w in each]
        ),
        label=np.asarray([_short(_attribute(p, "Class", "Name"), path, w) for p, w in each]),
        source=names_of("pytom-xml", len(particles)),
        extra=extra,
    )
    said = () if binning <= {"1", "0", ""} else (f"Binning {', '.join(sorted(binning)[:5])}",)
    return PickFile(picks=picks, assumed=_ASSUMED, warnings=said)


_ASSUMED = (
    "the first voxel is 0, in voxels of the tomogram that was picked; shifts were added",
    "Z1, Z2, X are phi, psi, theta: ZXZ",
)


def _attribute(particle: Element, tag: str, key: str) -> str:
    element = particle.find(tag)
    return "" if element is None else element.get(key, "")


def _numbers(
    particle: Element,
    tag: str,
    keys: tuple[str, ...],
    path: Path,
    place: str,
    *,
    needed: bool = True,
) -> list[float]:
    element = particle.find(tag)
    if element is None:
        if needed:
            raise FormatError(path, f"{place}: {tag} is missing")
        return [0.0] * len(keys)
    texts = [element.get(key, "") for key in keys]
    try:
        values = [float(text) for text in texts]
    except ValueError:
        values = [math.nan]
    # the sum is not finite where one of them is not
    if math.isfinite(sum(values)) and not any("_" in text for text in texts):
        return values
    return [
        to_number(text, path, f"{place}, {tag} {key}")
        for key, text in zip(keys, texts, strict=True)
    ]


def _image(particle: Element, path: Path, frame: Frame, place: str) -> str:
    origin = _short(_attribute(particle, "PickPosition", "Origin"), path, place)
    return _name_of(origin) or own_name(path, frame)


@lru_cache(maxsize=1024)
def _name_of(origin: str) -> str:
    """Name of a tomogram file; empty for ``-``, which PyTom writes for none."""
    file = origin.replace("\\", "/").strip()
    return referenced_name(file) if file not in ("", "-") else ""


def _short(text: str, path: Path, place: str) -> str:
    if len(text) > 4 * _LONGEST_NAME:
        raise FormatError(path, f"{place}: a name of {len(text)} characters")
    return text


def write_particle_list(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write a ``ParticleList`` without wedges: PyTom asks for them before it averages."""
    kept = active(picks)
    n = len(kept)
    position = to_px(kept, path=path, frame=frame)
    euler = (
        np.zeros((n, 3)) if kept.orientation is None else pytom_from_quaternion(kept.orientation)
    )
    score = finite_scores(kept.score, n=n)
    label = names_of("0", n) if kept.label is None else kept.label
    files = kept.extra.get("particle", np.asarray([f"particle_{i}.em" for i in range(n)]))
    lines = ["<ParticleList>"]
    for i in range(n):
        (x, y, z), (z1, z2, tilt) = position[i].tolist(), euler[i].tolist()
        lines += [
            f"  <Particle Filename={quoteattr(str(files[i]))}>",
            f'    <Rotation Z1="{z1:.9g}" Z2="{z2:.9g}" X="{tilt:.9g}" Paradigm="ZXZ"/>',
            '    <Shift X="0.0" Y="0.0" Z="0.0"/>',
            f'    <PickPosition X="{x:.9g}" Y="{y:.9g}" Z="{z:.9g}" '
            f'Origin={quoteattr(str(kept.image[i]))} Binning="1"/>',
            f'    <Score Type="FLCFScore" Value="{score[i]:.9g}"/>',
            f"    <Class Name={quoteattr(str(label[i]))}/>",
            "  </Particle>",
        ]
    write_text(path, "\n".join([*lines, "</ParticleList>", ""]))
    no_angles = () if kept.orientation is not None else ("no orientations: angles are 0",)
    return ("the first voxel is 0; shifts are 0; no wedges", *no_angles)


def _sniff(path: Path, head: bytes) -> int:
    del path  # the root element says it all
    return 3 if b"<ParticleList" in head.replace(b"\0", b"") else 0


DIALECTS = (
    Dialect(
        name="pytom-xml",
        title="PyTom particle list",
        suffixes=(".xml",),
        dimensions=(3,),
        origin="first voxel is 0; position = PickPosition + Shift",
        unit="pixels of the tomogram",
        euler="Z1, Z2, X = phi, psi, theta in degrees: ZXZ",
        decimals=None,
        sniff=_sniff,
        read=read_particle_list,
        write=write_particle_list,
        keeps=frozenset({"orientation", "score", "label", "image"}),
    ),
)
