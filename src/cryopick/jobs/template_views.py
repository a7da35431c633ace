"""``template --project``: 2D references from a map, for ``pick template``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.geometry.euler import relion_from_quaternion
from cryopick.geometry.views import even_views, view_count
from cryopick.io.images import open_image, write_mrc
from cryopick.io.star_block import star_block
from cryopick.io.star_write import write_star
from cryopick.jobs.gallery import gallery_png
from cryopick.jobs.mask_outputs import FACTS
from cryopick.jobs.simulated_images import hand_out
from cryopick.jobs.template_params import (
    HIGHEST_SNR,
    SNR_PER_SQUARE_ANGSTROM,
    VIEW_SPACING_DEG,
    TemplateParams,
)
from cryopick.ops.project import project, transform_volume
from cryopick.ops.template_map import TemplateFacts
from cryopick.run.job import Item, Outcome, Plot

_SHOWN = 60
# Width of the soft edge around a reference, in diameters.
_SOFT = 0.05


def check_view_options(params: TemplateParams) -> None:
    """Refuse options of ``--project`` without it, and two that say the same."""
    given = {
        "--angular-spacing": params.angular_spacing_deg,
        "--views": params.views,
        "--signal-to-noise": params.signal_to_noise,
        "--symmetry": None if params.symmetry.upper() == "C1" else params.symmetry,
    }
    stray = [flag for flag, value in given.items() if value is not None]
    if stray and not params.project:
        raise InputError(f"template: {stray[0]} goes with --project; give it too")
    if params.views is not None and params.angular_spacing_deg is not None:
        raise InputError("template: give either --views or --angular-spacing")
    if params.project:
        wanted_views(params)


def wanted_views(params: TemplateParams) -> int:
    """Number of views of one map; 0 where it is not projected."""
    if not params.project:
        return 0
    if params.views is not None:
        view_count(90, symmetry=params.symmetry)  # refuses what is no point group
        return params.views
    return view_count(params.angular_spacing_deg or VIEW_SPACING_DEG, symmetry=params.symmetry)


def references_file(name: str, maps: int = 1) -> str:
    """File of the references of one map of some."""
    return "references.mrcs" if maps == 1 else f"{name}_references.mrcs"


def write_references(
    template: NDArray[np.float32], facts: TemplateFacts, params: TemplateParams, path: Path
) -> dict[str, Any]:
    """Project a template in all views; returns what is to be said of the references.

    Parameters
    ----------
    template, facts
        From `prepare_template`.
    params
        Of the job.
    path
        The stack; a table of the views, which RELION reads as classes, is written beside it.
    """
    views = even_views(wanted_views(params), symmetry=params.symmetry)
    pixel = facts.pixel_size_angstrom
    wanted = params.signal_to_noise
    snr = min(HIGHEST_SNR, SNR_PER_SQUARE_ANGSTROM * pixel**2) if wanted is None else wanted
    diameter = params.particle_diameter_angstrom or facts.diameter_angstrom
    images = project(transform_volume(template), views)
    images = scaled_to_noise(
        images * _disc(facts.box_px, diameter / pixel), diameter / pixel, snr=snr
    )
    write_mrc(path, images, pixel, stack=True)
    angles = relion_from_quaternion(views)
    columns: dict[str, Any] = {
        "rlnReferenceImage": [f"{i + 1:06d}@{path.name}" for i in range(len(views))],
        "rlnClassDistribution": np.full(len(views), 1 / len(views)),
        "rlnAngleRot": angles[:, 0],
        "rlnAngleTilt": angles[:, 1],
        "rlnAnglePsi": angles[:, 2],
    }
    write_star(path.with_suffix(".star"), [star_block("model_classes", columns)])
    return {"views": len(views), "symmetry": params.symmetry, "signal_to_noise": snr}


def _disc(box: int, diameter_px: float) -> NDArray[np.float32]:
    """1 over the particle, 0 from a little farther on: RELION tells the diameter by flat edges."""
    y, x = np.indices((box, box)) - box // 2
    soft = max(2.0, _SOFT * diameter_px)
    beyond = np.clip((np.hypot(x, y) - diameter_px / 2) / soft, 0, 1)
    return (0.5 + 0.5 * np.cos(np.pi * beyond)).astype(np.float32)


def scaled_to_noise(
    images: NDArray[np.float32], diameter_px: float, *, snr: float
) -> NDArray[np.float32]:
    """Scale all images ``(n, box, box)`` alike: their mean square inside a disc becomes ``snr``.

    A picker compares references with noise of deviation 1 per pixel; what a map's grey values are
    is nobody's convention.

    Examples
    --------
    >>> float(np.square(scaled_to_noise(np.full((2, 8, 8), 5, np.float32), 6, snr=0.25)).mean())
    0.25
    """
    box = images.shape[-1]
    y, x = np.indices((box, box)) - box // 2
    inside = x * x + y * y <= (diameter_px / 2) ** 2
    power = float(np.square(images[:, inside], dtype=np.float64).mean())
    if power <= 0:
        raise InputError("template: the views hold no density inside the particle's diameter")
    return (images * np.float32(np.sqrt(snr / power))).astype(np.float32)


def collect_references(folder: Path, items: Sequence[Item]) -> Outcome:
    """Give the references their places, and show them."""
    done = [item for item in items if (folder / "items" / item.id / FACTS).is_file()]
    files: dict[str, str] = {}
    facts: dict[str, dict[str, Any]] = {}
    warnings: list[str] = []
    plots: list[Plot] = []
    for item in done:
        name = item.inputs["name"]
        stack = item.inputs["references"]
        table = Path(stack).with_suffix(".star").name
        hand_out(folder, [item], into=".", files=[stack, table, f"{name}.mrc"])
        files |= {Path(stack).stem: stack, f"{Path(stack).stem}_views": table, name: f"{name}.mrc"}
        found = json.loads((folder / "items" / item.id / FACTS).read_text("utf-8"))
        warnings += [f"{name}: {line}" for line in found.pop("warnings")]
        if found["contrast"] == "dark":
            warnings.append(
                f"{name}: the references are dark; `pick template` wants bright ones, or "
                "--references-contrast dark"
            )
        facts[name] = found
        plots.append(_picture(folder / stack, name, found))
    views = sum(found["views"] for found in facts.values())
    stack = next(iter(files.values()), "references.mrcs")
    return Outcome(
        summary={"templates": facts},
        sentence=f"{views} references made" if done else "no references were made",
        files=files,
        plots=plots,
        warnings=warnings,
        next_command=_next_command(folder / stack, facts),
    )


def _next_command(stack: Path, facts: dict[str, dict[str, Any]]) -> str:
    found = next(iter(facts.values()), {"pixel_size_angstrom": 1.0, "diameter_angstrom": 200.0})
    words = ["cryopick", "pick", "template", "MICROGRAPHS", "--references", str(stack)]
    words += ["--pixel-size-references", f"{found['pixel_size_angstrom']:g}"]
    words += ["--particle-diameter", f"{found['diameter_angstrom']:.0f}", "-o", "picks"]
    return shlex.join(words)


def _picture(stack: Path, name: str, facts: dict[str, Any]) -> Plot:
    images = np.asarray(open_image(stack).data[:_SHOWN], dtype=np.float32)
    more = f"; the first {_SHOWN} are shown" if facts["views"] > _SHOWN else ""
    return Plot(
        title=f"{name}: references",
        caption=f"{facts['views']} views over {facts['symmetry']}, {facts['box_px']} px of "
        f"{facts['pixel_size_angstrom']:g} Å{more}.",
        png=gallery_png(images, columns=10, tile_px=84, cut_percent=0),
    )
