"""The maximisation step against a plain transcription."""

import numpy as np
import pytest
import torch

from cryopick.curate.classes.band import make_band
from cryopick.curate.classes.expectation import Chunk, Posterior
from cryopick.curate.classes.maximisation import Maximisation
from cryopick.curate.classes.pose_grid import pose_grid
from cryopick.curate.classes.turning import Turner

BOX, K, N = 16, 2, 5
BAND = make_band(BOX)
GRID = pose_grid(psi_step_deg=15, offset_range_px=2, offset_step_px=1)
HALF = np.array([1, 2, 1, 2, 1])


def chunk(seed=0, *, premultiplied=False):
    rng = np.random.default_rng(seed)
    return Chunk(
        spectra=torch.from_numpy(
            (rng.normal(size=(N, len(BAND), 2)) @ [1, 1j]).astype(np.complex64)
        ),
        ctf=torch.from_numpy(rng.uniform(-1, 1, (3, len(BAND))).astype(np.float32)),
        whose_ctf=torch.from_numpy(rng.integers(3, size=N)),
        centre_px=torch.from_numpy(rng.integers(-2, 3, (N, 2))),
        premultiplied=premultiplied,
    )


def posterior(seed=0, e=40):
    rng = np.random.default_rng(seed)
    return Posterior(
        particle=np.sort(np.concatenate([np.arange(N), rng.integers(N, size=e - N)])),
        class_index=rng.integers(K, size=e),
        angle=rng.integers(len(GRID.fine_angle_deg), size=e),
        shift=rng.integers(len(GRID.fine_shift_px), size=e),
        weight=rng.random(e).astype(np.float32),
        best=np.arange(N),
        log_likelihood=np.zeros(N),
    )


def step(**settings):
    return Maximisation(K, band=BAND, grid=GRID, **settings)


def plain(data, found):
    """Sums entry by entry: each particle moved, weighted, turned back alone."""
    numerator = np.zeros((2, K, len(BAND)), complex)
    denominator = np.zeros((2, K, BAND.radius_px + 1))
    turner = Turner(BAND, GRID.fine_angle_deg)
    for i, k, a, s, w in zip(
        found.particle, found.class_index, found.angle, found.shift, found.weight, strict=True
    ):
        ctf = data.ctf[data.whose_ctf[i]].numpy()
        moved = data.spectra[i].numpy() * BAND.shift_phases(GRID.fine_shift_px[s : s + 1])[0]
        sums = torch.zeros((1, turner.count, len(BAND), 2))
        value = (w * moved * (1 if data.premultiplied else ctf)).astype(np.complex64)
        sums[0, a] = torch.view_as_real(torch.from_numpy(value))
        numerator[HALF[i] - 1, k] += turner.back(sums)[0]
        mean = BAND.shell_sums(ctf**2) / np.maximum(BAND.per_shell, 1)
        denominator[HALF[i] - 1, k] += w * mean
    return numerator, denominator


@pytest.mark.parametrize("premultiplied", [False, True])
def test_sums_are_those_of_the_plain_formula(premultiplied):
    data, found = chunk(premultiplied=premultiplied), posterior()
    total = step()
    total.add(data, found, half=HALF)
    sums = total.sums()
    numerator, denominator = plain(data, found)
    np.testing.assert_allclose(sums.numerator, numerator, atol=1e-3)
    np.testing.assert_allclose(sums.denominator, denominator, rtol=1e-4, atol=1e-6)


def test_what_else_is_counted():
    data, found = chunk(), posterior()
    total = step()
    total.add(data, found, half=HALF)
    sums = total.sums()
    assert sums.particles == N
    np.testing.assert_allclose(
        sums.class_weight, np.bincount(found.class_index, weights=found.weight), rtol=1e-6
    )
    power = BAND.shell_sums(np.abs(data.spectra.numpy()) ** 2).sum(0)
    np.testing.assert_allclose(sums.power, power, rtol=1e-5)
    moved = data.centre_px.numpy()[found.particle] + GRID.fine_shift_px[found.shift]
    assert sums.offset_square_px == pytest.approx(float(found.weight @ (moved**2).sum(1)))


def test_chunks_add_up():
    whole = step()
    for seed in (1, 2):
        whole.add(chunk(seed), posterior(seed), half=HALF)
    one, two = step(), step()
    one.add(chunk(1), posterior(1), half=HALF)
    two.add(chunk(2), posterior(2), half=HALF)
    together = one.sums().numerator + two.sums().numerator
    np.testing.assert_allclose(whole.sums().numerator, together, atol=1e-4)
    assert whole.sums().particles == 2 * N


def test_a_class_that_nothing_is_in_stays_empty():
    data, found = chunk(), posterior()
    found.class_index[:] = 1
    total = step()
    total.add(data, found, half=HALF)
    sums = total.sums()
    assert not sums.numerator[:, 0].any()
    assert not sums.denominator[:, 0].any()
    assert sums.numerator[:, 1].any()


def test_any_number_of_cores_gives_the_same_bits():
    sums = []
    for cores in (1, 2):
        total = step(cores=cores)
        total.add(chunk(), posterior(), half=HALF)
        sums.append(total.sums())
    np.testing.assert_array_equal(sums[0].numerator, sums[1].numerator)
    np.testing.assert_array_equal(sums[0].denominator, sums[1].denominator)
