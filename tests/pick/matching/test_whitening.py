"""Whitening: the spectrum of what was measured becomes flat."""

import numpy as np

from cryopick.pick.matching.whitening import Whitening


def test_the_gain_is_interpolated_and_ends_with_the_measurement():
    gain = Whitening(
        frequency_per_angstrom=np.array([0.0, 0.1, 0.2]), gain=np.array([0.0, 1.0, 0.4])
    )
    np.testing.assert_allclose(
        gain.at(np.array([0.0, 0.05, 0.15, 0.2, 0.21])), [0, 0.5, 0.7, 0.4, 0]
    )
