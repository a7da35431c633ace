"""RELION gets the same pixels, and its picks are read back where it put them."""

import numpy as np
import pytest

from cryopick.io.images import open_image, write_mrc
from cryopick.io.star import read_star
from measuring import relion_log


@pytest.fixture
def project(tmp_path):
    rng = np.random.default_rng(0)
    images = {}
    for name in ("a", "b"):
        images[name] = tmp_path / f"{name}.mrc"
        write_mrc(images[name], rng.normal(size=(40, 60)).astype(np.float32), 1.0)
    return relion_log.prepare(images, 2.0, tmp_path / "relion"), images


def test_micrographs_are_the_same_pixels(project):
    made, images = project
    for name, path in images.items():
        copy = open_image(made.folder / "mics" / f"{name}.mrc")
        np.testing.assert_array_equal(copy.read(), open_image(path, pixel_size_angstrom=1).read())
        assert copy.grid.pixel_size_angstrom == 2.0
    assert made.grids["a"].shape == (40, 60)


def test_star_lists_optics_and_micrographs(project):
    made, _ = project
    optics, micrographs = read_star(made.folder / "mics.star").blocks
    assert optics.name == "optics"
    assert optics.number("rlnMicrographPixelSize").tolist() == [2.0]
    assert optics.number("rlnVoltage").tolist() == [300.0]
    assert micrographs.text("rlnMicrographName").tolist() == ["mics/a.mrc", "mics/b.mrc"]
    assert micrographs.number("rlnOpticsGroup").tolist() == [1.0, 1.0]


def test_picks_are_read_in_angstrom_with_their_micrograph(project):
    made, _ = project
    folder = made.folder / "LoG" / "mics"
    folder.mkdir(parents=True)
    head = "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n_rlnAutopickFigureOfMerit #3\n"
    (folder / "b_autopick.star").write_text(head + "10.0 20.0 0.5\n3.0 4.0 0.25\n")
    picks = relion_log.read(made)
    assert picks.image.tolist() == ["b", "b"]
    np.testing.assert_allclose(picks.position_angstrom, [[20, 40], [6, 8]])
    assert picks.score.tolist() == [0.5, 0.25]


def test_no_picks_at_all_are_an_empty_set(project):
    made, _ = project
    assert len(relion_log.read(made)) == 0
