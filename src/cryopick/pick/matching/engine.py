"""Which engine searches, with which rotations and how many components."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cryopick.geometry.so3_grid import rotation_grid
from cryopick.pick.matching.bank import MAX_RANK, Bank, build_bank
from cryopick.pick.matching.cost import bank_seconds, exact_seconds, machine_speed
from cryopick.pick.matching.search_bank import FirstRound, thinned_rows
from cryopick.pick.matching.settings import MatchSettings
from cryopick.pick.matching.template import Template

# Spacing of the first round's rotations, in units of the search's own.
FIRST_ROUND_STEP = 1.45
# A bank that holds less than this loses weak particles for good.
LEAST_ENERGY = 0.85
# Of a smooth particle ten components hold nine tenths of the energy, but not what tells its
# orientations apart; more of them cost little there.
LEAST_RANK = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """How one template is searched.

    Attributes
    ----------
    engine
        ``exact`` or ``bank``.
    template
        As it is searched: at the voxel of the search, with a spherical mask for the bank.
    rotations
        ``(m, 4)``.
    step_deg
        Their spacing.
    bank, first
        Components and first round of the bank engine.
    sentences
        What was chosen and why, for the user.
    """

    engine: str
    template: Template
    rotations: NDArray[np.float64]
    step_deg: float
    bank: Bank | None
    first: FirstRound | None
    sentences: tuple[str, ...]


def plan_search(
    template: Template,
    *,
    weight: NDArray[np.float32],
    settings: MatchSettings,
    rotations: NDArray[np.float64] | None,
    voxels: int,
    device: str = "cpu",
) -> Plan:
    """Choose the engine, its rotations and its rank.

    Parameters
    ----------
    template
        At the voxel of the search.
    weight
        Of the template, for `build_bank`.
    settings
        The engine wanted, steps and energies.
    rotations
        Own list, or None.
    voxels
        How many are searched.
    """
    pixel = template.pixel_size_angstrom
    if settings.engine == "exact":
        step = settings.step_for(template.diameter_angstrom, pixel)
        return _exact(template, _listed(rotations, step, template), step, "as asked for")
    step = settings.screen_step_for(template.diameter_angstrom, pixel)
    listed = _listed(rotations, step, template)
    searched = spherical_hull(template)
    bank = build_bank(
        searched,
        listed,
        weight=weight,
        energy=settings.energy,
        max_rank=MAX_RANK,
        least_rank=LEAST_RANK,
        device=device,
    )
    first = first_round(bank, listed, step_deg=step, settings=settings)
    if settings.engine == "auto":
        speed = machine_speed(device)
        slow = exact_seconds(speed, voxels=voxels, rotations=len(listed))
        quick = bank_seconds(speed, bank, voxels=voxels, first=first)
        if bank.energy < LEAST_ENERGY or slow < quick:
            why = (
                f"{bank.rank} components hold only {bank.energy:.0%} of the templates' energy"
                if bank.energy < LEAST_ENERGY
                else "it is faster here"
            )
            return _exact(template, listed, step, why)
    sentence = (
        f"{template.name}: bank of {bank.rank} components for {len(listed):,} rotations "
        f"({step:g}° apart), which hold {bank.energy:.1%} of their energy"
    )
    return Plan(
        engine="bank",
        template=searched,
        rotations=listed,
        step_deg=step,
        bank=bank,
        first=first,
        sentences=(sentence,),
    )


def first_round(
    bank: Bank, rotations: NDArray[np.float64], *, step_deg: float, settings: MatchSettings
) -> FirstRound | None:
    """The bank's first round, or None where it would not pay."""
    if settings.first_round_kept >= 1:
        return None
    rows = thinned_rows(rotations, step_deg=min(FIRST_ROUND_STEP * step_deg, 90.0))
    rank = bank.parts.rank_for(settings.first_round_energy)
    work = len(rows) * rank / (len(rotations) * bank.rank)
    if len(rows) == 0 or work + settings.first_round_kept > 0.8:
        return None
    return FirstRound(rank=rank, rows=rows, kept=settings.first_round_kept)


def spherical_hull(template: Template) -> Template:
    """The template with the smallest soft ball that holds its mask, for engines that need one.

    Examples
    --------
    >>> box = np.zeros((16, 16, 16), np.float32)
    >>> box[6:11, 7:10, 7:10] = 1
    >>> density = np.random.default_rng(0).normal(size=box.shape).astype(np.float32)
    >>> template = Template(density=density, mask=box, pixel_size_angstrom=10.0, name="rod",
    ...                     diameter_angstrom=50.0, spherical_mask=False)
    >>> hull = spherical_hull(template)
    >>> hull.spherical_mask, bool((hull.mask[box > 0] > 0.5).all())
    (True, True)
    """
    if template.spherical_mask:
        return template
    axis = np.arange(template.box_px) - template.box_px // 2
    squared = axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2
    radius = np.sqrt(squared)
    reach = float(radius[template.mask > 0.5].max(initial=1.0))
    ball = np.clip(reach + 1.5 - radius, 0, 1).astype(np.float32)
    return replace(template, mask=ball, spherical_mask=True)


def _listed(
    rotations: NDArray[np.float64] | None, step_deg: float, template: Template
) -> NDArray[np.float64]:
    if rotations is not None:
        return rotations
    return rotation_grid(step_deg, symmetry=template.symmetry)


def _exact(template: Template, rotations: NDArray[np.float64], step_deg: float, why: str) -> Plan:
    sentence = (
        f"{template.name}: exact engine with {len(rotations):,} rotations ({step_deg:g}° apart): "
        f"{why}"
    )
    return Plan(
        engine="exact",
        template=template,
        rotations=rotations,
        step_deg=step_deg,
        bank=None,
        first=None,
        sentences=(sentence,),
    )
