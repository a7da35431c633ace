"""Areas under curves, poses, and a whole small measurement."""

import numpy as np
import pytest

import sort_junk
from measuring import junk_set
from measuring.junk_set import make_junk_set
from sort_junk import FULL, as_particles, judged, measured, roc_area


@pytest.fixture(scope="module")
def found():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(junk_set, "EDGE_PX", 800)
        return make_junk_set(
            "ribosome", micrographs=1, particles=30, junk=5, signal_to_noise=1.0, seed=1
        )


@pytest.mark.parametrize(
    ("score", "area"),
    [([3, 2, 1, 0], 1.0), ([0, 1, 2, 3], 0.0), ([1, 1, 1, 1], 0.5), ([3, 0, 1, 0], 0.625)],
)
def test_the_area_counts_pairs(score, area):
    good = np.array([True, True, False, False])
    assert roc_area(np.array(score, float), good) == area


def test_every_kind_is_judged_beside_the_particles(found):
    perfect = judged(found.good.astype(float), found)
    assert set(perfect) == {"all", *np.unique(found.kind[~found.good])}
    assert set(perfect.values()) == {1.0}
    only_ice = judged(np.where(found.kind == "empty", -1.0, 0.0), found)
    assert only_ice["empty"] == 1.0
    assert only_ice["carbon"] == 0.5


def test_particles_carry_their_defocus(found):
    particles = as_particles(found)
    np.testing.assert_array_equal(particles.defocus[:, 0], found.defocus_um)
    assert len(particles) == len(found.images)


def test_a_small_measurement(found, monkeypatch):
    monkeypatch.setattr(sort_junk, "REFERENCES", 2)
    row = measured(found, seed=0)
    assert row["boxes"] == len(found.images)
    areas = row["roc_area"]
    assert areas["without references"]["all"] > 0.85
    assert areas["with references"]["all"] > 0.85
    assert set(row["kept_of_junk"]) == {"references", "alone"}


def test_a_smaller_run_replaces_no_result(monkeypatch, capsys, found):
    monkeypatch.setattr(sort_junk, "make_junk_set", lambda *_, **__: found)
    monkeypatch.setattr(sort_junk, "REFERENCES", 1)
    monkeypatch.setattr(sort_junk, "NOISES", {"physics": None})
    monkeypatch.setattr("sys.argv", ["sort_junk.py", "--micrographs", "1", "--species", "ribosome"])
    sort_junk.main()
    said = capsys.readouterr().out
    assert "not of full size" in said
    assert "proposed cut" in said
    assert FULL["micrographs"] != 1
