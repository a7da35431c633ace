"""The pruned transforms are those of numpy, cropped; padding, mask and high-pass do as told."""

from fractions import Fraction

import numpy as np
import pytest

from cryopick.model import Grid, Image
from cryopick.ops.standardise import standardise
from cryopick.pick.merit import micrograph
from cryopick.pick.merit.micrograph import high_pass_weight, prepare_micrograph
from cryopick.pick.merit.settings import MeritSettings
from cryopick.pick.merit.working_grid import plan_working_grid

PIXEL = 2.0


def image_of(pixels):
    grid = Grid(shape=pixels.shape, pixel_size_angstrom=PIXEL)
    return Image(data=pixels.astype(np.float32), grid=grid, name="mic")


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape) * 3 + 10


def cropped(values, working):
    """Frequencies of a real image that a working grid has, and 0 for the shared one."""
    full = np.fft.rfft2(values)
    half = working[0] // 2
    kept = np.concatenate([full[: half + 1], full[len(full) - half + 1 :]])
    kept = kept[:, : working[1] // 2 + 1].copy()
    kept[half], kept[:, -1] = 0, 0
    return kept


def padded(pixels, grid, seed=0):
    y, x = pixels.shape
    rng = np.random.default_rng(seed)
    out = np.empty(grid.padded)
    out[:y, :x] = standardise(pixels.astype(np.float32))
    out[y:] = rng.standard_normal((grid.padded[0] - y, grid.padded[1]), dtype=np.float32)
    out[:y, x:] = rng.standard_normal((y, grid.padded[1] - x), dtype=np.float32)
    return out


@pytest.mark.parametrize("step", [Fraction(4), Fraction(9, 4), Fraction(5)])
@pytest.mark.parametrize("cores", [1, 3])
def test_transforms_are_those_of_the_padded_image_and_its_square(step, cores):
    pixels = noise((150, 130))
    grid = plan_working_grid(pixels.shape, PIXEL, step=step)
    found = prepare_micrograph(image_of(pixels), grid, MeritSettings(), cores=cores)
    values = padded(pixels, grid)
    for ours, theirs in (
        (found.spectrum, cropped(values, grid.working)),
        (found.square_spectrum, cropped(values**2, grid.working)),
    ):
        assert ours.shape == theirs.shape
        assert np.abs(ours.numpy() - theirs).max() < 1e-4 * np.abs(theirs).max()


def test_without_a_step_nothing_is_cropped():
    pixels = noise((64, 96))
    grid = plan_working_grid(pixels.shape, PIXEL, step=Fraction(1))
    found = prepare_micrograph(image_of(pixels), grid, MeritSettings())
    back = np.fft.irfft2(found.spectrum.numpy(), s=grid.padded)
    np.testing.assert_allclose(back, padded(pixels, grid), atol=1e-5)


def test_the_high_pass_takes_slow_waves_out_of_image_and_square():
    y, x = np.indices((240, 200))
    slow, fast = np.sin(2 * np.pi * x / 100), np.sin(2 * np.pi * y / 12)
    grid = plan_working_grid((240, 200), PIXEL, step=Fraction(4))
    settings = MeritSettings(high_pass_angstrom=80.0)
    found = prepare_micrograph(image_of(slow + fast), grid, settings)
    assert abs(float(found.square_spectrum[0, 0].real) / (240 * 200) - 0.5) < 0.01
    spectrum = found.spectrum.abs().numpy()
    peak = np.unravel_index(spectrum.argmax(), spectrum.shape)
    assert peak in ((20, 0), (grid.working[0] - 20, 0))
    assert spectrum[0, 2] < 1e-3 * spectrum.max()


def test_the_high_pass_weight_rises_from_0_to_1_over_two_fourier_pixels():
    grid = plan_working_grid((400, 400), PIXEL, step=Fraction(2))
    line = high_pass_weight(grid, 80.0)[0].numpy()  # 800 / 80: the tenth frequency
    assert (line[:10] == 0).all()
    assert line[10] == pytest.approx(0.5)
    assert (line[11:] == 1).all()


def test_what_the_mask_leaves_out_becomes_noise_and_does_not_count():
    pixels = noise((120, 160))
    pixels[:, 80:] += 500  # carbon
    inside = np.zeros((60, 80), np.float32)
    inside[:, :40] = 1
    mask = Image(
        data=inside,
        grid=Grid(shape=(120, 160), pixel_size_angstrom=PIXEL).binned_by_mean(2),
        name="mask",
    )
    grid = plan_working_grid(pixels.shape, PIXEL, step=Fraction(1))
    found = prepare_micrograph(image_of(pixels), grid, MeritSettings(), mask=mask)
    seen = np.fft.irfft2(found.spectrum.numpy(), s=grid.padded)[:120, :160]
    alone = (pixels[:, :80] - pixels[:, :80].mean()) / pixels[:, :80].std()
    np.testing.assert_allclose(seen[:, :80], alone, atol=1e-4)
    assert abs(seen[:, 80:].mean()) < 0.1
    assert seen[:, 80:].std() == pytest.approx(1, abs=0.05)


def test_the_noise_under_a_mask_is_drawn_in_raster_order(monkeypatch):
    pixels = noise((90, 70))
    allowed = np.random.default_rng(3).random((90, 70)) > 0.2
    allowed[20:40] = True
    mask = Image(
        data=allowed.astype(np.float32),
        grid=Grid(shape=(90, 70), pixel_size_angstrom=PIXEL),
        name="mask",
    )
    grid = plan_working_grid(pixels.shape, PIXEL, step=Fraction(1))
    wanted = padded(np.where(allowed, pixels, np.nan), grid)
    rng = np.random.default_rng(0)
    y, x = grid.padded
    rng.standard_normal((y - 90) * x + 90 * (x - 70), dtype=np.float32)
    wanted[:90, :70][~allowed] = rng.standard_normal(int((~allowed).sum()), dtype=np.float32)
    for rows in (64, 7):
        monkeypatch.setattr(micrograph, "_ROWS", rows)
        found = prepare_micrograph(image_of(pixels), grid, MeritSettings(), mask=mask)
        seen = np.fft.irfft2(found.spectrum.numpy(), s=grid.padded)
        np.testing.assert_allclose(seen, wanted, atol=1e-5)


def test_the_seed_changes_the_noise_beyond_the_edge_alone():
    pixels = noise((101, 103))
    grid = plan_working_grid(pixels.shape, PIXEL, step=Fraction(1))
    one, two = (
        np.fft.irfft2(
            prepare_micrograph(image_of(pixels), grid, MeritSettings(seed=seed)).spectrum.numpy(),
            s=grid.padded,
        )
        for seed in (0, 1)
    )
    np.testing.assert_allclose(one[:101, :103], two[:101, :103], atol=1e-5)
    assert np.abs(one - two).max() > 0.5
