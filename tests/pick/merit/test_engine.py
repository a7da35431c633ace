"""Both engines answer alike: the best of all references, or a layer for each."""

import numpy as np
import pytest
import torch

from cryopick.pick.merit.engine import empty_layers
from cryopick.pick.merit.formula import MeritFormula
from cryopick.pick.merit.moments import Moments
from cryopick.pick.merit.search import prepare_search
from cryopick.pick.merit.settings import MeritSettings
from merit_scenes import two_references

SHAPE = (96, 128)
KEPT = (20, 30)
MOMENTS = Moments(
    mean=np.array([0.02, -0.01]), square=np.array([0.03, 0.05]), expected=np.array([1.2, 1.4])
)


def prepared(engine):
    settings = MeritSettings(
        particle_diameter_angstrom=130.0, angular_step_deg=45.0, engine=engine, ctf="none"
    )
    return prepare_search(two_references(4.0), settings, shape=SHAPE, pixel_size_angstrom=4.0)


def layers_of(engine, *, per_reference, seed=0):
    found = prepared(engine)
    generator = torch.Generator().manual_seed(seed)
    spectrum = torch.fft.rfft2(torch.randn(found.grid(SHAPE).working, generator=generator))
    formula = MeritFormula.of(MOMENTS, torch.zeros(KEPT), torch.ones(KEPT))
    return found.engine.search(spectrum * 0.05, KEPT, formula, per_reference=per_reference, cores=1)


def test_empty_layers_hold_nothing():
    layers = empty_layers(2, (3, 4), torch.device("cpu"))
    assert layers.merit.shape == layers.angle.shape == layers.reference.shape == (2, 3, 4)
    assert layers.angle.dtype == layers.reference.dtype == torch.int16
    assert bool((layers.merit == -torch.inf).all())


@pytest.mark.parametrize("engine", ["exact", "bank"])
def test_the_best_is_the_best_of_each(engine):
    each, best = (layers_of(engine, per_reference=each) for each in (True, False))
    assert each.merit.shape == each.angle.shape == (2, *KEPT)
    assert best.merit.shape == best.angle.shape == (1, *KEPT)
    assert each.merit.dtype == best.merit.dtype == torch.float32
    assert torch.equal(each.reference[1], torch.ones(KEPT, dtype=torch.int16))
    top = each.merit.max(0)
    torch.testing.assert_close(best.merit[0], top.values)
    assert torch.equal(best.reference[0], top.indices.to(torch.int16))
    assert set(best.reference.unique().tolist()) == {0, 1}
    angle = each.angle.gather(0, top.indices[None])
    assert torch.equal(best.angle, angle)
    assert 0 <= int(angle.min()) < int(angle.max()) < 8


@pytest.mark.parametrize("engine", ["exact", "bank"])
def test_memory_is_told(engine):
    assert prepared(engine).engine.bytes_per_px > 0


def test_the_engines_agree_on_value_and_angle():
    exact, bank = (layers_of(engine, per_reference=True, seed=1) for engine in ("exact", "bank"))
    for one, two in zip(exact.merit, bank.merit, strict=True):
        assert float((one - two).std()) < 0.15 * float(one.std())
    assert float((exact.angle == bank.angle).float().mean()) > 0.8
