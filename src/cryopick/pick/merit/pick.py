"""Merit maps of a micrograph, and picks from them."""

from __future__ import annotations

from cryopick.model import Defocus, Image, Optics, Picks
from cryopick.pick.merit.maps import MeritMaps
from cryopick.pick.merit.peaks import PeakRules
from cryopick.pick.merit.reference_set import References
from cryopick.pick.merit.settings import MeritSettings


def merit_maps(
    image: Image,
    references: References,
    settings: MeritSettings,
    *,
    optics: Optics | None = None,
    defocus: Defocus | None = None,
    mask: Image | None = None,
    device: str = "cpu",
    cores: int = 1,
) -> MeritMaps:
    """Signature only for now."""
    raise AssertionError("being written")


def picks_from_maps(
    maps: MeritMaps, rules: PeakRules, *, name: str, mask: Image | None = None
) -> Picks:
    """Signature only for now."""
    raise AssertionError("being written")
