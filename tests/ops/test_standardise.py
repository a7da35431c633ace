import numpy as np
import pytest
import torch

from cryopick.ops.standardise import standardise


def test_mean_and_spread():
    pixels = torch.as_tensor(np.random.default_rng(0).normal(100, 7, (64, 64)), dtype=torch.float32)
    out = standardise(pixels)
    assert float(out.mean()) == pytest.approx(0, abs=1e-4)
    assert float(out.std()) == pytest.approx(1, abs=1e-3)


def test_outliers_and_gaps_become_the_mean():
    pixels = torch.as_tensor(np.random.default_rng(0).normal(size=(64, 64)), dtype=torch.float32)
    pixels[3, 4], pixels[5, 6], pixels[7, 8] = 1e4, float("nan"), float("-inf")
    out = standardise(pixels)
    assert out[3, 4] == 0
    assert out[5, 6] == 0
    assert out[7, 8] == 0
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("value", [0.0, 5e8, -3.0, float("nan")])
def test_a_flat_image_becomes_zero(value):
    out = standardise(torch.full((9, 9), value))
    assert torch.equal(out, torch.zeros(9, 9))


def test_scale_and_offset_do_not_matter():
    pixels = torch.as_tensor(np.random.default_rng(3).normal(size=(32, 32)), dtype=torch.float32)
    torch.testing.assert_close(
        standardise(pixels * 40 + 7), standardise(pixels), atol=1e-5, rtol=1e-4
    )
