"""Merit maps on disk: MRC files that any viewer shows, in half precision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import FormatError, MissingFileError
from cryopick.io.atomic import write_text
from cryopick.io.images import open_image, write_mrc
from cryopick.model import Grid
from cryopick.pick.merit.maps import MeritMaps, in_half_precision

SCORES, ANGLES, REFERENCES = "scores.mrc", "angles.mrc", "references.mrc"
BACKGROUND, FACTS = "background.mrc", "maps.json"


def save_maps(maps: MeritMaps, folder: Path) -> None:
    """Write the maps of one micrograph into a folder.

    ``scores.mrc`` and ``angles.mrc`` hold one section per reference, or the best of all;
    ``references.mrc`` tells which was the best, from 1; ``background.mrc`` holds mean and
    standard deviation of the ice around each place.
    """
    half = in_half_precision(maps)
    each = len(half.merit) > 1
    layers: dict[str, tuple[NDArray[Any], str]] = {
        SCORES: (half.merit, "float16"),
        ANGLES: (half.psi_deg, "float16"),
        BACKGROUND: (np.stack([half.mean, half.sd]), "float16"),
    }
    if not each:
        layers[REFERENCES] = (half.reference + 1, "int16")
    for name, (values, dtype) in layers.items():
        stack = each or name == BACKGROUND
        write_mrc(
            folder / name,
            values if stack else values[0],
            maps.grid.pixel_size_angstrom,
            origin_angstrom=maps.grid.origin_angstrom,
            dtype=dtype,
            stack=stack,
        )
    facts = {
        "each": each,
        "shape": list(maps.grid.shape),
        "pixel_size_angstrom": maps.grid.pixel_size_angstrom,
        "origin_angstrom": list(maps.grid.origin_angstrom),
        "step_px": maps.step_px,
        "particle_diameter_angstrom": maps.particle_diameter_angstrom,
        "box_angstrom": maps.box_angstrom,
        "expected": maps.expected.tolist(),
    }
    write_text(folder / FACTS, json.dumps(facts))


def load_maps(folder: Path) -> MeritMaps:
    """Read what `save_maps` wrote."""
    path = folder / FACTS
    if not path.is_file():
        raise MissingFileError(path, "the maps were not kept: pick template --keep-maps each")
    try:
        facts = json.loads(path.read_text("utf-8"))
        grid = Grid(
            shape=tuple(facts["shape"]),
            pixel_size_angstrom=facts["pixel_size_angstrom"],
            origin_angstrom=tuple(facts["origin_angstrom"]),
        )
        merit, psi = _layers(folder / SCORES, grid), _layers(folder / ANGLES, grid)
        mean, sd = _layers(folder / BACKGROUND, grid)
        if facts["each"]:
            number = np.arange(len(merit), dtype=np.int16)[:, None, None]
            reference = np.broadcast_to(number, merit.shape)
        else:
            reference = (_layers(folder / REFERENCES, grid) - 1).astype(np.int16)
        return MeritMaps(
            merit=merit,
            psi_deg=psi,
            reference=reference,
            mean=mean,
            sd=sd,
            grid=grid,
            step_px=facts["step_px"],
            particle_diameter_angstrom=facts["particle_diameter_angstrom"],
            box_angstrom=facts["box_angstrom"],
            expected=np.array(facts["expected"], dtype=np.float64),
        )
    except FormatError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(path, f"does not describe merit maps ({error})") from error


def _layers(path: Path, grid: Grid) -> NDArray[Any]:
    """``(r, y, x)`` of a file."""
    pixels = np.asarray(open_image(path, pixel_size_angstrom=grid.pixel_size_angstrom).data[...])
    return pixels.reshape(-1, *grid.shape)
