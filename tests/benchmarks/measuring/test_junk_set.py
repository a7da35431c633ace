"""Boxes show what their names say."""

import numpy as np
import pytest

from measuring import junk_set
from measuring.junk_set import BOX_PX, JUNK, PARTICLE, make_junk_set


@pytest.fixture(scope="module")
def found():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(junk_set, "EDGE_PX", 700)
        return make_junk_set(
            "ribosome", micrographs=1, particles=12, junk=4, signal_to_noise=1.0, seed=0
        )


def test_every_kind_is_there_and_no_more_than_asked(found):
    assert found.images.shape == (len(found.kind), BOX_PX, BOX_PX)
    assert np.isfinite(found.images).all()
    kinds, counts = np.unique(found.kind, return_counts=True)
    assert set(kinds) <= {PARTICLE, *JUNK}
    assert set(kinds) >= {PARTICLE, "empty", "carbon", "carbon edge", "aggregate"}
    for kind, n in zip(kinds, counts, strict=True):
        assert n <= (12 if kind == PARTICLE else 4)
    assert found.good.sum() == (found.kind == PARTICLE).sum()


def test_particles_are_bright_in_the_middle_and_empty_boxes_are_not(found):
    middle = slice(BOX_PX // 2 - 16, BOX_PX // 2 + 16)
    height = found.images[:, middle, middle].mean(axis=(1, 2)) - np.median(
        found.images, axis=(1, 2)
    )
    assert height[found.good].min() > height[found.kind == "empty"].max()


def test_an_edge_is_steeper_than_anything_beside_it(found):
    block = found.images.reshape(len(found.images), 8, 8, 8, 8).mean(axis=(2, 4))
    reach = np.ptp(block.reshape(len(block), -1), axis=1)
    assert np.median(reach[found.kind == "carbon edge"]) > np.median(reach[found.kind == "empty"])


def test_the_seed_makes_the_set(found, monkeypatch):
    monkeypatch.setattr(junk_set, "EDGE_PX", 700)
    again = make_junk_set(
        "ribosome", micrographs=1, particles=12, junk=4, signal_to_noise=1.0, seed=0
    )
    np.testing.assert_array_equal(again.images, found.images)
