"""Sets and their members as rows of the project's tables."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from cryopick.model import Defocus
from cryopick.model.sets import Dataset, Member


def set_values(dataset: Dataset, now: float) -> tuple[Any, ...]:
    """The columns of a set in the table ``sets``."""
    acquisition = dataset.acquisition
    return (
        dataset.name,
        dataset.kind.value,
        dataset.ndim,
        dataset.pixel_size_angstrom,
        dataset.box_size_px,
        json.dumps(dataset.precedents),
        None if acquisition is None else json.dumps(asdict(acquisition)),
        None if dataset.optics is None else json.dumps(asdict(dataset.optics)),
        now,
    )


def member_values(name: str, place: int, member: Member) -> tuple[Any, ...]:
    """The columns of a member in the table ``members``."""
    return (
        name,
        place,
        member.name,
        member.path,
        member.count,
        member.group,
        json.dumps(member.size_px),
        json.dumps(member.origin_angstrom),
        json.dumps(dict(member.files)),
        None if member.defocus is None else json.dumps(asdict(member.defocus)),
    )


def member_from(row: tuple[Any, ...]) -> Member:
    """A member from its columns."""
    name, path, count, group, size, origin, files, defocus = row
    return Member(
        name=name,
        path=path,
        count=count,
        group=group,
        size_px=tuple(json.loads(size)),
        origin_angstrom=tuple(json.loads(origin)),
        files=json.loads(files),
        defocus=None if defocus is None else Defocus(**json.loads(defocus)),
    )
