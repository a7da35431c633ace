"""DeepFinder object lists: ``<objlist><object tomo_idx class_label x y z phi psi the/></objlist>``.

``x, y, z`` are voxels of the tomogram, 0 the first. ``phi, psi, the`` (where given) are TOM/PyTom
angles in degrees, in that order: rotate by phi about z, the about x, psi about z. ``tomo_idx`` names
the tomogram; it is kept as text. Further attributes (``cluster_size``, ``obj_id``) are kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError
from cryopick.geometry.euler import pytom_from_quaternion, quaternion_from_pytom
from cryopick.io.atomic import write_text
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.placing import names_of, own_name, text_column, to_px, to_specimen
from cryopick.io.xml_document import attribute, read_xml
from cryopick.model import Picks, active

_ANGLES = ("phi", "psi", "the")
_READ = {"tomo_idx", "class_label", "x", "y", "z", *_ANGLES}


def read_deepfinder(path: Path, frame: Frame) -> PickFile:
    """Read a DeepFinder object list.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "a.xml")
    ...     _ = file.write_text('<objlist><object class_label="5" x="1" y="2" z="3"/></objlist>')
    ...     picks = read_deepfinder(file, Frame(pixel_size_angstrom=10.0)).picks
    >>> picks.label.tolist(), picks.position_angstrom
    (['5'], array([[10., 20., 30.]]))
    """
    root = read_xml(path)
    if root.tag != "objlist":
        raise FormatError(path, f"root {root.tag[:40]!r}, expected objlist", "name the format")
    objects = [element for element in root if element.tag == "object"]
    n = len(objects)
    position_px = np.array(
        [[attribute(path, o, axis, place=i + 1) for axis in "xyz"] for i, o in enumerate(objects)]
    ).reshape(-1, 3)
    image = text_column(path, _images(path, objects, frame), column="tomo_idx")
    labels = [o.get("class_label", "") for o in objects]
    return PickFile(
        picks=Picks(
            position_angstrom=to_specimen(position_px, image, path=path, frame=frame),
            image=image,
            orientation=_orientation(path, objects),
            label=text_column(path, labels, column="class_label") if any(labels) else None,
            source=names_of("deepfinder", n),
            extra=_further(path, objects),
        ),
        assumed=("x, y, z in voxels, 0 the first; phi, psi, the as in PyTom",),
    )


def _images(path: Path, objects: list[ET.Element], frame: Frame) -> list[str]:
    ids = [o.get("tomo_idx") for o in objects]
    name = own_name(path, frame)
    if frame.image_name is not None and len(set(ids)) == 1:
        return [name] * len(ids)
    return [name if i is None else i for i in ids]


def _orientation(path: Path, objects: list[ET.Element]) -> NDArray[np.float64] | None:
    with_angles = [all(name in o.attrib for name in _ANGLES) for o in objects]
    if not any(with_angles):
        return None
    angles = np.array(
        [
            [attribute(path, o, name, place=i + 1) for name in _ANGLES] if there else (0, 0, 0)
            for i, (o, there) in enumerate(zip(objects, with_angles, strict=True))
        ]
    )
    return quaternion_from_pytom(np.remainder(angles, 360.0))


def _further(path: Path, objects: list[ET.Element]) -> dict[str, NDArray[np.str_]]:
    """Attributes that have no place elsewhere, where all objects have them."""
    if not objects:
        return {}
    names = [name for name in objects[0].attrib if name not in _READ]
    return {
        name: text_column(path, [o.get(name, "") for o in objects], column=name)
        for name in names
        if all(name in o.attrib for o in objects)
    }


def write_deepfinder(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write picks of any number of tomograms; the image's name becomes ``tomo_idx``."""
    picks = active(picks)
    position_px = to_px(picks, path=path, frame=frame)
    angles = None if picks.orientation is None else pytom_from_quaternion(picks.orientation)
    labels = ["1"] * len(picks) if picks.label is None else picks.label.tolist()
    root = ET.Element("objlist")
    for i, (name, place) in enumerate(zip(picks.image.tolist(), position_px.tolist(), strict=True)):
        values: dict[str, Any] = {"tomo_idx": name, "class_label": labels[i]}
        values |= {axis: f"{v:.4f}" for axis, v in zip("xyz", place, strict=True)}
        if angles is not None:
            row = zip(_ANGLES, angles[i].tolist(), strict=True)
            values |= {angle: f"{v:.5f}" for angle, v in row}
        ET.SubElement(root, "object", values)
    ET.indent(root)
    write_text(path, ET.tostring(root, encoding="unicode") + "\n")
    said = ("x, y, z in voxels, 0 the first; phi, psi, the as in PyTom",)
    if all(name.isdecimal() for name in picks.image.tolist()) and all(
        label.isdecimal() for label in labels
    ):
        return said
    return (*said, "DeepFinder itself counts tomograms and classes: names are written as they are")


def _sniff(path: Path, head: bytes) -> int:
    return 3 if path.name and b"<objlist" in head[:4096] else 0


DIALECTS = (
    Dialect(
        name="deepfinder",
        title="DeepFinder object list (xml)",
        suffixes=(".xml",),
        dimensions=(3,),
        origin="centre of the first voxel",
        unit="voxels",
        euler="phi, psi, the in degrees, as PyTom",
        decimals=4,
        sniff=_sniff,
        read=read_deepfinder,
        write=write_deepfinder,
        keeps=frozenset({"orientation", "label", "image"}),
    ),
)
