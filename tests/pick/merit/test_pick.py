"""The whole picker: what every picker must do, orientations, labels, columns, refusals."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cryopick.errors import InputError
from cryopick.geometry.euler import psi_deg_from_quaternion
from cryopick.model import Defocus, Grid, Image, Optics, active
from cryopick.ops.ctf import ctf_image
from cryopick.pick.merit.maps import best_of_references, in_half_precision
from cryopick.pick.merit.peaks import PeakRules
from cryopick.pick.merit.pick import merit_maps, picks_from_maps
from cryopick.pick.merit.reference_set import References, gaussian_reference
from cryopick.pick.merit.settings import MeritSettings
from merit_scenes import plant, shape_of, turned, two_references
from picker_contract import PIXEL as CONTRACT_PIXEL
from picker_contract import PickerContract, blobs, by_x, image_of

PIXEL = 4.0


class TestContract(PickerContract):
    dimensions = (2,)
    # Two discs lie 50 px apart; the box of the Gaussian is 33 px wide.
    rules = PeakRules(threshold=0.3, border_angstrom=0.0, min_distance_angstrom=100.0)

    def find(self, image, mask=None):
        blob = gaussian_reference(130.0, CONTRACT_PIXEL, peak=4.0)
        # At full size: working pixels of 10 Å place picks to about 1.3 Å (see below).
        settings = MeritSettings(ctf="none", mask_shrink_px=0, shrink=1.0)
        maps = merit_maps(image, blob, settings)
        return picks_from_maps(maps, self.rules, name=image.name, mask=mask)

    def test_the_same_image_twice_gives_the_same_picks(self):
        image = image_of(blobs((150, 170), self.centres[2]))
        one, two = self.find(image), self.find(image)
        np.testing.assert_array_equal(one.position_angstrom, two.position_angstrom)
        np.testing.assert_array_equal(one.score, two.score)


@pytest.mark.parametrize("shift", [(1, 2), (9, -7), (5, 5)])
def test_coarse_pixels_place_picks_to_a_small_part_of_their_size(shift):
    blob = gaussian_reference(130.0, CONTRACT_PIXEL, peak=4.0)
    pixels = blobs((192, 192), [(80, 90), (110, 120)])
    places = []
    for image in (pixels, np.roll(pixels, (shift[1], shift[0]), axis=(0, 1))):
        maps = merit_maps(image_of(image), blob, MeritSettings(ctf="none"))
        assert maps.step_px == 2.0
        places.append(by_x(picks_from_maps(maps, TestContract.rules, name="m")))
    moved = np.array(shift) * CONTRACT_PIXEL
    assert np.abs(places[1] - places[0] - moved).max() < 2.0


def scene(*, noise=0.3, pixel=PIXEL, shape=(240, 300)):
    """Dark particles of both shapes at known places ``(x, y)`` and turns (from x to y, degrees)."""
    rng = np.random.default_rng(2)
    pixels = noise * rng.standard_normal(shape)
    spots = [((60, 60), 0, 0), ((150, 70), 1, 40), ((240, 90), 0, 130), ((90, 170), 1, 250)]
    for at, kind, degrees in spots:
        plant(pixels, turned(shape_of(kind), degrees), at=at)
    grid = Grid(shape=shape, pixel_size_angstrom=pixel)
    return Image(data=pixels.astype(np.float32), grid=grid, name="m"), spots


SETTINGS = MeritSettings(
    particle_diameter_angstrom=150.0, angular_step_deg=10.0, ctf="none", low_pass_angstrom=16.0
)
RULES = PeakRules(threshold=0.5, border_angstrom=0.0)


@pytest.mark.parametrize("engine", ["exact", "bank"])
@pytest.mark.parametrize("per_reference", [True, False])
def test_place_angle_and_reference_are_found(engine, per_reference):
    image, spots = scene()
    maps = merit_maps(
        image, two_references(PIXEL), replace(SETTINGS, engine=engine), per_reference=per_reference
    )
    assert maps.merit.shape[0] == (2 if per_reference else 1)
    picks = active(picks_from_maps(maps, RULES, name="m"))
    assert len(picks) == len(spots)
    for position, label, quaternion in zip(
        picks.position_angstrom, picks.label, picks.orientation, strict=True
    ):
        distance = [np.hypot(*(position / PIXEL - at)) for at, _, _ in spots]
        (_, kind, degrees), nearest = spots[int(np.argmin(distance))], min(distance)
        assert nearest < 0.5
        assert label == str(kind + 1)
        # RELION's psi turns the other way.
        psi = float(psi_deg_from_quaternion(quaternion))
        assert abs((psi + degrees + 180) % 360 - 180) <= 5.0
    assert set(picks.source) == {"template"}
    assert (np.diff(picks.score) <= 0).all()
    assert set(picks.extra) == {"cryopickNoiseMean", "cryopickNoiseSd"}
    assert (picks.extra["cryopickNoiseSd"] > 0).all()


def test_a_particle_as_strong_as_its_reference_in_unit_noise_scores_about_1():
    rng = np.random.default_rng(7)
    pixels = rng.standard_normal((400, 400))
    places = [(x, y) for x in (60, 160, 260, 340) for y in (60, 160, 260, 340)]
    for at in places:
        plant(pixels, shape_of(0), at=at)
    image = Image(
        data=pixels.astype(np.float32),
        grid=Grid(shape=(400, 400), pixel_size_angstrom=PIXEL),
        name="m",
    )
    one = References(images=shape_of(0)[None].astype(np.float32), pixel_size_angstrom=PIXEL)
    settings = replace(SETTINGS, angular_step_deg=360.0, shrink=1.0, low_pass_angstrom=None)
    maps = merit_maps(image, one, settings)
    scores = [maps.merit[0, y, x] for x, y in places]
    # The micrograph is standardised with its particles, so it shows them a little fainter.
    assert np.mean(scores) == pytest.approx(1.0, abs=0.25)
    # Without any signal m = -a2 / 2: about -1.
    assert np.median(maps.merit) == pytest.approx(-1.0, abs=0.1)


def test_with_its_ctf_a_defocused_particle_is_found_better():
    image, spots = scene(noise=0.0)
    optics, defocus = Optics(amplitude_contrast=0.1), Defocus(u_um=1.2, v_um=1.0)
    wave = ctf_image(image.grid.shape, PIXEL, optics=optics, defocus=defocus)
    seen = np.fft.irfft2(np.fft.rfft2(-image.read()) * wave, s=image.grid.shape)
    seen += 0.25 * np.random.default_rng(3).standard_normal(seen.shape)
    blurred = replace(image, data=seen.astype(np.float32))
    found = []
    for use in ("full", "after first peak", "none"):
        maps = merit_maps(
            blurred,
            two_references(PIXEL),
            replace(SETTINGS, ctf=use),
            optics=optics,
            defocus=defocus,
        )
        values = [maps.merit[0][int(at[1] / maps.step_px), int(at[0] / maps.step_px)]
                  for at, _, _ in spots]  # fmt: skip
        found.append(np.mean(values) / maps.merit.std())
    full, late, none = found
    assert full > none
    assert full > late


def test_bright_particles_are_found_where_they_are_asked_for():
    image, spots = scene()
    bright = replace(image, data=-image.read())
    settings = replace(SETTINGS, particle_contrast="bright")
    one = merit_maps(image, two_references(PIXEL), SETTINGS)
    two = merit_maps(bright, two_references(PIXEL), settings)
    np.testing.assert_allclose(one.merit, two.merit, atol=1e-3 * np.abs(one.merit).max())
    # In the wrong contrast nothing of the kind is found.
    wrong = merit_maps(bright, two_references(PIXEL), SETTINGS)
    assert len(active(picks_from_maps(wrong, RULES, name="m"))) < len(spots)


def test_references_of_another_pixel_size_find_the_same():
    image, spots = scene()
    line = (np.arange(64) - 32) * 0.75
    y, x = np.meshgrid(line, line, indexing="ij")
    from scipy.ndimage import map_coordinates

    fine = np.stack([map_coordinates(shape_of(kind), [y + 24, x + 24], order=3) for kind in (0, 1)])
    references = References(images=fine.astype(np.float32), pixel_size_angstrom=0.75 * PIXEL)
    picks = active(picks_from_maps(merit_maps(image, references, SETTINGS), RULES, name="m"))
    assert len(picks) == len(spots)
    for at, _, _ in spots:
        assert np.hypot(*(picks.position_angstrom / PIXEL - at).T).min() < 0.5


def test_half_precision_gives_the_same_picks():
    image, _ = scene()
    maps = merit_maps(image, two_references(PIXEL), SETTINGS)
    one, two = (picks_from_maps(m, RULES, name="m") for m in (maps, in_half_precision(maps)))
    assert len(active(one)) == len(active(two))
    np.testing.assert_allclose(
        active(one).position_angstrom, active(two).position_angstrom, atol=0.5
    )


def test_merged_while_searching_or_afterwards_is_the_same():
    image, _ = scene()
    every = merit_maps(image, two_references(PIXEL), SETTINGS, per_reference=True)
    merged, best = best_of_references(every), merit_maps(image, two_references(PIXEL), SETTINGS)
    np.testing.assert_allclose(best.merit, merged.merit, atol=1e-5)
    np.testing.assert_array_equal(best.reference, merged.reference)
    np.testing.assert_array_equal(best.psi_deg, merged.psi_deg)


def test_rejected_candidates_stay_with_their_reasons():
    image, _ = scene()
    maps = merit_maps(image, two_references(PIXEL), SETTINGS)
    inside = np.ones(image.grid.shape, np.float32)
    inside[:, :100] = 0
    picks = picks_from_maps(
        maps,
        replace(RULES, border_angstrom=250.0),
        name="m",
        mask=Image(data=inside, grid=image.grid, name="mask"),
    )
    assert len(active(picks)) == 1
    assert set(picks.reason) == {"", "edge", "outside mask"}
    assert set(picks.state) == {"auto", "deleted"}


def test_a_higher_threshold_deletes_the_weaker_picks():
    image, spots = scene()
    maps = merit_maps(image, two_references(PIXEL), SETTINGS)
    score = np.asarray(active(picks_from_maps(maps, RULES, name="m")).score)
    assert len(score) == len(spots)
    limit = float(score[1:3].mean())
    fewer = picks_from_maps(maps, replace(RULES, threshold=limit), name="m")
    assert len(active(fewer)) == 2
    low = fewer[fewer.reason == "below threshold"]
    np.testing.assert_array_equal(np.asarray(low.score)[:2], score[2:])


def test_relions_suppression_gives_the_same_four():
    image, spots = scene()
    maps = merit_maps(image, two_references(PIXEL), SETTINGS, per_reference=True)
    rules = replace(RULES, suppression="relion", min_distance_angstrom=100.0)
    assert len(active(picks_from_maps(maps, rules, name="m"))) == len(spots)


def test_a_region_left_out_of_the_search_has_no_particle():
    image, spots = scene()
    inside = np.ones(image.grid.shape, np.float32)
    inside[:, :110] = 0
    mask = Image(data=inside, grid=image.grid, name="mask")
    maps = merit_maps(image, two_references(PIXEL), SETTINGS, mask=mask)
    picks = active(picks_from_maps(maps, RULES, name="m"))
    assert len(picks) == len(spots) - 2
    assert (picks.position_angstrom[:, 0] > 110 * PIXEL).all()


def test_what_cannot_be_searched_is_refused():
    image, _ = scene()
    volume = Image(
        data=np.zeros((8, 8, 8)), grid=Grid(shape=(8, 8, 8), pixel_size_angstrom=4.0), name="tomo"
    )
    with pytest.raises(InputError, match="tomo: expected a micrograph"):
        merit_maps(volume, two_references(PIXEL), SETTINGS)
    with pytest.raises(InputError, match="no defocus is known"):
        merit_maps(image, two_references(PIXEL), replace(SETTINGS, ctf="full"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("engine", ["exact", "bank"])
def test_a_gpu_gives_what_the_processor_gives(engine):
    image, _ = scene()
    settings = replace(SETTINGS, engine=engine)
    one, two = (
        merit_maps(image, two_references(PIXEL), settings, device=device)
        for device in ("cpu", "cuda:0")
    )
    np.testing.assert_allclose(one.merit, two.merit, atol=5e-3 * np.abs(one.merit).max())
    assert (one.reference == two.reference).mean() > 0.99
