"""The bank engine gives what the exact engine gives, to the energy that its components hold."""

import numpy as np
import pytest

from cryopick.model import Defocus, Optics
from cryopick.pick.merit.bank import build_merit_bank
from cryopick.pick.merit.masked_references import mask_references
from cryopick.pick.merit.pick import merit_maps
from cryopick.pick.merit.reference_set import References
from cryopick.pick.merit.search import prepare_search
from cryopick.pick.merit.settings import MeritSettings
from cryopick.pick.merit.turned_references import TurnedReferences
from cryopick.pick.merit.working_grid import plan_working_grid, working_step
from merit_scenes import micrograph, two_references

PIXEL = 4.0
SHAPE = (200, 224)
DEFOCUS = Defocus(u_um=1.6, v_um=1.4, astigmatism_angle_deg=20.0)


def settings(**changes):
    return MeritSettings(
        **{
            "particle_diameter_angstrom": 130.0,
            "angular_step_deg": 15.0,
            "engine": "bank",
            "bank_energy": 0.9999,
            **changes,
        }
    )


def maps(given, *, cores=1):
    references = two_references(PIXEL)
    return merit_maps(
        micrograph(SHAPE, references, PIXEL, seed=8),
        references,
        given,
        optics=Optics(amplitude_contrast=0.1),
        defocus=DEFOCUS,
        per_reference=True,
        cores=cores,
    )


def bank_of(given, references=None):
    masked = mask_references(references or two_references(PIXEL), given, pixel_size_angstrom=PIXEL)
    step = working_step(given, SHAPE, PIXEL)
    grid = plan_working_grid(SHAPE, PIXEL, step=step, least_px=2 * masked.box_px)
    turned = TurnedReferences(masked, given, grid)
    return turned, build_merit_bank(turned, given, pixel_size_angstrom=PIXEL)


@pytest.mark.parametrize("changes", [{"ctf": "full"}, {"ctf": "none", "angular_step_deg": 24.0}])
def test_agrees_with_the_exact_engine(changes):
    """24 degrees make an odd number of angles, so that no two are opposite."""
    bank, exact = maps(settings(**changes)), maps(settings(**changes, engine="exact"))
    # The bank averages the references in a smaller box, which moves the scale a little.
    np.testing.assert_allclose(bank.expected, exact.expected, rtol=2e-3)
    for ours, theirs in zip(bank.merit, exact.merit, strict=True):
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9995
    clear = exact.merit > np.quantile(exact.merit, 0.995)
    assert (bank.psi_deg == exact.psi_deg)[clear].mean() > 0.9


def test_fewer_components_hold_less():
    coarse, fine = bank_of(settings(bank_energy=0.9))[1], bank_of(settings())[1]
    assert coarse.rank < fine.rank
    assert 0.9 <= coarse.energy < fine.energy <= 1.0


def test_components_make_every_turned_reference():
    """Mixing the component images gives the image of a turned reference."""
    turned, bank = bank_of(settings(ctf="none"))
    split = bank.even.shape[2]
    for angle in (0, 5, 17):
        wanted = turned.mirrored_boxes(turned.coefficients(angle))
        even = np.einsum("rk,kyx->ryx", bank.even[:, angle % 12], bank.boxes[:split])
        odd = np.einsum("rk,kyx->ryx", bank.odd[:, angle % 12], bank.boxes[split:])
        found = even + (odd if angle < 12 else -odd)
        error = np.linalg.norm(found - wanted.numpy()) / np.linalg.norm(wanted)
        assert error < 0.03


def test_even_components_are_even_and_odd_ones_odd():
    _, bank = bank_of(settings())
    split = bank.even.shape[2]
    assert bank.opposite
    assert 0 < split < bank.rank
    # Pixel 0 of an even box has no mirror image.
    boxes = bank.boxes[:, 1:, 1:]
    scale = float(boxes.abs().max())
    for part, sign in ((boxes[:split], 1), (boxes[split:], -1)):
        assert float((part - sign * part.flip(1, 2)).abs().max()) < 1e-3 * scale


def test_references_that_look_the_same_after_half_a_turn_need_no_odd_component():
    y, x = np.indices((48, 48)) - 24
    image = np.exp(-(x**2 / 50 + y**2 / 18)).astype(np.float32)
    references = References(images=image[None], pixel_size_angstrom=PIXEL)
    _, bank = bank_of(settings(), references)
    assert bank.odd.shape[2] == 0
    assert bank.even.shape[2] > 0


def test_cores_do_not_change_the_result():
    one, three = maps(settings()), maps(settings(), cores=3)
    np.testing.assert_array_equal(one.merit, three.merit)
    np.testing.assert_array_equal(one.psi_deg, three.psi_deg)


def test_many_rows_are_searched_by_the_bank_and_few_exactly():
    auto = {"engine": "auto", "ctf": "none"}
    names = []
    for step in (15.0, 120.0):
        given = settings(**auto, angular_step_deg=step)
        search = prepare_search(
            two_references(PIXEL), given, shape=SHAPE, pixel_size_angstrom=PIXEL
        )
        names.append(type(search.engine).__name__)
    assert names == ["BankEngine", "ExactEngine"]
