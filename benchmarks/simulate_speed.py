"""How long a micrograph and a tomogram of usual size take to simulate.

    OMP_NUM_THREADS=1 python benchmarks/simulate_speed.py [--threads 2]

Prints a table, and writes results/simulate_speed.json; one line per case with seconds, peak memory and what was placed. The first image of
a set also loads and transforms its maps; "again" is any further one.
"""

import argparse
import resource
import time

import numpy as np
import torch

from cryopick.model import Defocus
from cryopick.simulate.maps import load_map
from cryopick.simulate.micrographs import MicrographRecipe, simulate_micrograph
from cryopick.simulate.specimen import SpecimenRecipe
from cryopick.simulate.tilt_series import TiltRecipe
from cryopick.simulate.tomograms import simulate_tomogram
from measuring.result_file import write_result


def micrograph() -> int:
    """4096 x 4096 at 1 Å with 300 particles, an ice crystal and a carbon edge."""
    species = [load_map("apoferritin", 1.0), load_map("betagal", 1.0)]
    recipe = MicrographRecipe(
        size_px=(4096, 4096),
        pixel_size_angstrom=1.0,
        particles=(200, 100),
        defocus=Defocus(u_um=1.6, v_um=1.5, astigmatism_angle_deg=20),
        ice_crystals=1,
        carbon_share=0.05,
    )
    made = simulate_micrograph(species, recipe, name="mic", rng=np.random.default_rng(0))
    return len(made.truth)


def tomogram() -> int:
    """180 x 400 x 400 at 10 Å from 41 tilts: crowded, with membranes, a filament and gold."""
    names = ("ribosome", "proteasome", "apoferritin", "spike", "filament")
    recipe = SpecimenRecipe(
        particles=(60, 60, 60, 0, 0),
        on_membranes=(0, 0, 0, 60, 0),
        filaments=2,
        vesicles=4,
        sheets=1,
        gold_beads=6,
    )
    made = simulate_tomogram(
        [load_map(name, 10.0) for name in names],
        recipe,
        TiltRecipe(),
        name="tomo",
        rng=np.random.default_rng(0),
    )
    return len(made.truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rows = []
    for name, case in (("micrograph", micrograph), ("tomogram", tomogram)):
        for sitting in ("first", "again"):
            start, busy = time.perf_counter(), time.process_time()
            placed = case()
            rows.append(
                {
                    "case": name,
                    "sitting": sitting,
                    "seconds": round(time.perf_counter() - start, 2),
                    "cpu_seconds": round(time.process_time() - busy, 2),
                    "particles": placed,
                    "peak_gib": round(
                        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2
                    ),
                }
            )
            print("{case:12} {sitting:6} {seconds:7.2f} s ({cpu_seconds:.2f} s of the processor) {particles:4d} particles "
                  "{peak_gib:5.2f} GiB".format(**rows[-1]))  # fmt: skip
    write_result("simulate_speed", {"threads": given.threads, "rows": rows})


if __name__ == "__main__":
    main()
