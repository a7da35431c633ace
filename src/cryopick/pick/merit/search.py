"""`MeritSearch`: all that is prepared once for many micrographs."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from fractions import Fraction
from threading import Lock

from cryopick.pick.merit.bank import build_merit_bank
from cryopick.pick.merit.bank_engine import BankEngine
from cryopick.pick.merit.engine import Engine
from cryopick.pick.merit.exact import ExactEngine
from cryopick.pick.merit.masked_references import MaskedReferences, mask_references
from cryopick.pick.merit.reference_set import References
from cryopick.pick.merit.settings import MeritSettings
from cryopick.pick.merit.turned_references import TurnedReferences
from cryopick.pick.merit.working_grid import WorkingGrid, plan_working_grid, working_step

# Fewer turned references than this are not worth a bank.
_LEAST_ROWS_FOR_BANK = 24
# Numbers in the matrix of a bank; beyond (1 GiB) it is not tried.
_MOST_BANK_VALUES = 2**28
_KEPT_SEARCHES = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeritSearch:
    """References ready to be searched in micrographs of one pixel size.

    Attributes
    ----------
    references
        In micrograph pixels, with their circle.
    turned
        Their transforms at every angle.
    engine
        What correlates.
    step
        Micrograph pixels per working pixel.
    """

    references: MaskedReferences
    turned: TurnedReferences
    engine: Engine
    step: Fraction

    def grid(self, shape: tuple[int, int]) -> WorkingGrid:
        """Working grid of a micrograph of this shape."""
        return _grid(shape, self.references, self.step)


def prepare_search(
    references: References,
    settings: MeritSettings,
    *,
    shape: tuple[int, int],
    pixel_size_angstrom: float,
    device: str = "cpu",
) -> MeritSearch:
    """Rescale, mask and turn references for micrographs of this shape and pixel size."""
    step = working_step(settings, shape, pixel_size_angstrom)
    masked = mask_references(references, settings, pixel_size_angstrom=pixel_size_angstrom)
    turned = TurnedReferences(masked, settings, _grid(shape, masked, step), device=device)
    engine: Engine
    if _use_bank(turned, settings):
        engine = BankEngine(
            build_merit_bank(turned, settings, pixel_size_angstrom=pixel_size_angstrom)
        )
    else:
        engine = ExactEngine(turned)
    return MeritSearch(references=masked, turned=turned, engine=engine, step=step)


_kept: OrderedDict[tuple[object, ...], MeritSearch] = OrderedDict()
_lock = Lock()


def kept_search(
    references: References,
    settings: MeritSettings,
    *,
    shape: tuple[int, int],
    pixel_size_angstrom: float,
    device: str = "cpu",
) -> MeritSearch:
    """What `prepare_search` gives, made once per process for the same references and settings."""
    step = working_step(settings, shape, pixel_size_angstrom)
    digest = hashlib.sha256(references.images.tobytes()).hexdigest()
    facts = references.pixel_size_angstrom, references.particle_diameter_angstrom, references.round
    key = (digest, references.images.shape, facts, settings, step, pixel_size_angstrom, device)
    with _lock:
        found = _kept.pop(key, None)
        if found is None:
            found = prepare_search(
                references,
                settings,
                shape=shape,
                pixel_size_angstrom=pixel_size_angstrom,
                device=device,
            )
        _kept[key] = found
        while len(_kept) > _KEPT_SEARCHES:
            _kept.popitem(last=False)
        return found


def _grid(shape: tuple[int, int], references: MaskedReferences, step: Fraction) -> WorkingGrid:
    return plan_working_grid(
        shape, references.pixel_size_angstrom, step=step, least_px=2 * references.box_px
    )


def _use_bank(turned: TurnedReferences, settings: MeritSettings) -> bool:
    if settings.engine != "auto":
        return settings.engine == "bank"
    values = 2 * turned.rows * len(turned.frequencies)
    return turned.rows >= _LEAST_ROWS_FOR_BANK and values <= _MOST_BANK_VALUES
