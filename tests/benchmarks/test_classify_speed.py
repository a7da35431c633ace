"""Classes meet the views of the right particles."""

import numpy as np

from classify_speed import Known, labels_of, times, views_of
from cryopick.model import Particles, Picks
from measuring.class_purity import beam_in_particle
from measuring.command import Measured
from measuring.synthetic_micrographs import MicrographSet

HEAD = "data_particles\n\nloop_\n_rlnImageName #1\n"


def test_labels_follow_the_rows_of_the_set(tmp_path):
    (tmp_path / "set.star").write_text(HEAD + "000002@x/a.mrcs\n000001@x/a.mrcs\n3@x/b.mrcs\n")
    result = HEAD + "_rlnClassNumber #2\n1@/tmp/a.mrcs 7\n000002@/tmp/a.mrcs 4\n"
    (tmp_path / "run_it001_data.star").write_text(result)
    known = Known(star=tmp_path / "set.star", views=np.zeros((3, 3)))
    assert labels_of(tmp_path / "run_it001_data.star", known) == ["4", "7", "none"]


def test_views_are_those_of_the_nearest_particle_in_the_same_micrograph(tmp_path):
    truth = Picks.of([[100.0, 100], [400, 400], [100, 100]], image=np.array(["m0", "m0", "m1"]))
    zyz = np.array([[0.0, 10, 0], [0, 90, 0], [0, 170, 0]])
    data = MicrographSet(
        folder=tmp_path,
        images={name: tmp_path / name for name in ("m0", "m1")},
        star=tmp_path / "m.star",
        references=tmp_path / "r.mrcs",
        truth=truth,
        zyz_deg=zyz,
    )
    cut = Particles(
        picks=Picks.of([[104.0, 97], [395, 402]], image=np.array(["data/m1.mrc", "data/m0.mrc"])),
        file=np.array(["s", "s"]),
        index=np.arange(2),
        pixel_size_angstrom=4.0,
        box_px=64,
    )
    np.testing.assert_allclose(views_of(cut, data), beam_in_particle(zyz[[2, 1]]))


def test_times_per_iteration():
    run = Measured(
        wall_seconds=5.0, cpu_seconds=20.0, peak_rss_mb=1.0, peak_private_mb=700.4, stdout="",
        stderr="",
    )  # fmt: skip
    found = times([run], 10)
    assert found["cpu_s_per_iteration"]["median"] == 2.0
    assert found["peak_private_mb"]["median"] == 700
