"""2D classification by expectation maximisation on matrix products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.settings import ClassifySettings
from cryopick.curate.classes.state import ClassState
from cryopick.model import Optics


class ImageRows(Protocol):
    """Particle images read on demand; an array ``(n, b, b)`` is one too."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n, b, b)``."""
        ...

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.float32]:
        """Give the images of these rows."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParticleCtf:
    """What the CTF of each particle follows from.

    Attributes
    ----------
    defocus
        ``(n, 4)``: along both axes (µm), astigmatism angle (deg), phase shift (deg).
    optics
        Optics groups.
    optics_group
        ``(n,)`` place in ``optics``, from 0.
    """

    defocus: NDArray[np.float64]
    optics: tuple[Optics, ...]
    optics_group: NDArray[np.int64]


def classify(
    images: ImageRows,
    *,
    pixel_size_angstrom: float,
    settings: ClassifySettings,
    ctf: ParticleCtf | None = None,
    half: NDArray[np.int64] | None = None,
    start: ClassState | None = None,
    on_iteration: Callable[[ClassState], None] | None = None,
    device: str = "cpu",
    cores: int = 1,
) -> ClassState:
    """Sort particle images into classes and average each class.

    Parameters
    ----------
    images
        ``(n, b, b)``, normalised so that the background has mean 0 and standard deviation 1.
        An array, a memory map, or anything that gives the images of an index array.
    pixel_size_angstrom
        Of the images.
    settings
        What is asked for.
    ctf
        CTF of each particle; may be None where ``settings.ctf`` is "ignore".
    half
        ``(n,)`` half set of each particle, 1 or 2; None: drawn at random.
    start
        Go on from this state (of the same images and settings): the result is bit for bit that of
        an uninterrupted run.
    on_iteration
        Called with the state after each iteration.
    device
        Torch device.
    cores
        Threads on a CPU; the result does not depend on it.

    Returns
    -------
    ClassState
        After the last iteration.
    """
