"""2D classification by expectation maximisation on matrix products.

Each iteration compares particles with all classes, turns and shifts, adds them up weighted by
their posteriors, and averages. Finer detail comes in as the halves of the classes agree on it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cryopick.curate.classes.ctf_table import ParticleCtf
from cryopick.curate.classes.iteration import next_state
from cryopick.curate.classes.prepare import ImageRows, Run, prepare
from cryopick.curate.classes.settings import ClassifySettings
from cryopick.curate.classes.start import first_state
from cryopick.curate.classes.state import ClassState
from cryopick.errors import InputError


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

    Examples
    --------
    >>> images = np.random.default_rng(0).normal(size=(12, 16, 16)).astype(np.float32)
    >>> settings = ClassifySettings(classes=2, iterations=1, ctf="ignore", precision="float32")
    >>> found = classify(images, pixel_size_angstrom=5.0, settings=settings)
    >>> found.average.shape, int(found.class_size.sum())
    ((2, 16, 16), 12)
    """
    run = prepare(images, pixel_size_angstrom, settings, ctf, device=device, cores=cores)
    state = first_state(run, half) if start is None else start
    _check(state, run)
    while state.iteration < settings.iterations:
        state = next_state(run, state)
        if on_iteration is not None:
            on_iteration(state)
    return state


def _check(state: ClassState, run: Run) -> None:
    """Refuse a state of other particles or other classes."""
    box = run.band.box_px
    expected = (run.particles, run.settings.classes, box, len(run.band))
    found = (
        len(state.class_index),
        len(state.average),
        state.average.shape[-1],
        state.numerator.shape[-1],
    )
    if found != expected:
        words = "{} particles, {} classes, {} px, {} Fourier pixels"
        raise InputError(
            f"class state: it is of {words.format(*found)}, but the input of "
            f"{words.format(*expected)}; start the classification anew"
        )
