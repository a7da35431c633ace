import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.pick.matching.hands import HandComparison, compare_hands, mirrored
from pick.matching.worlds import filled, moved_away, particle, wedge

N = 18
WEIGHT = wedge(N)


def comparison(content, template, *, seed=0, count=12):
    """Particles of ``content``, looked for with ``template``."""
    volume, position, _ = filled(content, WEIGHT, count, noise_ratio=1.0, seed=seed)
    return compare_hands(
        volume, moved_away(position, 0.7), template=template, weight=WEIGHT, step_deg=20.0
    )


def test_the_right_hand_is_told():
    found = comparison(particle(N), particle(N))
    assert found.verdict == "template"
    assert found.standard_errors > 3
    assert found.difference > 0.02


def test_the_wrong_hand_is_told():
    found = comparison(mirrored(particle(N)), particle(N))
    assert found.verdict == "mirror"
    assert found.difference < -0.02


def test_of_a_particle_with_a_mirror_plane_it_cannot_tell():
    chiral = particle(N + 1)
    content = type(chiral)(
        density=chiral.density + mirrored(chiral).density,
        mask=chiral.mask, pixel_size_angstrom=10.0, name="both", diameter_angstrom=120.0,
    )  # fmt: skip
    weight = wedge(N + 1)
    volume, position, _ = filled(content, weight, 12, noise_ratio=1.0)
    found = compare_hands(volume, position, template=content, weight=weight, step_deg=20.0)
    assert found.verdict == "cannot tell"
    assert abs(found.difference) < 0.01


@pytest.mark.parametrize("n", [8, 9])
def test_mirrored_twice_is_the_template(n):
    template = particle(n)
    twice = mirrored(mirrored(template))
    assert np.array_equal(twice.density, template.density)
    assert np.array_equal(twice.mask, template.mask)
    assert not np.array_equal(mirrored(template).density, template.density)


@pytest.mark.parametrize("n", [20, 21])
def test_the_centre_stays_where_it_is(n):
    made = particle(n, mirrored=True).density
    image = mirrored(particle(n)).density
    # Voxel 0 of an even box has no partner.
    np.testing.assert_allclose(image[:, :, 1:], made[:, :, 1:], atol=1e-5)


def made_up(differences):
    differences = np.asarray(differences, dtype=float)
    return HandComparison(template=0.5 + differences, mirror=np.full(len(differences), 0.5))


def test_sureness_is_the_difference_in_its_standard_error():
    found = made_up([0.1, 0.2, 0.3] * 10)
    error = np.std([0.1, 0.2, 0.3] * 10, ddof=1) / 30**0.5
    assert found.difference == pytest.approx(0.2)
    assert found.standard_errors == pytest.approx(0.2 / error)
    assert found.verdict == "template"
    assert made_up([-0.1, -0.2, -0.3] * 10).verdict == "mirror"
    assert made_up([-0.1, 0.1] * 10).verdict == "cannot tell"


def test_a_few_places_or_equal_scores_tell_nothing():
    assert made_up([0.1, 0.2, 0.15]).verdict == "cannot tell"
    assert made_up([0.0] * 20).standard_errors == 0
    assert made_up([0.0] * 20).verdict == "cannot tell"


def test_no_places_is_an_error():
    with pytest.raises(InputError, match="one or more positions"):
        compare_hands(
            np.zeros((30, 30, 30), np.float32), np.empty((0, 3)),
            template=particle(N), weight=WEIGHT,
        )  # fmt: skip
