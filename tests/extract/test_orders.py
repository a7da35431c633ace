"""The order of the steps, against each program's steps written out with the plain functions."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.extract.boxes import cut_boxes, windowed
from cryopick.extract.dust import dust_to_median, dust_to_noise
from cryopick.extract.fourier_boxes import ctf_multiplier, filter_boxes
from cryopick.extract.normalise import background_mask, normalise
from cryopick.extract.orders import Imaging, correction_of, cut_images, prepared
from cryopick.extract.rescale import fourier_crop
from cryopick.extract.settings import ExtractSettings
from cryopick.extract.statistics import grey_statistics
from cryopick.model import Defocus, Grid, Image, Optics
from cryopick.ops.resample import resample_image

OPTICS = Optics(amplitude_contrast=0.1)
DEFOCUS = Defocus(u_um=1.2, v_um=1.0, astigmatism_angle_deg=30.0)
CENTRES = np.array([[60, 70], [100, 51], [75, 90]])


def micrograph(seed=0, shape=(140, 160)):
    rng = np.random.default_rng(seed)
    pixels = rng.normal(100, 10, shape) + np.linspace(0, 30, shape[1])
    pixels[70:73, 60] = 900
    pixels[48, 100] = -700
    return Image(
        data=pixels.astype(np.float32), grid=Grid(shape=shape, pixel_size_angstrom=1.5), name="m"
    )


def imaging(n=3):
    row = [DEFOCUS.u_um, DEFOCUS.v_um, DEFOCUS.astigmatism_angle_deg, 0.0]
    return Imaging(optics=OPTICS, defocus=np.tile(row, (n, 1)), whole=DEFOCUS)


def cut(image, centres, settings, *, what=None, shift=None, seed=0):
    return cut_images(
        image, centres, settings=settings, imaging=what, shift_px=shift,
        rng=np.random.default_rng(seed),
    )  # fmt: skip


def test_relion_rescales_before_dust_and_inverts_last():
    image = micrograph()
    settings = ExtractSettings(
        image_px=20, downsampling=2, window_px=16, ctf="premultiply", ctf_box_px=64,
        white_dust_sd=3, black_dust_sd=3, background_radius_px=6,
    )  # fmt: skip
    boxes = cut_boxes(image.read(), CENTRES, box_px=64)
    factor = ctf_multiplier((64, 64), 1.5, kind="premultiply", optics=OPTICS, defocus=DEFOCUS)
    boxes = windowed(filter_boxes(boxes, multiplier=factor), box_px=40)
    images = windowed(fourier_crop(boxes, size_px=20), box_px=16)
    images = dust_to_noise(
        images, background_mask(16, radius_px=6), white_sd=3, black_sd=3,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    expected = -normalise(images, method="relion", radius_px=6)
    ready = prepared(image, settings, imaging=imaging())
    np.testing.assert_array_equal(ready.read(), image.read())
    found = cut(ready, CENTRES, settings, what=imaging())
    np.testing.assert_allclose(found.images, expected, atol=1e-5)


def test_xmipp_works_on_the_micrograph_first():
    image = micrograph()
    settings = ExtractSettings(
        image_px=24, downsampling=1.37, order="xmipp", dust_sd=4, ctf="phase-flip",
        normalise="ramp", background_radius_px=9,
    )  # fmt: skip
    small = resample_image(image, factor=1.37)
    clean = dust_to_median(small.read(), threshold_sd=4)
    shape, pixel = small.grid.shape, small.grid.pixel_size_angstrom
    factor = ctf_multiplier(shape, pixel, kind="phase-flip", optics=OPTICS, defocus=DEFOCUS)
    flipped = filter_boxes(clean[np.newaxis], multiplier=factor)[0]
    centres = np.array([[40, 45], [60, 50]])
    boxes = cut_boxes(flipped, centres, box_px=24)
    expected = normalise(-boxes, method="ramp", radius_px=9)
    ready = prepared(image, settings, imaging=imaging(2))
    assert ready.grid == small.grid
    np.testing.assert_allclose(ready.read(), flipped, atol=1e-3)
    found = cut(ready, centres, settings)
    np.testing.assert_allclose(found.images, expected, atol=1e-4)


def test_xmipp_corrects_boxes_where_each_particle_has_its_defocus():
    image = micrograph()
    settings = ExtractSettings(image_px=24, order="xmipp", ctf="phase-flip", normalise="none")
    own = Imaging(optics=OPTICS, defocus=np.array([[1.0, 1.0, 0, 0], [1.9, 1.9, 0, 0]]))
    ready = prepared(image, settings, imaging=own)
    np.testing.assert_array_equal(ready.read(), image.read())
    found = cut(ready, CENTRES[:2], settings, what=own).images
    for row, um in enumerate((1.0, 1.9)):
        factor = ctf_multiplier(
            (48, 48), 1.5, kind="phase-flip", optics=OPTICS, defocus=Defocus(u_um=um, v_um=um)
        )
        boxes = cut_boxes(image.read(), CENTRES[row : row + 1], box_px=48)
        expected = -windowed(filter_boxes(boxes, multiplier=factor), box_px=24)
        np.testing.assert_allclose(found[row], expected[0], atol=1e-3)


def test_statistics_are_of_the_box_as_cut_and_of_the_image_as_it_comes_out():
    image = micrograph()
    settings = ExtractSettings(image_px=16, downsampling=2, patch_px=4)
    found = cut(image, CENTRES, settings)
    boxes = cut_boxes(image.read(), CENTRES, box_px=32)
    for of, images in (("Box", boxes), ("Image", found.images)):
        table = [found.columns[f"cryopick{of}{name}"] for name in ("Mean", "Sd", "Min", "Max")]
        np.testing.assert_allclose(np.stack(table, 1), grey_statistics(images), rtol=1e-6)
    assert found.columns["cryopickPatchGini"].shape == (3,)
    assert "cryopickPatchGini" not in cut(image, CENTRES, ExtractSettings(image_px=16)).columns


def test_a_shift_draws_in_what_lies_beside_the_box():
    image = micrograph()
    settings = ExtractSettings(image_px=24, normalise="none", invert=False)
    found = cut(image, CENTRES, settings, shift=np.tile([2.0, -1.0], (3, 1)))
    expected = cut_boxes(image.read(), CENTRES - [2, -1], box_px=24)
    np.testing.assert_allclose(found.images, expected, atol=1e-2)


def test_batches_do_not_show():
    """More particles than are worked on at once, dust and all: each as if it were among few."""
    rng = np.random.default_rng(3)
    image = micrograph()
    centres = rng.integers(20, 120, (70, 2))
    settings = ExtractSettings(image_px=20)
    many = cut(image, centres, settings)
    few = np.concatenate(
        [cut(image, centres[i : i + 10], settings).images for i in range(0, 70, 10)]
    )
    np.testing.assert_allclose(many.images, few, atol=1e-5)


@pytest.mark.parametrize("order", ["relion", "xmipp"])
def test_pixels_that_are_not_finite_become_the_mean(order):
    image = micrograph()
    broken = image.read().copy()
    broken[5, 5], broken[6, 6] = np.nan, np.inf
    whole = Image(data=broken, grid=image.grid, name="m")
    ready = prepared(whole, ExtractSettings(image_px=16, order=order), imaging=None).read()
    finite = broken[np.isfinite(broken)].mean(dtype=np.float64)
    assert ready[5, 5] == pytest.approx(finite) == ready[6, 6]
    nothing = Image(data=np.full(image.grid.shape, np.nan, np.float32), grid=image.grid, name="m")
    with pytest.raises(InputError, match="no finite pixel"):
        prepared(nothing, ExtractSettings(image_px=16, order=order), imaging=None)


def test_the_correction_is_named_as_in_the_settings():
    assert correction_of(ExtractSettings(image_px=16)) is None
    assert correction_of(ExtractSettings(image_px=16, ctf="phase-flip")) == "phase-flip"
