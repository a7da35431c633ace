"""Sets on disk: ``sets/NAME.star`` for RELION, or picks in any dialect wherever one likes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from cryopick.errors import InputError
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import write_picks
from cryopick.io.star_write import write_star
from cryopick.model import Picks, active, deleted
from cryopick.model.sets import Dataset, SetKind
from cryopick.project.edit_log import last_seq
from cryopick.project.pick_table import read_picks_of
from cryopick.project.set_star import set_blocks
from cryopick.project.store import SETS, Project

Which = Literal["active", "deleted", "all"]


def set_file(project: Project, name: str) -> Path:
    """Where the STAR file of a set is."""
    return project.folder / SETS / f"{name}.star"


def save_set(project: Project, name: str) -> Path:
    """Write a set's STAR file, and note up to which edit it holds them all."""
    path = set_file(project, name)
    seq = last_seq(project)  # before the reading: an edit during it is written again
    path.parent.mkdir(exist_ok=True)
    export_set(project, name, path)
    with project.transaction() as connection:
        connection.execute("UPDATE sets SET exported_seq = ? WHERE name = ?", (seq, name))
    return path


def export_set(
    project: Project,
    name: str,
    path: str | Path,
    *,
    dialect: str | None = None,
    which: Which = "active",
    image: str | None = None,
) -> tuple[str, ...]:
    """Write a set to a file; returns what was assumed.

    Parameters
    ----------
    project, name
        The set.
    path
        The file (or folder, for dialects that are folders).
    dialect
        For picks; default: RELION's own.
    which
        The picks that stand, the deleted ones, or all.
    image
        Picks of this image alone.
    """
    dataset = project.get(name)
    if dataset.kind is not SetKind.PICKS:
        if dialect is not None or image is not None or which != "active":
            raise InputError(
                f"set {name}: holds {dataset.kind}; --to, --which and --image choose picks"
            )
        write_star(path, set_blocks(dataset, project.resolve))
        return ()
    picks = _chosen(read_picks_of(project, name, image), which)
    chosen = dialect or ("relion" if dataset.ndim == 2 else "relion5")
    return write_picks(picks, path, frame_of(project, dataset), name=chosen)


def frame_of(project: Project, dataset: Dataset) -> Frame:
    """The images that the picks of a set lie in, for its dialect."""
    grids = dict(dataset.grids())
    files: dict[str, str] = {}
    unbinned: float | None = None
    for precedent in map(project.get, dataset.precedents):
        grids = precedent.grids() | grids
        if precedent.kind is SetKind.MICROGRAPHS:
            files |= {m.name: str(project.resolve(m.path)) for m in precedent.members if m.path}
        for member in precedent.members[:1]:
            if precedent.pixel_size_angstrom is not None and "binning" in member.files:
                unbinned = precedent.pixel_size_angstrom / float(member.files["binning"])
    return Frame(
        grids=grids,
        pixel_size_angstrom=dataset.pixel_size_angstrom,
        tilt_series_pixel_angstrom=unbinned,
        box_size_px=dataset.box_size_px,
        files=files,
    )


def _chosen(picks: Picks, which: Which) -> Picks:
    """The picks that are to be written.

    Writers leave out what is marked as deleted, so deleted picks go out as picks that stand, with
    their reason in a column of its own. Ids mean nothing outside the project.
    """
    chosen = {"active": active, "deleted": deleted}.get(which, lambda every: every)(picks)
    extra = {name: values for name, values in chosen.extra.items() if name != "id"}
    if which != "active" and chosen.reason is not None:
        extra["cryopickReason"] = chosen.reason
    return replace(chosen, state=None, reason=None, extra=extra)
