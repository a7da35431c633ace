"""A classification's state with chosen values, for what reads it."""

import numpy as np

from cryopick.curate.classes.state import ClassState


def small_state(iteration=3, *, class_index=(0, 0, 1, 2, 2, 2, -1), classes=3, box=16, **changes):
    """A state whose arrays fit each other; the averages are discs of growing size."""
    n, rings = len(class_index), box // 2 + 1
    rng = np.random.default_rng(iteration)
    y, x = np.mgrid[:box, :box] - box // 2
    average = np.stack([np.hypot(x, y) < 2 + k for k in range(classes)]).astype(np.float32)
    looked = np.asarray(class_index) >= 0
    known = {
        "iteration": iteration,
        "pixel_size_angstrom": 4.0,
        "average": average,
        "half_average": np.stack([average, average]),
        "reference": np.stack([average, average]),
        "class_weight": np.full(classes, 1 / classes),
        "noise_power": np.linspace(2, 1, rings),
        "signal_power": np.tile(np.geomspace(1, 1e-3, rings), (classes, 1)),
        "ssnr": np.tile(np.geomspace(100, 1e-2, rings), (classes, 1)),
        "frc": np.tile(np.linspace(1, 0, rings), (classes, 1)),
        "resolution_angstrom": np.array([12.0, np.inf, 9.5] + [20.0] * (classes - 3)),
        "band_px": 5,
        "offset_sigma_px": 1.5,
        "class_index": np.array(class_index, dtype=np.int64),
        "psi_deg": rng.uniform(-180, 180, n),
        "shift_px": rng.uniform(-2, 2, (n, 2)),
        "log_likelihood": np.where(looked, rng.uniform(10, 20, n), np.nan),
        "probability": np.where(looked, rng.uniform(0.5, 1, n), np.nan),
        "class_probability": np.where(looked, rng.uniform(0.5, 1, n), np.nan),
        "half": np.arange(n) % 2 + 1,
        "changed": 0.25,
        "numerator": np.ones((2, classes, 4), np.complex64),
        "denominator": np.ones((2, classes, rings), np.float32),
        "precision": "float32",
    }
    return ClassState(**{**known, **changes})
