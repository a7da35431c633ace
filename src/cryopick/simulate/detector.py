"""From expected to recorded electrons: detector blur and counting noise."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

NoiseModel = Literal["poisson", "gaussian"]


def signal_transfer(
    frequency_nyquist: NDArray[np.float64], *, at_nyquist: float = 0.4
) -> NDArray[np.float64]:
    """How much of the signal's amplitude a counting detector passes (MTF).

    A Gaussian fall-off that reaches ``at_nyquist`` at the Nyquist frequency.

    Parameters
    ----------
    frequency_nyquist
        Frequencies in units of Nyquist.
    at_nyquist
        From above 0 to 1 (a perfect detector).

    Examples
    --------
    >>> signal_transfer(np.array([0.0, 1.0]), at_nyquist=0.5)
    array([1. , 0.5])
    """
    return at_nyquist ** (np.asarray(frequency_nyquist) ** 2)


def noise_transfer(
    frequency_nyquist: NDArray[np.float64], *, at_nyquist: float = 0.4
) -> NDArray[np.float64]:
    """How much of the counting noise's amplitude a detector passes (NTF).

    Noise falls off less than signal, which is why the DQE falls: here as the MTF to the power 1/2.
    """
    return np.sqrt(signal_transfer(frequency_nyquist, at_nyquist=at_nyquist))


def count_electrons(
    expected: NDArray[np.float32], rng: np.random.Generator, *, noise: NoiseModel = "poisson"
) -> NDArray[np.float32]:
    """Draw electrons per pixel around what is expected; negative expectations count as 0.

    ``gaussian`` draws normal deviates of the same variance: twice as fast, and the same in effect
    above some 20 electrons per pixel.

    Examples
    --------
    >>> counts = count_electrons(np.full((64, 64), 9.0, np.float32), np.random.default_rng(0))
    >>> bool(abs(counts.var() / counts.mean() - 1) < 0.1)
    True
    """
    clipped = np.maximum(expected, 0)
    if noise == "poisson":
        return rng.poisson(clipped).astype(np.float32)
    deviates = rng.standard_normal(clipped.shape, dtype=np.float32)
    return clipped + np.sqrt(clipped) * deviates
