"""Turned references: angles run as RELION's psi, pixels may be coarse, nothing else changes."""

from fractions import Fraction

import numpy as np
import pytest

from cryopick.geometry.euler import quaternion_from_psi_deg
from cryopick.geometry.rotation import rotate
from cryopick.pick.merit.masked_references import mask_references
from cryopick.pick.merit.reference_set import References, gaussian_reference
from cryopick.pick.merit.settings import MeritSettings
from cryopick.pick.merit.turned_references import TurnedReferences
from cryopick.pick.merit.working_grid import plan_working_grid
from merit_oracle import turned_transform
from merit_scenes import shape_of, turned, two_references

PIXEL = 4.0


def made(*, step=1, references=None, **changes):
    settings = MeritSettings(
        **{
            "particle_diameter_angstrom": 150.0,
            "angular_step_deg": 30.0,
            "low_pass_angstrom": None,
            **changes,
        }
    )
    references = references or two_references(PIXEL)
    masked = mask_references(references, settings, pixel_size_angstrom=PIXEL)
    grid = plan_working_grid((300, 300), PIXEL, step=Fraction(step), least_px=2 * masked.box_px)
    return TurnedReferences(masked, settings, grid)


def image(found, row, angle):
    """A reference at one angle as an image in micrograph pixels, centre at ``n // 2``."""
    boxes = found.mirrored_boxes(found.coefficients(angle)).numpy()
    return np.roll(boxes[row][::-1, ::-1], (1, 1), (0, 1))


def thinned(values, oversampling):
    """From box pixels back to working pixels, by cropping the transform."""
    if oversampling == 1:
        return values
    n = len(values) // 2
    spectrum = np.fft.fft2(np.fft.ifftshift(values))
    kept = np.fft.ifftshift(np.fft.fftshift(spectrum)[n // 2 : n // 2 + n, n // 2 : n // 2 + n])
    return np.fft.fftshift(np.fft.ifft2(kept).real)


@pytest.mark.parametrize("angle", [0, 1, 4, 11])
def test_a_reference_appears_turned_by_minus_psi_from_x_to_y(angle):
    found = made()
    psi = found.angles_deg[angle]
    for row in (0, 1):
        wanted = turned(shape_of(row), -psi)
        got = thinned(image(found, row, angle), found.oversampling)
        n = len(got) // 2
        inner = got[n - 16 : n + 16, n - 16 : n + 16]
        np.testing.assert_allclose(inner, wanted[8:40, 8:40], atol=0.02)


def test_the_angle_is_that_of_the_orientation():
    """A spot off the centre lies where the pick's rotation puts it."""
    y, x = np.indices((48, 48)) - 24
    spot = np.exp(-((x - 9) ** 2 + y**2) / 8).astype(np.float32)
    found = made(references=References(images=spot[None], pixel_size_angstrom=PIXEL))
    for angle in (0, 2, 5, 9):
        got = thinned(image(found, 0, angle), found.oversampling)
        at_y, at_x = np.unravel_index(got.argmax(), got.shape)
        expected = rotate(quaternion_from_psi_deg(found.angles_deg[angle]), [9.0, 0, 0])
        n = len(got) // 2
        np.testing.assert_allclose([at_x - n, at_y - n], expected[:2], atol=0.71)


@pytest.mark.parametrize("step", [1, 4, 6])
@pytest.mark.parametrize("angle", [0, 7])
def test_the_transform_is_the_fourier_sum_over_all_pixels_at_turned_frequencies(step, angle):
    """Also where the pixels were summed into coarser ones first."""
    settings = {"low_pass_angstrom": 2.0 * max(step, 3) * PIXEL}
    found = made(step=step, **settings)
    reference = mask_references(
        two_references(PIXEL), MeritSettings(particle_diameter_angstrom=150.0),
        pixel_size_angstrom=PIXEL,
    ).images[1]  # fmt: skip
    period = found.box_px // found.oversampling * step
    limit = PIXEL / settings["low_pass_angstrom"] * 0.999
    wanted = turned_transform(
        reference, (period, period), float(found.angles_deg[angle]), limit=limit
    )
    got = np.fft.rfft2(np.fft.ifftshift(image(found, 1, angle)))
    rows, columns = np.nonzero(wanted)
    signed = np.where(rows > period // 2, rows - period, rows)
    error = np.abs(got[signed, columns] - wanted[rows, columns])
    assert len(rows) > 100
    assert error.max() < 1e-3 * np.abs(wanted).max()


def test_half_a_turn_further_the_transform_is_the_conjugate():
    found = made()
    for angle in (0, 3):
        one, two = found.coefficients(angle), found.coefficients(angle + 6)
        assert np.abs((one.conj() - two).numpy()).max() < 1e-4 * float(one.abs().max())


@pytest.mark.parametrize("step_deg", [30.0, 45.0, 72.0, 36.0])
@pytest.mark.parametrize("step", [1, 2, 4])
def test_the_first_angles_at_once_are_those_one_by_one(step_deg, step):
    """Those a quarter turn further, where that is a whole number of steps, are made of the others."""
    found = made(step=step, angular_step_deg=step_deg, low_pass_angstrom=2.0 * step * PIXEL)
    angles = len(found.angles_deg)
    for count in (1, angles // 2, angles):
        several = found.first_coefficients(count)
        assert several.shape == (2, count, len(found.frequencies))
        for angle in range(count):
            one = found.coefficients(angle)
            error = (several[:, angle] - one).abs().max()
            assert float(error) < 2e-5 * float(one.abs().max())


def test_pixels_on_one_side_of_the_centre_alone_are_not_lost():
    """A circle as wide as the box reaches its first row, which no row faces."""
    y, x = np.indices((24, 24)) - 12
    spot = np.exp(-(x**2 + (y + 12) ** 2) / 4).astype(np.float32)
    found = made(
        references=References(images=spot[None], pixel_size_angstrom=PIXEL),
        particle_diameter_angstrom=96.0,
        mask_shrink_px=-1,
    )
    got = thinned(image(found, 0, 0), found.oversampling)
    n = len(got) // 2
    assert got[n - 12, n] == pytest.approx(1, abs=0.05)


def test_round_references_are_not_turned():
    found = made(references=gaussian_reference(150.0, PIXEL), particle_diameter_angstrom=None)
    assert found.rows == 1
    assert found.angles_deg.tolist() == [0.0]


def test_box_and_rows():
    found = made(step=2, low_pass_angstrom=16.0)
    assert (found.references, len(found.angles_deg), found.rows) == (2, 12, 24)
    assert found.oversampling == 2
    assert found.box_px == 96
    assert found.frequencies[found.in_band].max() <= 0.25
    assert found.frequencies.max() > 0.3
    # A low-pass far below what the pixels hold needs none finer.
    assert made(low_pass_angstrom=40.0).oversampling == 1


def test_turned_references_end_within_their_box():
    found = made(step=4, low_pass_angstrom=32.0)
    boxes = found.mirrored_boxes(found.coefficients(5)).numpy()
    rim = np.concatenate([boxes[:, :2].ravel(), boxes[:, :, :2].ravel()])
    assert np.abs(rim).max() < 2e-3 * np.abs(boxes).max()
