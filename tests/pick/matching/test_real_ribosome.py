"""The exact engine on a real subtomogram, and against a score map that GAPSTOP made.

What the files say: the reference scores are those of the template on itself (template_list.csv,
row 0, "Compare" is tmpl), without a wedge; angles are counted from 1 in a list whose columns are
phi, psi, theta as in a motive list. In the subtomogram, matter is dark as in the template, the
beam is z, the tilt axis y, and the spectrum ends 60 degrees from the tilt axis' plane; its
particle lies as the row of the motive list says that template_list.csv repeats (phi -0.41,
theta 10.6, psi 7.55). Volumes are halved here, to be quick.
"""

import numpy as np
import pytest

from cryopick.geometry.euler import quaternion_from_motive_list
from cryopick.geometry.rotation import inverse, multiply
from cryopick.io.images.registry import open_image
from cryopick.ops.fourier import fourier_resample
from cryopick.pick.matching.exact import search_exact
from cryopick.pick.matching.imaging import Band, Imaging
from cryopick.pick.matching.search import Means
from cryopick.pick.matching.template import Template
from cryopick.pick.matching.weighting import template_weight
from shared_data import shared

FOLDER = "images/ribosome_subtomo"
SIZE = 2 * 8.704
CENTRE = 12
REACH = 3
LIST = "AGL_anglist_20_deg_c1.csv"


def volume(name):
    return np.asarray(open_image(shared(f"{FOLDER}/{name}.em")).data, np.float32)


def halved(name):
    values = volume(name)
    return fourier_resample(values / values.std(), 2.0)


@pytest.fixture(scope="module")
def template():
    mask = fourier_resample(volume("mask48_r22"), 2.0).clip(0, 1)
    return Template(
        density=halved("bin4_voxel2.176_ribosome"), mask=mask, pixel_size_angstrom=SIZE,
        name="ribosome", diameter_angstrom=300.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def rotations():
    return quaternion_from_motive_list(np.loadtxt(shared(f"{FOLDER}/{LIST}"), delimiter=","))


def middle(shape):
    region = np.zeros(shape, bool)
    region[(slice(CENTRE - REACH, CENTRE + REACH + 1),) * 3] = True
    return region


def turn_deg(one, other):
    difference = multiply(inverse(one), other)
    return np.rad2deg(2 * np.arccos(np.clip(np.abs(difference[..., 0]), 0, 1)))


def test_scores_and_angles_of_the_template_on_itself_are_those_of_gapstop(template, rotations):
    region = middle(template.density.shape)
    score = volume("id_0_scores")[::2, ::2, ::2][region]
    angle = volume("id_0_angles")[::2, ::2, ::2][region].astype(int) - 1
    # The rotations that the reference found here compete with a fifth of all others.
    some = np.union1d(angle, np.arange(0, len(rotations), 5))
    found = search_exact(
        template.density, template, rotations[some], weight=None, region=region, means=Means()
    )
    assert np.unravel_index(np.argmax(found.score), region.shape) == (CENTRE,) * 3
    assert found.score.max() == pytest.approx(1, abs=1e-4)
    assert found.rotation[CENTRE, CENTRE, CENTRE] == 0
    assert np.corrcoef(found.score[region], score)[0, 1] > 0.98
    same = some[found.rotation[region]] == angle
    assert same.mean() > 0.7


def test_the_particle_of_the_subtomogram_is_found_as_it_lies(template, rotations):
    values = halved("subtomo_ribosome_mmotl_ribosome_b4_trim_shift_t126_t126_b4_s48")
    known = quaternion_from_motive_list([-0.411447763, 7.545420765, 10.59562396])
    region = middle(values.shape)
    nearest = int(np.argmin(turn_deg(rotations, known)))
    some = np.union1d(nearest, np.arange(0, len(rotations), 4))
    weight = template_weight(
        24, SIZE, imaging=Imaging(wedge_deg=(-60, 60)), band=Band(high_pass_angstrom=400)
    )
    highest = []
    for each in (None, weight):
        found = search_exact(
            values, template, rotations[some], weight=each, region=region, means=Means()
        )
        best = np.unravel_index(np.argmax(found.score), region.shape)
        assert np.abs(np.subtract(best, CENTRE)).max() <= 1
        assert some[found.rotation[best]] == nearest
        highest.append(found.score.max() / found.sigma)
    assert turn_deg(rotations[nearest], known) < 11
    # The wedge makes the particle stand out more.
    assert highest[1] > highest[0] > 3
