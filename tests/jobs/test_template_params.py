"""Parameters of ``template``: what is there, and what the bounds refuse."""

import pytest
from pydantic import ValidationError

from cryopick.jobs.template_params import TemplateParams


def test_nothing_is_projected_unless_asked_for():
    params = TemplateParams(maps=["a.mrc"])
    assert not params.project
    assert params.symmetry == "C1"
    assert params.views is None


@pytest.mark.parametrize(
    "fields",
    [
        {"views": 0},
        {"views": 2001},
        {"angular_spacing_deg": 0.5},
        {"signal_to_noise": 0},
        {"box_px": 2},
        {"pixel_size_angstrom": 0},
        {"no_such": 1},
    ],
)
def test_bounds(fields):
    with pytest.raises(ValidationError):
        TemplateParams(maps=["a.mrc"], **fields)
