"""The bank: its rows are the turned templates, its boxes their components in place."""

from dataclasses import replace

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.geometry.so3_grid import rotation_grid
from cryopick.pick.matching.bank import build_bank
from cryopick.pick.matching.template import TurnedTemplates
from pick.matching.cases import lumpy_template
from pick.matching.oracle import template_and_mask
from pick.matching.worlds import wedge

ROTATIONS = rotation_grid(60)
ALL = {"max_rank": 1000}


@pytest.mark.parametrize("n", [11, 12])
@pytest.mark.parametrize("weighted", [False, True])
def test_at_full_rank_its_rows_are_the_templates_over_the_sum_of_the_mask(n, weighted):
    template = lumpy_template(n, seed=n)
    weight = wedge(n) if weighted else None
    bank = build_bank(template, ROTATIONS, weight=weight, **ALL)
    rows = bank.parts.coefficients @ bank.parts.basis
    z, y, x = (bank.offset_zyx + n // 2).T
    for index in (0, 7, len(ROTATIONS) - 1):
        kernel, mask = template_and_mask(template, weight, ROTATIONS[index])
        np.testing.assert_allclose(rows[index], kernel[z, y, x] / mask.sum(), atol=3e-6)
        # Nothing of it lies outside.
        assert np.abs(kernel).sum() == pytest.approx(np.abs(kernel[z, y, x]).sum(), rel=1e-12)


def test_boxes_hold_the_components_about_their_centre():
    bank = build_bank(lumpy_template(12), ROTATIONS[:9], weight=None, **ALL)
    boxes = bank.boxes(slice(1, 4))
    reach = bank.reach_px
    assert boxes.shape == (3, 2 * reach + 1, 2 * reach + 1, 2 * reach + 1)
    for (z, y, x), value in list(zip(bank.offset_zyx, bank.parts.basis[2], strict=True))[::37]:
        assert boxes[1, z + reach, y + reach, x + reach] == value
    np.testing.assert_allclose(
        np.square(boxes).sum((1, 2, 3)), np.square(bank.parts.basis[1:4]).sum(1), rtol=1e-6
    )


@pytest.mark.parametrize("n", [11, 12])
def test_the_mask_lies_as_the_components_do(n):
    template = lumpy_template(n)
    bank = build_bank(template, ROTATIONS[:5], weight=None, **ALL)
    box = bank.mask_box()
    assert box.shape == (bank.box_px,) * 3 == (2 * bank.reach_px + 1,) * 3
    z, y, x = (bank.offset_zyx + n // 2).T
    np.testing.assert_array_equal(bank.mask, template.mask[z, y, x])
    corner = n // 2 + 1 - bank.reach_px
    window = (slice(corner, corner + bank.box_px),) * 3
    np.testing.assert_array_equal(box, np.pad(template.mask, 1)[window])


@pytest.mark.parametrize("n", [11, 12])
def test_the_reach_is_that_of_the_mask(n):
    template = lumpy_template(n, radius=3.0)
    bank = build_bank(template, ROTATIONS[:5], weight=None, **ALL)
    inside = np.argwhere(template.mask > 0) - n // 2
    assert bank.reach_px == np.abs(inside).max() == 3
    assert len(bank.offset_zyx) == len(inside) == bank.parts.basis.shape[1]


def test_energy_and_rank():
    template = lumpy_template(12)
    whole = build_bank(template, ROTATIONS, weight=wedge(12), **ALL)
    assert whole.energy == pytest.approx(1, abs=1e-5)
    part = build_bank(template, ROTATIONS, weight=wedge(12), energy=0.9)
    assert part.rank == whole.parts.rank_for(0.9) < whole.rank / 2
    assert 0.9 - 1e-5 <= part.energy < 0.93
    few = build_bank(template, ROTATIONS, weight=wedge(12), energy=0.9, max_rank=7)
    assert few.rank == 7
    assert few.energy == pytest.approx(whole.parts.energy[6], abs=2e-3)
    # What is left out is missing from the templates, as the energy says.
    turned = TurnedTemplates(template, wedge(12)).at(ROTATIONS).numpy() / template.mask.sum()
    z, y, x = (part.offset_zyx + 6).T
    left = turned[:, z, y, x] - part.parts.coefficients @ part.parts.basis
    assert np.square(left).sum() / np.square(turned).sum() == pytest.approx(
        1 - part.energy, abs=1e-4
    )


def test_a_truncated_bank_and_one_of_some_rows():
    bank = build_bank(lumpy_template(12), ROTATIONS, weight=None, max_rank=20)
    short = bank.truncated(6)
    assert short.rank == 6
    assert short.energy == bank.parts.energy[5]
    np.testing.assert_array_equal(short.parts.basis, bank.parts.basis[:6])
    some = bank.rows(np.array([5, 2]))
    assert some.rank == 20
    np.testing.assert_array_equal(some.parts.coefficients, bank.parts.coefficients[[5, 2]])


def test_it_is_the_same_twice():
    template = lumpy_template(12)
    one, other = (build_bank(template, ROTATIONS, weight=wedge(12), energy=0.8) for _ in range(2))
    np.testing.assert_array_equal(one.parts.basis, other.parts.basis)
    np.testing.assert_array_equal(one.parts.coefficients, other.parts.coefficients)


def test_a_mask_that_turns_needs_the_exact_engine():
    template = lumpy_template(12, spherical=False)
    with pytest.raises(InputError, match="--engine exact"):
        build_bank(template, ROTATIONS, weight=None)


def test_a_weight_that_leaves_nothing_is_told():
    template = replace(lumpy_template(12), name="ribosome")
    with pytest.raises(InputError, match="ribosome: nothing is left") as caught:
        build_bank(template, ROTATIONS, weight=np.zeros((12, 12, 7), np.float32))
    assert "\n" not in str(caught.value)
