"""Our extraction beside RELION's own, and what RELION makes of the particles we write."""

import shutil
import subprocess

import numpy as np
import pytest

from cryopick.io.images import open_image, write_mrc
from cryopick.io.metadata.relion_micrographs import Micrograph, write_micrographs
from cryopick.io.particles import read_particle_images, read_particles
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import write_picks
from cryopick.jobs.extract_particles import JOB, ExtractParams
from cryopick.model import Defocus, Grid, Optics, Picks
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor

PIXEL, SHAPE = 1.5, (420, 500)
# Whole pixels: RELION cuts fractions off, we take the nearest pixel.
PLACES = np.array([[140, 150], [300, 200], [250, 280], [60, 300], [480, 30]])
INSIDE = [0, 1, 2]
DEFOCUS = Defocus(u_um=1.2, v_um=1.05, astigmatism_angle_deg=20.0)

pytestmark = pytest.mark.skipif(
    shutil.which("relion_preprocess") is None, reason="RELION is not installed"
)


def relion(folder, program, *words):
    done = subprocess.run(
        [f"relion_{program}", *map(str, words)],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A micrograph with a gradient and a high mean, its CTF, and picks."""
    rng = np.random.default_rng(4)
    pixels = rng.normal(1000, 25, SHAPE) + np.linspace(0, 60, SHAPE[1])
    y, x = np.indices(SHAPE)
    for px, py in PLACES:
        pixels -= 60 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 9.0**2))
    (tmp_path / "mics").mkdir()
    write_mrc(tmp_path / "mics" / "007.mrc", pixels.astype(np.float32), PIXEL)
    entry = Micrograph(
        path="mics/007.mrc", name="007", optics=Optics(), defocus=DEFOCUS, pixel_size_angstrom=PIXEL
    )
    write_micrographs(tmp_path / "mics.star", [entry])
    picks = Picks.of(PLACES * PIXEL, image="007", score=np.arange(5.0))
    (tmp_path / "Pick" / "mics").mkdir(parents=True)
    frame = Frame(default_grid=Grid(shape=SHAPE, pixel_size_angstrom=PIXEL))
    write_picks(picks, tmp_path / "Pick" / "mics" / "007_pick.star", frame, name="relion")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def by_relion(folder, *words):
    (folder / "Extract").mkdir()
    relion(
        folder, "preprocess", "--i", "mics.star", "--coord_dir", "Pick/", "--coord_suffix",
        "_pick.star", "--part_star", "Extract/particles.star", "--part_dir", "Extract/",
        "--extract", *words,
    )  # fmt: skip
    return np.asarray(open_image(folder / "Extract" / "mics" / "007.mrcs").data[...])


def by_us(folder, **given):
    params = ExtractParams(picks="Pick/mics/007_pick.star", micrographs=["mics.star"], **given)
    run_job(JOB, params, folder / "ours", executor=InlineExecutor(cores=1), device="cpu")
    particles = read_particles("ours/particles.star")
    return particles, read_particle_images(particles)


def worst(ours, theirs):
    """Largest difference of a pixel, in standard deviations of the image."""
    return np.max(np.abs(ours - theirs) / theirs.std(axis=(1, 2), keepdims=True))


def test_pixels_are_those_of_relion(project):
    theirs = by_relion(
        project, "--extract_size", 120, "--scale", 30, "--norm", "--bg_radius", 11,
        "--white_dust", -1, "--black_dust", -1, "--invert_contrast",
    )  # fmt: skip
    _, ours = by_us(project, box_px=120, rescale_px=30, background_radius_px=11, border="fill")
    assert ours.shape == theirs.shape == (5, 30, 30)
    assert worst(ours, theirs) < 1e-3


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ((), {"normalise": "none", "invert": False}),
        (("--scale", 50), {"rescale_px": 50, "normalise": "none", "invert": False}),
        # Not with --scale, too: then RELION 3.1 windows about a corner.
        (
            ("--window", 40, "--norm", "--bg_radius", 15),
            {"window_px": 40, "background_radius_px": 15, "invert": False},
        ),
        (
            ("--norm", "--no_ramp", "--bg_radius", 40),
            {"normalise": "relion-no-ramp", "background_radius_px": 40, "invert": False},
        ),
    ],
)
def test_so_they_are_step_by_step(project, words, given):
    theirs = by_relion(project, "--extract_size", 100, *words)
    _, ours = by_us(project, box_px=100, border="fill", **given)
    assert worst(ours, theirs) < 1e-3


def test_premultiplied_pixels_are_those_of_relion_too(project):
    theirs = by_relion(
        project, "--extract_size", 100, "--premultiply_ctf", "--premultiply_extract_size", 120,
        "--scale", 50, "--norm", "--bg_radius", 20, "--invert_contrast",
    )  # fmt: skip
    particles, ours = by_us(
        project, box_px=100, rescale_px=50, background_radius_px=20, premultiply_ctf=True,
        ctf_box_px=120,
    )  # fmt: skip
    # Of what lies beyond the micrograph RELION makes something else.
    assert worst(ours[INSIDE], theirs[INSIDE]) < 1e-3
    assert particles.ctf_premultiplied


def test_flipped_phases_are_those_of_relion_below_nyquist(project):
    theirs = by_relion(project, "--extract_size", 100, "--phase_flip")
    particles, ours = by_us(
        project, box_px=100, phase_flip=True, ctf_box_px=100, normalise="none", invert=False
    )
    # At Nyquist one coefficient stands for two directions, of which each takes another.
    below = np.s_[:, np.arange(100) != 50, :-1]
    a, b = (np.fft.rfft2(images[INSIDE])[below] for images in (ours, theirs))
    assert np.max(np.abs(a - b)) < 1e-4 * np.abs(b[:, 1:, 1:]).max()
    assert particles.phase_flipped


def test_relion_normalises_our_stacks_to_themselves(project):
    _, ours = by_us(project, box_px=120, rescale_px=30, background_radius_px=11)
    relion(
        project, "preprocess", "--operate_on", "ours/particles/007.mrcs", "--operate_out", "again.mrcs",
        "--norm", "--bg_radius", 11, "--white_dust", -1, "--black_dust", -1,
    )  # fmt: skip
    again = np.asarray(open_image(project / "again.mrcs").data[...])
    assert worst(again, ours) < 1e-3


def test_relion_stacks_and_handles_our_particles(project):
    _, ours = by_us(project, box_px=120, rescale_px=30)
    relion(project, "stack_create", "--i", "ours/particles.star", "--o", "stacked")
    stacked = np.asarray(open_image(project / "stacked.mrcs").data[...])
    np.testing.assert_allclose(stacked, ours, atol=1e-6)
    relion(
        project, "image_handler", "--i", "ours/particles.star", "--o", "twice",
        "--multiply_constant", 2,
    )  # fmt: skip
    [doubled] = project.glob("**/*twice.mrcs")
    np.testing.assert_allclose(np.asarray(open_image(doubled).data[...]), 2 * ours, atol=1e-5)


def test_relion_extracts_again_where_we_did(project):
    """From our particles.star RELION cuts the same boxes: it means the same by our coordinates."""
    _, ours = by_us(project, box_px=120, normalise="none", invert=False)
    (project / "Again").mkdir()
    relion(
        project, "preprocess", "--i", "mics.star", "--reextract_data_star", "ours/particles.star",
        "--part_star", "Again/particles.star", "--part_dir", "Again/", "--extract",
        "--extract_size", 120,
    )  # fmt: skip
    [stack] = (project / "Again").glob("**/007.mrcs")
    np.testing.assert_allclose(np.asarray(open_image(stack).data[...]), ours, atol=1e-3)
