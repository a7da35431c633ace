"""The expectation step against a plain transcription of its formula."""

import numpy as np
import pytest
import torch

from cryopick.curate.classes.band import make_band
from cryopick.curate.classes.expectation import Chunk, Expectation, Prior
from cryopick.curate.classes.pose_grid import pose_grid
from cryopick.curate.classes.spectra import soft_disc
from cryopick.curate.classes.turning import working_box

BOX, K, N = 20, 3, 6
BAND = make_band(BOX, 8)
GRID = pose_grid(psi_step_deg=11.25, offset_range_px=2, offset_step_px=1)


def averages(seed=0):
    work = working_box(BAND)
    images = np.random.default_rng(seed).normal(size=(K, work, work))
    return (images * soft_disc(work, radius_px=5, edge_px=3)).astype(np.float32)


def chunk(seed=1, *, premultiplied=False):
    rng = np.random.default_rng(seed)
    return Chunk(
        spectra=torch.from_numpy(
            (rng.normal(size=(N, len(BAND), 2)) @ [1, 1j]).astype(np.complex64)
        ),
        ctf=torch.from_numpy(rng.uniform(-1, 1, (2, len(BAND))).astype(np.float32)),
        whose_ctf=torch.from_numpy(rng.integers(2, size=N)),
        centre_px=torch.from_numpy(rng.integers(-2, 3, (N, 2))),
        premultiplied=premultiplied,
    )


def prior(temperature=1.0, noise=None):
    power = np.linspace(0.5, 2.0, BAND.radius_px + 1) if noise is None else noise
    return Prior(
        class_weight=np.array([0.5, 0.3, 0.2]),
        offset_sigma_px=1.7,
        noise_power=power,
        temperature=temperature,
    )


def step(*, dtype=torch.float32, temperature=1.0, **settings):
    return Expectation(
        averages(), band=BAND, grid=GRID, prior=prior(temperature), dtype=dtype, **settings
    )


def plain_scores(images, data, known, *, angles, shifts):
    """Log posterior, not normalised, ``(n, K, angles, shifts)``, in float64 pixel by pixel."""
    work = images.shape[-1]
    line = np.arange(work) - work // 2
    y, x = np.meshgrid(line, line, indexing="ij")
    kx, ky = BAND.frequency.T.astype(float)
    noise = known.noise_power[BAND.shell]
    out = np.empty((N, K, len(angles), len(shifts)))
    for a, angle in enumerate(np.deg2rad(angles)):
        # The frequency turned back is where the average's own transform is read.
        qx = np.cos(angle) * kx + np.sin(angle) * ky
        qy = np.cos(angle) * ky - np.sin(angle) * kx
        waves = np.exp(-2j * np.pi / work * (np.outer(x.ravel(), qx) + np.outer(y.ravel(), qy)))
        turned = images.reshape(K, -1).astype(float) @ waves * BOX / work**2
        for s, (dx, dy) in enumerate(shifts):
            moved = np.exp(-2j * np.pi * (kx * dx + ky * dy) / BOX)
            for i in range(N):
                ctf = data.ctf[data.whose_ctf[i]].numpy().astype(float)
                image = data.spectra[i].numpy() * moved
                expected = turned if data.premultiplied else turned * ctf
                fit = 2 * (expected.conj() * image).real - ctf**2 * np.abs(turned) ** 2
                total = data.centre_px[i].numpy() + np.array([dx, dy])
                offset = -0.5 * (total**2).sum() / known.offset_sigma_px**2
                out[i, :, a, s] = (fit / noise).sum(1) / known.temperature
                out[i, :, a, s] += np.log(known.class_weight) + offset
    return out


@pytest.mark.parametrize("premultiplied", [False, True])
def test_coarse_scores_are_those_of_the_plain_formula(premultiplied):
    data = chunk(premultiplied=premultiplied)
    found = step().coarse_scores(data, slice(0, N)).numpy()
    plain = plain_scores(averages(), data, prior(), angles=GRID.angle_deg, shifts=GRID.shift_px)
    plain = plain.transpose(0, 3, 1, 2).reshape(found.shape)
    np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-3)


def test_coarse_scores_in_half_precision_are_near():
    data = chunk()
    exact = step().coarse_scores(data, slice(0, N)).numpy()
    near = step(dtype=torch.bfloat16).coarse_scores(data, slice(0, N)).numpy()
    assert 0 < np.abs(near - exact).max() < 0.03 * np.ptp(exact)


def every_cell():
    return K * len(GRID.angle_deg) * len(GRID.shift_px)


@pytest.mark.parametrize("temperature", [1.0, 5.0])
def test_posteriors_are_those_of_the_plain_formula(temperature):
    """With every cell divided, weights and likelihoods are sums over the whole fine grid."""
    data = chunk()
    found = step(cells=every_cell(), temperature=temperature).posterior(data)
    known = prior(temperature)
    plain = plain_scores(
        averages(), data, known, angles=GRID.fine_angle_deg, shifts=GRID.fine_shift_px
    )
    flat = plain.reshape(N, -1)
    weight = np.exp(flat - flat.max(1, keepdims=True))
    weight /= weight.sum(1, keepdims=True)
    weight[weight < 1e-3 * weight.max(1, keepdims=True)] = 0
    weight = (weight / weight.sum(1, keepdims=True)).reshape(plain.shape)
    dense = np.zeros_like(weight)
    dense[found.particle, found.class_index, found.angle, found.shift] = found.weight
    np.testing.assert_allclose(dense, weight, atol=1e-3)
    np.testing.assert_array_equal(
        np.ravel_multi_index(
            [found.class_index[found.best], found.angle[found.best], found.shift[found.best]],
            plain.shape[1:],
        ),
        flat.argmax(1),
    )


def test_the_likelihood_is_that_of_all_poses():
    data = chunk()
    found = step(cells=every_cell()).posterior(data)
    flat = plain_scores(
        averages(), data, prior(), angles=GRID.fine_angle_deg, shifts=GRID.fine_shift_px
    ).reshape(N, -1)
    top = flat.max(1)
    total = np.log(np.exp(flat - top[:, None]).sum(1)) + top
    # Fine shifts are 1 px apart, angles a share of a turn.
    total += np.log(1 / (2 * np.pi * 1.7**2) / len(GRID.fine_angle_deg))
    np.testing.assert_allclose(found.log_likelihood, total, rtol=1e-4, atol=2e-3)


def test_weights_of_each_particle_sum_to_one_and_best_is_its_own():
    found = step(cells=7).posterior(chunk())
    np.testing.assert_allclose(np.bincount(found.particle, weights=found.weight), 1, atol=1e-5)
    np.testing.assert_array_equal(found.particle[found.best], np.arange(N))
    top = np.zeros(N)
    np.maximum.at(top, found.particle, found.weight)
    np.testing.assert_array_equal(found.weight[found.best], top.astype(np.float32))


def test_fewer_cells_hold_less_of_the_likelihood_never_more():
    data = chunk()
    few, more, every = (step(cells=c).posterior(data).log_likelihood for c in (1, 9, every_cell()))
    assert (few <= more + 1e-4).all()
    assert (more <= every + 1e-4).all()
    assert (few < every - 0.01).any()


def test_a_turned_and_moved_average_is_found():
    """The image is the average turned by a grid angle and then moved by minus a grid shift."""
    from cryopick.curate.classes.turning import Turner

    images = averages()
    bank = torch.zeros((len(GRID.fine_angle_deg), K, len(BAND), 2))

    def put(place, turned):
        bank[place] = turned

    Turner(BAND, GRID.fine_angle_deg).bank(images, put)
    angle, shift, kind = 13, 9, 2
    phases = torch.from_numpy(BAND.shift_phases(-GRID.fine_shift_px[shift : shift + 1]))
    image = torch.view_as_complex(bank[angle, kind].contiguous())[None] * phases
    data = Chunk(
        spectra=image,
        ctf=torch.ones((1, len(BAND))),
        whose_ctf=torch.zeros(1, dtype=torch.int64),
        centre_px=torch.zeros((1, 2), dtype=torch.int64),
    )
    search = Expectation(
        images,
        band=BAND,
        grid=GRID,
        prior=prior(noise=np.full(BAND.radius_px + 1, 0.01)),
        dtype=torch.float32,
    )
    found = search.posterior(data)
    best = found.best[0]
    assert (found.class_index[best], found.angle[best], found.shift[best]) == (kind, angle, shift)


def test_agreement_is_the_expected_cross_term_of_the_posteriors():
    """By shell and summed over particles: what the residual of the noise is made with."""
    from cryopick.curate.classes.maximisation import Maximisation

    data = chunk()
    search = step(cells=5)
    found = search.posterior(data)
    total = Maximisation(K, band=BAND, grid=GRID)
    total.add(data, found, half=np.array([1, 2] * (N // 2)))
    expected = np.zeros(BAND.radius_px + 1)
    for i, k, a, s, w in zip(
        found.particle, found.class_index, found.angle, found.shift, found.weight, strict=True
    ):
        moved = data.matched(slice(i, i + 1)).numpy()[0]
        moved = moved * BAND.shift_phases(GRID.fine_shift_px[s : s + 1])[0]
        turned = torch.view_as_complex(search._fine[k, a]).numpy()
        expected += w * BAND.shell_sums((turned.conj() * moved).real)
    np.testing.assert_allclose(
        search.agreement(total.turned_sums.sum(0)), expected, rtol=1e-3, atol=1e-3
    )


def test_ctfs_with_zeros_everywhere_say_nothing():
    """Then only priors speak: the largest class, the smallest shift, and no likelihood at all."""
    data = chunk()
    blind = Chunk(
        spectra=data.spectra,
        ctf=torch.zeros_like(data.ctf),
        whose_ctf=data.whose_ctf,
        centre_px=torch.zeros_like(data.centre_px),
    )
    found = step().posterior(blind)
    assert np.isfinite(found.log_likelihood).all()
    assert (found.class_index[found.best] == 0).all()
    assert (np.hypot(*GRID.fine_shift_px[found.shift[found.best]].T) < 1).all()


def test_any_number_of_cores_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr("cryopick.curate.classes.expectation._TILE_VALUES", 2000)
    one, two = (step(cores=cores).posterior(chunk()) for cores in (1, 2))
    for name in ("particle", "class_index", "angle", "shift", "weight", "log_likelihood"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
