"""The large tomogram, its forecast and its figures."""

from types import SimpleNamespace

import numpy as np
import pytest

from cryopick.io.images import open_image
from cryopick.model import Picks
from match_large import PARTICLES, SHAPE, make_data, measured, ratio
from measuring import own_match


def test_full_size_is_what_is_promised():
    assert sorted(SHAPE) == [464, 928, 960]
    assert PARTICLES >= 100


@pytest.mark.parametrize(("first", "second"), [(2.0, 3.0), (3.0, 2.0)])
def test_ratio_is_of_the_larger(first, second):
    assert ratio(first, second) == 1.5


def test_data_are_reused_only_where_asked(tmp_path):
    path, truth = make_data(tmp_path / "d", (48, 56, 64), reuse=True)
    image = open_image(path)
    assert image.grid.shape == (48, 56, 64)
    assert len(truth) >= 1
    assert {p.name for p in (tmp_path / "d").iterdir()} == {
        "large.mrc", "mask.mrc", "template_bright.mrc", "template_dark.mrc", "truth.npz"
    }  # fmt: skip
    before = path.stat().st_mtime_ns
    _, again = make_data(tmp_path / "d", (48, 56, 64), reuse=True)
    assert path.stat().st_mtime_ns == before
    np.testing.assert_array_equal(again.position_angstrom, truth.position_angstrom)


def test_forecast_stands_beside_what_it_took(monkeypatch, tmp_path):
    truth = Picks.of([[0.0, 0, 0], [900, 0, 0]], image="t")
    run = SimpleNamespace(
        wall_seconds=60.0, cpu_seconds=100.0, peak_private_mb=2000.0, peak_rss_mb=3000.0
    )
    said = {"seconds": 90.0, "memory_bytes": 1000 * 2**20}
    monkeypatch.setattr(own_match, "forecast", lambda words, out: said)
    monkeypatch.setattr(own_match, "match", lambda words, out: run)
    found = Picks.of([[5.0, 0, 0]], image="t", score=[1.0])
    monkeypatch.setattr(own_match, "picks_in", lambda out, tomogram: found)
    row = measured(["match"], tmp_path / "t.mrc", truth, tmp_path)
    assert row["forecast_time_off_by"] == 1.5
    assert row["forecast_memory_off_by"] == 2.0
    assert row["peak_private_gb"] == pytest.approx(2.1, abs=0.01)
    assert row["accuracy"]["recall"] == 0.5
