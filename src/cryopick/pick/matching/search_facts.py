"""`SearchFacts`: what a search leaves behind beside its candidates, as ``search.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryopick.errors import FormatError, InputError
from cryopick.io.atomic import write_text
from cryopick.io.json_text import read_json_object
from cryopick.model import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFacts:
    """One template of a search and the statistics of its scores.

    Attributes
    ----------
    name
        Becomes the label of its picks.
    diameter_angstrom
        Of the particle.
    symmetry
        Point group.
    sigma
        Standard deviation of the searched score of one voxel in one rotation.
    tests
        Voxels times rotations: independent trials of the noise, at most.
    sigma_refined
        The same deviation for refined scores; None: take ``sigma``.
    """

    name: str
    diameter_angstrom: float
    symmetry: str
    sigma: float
    tests: float
    sigma_refined: float | None = None

    def __post_init__(self) -> None:
        for what, value in (
            ("diameter", self.diameter_angstrom),
            ("sigma", self.sigma),
            ("tests", self.tests),
            ("sigma of refined scores", self.final_sigma),
        ):
            if not 0 < value < float("inf"):
                raise InputError(f"template {self.name}: {what} {value:g}: expected above 0")

    @property
    def final_sigma(self) -> float:
        """Standard deviation on the scale of the final scores."""
        return self.sigma if self.sigma_refined is None else self.sigma_refined


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFacts:
    """How one tomogram was searched.

    Attributes
    ----------
    image
        Name of the tomogram.
    grid
        Of the tomogram.
    score_grid
        Of the searched map.
    angular_step_deg
        Of the search.
    engine
        ``exact`` or ``bank``.
    templates
        In the order of the pool's indices.
    """

    image: str
    grid: Grid
    score_grid: Grid
    angular_step_deg: float
    engine: str
    templates: tuple[TemplateFacts, ...]

    def __post_init__(self) -> None:
        if not self.templates:
            raise InputError(f"search of {self.image}: names no template")


def save_facts(facts: SearchFacts, path: str | Path) -> None:
    """Write facts as JSON."""
    write_text(path, json.dumps(asdict(facts), indent=1, allow_nan=False) + "\n")


def load_facts(path: str | Path) -> SearchFacts:
    """Read what `save_facts` wrote."""
    path = Path(path)
    values = read_json_object(path)
    try:
        templates = tuple(TemplateFacts(**entry) for entry in values["templates"])
        return SearchFacts(
            image=str(values["image"]),
            grid=_grid(values["grid"]),
            score_grid=_grid(values["score_grid"]),
            angular_step_deg=float(values["angular_step_deg"]),
            engine=str(values["engine"]),
            templates=templates,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            path, f"does not describe a search ({type(error).__name__}: {error})", "run match again"
        ) from error


def _grid(values: Mapping[str, Any]) -> Grid:
    return Grid(
        shape=tuple(values["shape"]),
        pixel_size_angstrom=values["pixel_size_angstrom"],
        origin_angstrom=tuple(values["origin_angstrom"]),
    )
