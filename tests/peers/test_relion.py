"""What real RELION makes of our files; runs where its programs are installed."""

import shutil
import subprocess

import numpy as np
import pytest
from scipy import ndimage

from cryopick.io.images import open_image, write_mrc
from cryopick.io.metadata.relion_micrographs import Micrograph, write_micrographs
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks, write_picks
from cryopick.model import Grid, Optics, Picks

PIXEL = 3.0
SHAPE = (240, 300)
BOX = 32
CENTRES = np.array([[40, 50], [120, 61], [201, 150], [77, 199]])

pytestmark = pytest.mark.skipif(
    shutil.which("relion_preprocess") is None, reason="RELION is not installed"
)


@pytest.fixture
def project(tmp_path):
    """A micrograph with blobs at whole pixels, its STAR, and picks on them."""
    pixels = np.zeros(SHAPE, np.float32)
    pixels[tuple(CENTRES.T[::-1])] = 1.0
    pixels = ndimage.gaussian_filter(pixels, 2.5)
    noise = np.random.default_rng(0).normal(scale=1e-5, size=SHAPE)
    (tmp_path / "mics").mkdir()
    write_mrc(tmp_path / "mics" / "007.mrc", (pixels + noise).astype(np.float32), PIXEL)
    one = Micrograph(path="mics/007.mrc", name="007", optics=Optics(), pixel_size_angstrom=PIXEL)
    write_micrographs(tmp_path / "mics.star", [one])
    picks = Picks.of(CENTRES * PIXEL, image="007", score=np.arange(4.0))
    return tmp_path, picks


def run(folder, *words):
    done = subprocess.run(
        [*map(str, words)], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_relion_extracts_boxes_centred_on_our_picks(project):
    folder, picks = project
    grid = Grid(shape=SHAPE, pixel_size_angstrom=PIXEL)
    (folder / "Pick" / "mics").mkdir(parents=True)
    write_picks(
        picks, folder / "Pick" / "mics" / "007_pick.star", Frame(default_grid=grid), name="relion"
    )
    (folder / "Extract").mkdir()
    run(
        folder, "relion_preprocess", "--i", "mics.star", "--coord_dir", "Pick/",
        "--coord_suffix", "_pick.star", "--part_star", "Extract/particles.star",
        "--part_dir", "Extract/", "--extract", "--extract_size", BOX,
    )  # fmt: skip
    stack = open_image(folder / "Extract" / "mics" / "007.mrcs")
    assert len(stack) == 4
    for particle in np.asarray(stack.data[...]):
        assert np.unravel_index(particle.argmax(), particle.shape) == (BOX // 2, BOX // 2)


def test_we_read_the_particles_that_relion_extracted(project):
    folder, picks = project
    test_relion_extracts_boxes_centred_on_our_picks(project)
    grid = Grid(shape=SHAPE, pixel_size_angstrom=PIXEL)
    back = read_picks(folder / "Extract" / "particles.star", Frame(default_grid=grid)).picks
    np.testing.assert_allclose(back.position_angstrom, picks.position_angstrom, atol=1e-3)
    np.testing.assert_allclose(back.score, picks.score, atol=1e-6)
    assert set(back.image.tolist()) == {"007"}
