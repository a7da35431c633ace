"""A small tomogram with a few particles at known poses, as files, for the tests of ``match``."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryopick.geometry.rotation import random_rotations
from cryopick.io.images import write_mrc
from cryopick.jobs.match import JOB, MatchParams
from cryopick.pick.matching.template import Template, TurnedTemplates
from cryopick.pick.matching.wedge import wedge_weight
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor

PIXEL = 14.0
SHAPE = (40, 64, 64)
BOX = 14
DIAMETER = 140.0
# x, y, z of voxels.
PLACES = ((14, 15, 12), (45, 18, 25), (20, 46, 27), (48, 48, 13))
QUICK = {
    "angular_step_deg": 30.0,
    "screen_step_deg": 30.0,
    "first_round_kept": 1.0,
    "min_distance_angstrom": DIAMETER,
}


def particle(*, seed=5, name="particle"):
    """A chiral thing of a few dozen Gaussians in a soft ball."""
    rng = np.random.default_rng(seed)
    axis = np.arange(BOX) - BOX // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    density = np.zeros((BOX, BOX, BOX))
    places = rng.normal(size=(25, 3))
    places *= (4.5 * rng.random(25) ** (1 / 3) / np.linalg.norm(places, axis=1))[:, None]
    for place in places - places.mean(axis=0):
        square = (x - place[0]) ** 2 + (y - place[1]) ** 2 + (z - place[2]) ** 2
        density += rng.uniform(0.5, 1.5) * np.exp(-square / 2 / 1.1**2)
    mask = np.clip(6.0 - np.sqrt(x**2 + y**2 + z**2), 0, 1)
    return Template(
        density=density.astype(np.float32),
        mask=mask.astype(np.float32),
        pixel_size_angstrom=PIXEL,
        name=name,
        diameter_angstrom=DIAMETER,
    )


def rotations_of(count=4, *, seed=1):
    """Orientations of the particles."""
    return random_rotations(count, rng=np.random.default_rng(seed))


def tomogram(templates, *, shape=SHAPE, places=PLACES, rotations=None, noise=0.3, seed=0):
    """Particles of the templates in turn, in noise, without the wedge beyond 60°."""
    rng = np.random.default_rng(seed)
    rotations = rotations_of(len(places)) if rotations is None else rotations
    volume = np.zeros(shape)
    for k, (x, y, z) in enumerate(places):
        turned = TurnedTemplates(templates[k % len(templates)], None).weighted(rotations[k : k + 1])
        corner = [c - BOX // 2 for c in (z, y, x)]
        volume[tuple(slice(c, c + BOX) for c in corner)] += turned[0].numpy()
    volume += noise * rng.normal(size=shape)
    kz, kx = np.fft.fftfreq(shape[0])[:, None, None], np.fft.rfftfreq(shape[2])
    seen = wedge_weight(kz, kx, wedge_deg=(-60, 60), edge=1 / 40)
    return np.fft.irfftn(np.fft.rfftn(volume) * seen, shape, axes=(0, 1, 2)).astype(np.float32)


@dataclass
class Files:
    """What a user would have in a folder."""

    folder: Path
    tomogram: Path
    template: Path
    mask: Path
    tilts: Path


def write_files(folder, *, name="TS_01", noise=0.3, templates=None, seed=0):
    """Write a tomogram, its template with the mask, and its tilt angles."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    templates = [particle()] if templates is None else templates
    files = Files(
        folder=folder,
        tomogram=folder / f"{name}.mrc",
        template=folder / "particle.mrc",
        mask=folder / "mask.mrc",
        tilts=folder / "angles.tlt",
    )
    write_mrc(files.tomogram, tomogram(templates, noise=noise, seed=seed), PIXEL)
    for template in templates:
        write_mrc(folder / f"{template.name}.mrc", template.density, PIXEL)
    write_mrc(files.mask, templates[0].mask, PIXEL)
    files.tilts.write_text("".join(f"{t}\n" for t in range(-60, 61, 10)), "utf-8")
    return files


def params_for(files, **more):
    """Parameters that find the particles quickly."""
    given = {
        "tomograms": [str(files.tomogram)],
        "templates": [str(files.template)],
        "masks": [str(files.mask)],
        "particle_diameter_angstrom": DIAMETER,
        "tilts": "-60,60",
        **QUICK,
    }
    return MatchParams(**{**given, **more})


def match(files, folder, *, seed=0, cores=1, **more):
    """Run the job in this process."""
    return run_job(
        JOB,
        params_for(files, **more),
        folder,
        executor=InlineExecutor(cores=cores, memory_bytes=2 * 2**30),
        device="cpu",
        seed=seed,
    )
