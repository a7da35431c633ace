"""Slab by slab: the same result as in memory, within the memory that was allowed."""

import tracemalloc

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.ops.filters import Band, band_pass, gaussian, local_normalise
from cryopick.ops.fourier import fourier_resample_numpy, plan_axis
from cryopick.ops.resample import mean_bin
from cryopick.ops.stream import (
    stream_band_pass,
    stream_fourier_resample,
    stream_gaussian,
    stream_local_normalise,
    stream_mean_bin,
)

RNG = np.random.default_rng(23)
SIZE = 2.0
SHAPES = [(24, 30, 36), (23, 29, 35), (11, 40, 17)]
# Some planes at a time, never all of them.
LIMIT = 300_000


def _target(shape):
    return np.full(shape, np.nan, dtype=np.float32)


class Watched:
    """A volume that counts the largest block it was asked for."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.largest = values, values.shape, values.dtype, 0

    def __getitem__(self, index):
        block = self.values[index]
        self.largest = max(self.largest, block.nbytes)
        return block


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_mean_bin(shape, factor):
    values = Watched(RNG.normal(size=shape).astype(np.float32))
    target = _target(tuple(n // factor for n in shape))
    stream_mean_bin(values, target, factor, memory_bytes=LIMIT)
    assert np.array_equal(target, mean_bin(values.values, factor))
    assert values.largest < LIMIT


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ratio", [2.0, 1.5, 0.75, 1.0312345])
def test_fourier(shape, ratio, tmp_path):
    values = Watched(RNG.normal(size=shape).astype(np.float32))
    target = _target(tuple(plan_axis(n, ratio).new_px for n in shape))
    stream_fourier_resample(values, target, ratio, memory_bytes=LIMIT, folder=tmp_path)
    assert np.abs(target - fourier_resample_numpy(values.values, ratio)).max() < 1e-5
    assert values.largest < LIMIT
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "band",
    [Band(low_pass_angstrom=10.0), Band(high_pass_angstrom=30.0),
     Band(low_pass_angstrom=8.0, high_pass_angstrom=40.0, edge=0.5)],
)  # fmt: skip
def test_band_pass(shape, band, tmp_path):
    values = Watched(RNG.normal(size=shape).astype(np.float32))
    target = _target(shape)
    stream_band_pass(values, target, SIZE, band, memory_bytes=LIMIT, folder=tmp_path)
    assert np.abs(target - band_pass(values.values, SIZE, band)).max() < 1e-5
    assert values.largest < LIMIT
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigma", [1.0, 5.0, 60.0])
def test_gaussian_of_any_width(shape, sigma, tmp_path):
    values = Watched(RNG.normal(size=shape).astype(np.float32))
    target = _target(shape)
    stream_gaussian(values, target, SIZE, sigma_angstrom=sigma, memory_bytes=LIMIT, folder=tmp_path)
    assert np.abs(target - gaussian(values.values, SIZE, sigma_angstrom=sigma)).max() < 1e-5
    assert values.largest < LIMIT


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("window", [6.0, 50.0])
def test_local_normalisation(shape, window, tmp_path):
    values = Watched(RNG.normal(5, 2, size=shape).astype(np.float32))
    target = _target(shape)
    stream_local_normalise(
        values, target, SIZE, window_angstrom=window, memory_bytes=LIMIT, folder=tmp_path
    )
    expected = local_normalise(values.values, SIZE, window_angstrom=window)
    assert np.abs(target - expected).max() < 1e-4  # in units of the deviation
    assert values.largest < LIMIT


@pytest.mark.parametrize("step", ["mean", "fourier", "band", "gaussian", "normalise"])
def test_memory_stays_under_the_limit(step, tmp_path):
    """A volume of 16 MiB in a file, with 4 MiB allowed."""
    shape, limit = (64, 256, 256), 4 << 20
    source = np.memmap(tmp_path / "source", np.float32, "w+", shape=shape)
    source[...] = RNG.normal(size=shape)
    folder = tmp_path / "room"
    folder.mkdir()
    small = tuple(n // 2 for n in shape)
    where = small if step in ("mean", "fourier") else shape
    target = np.memmap(tmp_path / "target", np.float32, "w+", shape=where)
    calls = {
        "mean": lambda: stream_mean_bin(source, target, 2, memory_bytes=limit),
        "fourier": lambda: stream_fourier_resample(
            source, target, 2.0, memory_bytes=limit, folder=folder
        ),
        "band": lambda: stream_band_pass(
            source, target, SIZE, Band(low_pass_angstrom=9.0), memory_bytes=limit, folder=folder
        ),
        "gaussian": lambda: stream_gaussian(
            source, target, SIZE, sigma_angstrom=9.0, memory_bytes=limit, folder=folder
        ),
        "normalise": lambda: stream_local_normalise(
            source, target, SIZE, window_angstrom=9.0, memory_bytes=limit, folder=folder
        ),
    }
    calls[step]()  # once before measuring: imports are not the step's memory
    tracemalloc.start()
    try:
        calls[step]()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit
    assert np.isfinite(target).all()


@pytest.mark.parametrize("memory_bytes", [0, 1000])
def test_a_limit_below_one_plane_is_refused_with_what_is_needed(memory_bytes, tmp_path):
    values = np.zeros((8, 64, 64), dtype=np.float32)
    with pytest.raises(
        InputError, match=r"memory limit of 0 MiB: one step needs .* raise the limit"
    ):
        stream_gaussian(
            values,
            values.copy(),
            SIZE,
            sigma_angstrom=3,
            memory_bytes=memory_bytes,
            folder=tmp_path,
        )
    with pytest.raises(InputError, match="raise the limit"):
        stream_mean_bin(values, np.zeros((4, 32, 32)), 2, memory_bytes=memory_bytes)
