"""RELION's programs get what they need, and what they leave is read where it put it."""

import numpy as np
import pytest

from cryopick.io.images import write_mrc
from cryopick.io.metadata.relion_micrographs import Micrograph, write_micrographs
from cryopick.io.particles import read_particles
from cryopick.model import Defocus, Grid, Optics, Picks
from measuring import relion_2d

SHAPE, PIXEL = (256, 256), 4.0
PLACES = np.array([[60, 70], [180, 90], [120, 190]])
GRID = Grid(shape=SHAPE, pixel_size_angstrom=PIXEL)


@pytest.fixture
def folder(tmp_path):
    """Dark discs in noise."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    pixels = np.random.default_rng(3).normal(size=SHAPE)
    for cx, cy in PLACES:
        pixels -= 3.0 * (np.hypot(x - cx, y - cy) <= 15)
    write_mrc(tmp_path / "mic0.mrc", pixels.astype(np.float32), PIXEL)
    one = Micrograph(
        path="mic0.mrc",
        name="mic0",
        optics=Optics(),
        defocus=Defocus(u_um=1.0, v_um=1.0),
        pixel_size_angstrom=PIXEL,
    )
    write_micrographs(tmp_path / "mics.star", [one])
    return tmp_path


@pytest.fixture
def said(monkeypatch):
    words = []
    monkeypatch.setattr(relion_2d, "measure", lambda line, cwd: words.append([*map(str, line)]))
    return words


def option(words, name):
    return words[words.index(name) + 1]


def test_words_of_the_picker(tmp_path, said):
    relion_2d.pick_template(
        tmp_path, "mics.star", "T", references=tmp_path / "r.mrcs", references_pixel_angstrom=2.0,
        pixel_angstrom=1.0, particle_diameter_angstrom=180, min_distance_angstrom=120,
        options=("--invert",),
    )  # fmt: skip
    assert option(said[0], "--angpix_ref") == "2.0"
    assert option(said[0], "--threshold") == "0.0"
    assert "--invert" in said[0]
    assert "--ctf" not in said[0]


def test_words_of_the_classifier_and_a_fresh_folder(tmp_path, said):
    (tmp_path / "C").mkdir()
    (tmp_path / "C" / "run_it009_data.star").touch()
    relion_2d.classify(
        tmp_path, "p.star", "C", classes=20, iterations=10, mask_diameter_angstrom=190
    )
    assert (option(said[0], "--K"), option(said[0], "--j")) == ("20", "1")
    assert list((tmp_path / "C").iterdir()) == []


def test_the_last_iteration_is_found_and_its_classes_read(tmp_path):
    head = "data_particles\n\nloop_\n_rlnImageName #1\n_rlnClassNumber #2\n"
    (tmp_path / "run_it001_data.star").write_text(head + "000001@a.mrcs 9\n")
    (tmp_path / "run_it010_data.star").write_text(head + "000001@a.mrcs 2\n000002@a.mrcs 7\n")
    last = relion_2d.last_data_star(tmp_path)
    assert relion_2d.classes_of(last) == {"000001@a.mrcs": "2", "000002@a.mrcs": "7"}
    with pytest.raises(FileNotFoundError, match="run_itNNN_data"):
        relion_2d.last_data_star(tmp_path / "none")


def test_no_file_of_picks_is_an_empty_set(tmp_path):
    assert len(relion_2d.read_picked(tmp_path, {"mic0": GRID})) == 0


def test_not_installed(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert not relion_2d.is_installed()
    assert not relion_2d.is_installed("relion_autopick")


@pytest.mark.skipif(not relion_2d.is_installed(), reason="RELION is not installed")
def test_relion_picks_and_extracts_through_the_whole_chain(folder):
    run = relion_2d.pick_log(
        folder, "mics.star", "LoG", diameters_angstrom=(100, 140), pixel_angstrom=PIXEL
    )
    assert run.cpu_seconds > 0
    found = relion_2d.read_picked(folder / "LoG", {"mic0": GRID})
    near = np.linalg.norm(found.position_angstrom[:, None] / PIXEL - PLACES, axis=-1).min(0)
    assert near.max() < 4

    picks = Picks.of(PLACES * PIXEL, image="mic0", score=np.arange(3.0))
    relion_2d.write_coordinates(folder / "coords", picks, {"mic0": GRID})
    relion_2d.extract(folder, "mics.star", "coords", "E", box_px=64, rescaled_px=32)
    particles = read_particles(folder / "E" / "particles.star")
    assert (len(particles), particles.box_px) == (3, 32)
    np.testing.assert_allclose(particles.picks.position_angstrom, PLACES * PIXEL)


@pytest.mark.skipif(not relion_2d.is_installed(), reason="RELION is not installed")
def test_merit_maps_of_relion_are_read(folder):
    line = np.arange(64) - 32
    disc = (np.hypot(line[:, None], line) <= 15).astype(np.float32)
    write_mrc(folder / "refs.mrcs", np.stack([disc, disc / 2]), PIXEL, stack=True)
    relion_2d.pick_template(
        folder, "mics.star", "T", references=folder / "refs.mrcs", references_pixel_angstrom=PIXEL,
        pixel_angstrom=PIXEL, particle_diameter_angstrom=140, min_distance_angstrom=100,
        options=("--invert", "--write_fom_maps"),
    )  # fmt: skip
    merit, psi = relion_2d.read_merit_maps(folder / "T", "mic0")
    assert merit.shape == psi.shape
    assert merit.shape[0] == 2
    scale = merit.shape[1] / SHAPE[0]
    for x, y in np.rint(PLACES * scale).astype(int):
        assert merit[0, y, x] > np.quantile(merit[0], 0.9)
