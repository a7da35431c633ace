"""The figure of merit of a correlation, written out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cryopick.pick.merit.formula import MeritFormula
from cryopick.pick.merit.moments import Moments

MOMENTS = Moments(
    mean=np.array([0.2, -0.1]), square=np.array([0.3, 0.5]), expected=np.array([1.2, 1.4])
)
EVERY = {"references": slice(None), "places": slice(None)}


def formula(moments=MOMENTS, *, mean=0.0, sd=1.0, shape=(1,)):
    return MeritFormula.of(moments, torch.full(shape, mean), torch.full(shape, sd))


def test_the_formula():
    found = formula(mean=0.1, sd=1.1).merit(torch.tensor([[0.8], [0.6]]), **EVERY)
    m = (0.8 - 0.1 * 0.2) / 1.1 - 0.3 / 2
    assert float(found[0]) == pytest.approx((np.exp(m) - 1) / 0.2)
    m = (0.6 + 0.1 * 0.1) / 1.1 - 0.5 / 2
    assert float(found[1]) == pytest.approx((np.exp(m) - 1) / 0.4)


def test_what_the_reference_predicts_scores_1_and_no_signal_slightly_below_0():
    # c = mean of A² when the micrograph shows the reference: m = a2 / 2.
    moments = replace(MOMENTS, expected=np.exp(MOMENTS.square / 2))
    second = {"references": slice(1, 2), "places": slice(None)}
    assert float(formula(moments).merit(torch.tensor([[0.5]]), **second)) == pytest.approx(1.0)
    assert -1 < float(formula().merit(torch.zeros(1, 1), **second)) < 0


def test_some_references_at_some_places_are_those_of_all():
    mean, sd = torch.rand(3, 5), 1 + torch.rand(3, 5)
    whole = MeritFormula.of(MOMENTS, mean, sd)
    correlation = torch.rand(2, 15)
    merit = whole.merit(correlation, **EVERY)
    assert merit.shape == (2, 15)
    # Places are counted row after row.
    part = whole.merit(correlation[1:, 4:9], references=slice(1, 2), places=slice(4, 9))
    assert torch.equal(part, merit[1:, 4:9])
    row = MeritFormula.of(MOMENTS, mean[1], sd[1]).merit(correlation[:, 5:10], **EVERY)
    assert torch.equal(row, merit[:, 5:10])
