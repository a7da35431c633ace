"""The figure of merit of `cryopick.pick.merit` beside the maps that RELION writes.

    python benchmarks/merit_against_relion.py [--scratch DIR] [--reuse]

One micrograph of ../shared/tools/synthetic (4096 x 4096 at 1 Å, defocus 1 µm), eight references, 72
angles, low-pass 20 Å: ``relion_autopick --write_fom_maps`` against `merit_maps`, by both engines. Ours
work on RELION's grid of 408 x 408 here, with the low-pass that this means: the best of many angles is
no smooth map, so nothing could be interpolated. Correlations are of each reference's whole map
without the border of half a box; ``slope`` is what RELION's values are multiplied by, whose expected
ratios hang on one draw of noise. Angles are compared at the true particles.
Prints a table, and writes results/merit_against_relion.json.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryopick.io.images import open_image
from cryopick.io.metadata.relion_micrographs import read_micrographs, write_micrographs
from cryopick.model import Defocus, Image, ImageStack
from cryopick.pick.merit.maps import MeritMaps
from cryopick.pick.merit.pick import merit_maps
from cryopick.pick.merit.reference_set import References
from cryopick.pick.merit.settings import MeritEngine, MeritSettings
from measuring import relion_2d, relion_log, synthetic_micrographs
from measuring.kept_run import kept_run
from measuring.result_file import write_result
from measuring.synthetic_micrographs import (
    DEFOCUS_UM,
    GENERATOR,
    OPTICS,
    PIXEL_ANGSTROM,
    SHAPE,
    MicrographSet,
)

NAME = "mic0"
CIRCLE_ANGSTROM = 180.0
BORDER_ANGSTROM = 128.0
ANGULAR_STEP_DEG = 5.0
ENGINES: tuple[MeritEngine, ...] = ("exact", "bank")


def own_maps(data: MicrographSet, engine: MeritEngine, *, working_px: int) -> MeritMaps:
    """One map per reference, on as many working pixels as RELION took."""
    image, stack = open_image(data.images[NAME]), open_image(data.references)
    if not isinstance(image, Image) or not isinstance(stack, ImageStack):
        raise TypeError(f"{data.images[NAME]}, {data.references}: expected an image and a stack")
    references = References(
        images=np.asarray(stack.data, dtype=np.float32), pixel_size_angstrom=PIXEL_ANGSTROM
    )
    settings = MeritSettings(
        particle_diameter_angstrom=CIRCLE_ANGSTROM,
        angular_step_deg=ANGULAR_STEP_DEG,
        low_pass_angstrom=2 * SHAPE[0] * PIXEL_ANGSTROM / working_px,
        ctf="full",
        shrink=working_px,
        engine=engine,
    )
    defocus = Defocus(u_um=DEFOCUS_UM[0], v_um=DEFOCUS_UM[0])
    return merit_maps(
        image, references, settings, optics=OPTICS, defocus=defocus, per_reference=True
    )


def relion_maps(
    data: MicrographSet, folder: Path, *, reuse: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """RELION's maps of merit and of angles."""
    one = [micrograph for micrograph in read_micrographs(data.star) if micrograph.name == NAME]
    write_micrographs(data.folder / "one.star", one)
    out = "Maps"
    kept_run(
        folder / "relion_maps.json",
        lambda: relion_2d.pick_template(
            data.folder,
            "one.star",
            out,
            references=data.references,
            references_pixel_angstrom=PIXEL_ANGSTROM,
            pixel_angstrom=PIXEL_ANGSTROM,
            particle_diameter_angstrom=CIRCLE_ANGSTROM,
            min_distance_angstrom=120,
            options=("--invert", "--ctf", "--write_fom_maps"),
        ),
        reuse=reuse,
    )
    return relion_2d.read_merit_maps(data.folder / out, NAME)


def agreement(
    merit: NDArray[np.float32],
    psi_deg: NDArray[np.float32],
    maps: MeritMaps,
    places_px: NDArray[np.float64],
) -> dict[str, Any]:
    """How alike the maps of all references are, and the angles at some places ``(n, 2)``, x, y."""
    n = merit.shape[1]
    border = int(np.ceil(BORDER_ANGSTROM * n / SHAPE[0]))
    inner = (slice(border, n - border), slice(border, n - border))
    x, y = np.clip(np.rint(places_px * n / SHAPE[0]).astype(int), 0, n - 1).T
    rows: list[dict[str, float]] = []
    for theirs, their_psi, ours, our_psi in zip(
        merit, psi_deg, maps.merit, maps.psi_deg, strict=True
    ):
        mine, other = (values[inner].astype(np.float64).ravel() for values in (ours, theirs))
        apart = (our_psi[y, x] - their_psi[y, x] + 180) % 360 - 180
        rows.append(
            {
                "correlation": round(float(np.corrcoef(mine, other)[0, 1]), 5),
                "slope": round(float(np.polyfit(other, mine, 1)[0]), 4),
                "same_psi": round(float((np.abs(apart) <= ANGULAR_STEP_DEG).mean()), 4),
            }
        )
    return {
        "least_correlation": min(row["correlation"] for row in rows),
        "references": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "pick_bench")
    parser.add_argument("--reuse", action="store_true")
    parser.add_argument("--generator", type=Path, default=GENERATOR)
    given = parser.parse_args()
    if not given.generator.is_file() or not relion_2d.is_installed(relion_2d.PICKER):
        print(f"skipped: needs {relion_2d.PICKER} and {given.generator}")
        return
    given.scratch.mkdir(parents=True, exist_ok=True)
    data = synthetic_micrographs.make(given.scratch, generator=given.generator, reuse=given.reuse)
    merit, psi_deg = relion_maps(data, given.scratch, reuse=given.reuse)
    places_px = data.truth.position_angstrom[data.truth.image == NAME] / PIXEL_ANGSTROM
    engines = {
        engine: agreement(
            merit, psi_deg, own_maps(data, engine, working_px=merit.shape[-1]), places_px
        )
        for engine in ENGINES
    }
    for engine, found in engines.items():
        print(f"{engine:<6} least correlation of 8 references {found['least_correlation']:.4f}")
        for number, row in enumerate(found["references"], 1):
            print(f"   reference {number}: {row}")
    write_result(
        "merit_against_relion", {"relion_version": relion_log.version(), "engines": engines}
    )


if __name__ == "__main__":
    main()
