"""Filtering volumes: against one plain transform, in memory and through a file, odd lengths."""

import tracemalloc

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.ops.volume_filter import _mirrored, filter_memory_bytes, filter_volume

SHAPE = (24, 30, 36)


def noise(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def band(kz, ky, kx):
    """A band with a wedge: nothing about it is symmetric in the axes."""
    radius = np.sqrt(kz**2 + ky**2 + kx**2)
    return np.exp(-((radius / 0.2) ** 2)) * (np.abs(kz) <= 1.7 * np.abs(kx) + 0.01) * (1 + ky**2)


def plain(volume, transfer):
    volume = volume.astype(np.float64) - volume.mean(dtype=np.float64)
    kz, ky = (np.fft.fftfreq(n) for n in volume.shape[:2])
    kx = np.fft.rfftfreq(volume.shape[2])
    weight = transfer(kz[:, None, None], ky[None, :, None], kx[None, None, :])
    return np.fft.irfftn(np.fft.rfftn(volume) * weight, s=volume.shape, axes=(0, 1, 2))


def filtered(volume, transfer, tmp_path, *, memory_bytes=2**30, target=None):
    out = np.full(volume.shape, np.nan, np.float32) if target is None else target
    filter_volume(volume, out, transfer, memory_bytes=memory_bytes, scratch=tmp_path)
    return out


def tight(shape):
    """Too little for the spectrum, enough for a few rows at a time."""
    nz, ny, nx = shape
    return 3 * 8 * 8 * max(nz, ny) * (nx // 2 + 1)


def test_it_equals_one_plain_transform(tmp_path):
    volume = noise()
    out = filtered(volume, band, tmp_path)
    assert np.allclose(out, plain(volume, band), atol=1e-6)


def test_through_a_file_it_is_the_same(tmp_path):
    volume = noise()
    assert tight(SHAPE) < filter_memory_bytes(SHAPE)
    out = filtered(volume, band, tmp_path, memory_bytes=tight(SHAPE))
    assert np.allclose(out, filtered(volume, band, tmp_path), atol=1e-6)
    assert list(tmp_path.iterdir()) == []


def test_blocks_smaller_than_the_volume_in_memory(tmp_path, monkeypatch):
    from cryopick.ops import volume_filter

    monkeypatch.setitem(volume_filter._BLOCK_BYTES, "memory", 20_000)
    volume = noise()
    assert np.allclose(filtered(volume, band, tmp_path), plain(volume, band), atol=1e-6)


def test_axes_are_continued_by_the_mirror_image_of_their_end_then_of_their_start():
    assert _mirrored(5, 9).tolist() == [0, 1, 2, 3, 4, 4, 3, 1, 0]
    assert _mirrored(5, 6).tolist() == [0, 1, 2, 3, 4, 4]
    assert _mirrored(3, 3).tolist() == [0, 1, 2]
    assert _mirrored(2, 9).tolist() == [0, 1, 1, 0, 0, 0, 1, 1, 0]


@pytest.mark.parametrize("memory", [2**30, None])
def test_slow_lengths_are_continued_and_cut_back(tmp_path, memory):
    shape, fast = (23, 31, 37), (24, 32, 40)
    volume = noise(shape)
    limit = memory or tight(fast)
    index = [_mirrored(n, m) for n, m in zip(shape, fast, strict=True)]
    continued = (volume - volume.mean())[np.ix_(*index)]
    # The mean is taken off the volume itself, not what it is continued by.
    expected = plain(continued, band) + continued.mean() * band(*np.zeros(3))
    out = filtered(volume, band, tmp_path, memory_bytes=limit)
    assert np.allclose(out, expected[tuple(slice(0, n) for n in shape)], atol=1e-5)
    # With weight 1 everything comes back, wherever it lies.
    again = filtered(volume, lambda *k: np.ones(1), tmp_path, memory_bytes=limit)
    assert np.allclose(again, volume - volume.mean(), atol=1e-5)


def test_the_frequencies_are_those_of_the_axes(tmp_path):
    """A wave along each axis passes only where the transfer lets that frequency pass."""
    for axis, cycles in ((0, 3), (1, 5), (2, 7)):
        place = np.arange(SHAPE[axis]) / SHAPE[axis]
        wave = np.cos(2 * np.pi * cycles * place).astype(np.float32)
        volume = np.broadcast_to(wave.reshape([-1 if a == axis else 1 for a in range(3)]), SHAPE)
        expected = cycles / SHAPE[axis]

        def only(*k, axis=axis, expected=expected):
            return (np.abs(np.abs(k[axis]) - expected) < 1e-4) * np.ones(1)

        assert np.allclose(filtered(volume, only, tmp_path), volume, atol=1e-5)
        assert np.allclose(filtered(volume, lambda *k, f=only: 1 - f(*k), tmp_path), 0, atol=1e-5)


def test_complex_weights_shift(tmp_path):
    volume = noise()

    def shift(kz, ky, kx):
        return np.exp(-2j * np.pi * (2 * kz - 3 * ky + kx))

    volume_rolled = np.roll(volume - volume.mean(), (2, -3, 1), axis=(0, 1, 2))
    # The highest frequency of an even length has no half-shifted partner, but whole ones do.
    assert np.allclose(filtered(volume, shift, tmp_path), volume_rolled, atol=1e-4)


def test_a_large_offset_costs_nothing(tmp_path):
    volume = noise()
    assert np.allclose(
        filtered(volume + np.float32(2000), band, tmp_path), plain(volume, band), atol=5e-4
    )


def test_whole_numbers_and_a_target_that_is_the_source(tmp_path):
    volume = np.round(noise() * 20).astype(np.int8)
    expected = plain(volume, band)
    assert np.allclose(filtered(volume, band, tmp_path), expected, atol=1e-4)
    own = volume.astype(np.float32)
    for memory in (2**30, tight(SHAPE)):
        copy = own.copy()
        filtered(copy, band, tmp_path, memory_bytes=memory, target=copy)
        assert np.allclose(copy, expected, atol=1e-4)


def test_holes_count_as_the_mean(tmp_path):
    volume = noise()
    holes = volume.copy()
    holes[3, 4, 5], holes[6, 7, 8], holes[9, 9, 9] = np.nan, np.inf, -np.inf
    finite = np.isfinite(holes)
    filled = np.where(finite, holes, holes[finite].mean()).astype(np.float32)
    out = filtered(holes, band, tmp_path)
    assert np.allclose(out, plain(filled, band), atol=1e-5)


def test_a_shifted_volume_gives_the_shifted_result(tmp_path):
    volume = noise()
    moved = np.roll(volume, (3, -4, 5), axis=(0, 1, 2))
    expected = np.roll(filtered(volume, band, tmp_path), (3, -4, 5), axis=(0, 1, 2))
    assert np.allclose(filtered(moved, band, tmp_path), expected, atol=1e-6)


def test_sums_and_multiples_go_through(tmp_path):
    one, other = noise(seed=1), noise(seed=2)
    both = filtered(2 * one - 3 * other, band, tmp_path)
    parts = 2 * filtered(one, band, tmp_path) - 3 * filtered(other, band, tmp_path)
    assert np.allclose(both, parts, atol=1e-5)


def test_one_after_the_other_is_the_product(tmp_path):
    volume = noise()
    twice = filtered(filtered(volume, band, tmp_path), band, tmp_path)
    assert np.allclose(twice, filtered(volume, lambda *k: band(*k) ** 2, tmp_path), atol=1e-6)


def test_files_are_read_and_written_slab_by_slab(tmp_path):
    """Source and target may be anything that is sliced along z; a scratch folder is made."""
    volume = noise()
    target = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.float32, SHAPE)
    taken = []

    class Source:
        shape, dtype = SHAPE, np.dtype(np.float32)

        def __getitem__(self, index):
            taken.append(index.stop - index.start)
            return volume[index]

    folder = tmp_path / "new" / "scratch"
    filter_volume(Source(), target, band, memory_bytes=tight(SHAPE), scratch=folder)
    assert max(taken) < SHAPE[0] / 2
    assert folder.is_dir()
    assert list(folder.iterdir()) == []
    target.flush()
    assert np.allclose(np.load(tmp_path / "out.npy"), plain(volume, band), atol=1e-5)


def test_the_transfer_is_asked_for_every_frequency_once(tmp_path):
    asked = np.zeros((SHAPE[0], SHAPE[1], SHAPE[2] // 2 + 1), int)

    def transfer(kz, ky, kx):
        assert kz.shape == (SHAPE[0], 1, 1)
        assert kx.shape == (1, 1, SHAPE[2] // 2 + 1)
        rows = np.rint(ky[0, :, 0] * SHAPE[1]).astype(int) % SHAPE[1]
        asked[:, rows] += 1
        return np.ones(1)

    filtered(noise(), transfer, tmp_path, memory_bytes=tight(SHAPE))
    assert np.all(asked == 1)


def test_a_flat_and_a_tiny_volume(tmp_path):
    assert np.all(filtered(np.full(SHAPE, 7.0), band, tmp_path) == 0)
    single = noise((1, 1, 5))
    out = filtered(single, lambda *k: np.ones(1), tmp_path)
    assert np.allclose(out, single - single.mean(), atol=1e-6)


def test_the_limit_is_kept(tmp_path):
    """Working arrays of numpy and the spectrum in a file: the limit holds what they take."""
    shape = (64, 96, 100)
    volume = noise(shape)
    out = np.empty_like(volume)
    limit = 8 * 2**20
    assert limit < filter_memory_bytes(shape)
    filtered(volume, band, tmp_path, memory_bytes=limit, target=out)  # imports are not counted
    tracemalloc.start()
    filtered(volume, band, tmp_path, memory_bytes=limit, target=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < limit
    assert np.allclose(out, plain(volume, band), atol=1e-5)


def test_what_it_needs_grows_with_the_volume():
    small, large = filter_memory_bytes((32, 64, 64)), filter_memory_bytes((320, 640, 640))
    assert small < large
    assert large > 320 * 640 * 640 * 4


def test_bad_input_is_named(tmp_path):
    with pytest.raises(InputError, match="expected a volume"):
        filtered(noise((4, 5)), band, tmp_path)
    with pytest.raises(InputError, match="target of shape"):
        filtered(noise(), band, tmp_path, target=np.empty((2, 2, 2)))
    with pytest.raises(InputError, match=r"memory limit of 0 MiB.*raise the limit"):
        filtered(noise(), band, tmp_path, memory_bytes=1000)
