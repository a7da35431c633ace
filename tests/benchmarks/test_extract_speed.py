"""The same particles of two programs are compared with each other, whatever their order."""

import numpy as np
import pytest

from cryopick.io.particles import write_particle_stack
from cryopick.model import Particles, Picks
from extract_speed import differences, in_order, places, times, write_csv
from measuring.command import Measured
from measuring.synthetic_micrographs import MicrographSet

PLACES = np.array([[500.0, 600], [700, 800], [900, 1000]])


@pytest.fixture
def data(tmp_path):
    truth = Picks.of(PLACES, image=np.array(["mic1", "mic0", "mic1"]))
    return MicrographSet(
        folder=tmp_path,
        images={name: tmp_path / f"{name}.mrc" for name in ("mic0", "mic1")},
        star=tmp_path / "m.star",
        references=tmp_path / "r.mrcs",
        truth=truth,
        zyz_deg=np.zeros((3, 3)),
    )


def test_places_are_the_true_ones_and_as_many_near_them_in_whole_pixels(data):
    found = places(data)
    assert len(found) == 6
    assert found.image.tolist() == ["mic0"] * 2 + ["mic1"] * 4
    np.testing.assert_array_equal(found.position_angstrom, np.rint(found.position_angstrom))
    for place in PLACES:
        apart = np.linalg.norm(found.position_angstrom - place, axis=1)
        assert apart.min() == 0
        assert (apart < 100).sum() == 2
    np.testing.assert_array_equal(places(data).position_angstrom, found.position_angstrom)


def test_table_of_places(data, tmp_path):
    write_csv(tmp_path / "p.csv", data.truth, data)
    assert (tmp_path / "p.csv").read_text().splitlines()[:2] == ["image,x,y", "mic1.mrc,500,600"]


def test_images_are_put_in_order(data, tmp_path):
    images = np.random.default_rng(0).normal(size=(3, 8, 8)).astype(np.float32)
    write_particle_stack(tmp_path / "s.mrcs", images, 1.0)
    order = np.array([2, 0, 1])
    listed = Particles(
        picks=data.truth[order],
        file=np.array([str(tmp_path / "s.mrcs")] * 3),
        index=order,
        pixel_size_angstrom=1.0,
        box_px=8,
    )
    np.testing.assert_array_equal(in_order(listed, data.truth), images)


def test_differences():
    ours = np.zeros((2, 4, 4), np.float32)
    theirs = ours.copy()
    theirs[1, 2, 2] = -0.25
    assert differences(ours, theirs) == {"largest": 0.25, "root_mean_square": 0.044194}


def test_particles_per_second():
    run = Measured(
        wall_seconds=2.0, cpu_seconds=4.0, peak_rss_mb=1.0, peak_private_mb=1.0, stdout="",
        stderr="",
    )  # fmt: skip
    found = times([run], 2400)
    assert found["particles_per_s"]["median"] == 1200
    assert found["particles_per_cpu_s"]["median"] == 600
