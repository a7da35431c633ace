from dataclasses import replace

import numpy as np
import pytest

from cryopick.curate.classes.settings import ClassifySettings
from cryopick.errors import InputError
from cryopick.jobs.classify_params import (
    ClassifyParams,
    ctf_model,
    mask_diameter_angstrom,
    settings_of,
)
from particle_sets import BOX, PIXEL, particle_set


@pytest.fixture(scope="module")
def particles(tmp_path_factory):
    return particle_set(tmp_path_factory.mktemp("set"), 12)[1]


def with_defocus(particles, **changes):
    defocus = np.tile([1.5, 1.4, 30.0, 0.0], (len(particles), 1))
    return replace(particles, defocus=defocus, **changes)


def params(**changes):
    return ClassifyParams(particles="p.star", **{"classes": 3, **changes})


def test_every_setting_of_the_search_can_be_given():
    own = set(ClassifySettings.__dataclass_fields__) - {"seed"}
    assert own <= set(ClassifyParams.model_fields)


def test_settings_are_what_was_asked_for(particles):
    asked = params(
        iterations=7,
        mask_diameter_angstrom=100.0,
        zero_mask=False,
        regularisation=3.0,
        psi_step_deg=10.0,
        batch_size=6,
        split=False,
    )
    assert settings_of(asked, particles, seed=5) == ClassifySettings(
        classes=3,
        iterations=7,
        mask_diameter_angstrom=100.0,
        zero_mask=False,
        regularisation=3.0,
        psi_step_deg=10.0,
        batch_size=6,
        split=False,
        ctf="ignore",
        seed=5,
    )


def test_the_ctf_follows_from_the_particles(particles):
    known = with_defocus(particles)
    assert ctf_model(params(), particles) == "ignore"
    assert ctf_model(params(), known) == "full"
    assert ctf_model(params(), replace(known, phase_flipped=True)) == "phase-flipped"
    both = replace(known, phase_flipped=True, ctf_premultiplied=True)
    assert ctf_model(params(), both) == "premultiplied"
    assert ctf_model(params(ctf="phase-flipped"), known) == "phase-flipped"  # nobody said it
    assert ctf_model(params(ctf="ignore"), both) == "ignore"


def test_a_ctf_that_cannot_be_is_refused(particles):
    with pytest.raises(InputError, match=r"--ctf full: p\.star does not give every particle's def"):
        ctf_model(params(ctf="full"), particles)
    flipped = with_defocus(particles, phase_flipped=True)
    with pytest.raises(InputError, match="says that its images are phase-flipped"):
        ctf_model(params(ctf="full"), flipped)
    some = np.tile([1.5, 1.4, 30.0, 0.0], (12, 1))
    some[3] = np.nan
    assert ctf_model(params(), replace(particles, defocus=some)) == "ignore"


def test_the_usual_mask_leaves_an_edge(particles):
    assert mask_diameter_angstrom(params(), particles) == pytest.approx(0.9 * BOX * PIXEL)
    assert mask_diameter_angstrom(params(mask_diameter_angstrom=70.0), particles) == 70.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask_diameter_angstrom": 129.0}, "--mask-diameter 129: the box is 128 Å wide"),
        ({"classes": 13}, r"--classes 13: p.star holds 12 particles"),
        ({"resolution_limit_angstrom": 7.0}, "--resolution-limit 7: pixels of 4 Å"),
        ({"offset_range_angstrom": 70.0}, "--offset-range 70: half the box is 64 Å"),
    ],
)
def test_what_does_not_fit_the_particles_is_refused(particles, changes, message):
    with pytest.raises(InputError, match=message):
        settings_of(params(**changes), particles, seed=0)
