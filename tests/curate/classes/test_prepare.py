"""What a classification prepares once."""

import numpy as np
import pytest

from class_sets import BOX, PIXEL, class_set
from cryopick.curate.classes.prepare import chunk_of, prepare
from cryopick.curate.classes.settings import ClassifySettings
from cryopick.curate.classes.spectra import particle_spectra

SETTINGS = ClassifySettings(classes=2, mask_diameter_angstrom=80.0, ctf="ignore")


def run_of(settings=SETTINGS, *, n=10, ctf=None):
    return prepare(class_set(n)[0], PIXEL, settings, ctf)


def test_the_mask_has_the_diameter_asked_for():
    run = run_of()
    assert run.mask_radius_px == pytest.approx(8)
    line = np.arange(BOX) - BOX // 2
    assert run.image_mask[BOX // 2, np.abs(line) <= 8].min() == 1
    assert run.masked_share == pytest.approx((run.image_mask**2).mean())
    band = run.band.up_to(6)
    assert run.average_mask(band).shape == (14, 14)
    assert run.average_mask(band).mean() == pytest.approx(run.image_mask.mean(), rel=0.1)


def test_without_a_diameter_the_mask_is_that_of_the_box():
    run = run_of(ClassifySettings(classes=2, ctf="ignore"))
    assert run.mask_radius_px == pytest.approx(0.45 * BOX)


def test_a_mask_is_never_larger_than_the_box():
    run = run_of(ClassifySettings(classes=2, ctf="ignore", mask_diameter_angstrom=9999.0))
    assert run.mask_radius_px == BOX / 2 - 1


def test_images_may_stay_unmasked():
    run = run_of(ClassifySettings(classes=2, ctf="ignore", zero_mask=False))
    assert run.image_mask is None
    assert run.masked_share == 1


@pytest.mark.parametrize(("limit", "shell"), [(None, 11), (20.0, 6), (1.0, 11), (1e4, 1)])
def test_the_resolution_limit_is_the_last_shell(limit, shell):
    settings = ClassifySettings(classes=2, ctf="ignore", resolution_limit_angstrom=limit)
    assert run_of(settings).band.radius_px == shell


def test_shells_of_resolutions():
    run = run_of()
    assert [run.shell_of(r) for r in (1e9, 120.0, 30.0, 1.0)] == [1, 1, 4, 11]


def test_grids_differ_between_iterations_and_not_between_runs():
    run = run_of()
    one, again, two = run.grid(1), run_of().grid(1), run.grid(2)
    np.testing.assert_array_equal(one.angle_deg, again.angle_deg)
    assert not np.array_equal(one.angle_deg, two.angle_deg)


def test_steps_and_ranges_are_in_angstrom():
    settings = ClassifySettings(
        classes=2, ctf="ignore", offset_range_angstrom=20.0, offset_step_angstrom=10.0
    )
    shifts = run_of(settings).grid(0).shift_px
    assert len(shifts) == 5
    assert np.ptp(shifts, axis=0).tolist() == [8, 8]


def test_a_chunk_is_moved_to_the_nearest_pixel():
    run, rows = run_of(), np.array([7, 2])
    chunk = chunk_of(run, run.band, rows, np.array([[0.4, -0.6], [2.7, 0.2]]))
    assert chunk.centre_px.tolist() == [[0, -1], [3, 0]]
    expected = particle_spectra(
        run.images[rows],
        band=run.band,
        centre_px=np.array([[0, -1], [3, 0]]),
        mask=run.image_mask,
    )
    np.testing.assert_array_equal(chunk.spectra.numpy(), expected)
    assert chunk.ctf.shape == (1, len(run.band))
    assert not chunk.premultiplied


def test_a_chunk_has_the_ctfs_of_its_particles():
    images, *_, ctf = class_set(10, with_ctf=True)
    run = prepare(images, PIXEL, ClassifySettings(classes=2, ctf="premultiplied"), ctf)
    band = run.band.up_to(5)
    chunk = chunk_of(run, band, np.arange(4), np.zeros((4, 2)))
    assert chunk.premultiplied
    assert chunk.ctf.shape[1] == len(band)
    different = np.unique(ctf.defocus[:4], axis=0)
    assert len(chunk.ctf) == len(different)
