"""The formula, and large micrographs strip by strip."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cryopick.pick.merit import layers
from cryopick.pick.merit.layers import figure_of_merit
from cryopick.pick.merit.moments import Moments
from cryopick.pick.merit.pick import merit_maps
from cryopick.pick.merit.settings import MeritSettings
from merit_scenes import micrograph, two_references

PIXEL = 4.0
MOMENTS = Moments(
    mean=np.array([0.2, -0.1]), square=np.array([0.3, 0.5]), expected=np.array([1.2, 1.4])
)


def test_the_formula():
    c, mu, sigma = (torch.tensor([[v]]) for v in (0.8, 0.1, 1.1))
    found = figure_of_merit(c, MOMENTS, 0, mean=mu, sd=sigma)
    m = (0.8 - 0.1 * 0.2) / 1.1 - 0.3 / 2
    assert float(found) == pytest.approx((np.exp(m) - 1) / 0.2)


def test_what_the_reference_predicts_scores_1_and_no_signal_slightly_below_0():
    # c = mean of A² when the micrograph shows the reference: m = a2 / 2.
    same = figure_of_merit(
        torch.tensor([0.5]),
        replace(MOMENTS, expected=np.exp(MOMENTS.square / 2)),
        1,
        mean=torch.zeros(1),
        sd=torch.ones(1),
    )
    assert float(same) == pytest.approx(1.0)
    nothing = figure_of_merit(torch.zeros(1), MOMENTS, 1, mean=torch.zeros(1), sd=torch.ones(1))
    assert -1 < float(nothing) < 0


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
