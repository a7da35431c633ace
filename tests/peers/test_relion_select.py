"""RELION reads what sort and select write, and chooses by their columns as we do."""

import shutil
import subprocess

import numpy as np
import pytest

from cryopick.io.particles import read_particles
from cryopick.jobs.select import JOB as SELECT
from cryopick.jobs.select_params import SelectParams
from cryopick.jobs.sort import JOB as SORT
from cryopick.jobs.sort_params import SortParams
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor
from toy_particles import PIXEL, RADIUS_PX, toy_particles, write_toy

HANDLER = shutil.which("relion_star_handler")
pytestmark = pytest.mark.skipif(HANDLER is None, reason="RELION is not installed")
N = 40


def relion_select(folder, star, column, low, high):
    words = [HANDLER, "--i", str(star), "--o", "chosen.star", "--select", column]
    words += ["--minval", str(low), "--maxval", str(high)]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return read_particles(folder / "chosen.star")


def test_relion_chooses_the_same_particles(tmp_path):
    images, particles = toy_particles(N, junk=8, noise=1.0, ctf=True)
    write_toy(tmp_path, images, particles)
    sorting = SortParams(
        particles=str(tmp_path / "particles.star"),
        particle_diameter_angstrom=2 * RADIUS_PX * PIXEL,
        shown=5,
    )
    run_job(SORT, sorting, tmp_path / "sort", executor=InlineExecutor(cores=1))
    star = tmp_path / "sort" / "particles.star"
    z = read_particles(star).picks.extra["rlnParticleSelectZScore"].astype(float)
    # Between two particles, so that rounding in either program decides nothing.
    cut = float(np.sort(z)[[N // 2, N // 2 + 1]].mean())
    theirs = relion_select(tmp_path, star, "rlnParticleSelectZScore", -1, cut)
    choosing = SelectParams(input=str(star), where=[f"rlnParticleSelectZScore:-1:{cut}"], shown=5)
    run_job(SELECT, choosing, tmp_path / "select", executor=InlineExecutor(cores=1))
    ours = read_particles(tmp_path / "select" / "particles.star")
    assert theirs.index.tolist() == ours.index.tolist()
    assert len(ours) == N // 2 + 1
    # Rejected particles can be handed to RELION too.
    gone = relion_select(
        tmp_path, tmp_path / "select" / "rejected.star", "rlnParticleSelectZScore", cut, 1e6
    )
    assert sorted([*gone.index, *ours.index]) == list(range(N))
    np.testing.assert_allclose(theirs.shift_angstrom, ours.shift_angstrom, atol=1e-4)
