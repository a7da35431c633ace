"""Large micrographs strip by strip."""

import numpy as np
import pytest

from cryopick.pick.merit import layers
from cryopick.pick.merit.pick import merit_maps
from cryopick.pick.merit.settings import MeritSettings
from merit_scenes import micrograph, two_references

PIXEL = 4.0


@pytest.mark.parametrize("engine", ["exact", "bank"])
@pytest.mark.parametrize("per_reference", [True, False])
def test_strips_give_what_the_whole_gives(engine, per_reference, monkeypatch):
    references = two_references(PIXEL)
    image = micrograph((420, 200), references, PIXEL, seed=4)
    settings = MeritSettings(
        particle_diameter_angstrom=130.0,
        angular_step_deg=40.0,
        engine=engine,
        ctf="none",
        low_pass_angstrom=24.0,
        shrink=0.5,
    )
    whole = merit_maps(image, references, settings, per_reference=per_reference)
    counted = []
    cut = layers._strips

    def strips(*args, **words):
        found = list(cut(*args, **words))
        counted.append(len(found))
        return iter(found)

    monkeypatch.setattr(layers, "_STRIP_BYTES", 1)
    monkeypatch.setattr(layers, "_strips", strips)
    parts = merit_maps(image, references, settings, per_reference=per_reference)
    assert counted[0] > 2
    assert parts.merit.shape == whole.merit.shape
    error = np.abs(parts.merit - whole.merit).max()
    assert error < 5e-3 * np.abs(whole.merit).max()
    assert (parts.psi_deg == whole.psi_deg).mean() > 0.98
    assert (parts.reference == whole.reference).mean() > 0.98
