"""How a project stands: its sets, its picking jobs, its owner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryopick.model.sets import summary_in_words
from cryopick.project.autosave import unsaved
from cryopick.project.edit_log import last_seq
from cryopick.project.lock import owner_of
from cryopick.project.sittings import sittings
from cryopick.project.store import DATABASE, LOCK, open_project


def is_project(folder: str | Path) -> bool:
    """Tell whether a folder is a project."""
    return (Path(folder) / DATABASE).is_file()


def find_project(start: str | Path = ".") -> Path | None:
    """The project that a folder is, or lies in; None where there is none."""
    here = Path(start).absolute()
    return next((folder for folder in (here, *here.parents) if is_project(folder)), None)


def project_status(folder: str | Path) -> dict[str, Any]:
    """Tell what a project holds, as JSON types; it may be open elsewhere."""
    with open_project(folder, read_only=True) as project:
        owner = owner_of(project.folder / LOCK)
        behind = set(unsaved(project))
        return {
            "project": str(project.folder),
            "sets": [
                {
                    "name": dataset.name,
                    "kind": dataset.kind.value,
                    "count": len(dataset),
                    "images": len(dataset.members),
                    "pixel_size_angstrom": dataset.pixel_size_angstrom,
                    "box_size_px": dataset.box_size_px,
                    "precedents": list(dataset.precedents),
                    "sentence": summary_in_words(dataset),
                    "saved": dataset.name not in behind,
                }
                for dataset in map(project.get, project.names())
            ],
            "picking": [
                {
                    "id": one.id,
                    "name": one.name,
                    "state": "open" if one.is_open else "finished",
                    "finish_when": one.finish_when.value,
                    "outputs": list(one.outputs),
                }
                for one in sittings(project)
            ],
            "edits": last_seq(project),
            "owner": None if owner is None else owner.words(),
        }


def project_words(status: dict[str, Any]) -> list[str]:
    """Say a project's status, a line for each thing."""
    sets = status["sets"]
    width = max((len(entry["name"]) for entry in sets), default=0)
    lines = [f"project {status['project']}: {len(sets)} sets, {status['edits']:,} edits"]
    for entry in sets:
        made_from = f" (from {', '.join(entry['precedents'])})" if entry["precedents"] else ""
        lines.append(f"  {entry['name']:<{width}}  {entry['sentence']}{made_from}")
    lines += [
        f"picking job {one['id']} {one['name']}: {one['state']}"
        + (f", gave {', '.join(one['outputs'])}" if one["outputs"] else "")
        for one in status["picking"]
    ]
    if status["owner"]:
        lines.append(f"open in {status['owner']}")
    if not sets:
        lines.append(f"go on with: cryopick import micrographs FILES --project {status['project']}")
    return lines
