"""IMOD's point models ``.mod``.

A voxel ``i`` covers ``i`` to ``i + 1`` along x and y of a model, but ``k - 0.5`` to ``k + 0.5``
along z ("Coordinates range from 0 to NX in X and 0 to NY in Y, but from -0.5 to NZ - 0.5 in Z",
https://bio3d.colorado.edu/imod/doc/binspec.html): the centre of the first voxel is
(0.5, 0.5, 0), and our position is ``(x - 0.5, y - 0.5, z)``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.euler import imod_slicer_from_quaternion, quaternion_from_imod_slicer
from cryopick.io.picks.dialect import Dialect, Frame, PickFile
from cryopick.io.picks.imod_model_binary import (
    ID,
    ImodContour,
    ImodModel,
    ImodObject,
    read_imod_model,
    write_imod_model,
)
from cryopick.io.picks.placing import groups_of, names_of, one_image, own_name, to_px, to_specimen
from cryopick.model import Picks, active

FIRST_VOXEL = np.array([0.5, 0.5, 0.0])
"""Where the centre of the first voxel is in a model."""

# 3dmod puts the centre of the slicer window on a clicked point to within a voxel.
_SLICER_REACH_PX = 1.5


def read_model(path: Path, frame: Frame) -> PickFile:
    """Read every point of every contour: objects are labels, contours are groups."""
    model = read_imod_model(path)
    name = own_name(path, frame)
    parts = [
        (_label(item, i), f"{i}-{j}", contour, item.radius_px)
        for i, item in enumerate(model.objects, start=1)
        for j, contour in enumerate(item.contours, start=1)
        if len(contour.point)
    ]
    if not parts:
        return PickFile(picks=Picks.empty(3), assumed=_ASSUMED)
    point = np.concatenate([contour.point for _, _, contour, _ in parts])
    counts = [len(contour.point) for _, _, contour, _ in parts]
    radius = np.concatenate([_radii(contour, default) for _, _, contour, default in parts])
    image = names_of(name, len(point))
    position = point + np.asarray(model.shift_px) - FIRST_VOXEL
    orientation, said = _orientation(model, point)
    sized = bool(np.isfinite(radius).any())
    if any(model.shift_px):
        said += (f"drawn on a part of the image; {model.shift_px} voxels were added",)
    picks = Picks(
        position_angstrom=to_specimen(position, image, path=path, frame=frame),
        image=image,
        orientation=orientation,
        label=np.repeat([label for label, _, _, _ in parts], counts),
        group=np.repeat([group for _, group, _, _ in parts], counts),
        source=names_of("imod-model", len(point)),
        diameter_angstrom=2 * radius * frame.pixel_size(name, path) if sized else None,
    )
    return PickFile(picks=picks, assumed=(*_ASSUMED, *said))


_ASSUMED = ("the centre of the first voxel is (0.5, 0.5, 0) in the model",)


def _label(item: ImodObject, number: int) -> str:
    return item.name or str(number)


def _radii(contour: ImodContour, default: float) -> NDArray[np.float64]:
    """Radius of each point in pixels, NaN where it has none."""
    fallback = default if default > 0 else np.nan
    if contour.radius_px is None:
        return np.full(len(contour.point), fallback)
    return np.where(np.isfinite(contour.radius_px), contour.radius_px, fallback)


def _orientation(
    model: ImodModel, point: NDArray[np.float64]
) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    """Slicer angles at the points, where each point has its own view in the file."""
    if not len(model.slicer):
        return None, ()
    chosen = model.slicer
    if len(chosen) != len(point) or not _reaches(chosen, point):
        from scipy.spatial import cKDTree

        chosen = model.slicer[cKDTree(model.slicer[:, 3:]).query(point)[1]]
    if not _reaches(chosen, point):
        return None, ("views of the slicer are not at the points: no orientations",)
    return quaternion_from_imod_slicer(chosen[:, :3]), ("angles of the slicer window",)


def _reaches(slicer: NDArray[np.float64], point: NDArray[np.float64]) -> bool:
    apart = np.linalg.norm(slicer[:, 3:] - point, axis=1)
    return bool(np.isfinite(slicer).all() and apart.max(initial=0.0) <= _SLICER_REACH_PX)


def write_model(picks: Picks, path: Path, frame: Frame) -> tuple[str, ...]:
    """Write scattered points: one object per label, one contour per group."""
    kept = active(picks)
    name = one_image(kept, path, frame)
    point = to_px(kept, path=path, frame=frame) + FIRST_VOXEL
    pixel = frame.pixel_size(name, path)
    radius = (
        np.full(len(kept), np.nan)
        if kept.diameter_angstrom is None
        else kept.diameter_angstrom / 2 / pixel
    )
    label = names_of("", len(kept)) if kept.label is None else kept.label
    group = names_of("", len(kept)) if kept.group is None else kept.group
    objects: list[ImodObject] = []
    written: list[NDArray[np.int64]] = []
    for each, rows in groups_of(label).items():
        contours = [rows[within] for _, within in groups_of(group[rows]).items()]
        written += contours
        objects.append(_object(each, contours, point=point, radius=radius))
    slicer = np.zeros((0, 6))
    if kept.orientation is not None and written:
        order = np.concatenate(written)
        angles = imod_slicer_from_quaternion(kept.orientation[order])
        slicer = np.concatenate([angles, point[order]], axis=1)
    grid = frame.known_grid(name)
    top = np.ceil(point.max(axis=0, initial=0.0)).astype(int) + 1
    size = top.tolist() if grid is None else list(grid.size_px)
    write_imod_model(
        path,
        ImodModel(
            objects=tuple(objects),
            slicer=slicer,
            size_px=(size[0], size[1], size[2]),
            pixel_size_nm=pixel / 10,
        ),
    )
    return _ASSUMED


def _object(
    label: str,
    contours: list[NDArray[np.int64]],
    *,
    point: NDArray[np.float64],
    radius: NDArray[np.float64],
) -> ImodObject:
    known = radius[np.concatenate(contours)]
    sized = bool(np.isfinite(known).any())
    return ImodObject(
        name=label,
        contours=tuple(
            ImodContour(point=point[rows], radius_px=radius[rows] if sized else None)
            for rows in contours
        ),
        radius_px=float(np.nanmedian(known)) if sized else 0.0,
    )


def _sniff(path: Path, head: bytes) -> int:
    del path  # the id says it all
    return 3 if head.startswith(ID) else 0


DIALECTS = (
    Dialect(
        name="imod-model",
        title="IMOD model",
        suffixes=(".mod",),
        dimensions=(3,),
        origin="centre of the first voxel is (0.5, 0.5, 0)",
        unit="pixels of the tomogram",
        euler="x, y, z of the slicer window in degrees, where a view lies at each point",
        decimals=None,
        sniff=_sniff,
        read=read_model,
        write=write_model,
        keeps=frozenset({"orientation", "label", "diameter_angstrom"}),
    ),
)
