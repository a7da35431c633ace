"""The exact engine against the figure of merit written down in numpy."""

import numpy as np
import pytest

from cryopick.model import Defocus, Optics
from cryopick.pick.merit.pick import merit_maps
from cryopick.pick.merit.settings import MeritSettings
from merit_oracle import merits
from merit_scenes import micrograph, two_references

PIXEL = 4.0
OPTICS = Optics(amplitude_contrast=0.1)
DEFOCUS = Defocus(u_um=1.6, v_um=1.3, astigmatism_angle_deg=30.0)


def both(shape, **changes):
    """Ours and the oracle's, of the same noisy micrograph."""
    references = two_references(PIXEL)
    image = micrograph(shape, references, PIXEL, seed=3)
    settings = MeritSettings(
        **{
            "particle_diameter_angstrom": 130.0,
            "angular_step_deg": 90.0,
            "engine": "exact",
            "shrink": 1.0,
            "ctf": "none",
            "expected_ratio": "drawn",
            **changes,
        }
    )
    ours = merit_maps(
        image, references, settings, optics=OPTICS, defocus=DEFOCUS, per_reference=True
    )
    radius = round(130.0 / 2 / PIXEL) - 2
    theirs = merits(
        image.read(), references.images, radius, settings,
        pixel=PIXEL, optics=OPTICS, defocus=DEFOCUS,
    )  # fmt: skip
    return ours, theirs


@pytest.mark.parametrize(
    "changes",
    [
        {"ctf": "full", "low_pass_angstrom": 20.0, "high_pass_angstrom": 400.0},
        {"reference_contrast": "dark", "low_pass_angstrom": 30.0, "angular_step_deg": 60.0},
    ],
)
def test_equals_the_plain_transcription_on_512_by_512(changes):
    ours, (merit, psi) = both((512, 512), **changes)
    assert ours.merit.shape == merit.shape == (2, 512, 512)
    assert np.abs(merit).max() > 1
    assert np.abs(ours.merit - merit).max() < 1e-4 * np.abs(merit).max()
    clear = merit > np.quantile(merit, 0.99)
    assert (np.abs(ours.psi_deg - psi)[clear] < 1e-3).mean() > 0.999


def test_without_a_low_pass_the_whole_circle_of_frequencies_counts():
    ours, (merit, _) = both((200, 200), low_pass_angstrom=None)
    assert np.abs(ours.merit - merit).max() < 2e-4 * np.abs(merit).max()


@pytest.mark.parametrize("shape", [(256, 180), (180, 256)])
def test_a_micrograph_that_is_not_square_agrees_away_from_its_edges(shape):
    """The oracle pads to a square, we pad by what transforms need: only what rings far differs."""
    ours, (merit, _) = both(shape)
    inner = np.s_[:, 40:-40, 40:-40]
    assert np.abs(ours.merit[inner] - merit[inner]).max() < 2e-3 * np.abs(merit[inner]).max()


def test_a_shrunk_search_samples_the_full_one():
    """Working pixels at the low-pass limit hold all there is: every fifth value is the same."""
    full, _ = both((300, 300), low_pass_angstrom=42.0)
    small, _ = both((300, 300), low_pass_angstrom=42.0, shrink=0.2)
    assert small.step_px == 5.0
    there = full.merit[:, ::5, ::5]
    assert small.merit.shape == there.shape
    # What differs is the background: its box of ten working pixels has an edge too sharp for them.
    assert np.abs(small.sd - full.sd[::5, ::5]).max() < 0.03
    assert np.abs(small.mean - full.mean[::5, ::5]).max() < 0.04
    assert np.sqrt(np.mean((small.merit - there) ** 2)) < 0.08 * there.std()


def test_cores_do_not_change_the_result():
    references = two_references(PIXEL)
    image = micrograph((200, 220), references, PIXEL, seed=5)
    settings = MeritSettings(
        particle_diameter_angstrom=130, angular_step_deg=45, engine="exact", ctf="none"
    )
    one, three = (merit_maps(image, references, settings, cores=n) for n in (1, 3))
    np.testing.assert_array_equal(one.merit, three.merit)
    np.testing.assert_array_equal(one.psi_deg, three.psi_deg)
