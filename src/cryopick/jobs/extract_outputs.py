"""What ``extract particles`` leaves: stacks, ``particles.star``, what was left out, a report."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cryopick.extract.particles import ExtractedParticles
from cryopick.extract.settings import Ctf
from cryopick.io.atomic import atomic_open, write_text
from cryopick.io.particles import read_particle_images, write_particle_stack, write_particles
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.npz import load_picks, save_picks
from cryopick.io.picks.registry import write_picks
from cryopick.jobs.gallery import gallery_png
from cryopick.jobs.plots.scatter import scatter_svg
from cryopick.jobs.simulated_images import hand_out
from cryopick.model import Grid, Optics, Particles, Picks, SetKind, concatenate
from cryopick.model.sets import counted
from cryopick.run.job import Item, Outcome, Plot

KEPT, DROPPED, COLUMNS, FACTS = "picks.npz", "dropped.npz", "columns.npz", "facts.json"
STACKS = "particles"
REASON = "cryopickReason"
# Particles in the gallery of the report.
_SHOWN = 60


def save_extracted(
    found: ExtractedParticles,
    folder: Path,
    *,
    stack: str,
    optics: Optics | None,
    half: NDArray[np.int64] | None,
    dtype: Literal["float32", "float16"],
) -> None:
    """Write the particles of one micrograph into a folder of their own.

    Parameters
    ----------
    found
        What was cut.
    folder
        Where to.
    stack
        File name of the images; not written where there are none.
    optics
        Of the microscope, where known.
    half
        ``(n,)`` random half set of each particle, where known.
    dtype
        Of the pixels on disk.
    """
    n = len(found.images)
    save_picks(found.picks, folder / KEPT)
    save_picks(found.dropped, folder / DROPPED)
    columns: dict[str, Any] = {"shift_angstrom": found.shift_angstrom}
    if found.defocus is not None:
        columns["defocus"] = found.defocus
    if half is not None:
        columns["half"] = half
    if n:
        write_particle_stack(folder / stack, found.images, found.pixel_size_angstrom, dtype=dtype)
        columns["sum"] = found.images.sum(axis=0, dtype=np.float64)
    with atomic_open(folder / COLUMNS, "wb") as file:
        np.savez(file, **columns)
    facts = {
        "particles": n,
        "pixel_size_angstrom": found.pixel_size_angstrom,
        "box_px": int(found.images.shape[-1]),
        "optics": None if optics is None else asdict(optics),
    }
    write_text(folder / FACTS, json.dumps(facts))


def collect_particles(
    folder: Path,
    items: Sequence[Item],
    *,
    grids: Mapping[str, Grid],
    dark: bool,
    ctf: Ctf,
    warnings: Sequence[str],
) -> Outcome:
    """Join the particles of all items that are done, and write them down.

    Parameters
    ----------
    folder
        The job folder.
    items
        All items.
    grids
        Of the micrographs, by name.
    dark
        Particles are darker than the ice in the images.
    ctf
        What was done about it.
    warnings
        Sentences to hand on.
    """
    done = [item for item in items if (folder / "items" / item.id / FACTS).is_file()]
    names = [item.inputs["name"] for item in done]
    frame = Frame(
        grids={name: grids[name] for name in names},
        files={item.inputs["name"]: str(_shown(Path(item.inputs["path"]))) for item in done},
    )
    files: dict[str, str] = {}
    particles, mean = joined_particles(folder, done, dark=dark, ctf=ctf, grids=grids)
    if particles is not None:
        write_particles(folder / "particles.star", particles, frame)
        files["particles"] = "particles.star"
    dropped = concatenate([Picks.empty(2), *(_part(folder, item, DROPPED) for item in done)])
    if len(dropped):
        write_discarded(dropped, folder / "discarded.star", frame)
        files["discarded"] = "discarded.star"
    n = 0 if particles is None else len(particles)
    lines = list(warnings)
    if n == 0:
        lines.append("no particles: every box leaves its micrograph; give --border fill")
    return Outcome(
        summary=_summary(particles, dropped, names, ctf=ctf, dark=dark),
        sentence=f"{counted(n, SetKind.PARTICLES)} from {counted(len(done), SetKind.MICROGRAPHS)}",
        files=files,
        plots=[] if particles is None or mean is None else _plots(particles, mean),
        warnings=lines,
        next_command="" if particles is None else _next_command(folder, n),
    )


def joined_particles(
    folder: Path, items: Sequence[Item], *, dark: bool, ctf: Ctf, grids: Mapping[str, Grid]
) -> tuple[Particles | None, NDArray[np.float64] | None]:
    """Join what items wrote, their stacks handed out; and the mean image. None: no particles."""
    facts = {item.id: _facts(folder, item) for item in items}
    full = [item for item in items if facts[item.id]["particles"]]
    if not full:
        return None, None
    hand_out(folder, full, into=STACKS, files=["{id}.mrcs"])
    columns = [_columns(folder, item) for item in full]
    counts = [facts[item.id]["particles"] for item in full]
    optics = [_optics(facts[item.id]) for item in full]
    groups = list(dict.fromkeys(optics))
    first = facts[full[0].id]
    particles = Particles(
        picks=concatenate([_part(folder, item, KEPT) for item in full]),
        file=np.repeat([str(_shown(folder) / STACKS / f"{item.id}.mrcs") for item in full], counts),
        index=np.concatenate([np.arange(n) for n in counts]),
        pixel_size_angstrom=first["pixel_size_angstrom"],
        box_px=first["box_px"],
        optics=tuple(groups),
        optics_group=np.repeat([groups.index(each) for each in optics], counts),
        defocus=_joined(columns, "defocus"),
        shift_angstrom=_joined(columns, "shift_angstrom"),
        half=_joined(columns, "half"),
        micrograph_pixel_angstrom=np.repeat(
            [grids[item.inputs["name"]].pixel_size_angstrom for item in full], counts
        ),
        phase_flipped=ctf == "phase-flip",
        ctf_premultiplied=ctf == "premultiply",
        dark=dark,
    )
    total = np.sum([part["sum"] for part in columns], axis=0)
    return particles, np.asarray(total / len(particles), dtype=np.float64)


def write_discarded(dropped: Picks, path: Path, frame: Frame) -> None:
    """Write picks that were left out, each with its reason, as coordinates that can be read."""
    reason = np.full(len(dropped), "") if dropped.reason is None else dropped.reason
    shown = replace(
        dropped,
        state=np.full(len(dropped), "auto"),
        extra={**dropped.extra, REASON: reason},
    )
    write_picks(shown, path, frame, name="relion")


def _shown(path: Path) -> Path:
    """A path as STAR files name it: from where the command runs, if it lies below."""
    path = path.absolute()
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _part(folder: Path, item: Item, name: str) -> Picks:
    return load_picks(folder / "items" / item.id / name)


def _facts(folder: Path, item: Item) -> dict[str, Any]:
    return json.loads((folder / "items" / item.id / FACTS).read_text("utf-8"))


def _columns(folder: Path, item: Item) -> dict[str, NDArray[Any]]:
    with np.load(folder / "items" / item.id / COLUMNS) as stored:
        return dict(stored)


def _optics(facts: Mapping[str, Any]) -> Optics:
    return Optics() if facts["optics"] is None else Optics(**facts["optics"])


def _joined(columns: Sequence[Mapping[str, NDArray[Any]]], name: str) -> NDArray[Any] | None:
    """One column of all items; None where one of them lacks it, or where all of it is 0."""
    if not all(name in part for part in columns):
        return None
    joined = np.concatenate([part[name] for part in columns])
    return None if name == "shift_angstrom" and not joined.any() else joined


def _summary(
    particles: Particles | None, dropped: Picks, names: Sequence[str], *, ctf: Ctf, dark: bool
) -> dict[str, Any]:
    reasons = dropped.reason if dropped.reason is not None else np.zeros(0, dtype=str)
    images = np.zeros(0, dtype=str) if particles is None else particles.picks.image
    counts = dict(zip(*(v.tolist() for v in np.unique(images, return_counts=True)), strict=True))
    return {
        "particles": len(images),
        "micrographs": len(names),
        "particles_per_micrograph": {name: counts.get(name, 0) for name in names},
        "discarded": {
            str(r): int(n) for r, n in zip(*np.unique(reasons, return_counts=True), strict=True)
        },
        "pixel_size_angstrom": None if particles is None else particles.pixel_size_angstrom,
        "box_px": None if particles is None else particles.box_px,
        "ctf": ctf,
        "particles_are_dark": dark,
    }


def _plots(particles: Particles, mean: NDArray[np.float64]) -> list[Plot]:
    n = len(particles)
    rows = np.sort(np.random.default_rng(0).permutation(n)[:_SHOWN])
    some = gallery_png(read_particle_images(particles, rows), columns=12, tile_px=72)
    average = gallery_png(mean[np.newaxis].astype(np.float32), columns=1, tile_px=192)
    return [
        Plot(title="Particles", caption=f"{len(rows)} of {n:,}, drawn at random.", png=some),
        Plot(title="Mean image", caption="Of all particles, not aligned.", png=average),
        Plot(
            title="Grey values of the boxes",
            caption="As cut from the micrographs: what lies apart may be carbon, ice or an edge.",
            svg=scatter_svg(
                particles.picks.extra["cryopickBoxMean"],
                particles.picks.extra["cryopickBoxSd"],
                x_name="mean",
                y_name="standard deviation",
            ),
        ),
    ]


def _next_command(folder: Path, n: int) -> str:
    words = ["cryopick", "classify", str(folder / "particles.star")]
    if n < 500:
        words += ["--classes", str(max(1, n // 10))]
    return shlex.join([*words, "-o", "classes"])
