"""Working pixels are whole fractions of micrograph pixels, and lengths are fast to transform."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.pick.merit.settings import MeritSettings
from cryopick.pick.merit.working_grid import plan_working_grid, working_step


def largest_prime(n):
    prime, divisor = 1, 2
    while n > 1:
        while n % divisor == 0:
            prime, n = divisor, n // divisor
        divisor += 1
    return prime


@given(
    shape=st.tuples(st.integers(20, 6000), st.integers(20, 6000)),
    pixel=st.floats(0.4, 8.0),
    low_pass=st.one_of(st.none(), st.floats(5, 80)),
    least=st.integers(1, 700),
)
def test_lengths_hold_the_image_and_whole_working_pixels(shape, pixel, low_pass, least):
    settings = MeritSettings(low_pass_angstrom=low_pass)
    step = working_step(settings, shape, pixel)
    grid = plan_working_grid(shape, pixel, step=step, least_px=least)
    assert step >= 1
    for n, padded, working in zip(shape, grid.padded, grid.working, strict=True):
        assert padded >= max(n, least)
        assert padded == working * step
        assert working % 2 == 0
        assert largest_prime(working // (2 * step.denominator)) <= 7
    assert all((k - 1) * step <= n - 1 < k * step for k, n in zip(grid.kept, shape, strict=True))
    assert grid.density == pytest.approx(1 / grid.step_px**2)
    if low_pass is not None and step > 1:
        # The low-pass limit fits, and the working pixel is not much finer than it must be.
        assert grid.step_px * pixel <= low_pass / 2 * (1 + 1e-6)
        assert grid.step_px * pixel > 0.6 * low_pass / 2


@pytest.mark.parametrize(
    ("shrink", "shape", "step"),
    [
        (0.5, (400, 300), Fraction(2)),
        (1.0, (400, 300), Fraction(1)),
        (408.0, (4096, 4096), Fraction(512, 51)),
        (200.0, (300, 400), Fraction(2)),
        (9999.0, (300, 400), Fraction(1)),
    ],
)
def test_shrink_is_a_fraction_or_a_length(shrink, shape, step):
    assert working_step(MeritSettings(shrink=shrink), shape, 1.0) == step


def test_a_length_given_by_shrink_is_met():
    step = working_step(MeritSettings(shrink=408), (4096, 4096), 1.0)
    assert plan_working_grid((4096, 4096), 1.0, step=step).working == (408, 408)


def test_a_volume_is_refused():
    with pytest.raises(InputError, match="expected a micrograph"):
        plan_working_grid((5, 6, 7), 1.0, step=Fraction(1))
