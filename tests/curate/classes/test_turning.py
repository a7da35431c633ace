"""Exact turns in the plane."""

import numpy as np
import pytest

from cryopick.curate.classes.band import make_band
from cryopick.curate.classes.pose_grid import pose_grid
from cryopick.curate.classes.spectra import soft_disc
from cryopick.curate.classes.turning import Turner, to_band, working_box

ANGLES = pose_grid(psi_step_deg=7.5, offset_range_px=0, offset_step_px=1).angle_deg


def blobs(box, centres, *, width=2.0, pixels=None):
    """Of a box, on another number of pixels over the same field where told."""
    n = box if pixels is None else pixels
    y, x = (np.mgrid[:n, :n] - n // 2) * (box / n)
    image = sum(
        a * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * width**2)) for cx, cy, a in centres
    )
    return image.astype(np.float32)


CENTRES = [(5.0, 0.0, 1.0), (-3.0, 4.0, 0.7), (0.0, -6.0, 0.4)]


def turned_centres(angle_deg):
    c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return [(c * x - s * y, s * x + c * y, a) for x, y, a in CENTRES]


def bank_of(turner, images):
    import torch

    bank = torch.zeros((turner.count, len(images), len(turner.band), 2))

    def put(place, turned):
        bank[place] = turned

    turner.bank(images, put)
    return torch.view_as_complex(bank).numpy()


@pytest.mark.parametrize(("box", "radius"), [(32, None), (33, None), (32, 12)])
def test_a_turned_average_is_the_transform_of_the_turned_image(box, radius):
    band = make_band(box, radius)
    turner = Turner(band, ANGLES)
    image = blobs(box, CENTRES, pixels=working_box(band))[None]
    bank = bank_of(turner, image)
    for place, angle in enumerate(ANGLES):
        expected = band.of_images(blobs(box, turned_centres(angle))[None])
        np.testing.assert_allclose(bank[place], expected, atol=2e-3)


def test_turned_back_is_the_image_again():
    import torch

    band = make_band(32)
    turner = Turner(band, ANGLES)
    image = blobs(32, CENTRES)[None] * soft_disc(32, radius_px=12, edge_px=3)
    bank = bank_of(turner, image)
    for place in (0, 5, len(ANGLES) // 4 + 1, len(ANGLES) - 1):
        sums = torch.zeros((1, len(ANGLES), len(band), 2))
        sums[0, place] = torch.view_as_real(torch.from_numpy(bank[place, 0]))
        np.testing.assert_allclose(turner.back(sums), band.of_images(image), atol=2e-3)


def test_back_adds_up_all_angles_and_classes_stay_apart():
    import torch

    band = make_band(32)
    turner = Turner(band, ANGLES)
    images = np.stack([blobs(32, CENTRES), blobs(32, CENTRES[:1])])
    bank = torch.from_numpy(bank_of(turner, images))
    sums = torch.view_as_real(bank.transpose(0, 1).contiguous())
    whole = turner.back(sums) / len(ANGLES)
    np.testing.assert_allclose(whole, band.of_images(images), atol=5e-3)


def test_back_is_the_adjoint_of_the_turn():
    """The product of sums with turned averages is that of turned-back sums with averages."""
    import torch

    band = make_band(24)
    turner = Turner(band, ANGLES)
    image, other = blobs(24, CENTRES)[None], blobs(24, [(1.0, 2.0, 1.0), (-4.0, 1.0, 2.0)])[None]
    bank, sums = (torch.from_numpy(bank_of(turner, one))[:, 0] for one in (image, other))
    sums = sums * torch.linspace(0, 1, len(ANGLES))[:, None]
    forward = float((bank.conj() * sums).real.sum())
    back = turner.back(torch.view_as_real(sums)[None])
    assert forward == pytest.approx(float((band.of_images(image).conj() * back).real.sum()), 5e-3)


def test_any_number_of_cores_gives_the_same_bits():
    import torch

    band = make_band(16)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(3, 16, 16)).astype(np.float32)
    sums = torch.from_numpy(rng.normal(size=(3, len(ANGLES), len(band), 2)).astype(np.float32))
    one, two = (Turner(band, ANGLES, cores=cores) for cores in (1, 2))
    np.testing.assert_array_equal(bank_of(one, images), bank_of(two, images))
    np.testing.assert_array_equal(one.back(sums), two.back(sums))


def test_the_working_box_holds_the_band():
    band = make_band(64, 10)
    assert working_box(band) == 22
    assert working_box(make_band(9)) == 9
    image = blobs(64, CENTRES, width=4.0)[None]
    small = band.to_images(band.of_images(image), box_px=22)
    np.testing.assert_allclose(to_band(band, small), band.of_images(image), atol=1e-5)
