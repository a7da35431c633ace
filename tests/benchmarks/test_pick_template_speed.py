"""What is compared, and with what, in the benchmark of template picking."""

import numpy as np

from cryopick.model import Picks
from measuring.command import Measured
from measuring.synthetic_micrographs import MicrographSet
from pick_template_speed import pickers, rated, ratio, times


def data(folder):
    return MicrographSet(
        folder=folder,
        images={name: folder / f"{name}.mrc" for name in ("mic0", "mic1")},
        star=folder / "m.star",
        references=folder / "r.mrcs",
        truth=Picks.of([[500.0, 500], [900, 900]], image=np.array(["mic0", "mic1"])),
        zyz_deg=np.zeros((2, 3)),
    )


def test_a_pick_counts_within_40_angstrom(tmp_path):
    picks = Picks.of([[530.0, 520], [950, 900]], image=np.array(["mic0", "mic1"]), score=[2, 1])
    found = rated(picks, data(tmp_path))
    assert (found["precision"], found["recall"]) == (0.5, 0.5)


def test_without_relion_ours_alone_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    titles = list(pickers(data(tmp_path), tmp_path))
    assert titles == ["template, 8 references", "template, 50 own views", "log"]
    assert "RELION is left out" in capsys.readouterr().out


def test_times_are_per_micrograph_and_compared_by_the_processor():
    def run(cpu):
        return Measured(
            wall_seconds=1.0, cpu_seconds=cpu, peak_rss_mb=1.0, peak_private_mb=1.0, stdout="",
            stderr="",
        )  # fmt: skip

    mine, theirs = times([run(6.0), run(8.0), run(7.0)], 4), times([run(42.0)], 4)
    assert mine["cpu_s_per_micrograph"]["median"] == 1.75
    assert ratio(theirs, mine) == 6.0
