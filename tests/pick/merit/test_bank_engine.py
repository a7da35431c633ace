"""Mixing components in blocks of places and references gives what correlating with each gives."""

import numpy as np
import pytest
import torch

from cryopick.pick.merit import bank_engine
from cryopick.pick.merit.formula import MeritFormula
from cryopick.pick.merit.moments import Moments
from cryopick.pick.merit.search import prepare_search
from cryopick.pick.merit.settings import MeritSettings
from merit_scenes import two_references

SHAPE, KEPT = (96, 128), (24, 32)
MOMENTS = Moments(
    mean=np.array([0.02, -0.01]), square=np.array([0.03, 0.05]), expected=np.array([1.2, 1.4])
)


def prepared(angular_step_deg=30.0):
    settings = MeritSettings(
        particle_diameter_angstrom=130.0,
        angular_step_deg=angular_step_deg,
        engine="bank",
        ctf="none",
    )
    return prepare_search(two_references(4.0), settings, shape=SHAPE, pixel_size_angstrom=4.0)


def spectrum_of(search, seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(search.grid(SHAPE).working, generator=generator)
    return torch.fft.rfft2(image) * 0.05


def layers_of(search, spectrum, *, per_reference=False, cores=1):
    formula = MeritFormula.of(MOMENTS, torch.zeros(KEPT), torch.ones(KEPT))
    return search.engine.search(spectrum, KEPT, formula, per_reference=per_reference, cores=cores)


def plain(search, spectrum):
    """Correlations ``(references, angles, *kept)`` with the mixed images, by numpy."""
    bank, turned = search.engine.bank, search.turned
    split = bank.even.shape[2]
    even = np.einsum("rak,kyx->rayx", bank.even, bank.boxes[:split])
    odd = np.einsum("rak,kyx->rayx", bank.odd, bank.boxes[split:])
    boxes = np.concatenate([even + odd, even - odd], axis=1) if bank.opposite else even + odd
    step = turned.oversampling
    height, width = spectrum.shape[0], 2 * (spectrum.shape[1] - 1)
    fine = np.zeros((*boxes.shape[:2], height * step, width * step))
    b = boxes.shape[-1]
    fine[..., :b, :b] = boxes
    fine = np.roll(fine, (-(b // 2), -(b // 2)), axis=(-2, -1))
    full = np.fft.fft2(fine)
    rows = np.fft.fftfreq(height, 1 / height).astype(int)
    columns = np.fft.rfftfreq(width, 1 / width).astype(int)
    taken = full[..., rows[:, None], columns[None]]
    found = np.fft.irfft2(taken * spectrum.numpy(), s=(height, width))
    return found[..., : KEPT[0], : KEPT[1]]


@pytest.mark.parametrize("step", [30.0, 24.0])
def test_equals_the_plain_way(step):
    """24 degrees make an odd number of angles, so that no two are opposite."""
    search = prepared(step)
    spectrum = spectrum_of(search)
    found = layers_of(search, spectrum, per_reference=True)
    correlation = plain(search, spectrum)
    m = correlation.max(axis=1) - MOMENTS.square[:, None, None] / 2
    merit = np.expm1(m) / (MOMENTS.expected - 1)[:, None, None]
    # Pixel 0 of an even box has no mirror image and is left out.
    np.testing.assert_allclose(found.merit, merit, atol=2e-3 * np.abs(merit).max())
    assert (found.angle.numpy() == correlation.argmax(axis=1)).mean() > 0.98


@pytest.mark.parametrize("per_reference", [True, False])
def test_blocks_and_cores_do_not_matter(per_reference, monkeypatch):
    search = prepared()
    spectrum = spectrum_of(search)
    whole = layers_of(search, spectrum, per_reference=per_reference)
    threaded = layers_of(search, spectrum, per_reference=per_reference, cores=3)
    monkeypatch.setattr(bank_engine, "_PLACES", {"cpu": 100})
    monkeypatch.setattr(bank_engine, "_MIXTURES", 1)
    parts = layers_of(search, spectrum, per_reference=per_reference)
    for name in ("merit", "angle", "reference"):
        assert torch.equal(getattr(threaded, name), getattr(whole, name))
    torch.testing.assert_close(parts.merit, whole.merit, atol=1e-5, rtol=1e-4)
    assert float((parts.angle == whole.angle).float().mean()) > 0.99
    assert float((parts.reference == whole.reference).float().mean()) > 0.99


def test_what_is_kept_of_one_micrograph_does_not_reach_the_next():
    search = prepared()
    one, two = spectrum_of(search), spectrum_of(search, seed=1)
    first = layers_of(search, one)
    kept = first.merit.clone()
    second = layers_of(search, two)
    assert torch.equal(first.merit, kept)
    assert not torch.equal(second.merit, kept)
    assert torch.equal(layers_of(search, one).merit, kept)
    assert torch.equal(layers_of(prepared(), two).merit, second.merit)


def test_another_shape_of_image_needs_other_transforms():
    search = prepared()
    wide = torch.fft.rfft2(torch.randn(120, 140, generator=torch.Generator().manual_seed(2)))
    fresh = layers_of(prepared(), wide)
    layers_of(search, spectrum_of(search))
    assert torch.equal(layers_of(search, wide).merit, fresh.merit)
