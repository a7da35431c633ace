import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.extract.particles import extract_particles
from cryopick.extract.settings import ExtractSettings
from cryopick.model import Defocus, Grid, Image, Optics, Picks, delete
from cryopick.ops.resample import resample_image

PIXEL = 1.5
SHAPE = (160, 200)
PLACES = np.array([[60.0, 50.0], [101.0, 90.0], [140.0, 70.0]])


def micrograph(places=PLACES, *, noise=0.01, sd=4.0, shape=SHAPE, sign=-1.0):
    """Dark blobs at places in pixels."""
    y, x = np.indices(shape)
    pixels = np.random.default_rng(0).normal(scale=noise, size=shape)
    for px, py in places:
        pixels += sign * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sd**2))
    grid = Grid(shape=shape, pixel_size_angstrom=PIXEL)
    return Image(data=pixels.astype(np.float32), grid=grid, name="mic")


def picks(places=PLACES, **columns):
    return Picks.of(np.asarray(places) * PIXEL, image="mic", **columns)


def extract(image=None, chosen=None, *, shift=None, optics=None, defocus=None, seed=0, **settings):
    return extract_particles(
        micrograph() if image is None else image,
        picks() if chosen is None else chosen,
        settings=ExtractSettings(**{"image_px": 32, **settings}),
        shift_angstrom=shift, optics=optics, defocus=defocus, seed=seed,
    )  # fmt: skip


def centroid(image):
    """Of what is bright, from pixel N // 2, as x, y."""
    weight = np.clip(image - 0.3 * image.max(), 0, None)
    y, x = np.indices(image.shape) - image.shape[0] // 2
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize("order", ["relion", "xmipp"])
@pytest.mark.parametrize("down", [1, 2])
def test_particles_come_out_bright_and_centred(order, down):
    found = extract(image_px=48 // down, downsampling=down, order=order)
    assert found.images.shape == (3, 48 // down, 48 // down)
    assert found.pixel_size_angstrom == pytest.approx(PIXEL * down)
    for image, shift in zip(found.images, found.shift_angstrom, strict=True):
        # Adding the shift centres the image.
        assert centroid(image) + shift / found.pixel_size_angstrom == pytest.approx([0, 0], abs=0.1)


def test_dark_stays_dark_without_inverting():
    assert extract(invert=False).images[0, 16, 16] < -5
    assert extract(invert=True).images[0, 16, 16] > 5


def test_places_between_pixels_leave_a_shift_that_centres_them():
    places = PLACES + np.array([[0.3, -0.4], [0.49, 0.2], [-0.25, 0.0]])
    found = extract(micrograph(places), picks(places))
    on_pixels = found.picks.position_angstrom / PIXEL
    np.testing.assert_allclose(on_pixels, np.round(on_pixels), atol=1e-9)
    # The place of the particle is that of the box less its shift: nothing is lost.
    np.testing.assert_allclose(
        found.picks.position_angstrom - found.shift_angstrom, places * PIXEL, atol=1e-9
    )
    for image, shift in zip(found.images, found.shift_angstrom, strict=True):
        np.testing.assert_allclose(centroid(image), -shift / PIXEL, atol=0.05)


def test_subpixel_centring_moves_the_image_instead():
    places = PLACES + np.array([[0.3, -0.4], [0.49, 0.2], [-0.25, 0.0]])
    found = extract(micrograph(places), picks(places), centring="subpixel")
    np.testing.assert_allclose(found.picks.position_angstrom, places * PIXEL)
    np.testing.assert_allclose(found.shift_angstrom, 0, atol=1e-9)
    for image in found.images:
        np.testing.assert_allclose(centroid(image), 0, atol=0.03)


def test_recentring_moves_the_box_by_the_known_shift():
    off = np.array([[6.0, -4.5], [3.0, 0.0], [-4.0, 2.0]])  # of the pick from the particle, in Å
    chosen = Picks.of(PLACES * PIXEL + off, image="mic")
    # At the picks the particles lie at -off: adding off centres them.
    still = extract(chosen=chosen, shift=off)
    moved = extract(chosen=chosen, shift=off, recentre=True)
    for found, limit in ((still, 5.0), (moved, 0.51)):
        shown = np.array([centroid(image) for image in found.images])
        np.testing.assert_allclose(shown, -found.shift_angstrom / PIXEL, atol=0.1)
        assert np.abs(shown).max() < limit
    assert np.abs(still.shift_angstrom).max() > 3
    np.testing.assert_allclose(
        moved.picks.position_angstrom - moved.shift_angstrom, PLACES * PIXEL, atol=1e-9
    )


def test_a_shift_that_is_not_known_is_none():
    shift = np.array([[np.nan, np.nan], [0.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(extract(shift=shift).shift_angstrom, 0, atol=1e-9)


def test_boxes_that_leave_the_micrograph_are_dropped_with_their_reason():
    places = [[60, 50], [10, 50], [60, 150], [300, 50]]
    found = extract(chosen=picks(places, score=[1.0, 2, 3, 4]))
    assert found.row.tolist() == [0]
    assert found.dropped.reason.tolist() == ["edge"] * 3
    assert found.dropped.score.tolist() == [2, 3, 4]


def test_borders_can_be_filled_but_not_out_of_nothing():
    places = [[60, 50], [10, 50], [60, 150], [300, 50], [-17, 50]]
    found = extract(chosen=picks(places), border="fill", normalise="none", invert=False)
    assert found.row.tolist() == [0, 1, 2]
    assert found.dropped.reason.tolist() == ["edge"] * 2
    pixels = micrograph().read()
    # Box of 32 px about x = 10 begins 6 px before the micrograph.
    np.testing.assert_array_equal(found.images[1, :, :6], np.tile(pixels[34:66, :1], 6))
    np.testing.assert_array_equal(found.images[1, :, 6:], pixels[34:66, :26])


@pytest.mark.parametrize("x", [16, 184])
def test_a_box_that_just_fits_is_kept(x):
    assert extract(chosen=picks([[x, 60]])).row.tolist() == [0]
    beyond = x - 1 if x < 100 else x + 1
    assert extract(chosen=picks([[beyond, 60]])).row.tolist() == []


def test_what_is_deleted_already_keeps_its_reason():
    chosen = delete(picks(), np.array([False, True, False]), reason="duplicate")
    found = extract(chosen=chosen)
    assert found.row.tolist() == [0, 2]
    assert found.dropped.reason.tolist() == ["duplicate"]


def test_columns_of_the_picks_go_with_the_particles():
    chosen = Picks.of(
        PLACES[[0, 1, 2]] * PIXEL, image="mic", score=[0.1, 0.2, 0.3], label=["1", "2", "3"],
        group=["a", "b", "c"], extra={"rlnAnything": np.array([7.0, 8.0, 9.0])},
    )  # fmt: skip
    found = extract(chosen=chosen[np.array([2, 0])])
    assert found.picks.score.tolist() == [0.3, 0.1]
    assert found.picks.label.tolist() == ["3", "1"]
    assert found.picks.extra["rlnAnything"].tolist() == [9.0, 7.0]
    assert found.picks.extra["cryopickBoxMean"].shape == (2,)


@pytest.mark.parametrize("order", ["relion", "xmipp"])
def test_the_same_place_in_another_binning(order):
    """Positions are in Å of the specimen: a binned micrograph gives the same particles."""
    full = micrograph(noise=0.0, sd=6.0)
    half = resample_image(full, factor=2)
    mean = resample_image(full, factor=2, method="mean")
    one = extract(full, image_px=24, downsampling=2, order=order)
    for other in (half, mean):
        two = extract(other, image_px=24, order=order)
        assert two.pixel_size_angstrom == pytest.approx(one.pixel_size_angstrom)
        for a, b in zip(one.images, two.images, strict=True):
            assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.9
        for found in (one, two):
            place = found.picks.position_angstrom - found.shift_angstrom
            np.testing.assert_allclose(place, PLACES * PIXEL, atol=1e-9)


def test_seed_decides_the_noise_that_replaces_dust():
    same = [extract(white_dust_sd=2, seed=seed).images for seed in (1, 1, 2)]
    np.testing.assert_array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])


OPTICS = Optics()
DEFOCUS = Defocus(u_um=1.0, v_um=1.2, astigmatism_angle_deg=10.0)


@pytest.mark.parametrize("order", ["relion", "xmipp"])
def test_the_defocus_of_each_particle_is_handed_on(order):
    table = np.array([[1.0, 1.2, 10, 0], [1.1, 1.3, 10, 0], [1.2, 1.4, 10, 0]])
    for given in (DEFOCUS, table):
        found = extract(ctf="phase-flip", optics=OPTICS, defocus=given, order=order)
        expected = table if given is table else np.tile(table[0], (3, 1))
        np.testing.assert_allclose(found.defocus, expected)
    assert extract().defocus is None
    np.testing.assert_allclose(extract(defocus=DEFOCUS).defocus[:, 0], 1.0)


def test_orders_agree_about_the_ctf():
    """Whole micrograph or larger boxes: the same correction, but for what lies far away."""
    noisy = micrograph(noise=0.3)
    one = extract(noisy, ctf="phase-flip", optics=OPTICS, defocus=DEFOCUS, ctf_box_px=128)
    two = extract(noisy, ctf="phase-flip", optics=OPTICS, defocus=DEFOCUS, order="xmipp",
                  normalise="relion", background_radius_px=12)  # fmt: skip
    plain = extract(noisy)
    for a, b, c in zip(one.images, two.images, plain.images, strict=True):
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.8
        assert np.corrcoef(a.ravel(), c.ravel())[0, 1] < 0.4


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"ctf": "phase-flip"}, "--phase-flip: the CTF of the micrographs is needed; give --ctf"),
        ({"ctf": "premultiply", "optics": OPTICS}, "--premultiply-ctf: the CTF"),
        (
            {"ctf": "phase-flip", "optics": OPTICS, "defocus": np.full((3, 4), np.nan)},
            "a particle has no defocus",
        ),
        ({"defocus": np.zeros((2, 4))}, r"expected a defocus of shape \(3, 4\)"),
    ],
)
def test_a_ctf_that_is_not_known_is_refused(more, line):
    with pytest.raises(InputError, match=line):
        extract(**more)


def test_picks_of_tomograms_are_refused():
    with pytest.raises(InputError, match="mic: extract particles takes 2D picks"):
        extract(chosen=Picks.of([[1.0, 2.0, 3.0]], image="mic"))


def test_no_picks_give_no_particles():
    found = extract(chosen=Picks.empty(2))
    assert found.images.shape == (0, 32, 32)
    assert len(found.picks) == len(found.dropped) == 0
