"""`CandidateSettings`: which candidates of a search become picks."""

from __future__ import annotations

from dataclasses import dataclass

from cryopick.errors import InputError

DEFAULT_FDR = 0.05


# No slots: the class itself tells the defaults, which jobs take from here.
@dataclass(frozen=True, kw_only=True)
class CandidateSettings:
    """Which candidates become picks.

    At most one of ``cutoff``, ``false_positives`` and ``fdr`` is given. With none of them the
    cut-off is that of the best estimated F1, or the one that lets no more than 5 % of background
    through (`DEFAULT_FDR`), if that is higher; and where the scores above it fall into two groups
    that are clearly apart, only the upper one is taken. The shape of the background is taken from the
    scores themselves, so that the rule holds where the noise of the tomogram is not Gaussian, and
    an empty tomogram stays empty.

    Attributes
    ----------
    particle_diameter_angstrom
        None: the diameter of each template.
    max_picks
        Keep only the best so many per tomogram.
    cutoff
        Lowest score; below 0 counts as 0.
    false_positives
        Number of false picks that Gaussian noise of the spread of all scores would give.
    fdr
        Share of the picks that may be background.
    min_distance_angstrom
        Between two picks of one template; None: half the diameter.
    border_angstrom
        Picks nearer to a face of the tomogram are deleted; None: half the diameter less a voxel,
        the error of a position.
    tophat
        Only sharp peaks of the score map, by a white top-hat transform.
    tophat_connectivity, tophat_bins
        See `cryopick.pick.matching.tophat.sharp`.
    prominence
        Least height above neighbouring candidates, in robust standard deviations of theirs; 0:
        any. On simulated tomograms 3 cost no particle, and spared no false pick that the cut-off
        had let through: off unless asked for.
    planarity
        Most that the surroundings of a pick may look like one flat sheet, from 0 to 1; 1: any. On
        simulated tomograms 0.8 cost none of 345 particles, and a quarter of the places on
        membranes went. What sits on a membrane is lost with it: off unless asked for.
    """

    particle_diameter_angstrom: float | None = None
    max_picks: int | None = None
    cutoff: float | None = None
    false_positives: float | None = None
    fdr: float | None = None
    min_distance_angstrom: float | None = None
    border_angstrom: float | None = None
    tophat: bool = False
    tophat_connectivity: int = 1
    tophat_bins: int = 50
    prominence: float = 0.0
    planarity: float = 1.0

    def __post_init__(self) -> None:
        given = [n for n in ("cutoff", "false_positives", "fdr") if getattr(self, n) is not None]
        if len(given) > 1:
            flags = " and ".join("--" + name.replace("_", "-") for name in given)
            raise InputError(f"{flags}: are different rules for the cut-off; give one")
        for name, low, high in (
            ("particle_diameter_angstrom", 0.0, float("inf")),
            ("false_positives", 0.0, float("inf")),
            ("fdr", 0.0, 1.0),
        ):
            value = getattr(self, name)
            if value is not None and not low < value < high:
                flag = "--" + name.removesuffix("_angstrom").replace("_", "-")
                below = "" if high == float("inf") else f" and below {high:g}"
                raise InputError(f"{flag} {value:g}: expected above {low:g}{below}")
        if self.tophat_connectivity not in (1, 2, 3):
            raise InputError(
                f"--tophat-connectivity {self.tophat_connectivity}: expected 1, 2 or 3"
            )

    def diameter_for(self, template_diameter_angstrom: float) -> float:
        """Diameter of the particle."""
        return self.particle_diameter_angstrom or template_diameter_angstrom

    def distance_for(self, diameter_angstrom: float) -> float:
        """Least distance between two picks of one template."""
        if self.min_distance_angstrom is not None:
            return self.min_distance_angstrom
        return diameter_angstrom / 2

    def margin_for(self, diameter_angstrom: float, pixel_size_angstrom: float) -> float:
        """Least distance from a face of a tomogram with voxels of that size.

        Examples
        --------
        >>> CandidateSettings().margin_for(300.0, 10.0)
        140.0
        >>> CandidateSettings(border_angstrom=0).margin_for(300.0, 10.0)
        0
        """
        if self.border_angstrom is not None:
            return self.border_angstrom
        return max(diameter_angstrom / 2 - pixel_size_angstrom, 0.0)
