"""Averages: every pick lands on the others, whatever its orientation and fraction of a voxel."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cryopick.errors import InputError
from cryopick.geometry.rotation import from_rotation_vector, rotate
from cryopick.ops.particle_average import average_particles
from cryopick.ops.project_tilts import project_tilts

# Three blobs that no rotation but none maps onto themselves: x, y, z from the centre, height.
BLOBS = [((5.0, 0.0, 0.0), 1.0), ((0.0, 4.0, 1.0), 2.0), ((-1.0, -2.0, -5.0), 1.5)]


def _gaussians(shape, places):
    z, y, x = np.indices(shape, dtype=float)
    out = np.zeros(shape)
    for (px, py, pz), height in places:
        out += height * np.exp(-((x - px) ** 2 + (y - py) ** 2 + (z - pz) ** 2) / (2 * 1.6**2))
    return out


def _template(n=24):
    return _gaussians((n,) * 3, [(np.add(place, n // 2), height) for place, height in BLOBS])


def _tomogram(position, orientation, shape=(48, 96, 96), noise=0.0, sign=1.0):
    places = []
    for p, q in zip(position, orientation, strict=True):
        places += [(p + rotate(q, place), height) for place, height in BLOBS]
    rng = np.random.default_rng(0)
    return sign * _gaussians(shape, places) + rng.normal(0, 1, shape) * noise


def _picks(n, seed=1):
    rng = np.random.default_rng(seed)
    axes = np.array([[24 * i + 24, 24 * j + 24, 24] for i in range(3) for j in range(3)])[:n]
    position = axes + rng.uniform(-0.5, 0.5, (n, 3))
    return position, from_rotation_vector(rng.normal(0, 1.5, (n, 3)))


def _agreement(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def test_one_particle_comes_back_as_it_was():
    position, orientation = _picks(1)
    found = average_particles(_tomogram(position, orientation), position, orientation, box_px=24)
    assert (found.used, found.at_edge) == (1, 0)
    assert found.average().dtype == np.float32
    assert _agreement(found.average(), _template()) > 0.998


@pytest.mark.parametrize("box", [23, 24])
def test_all_lie_on_each_other(box):
    position, orientation = _picks(9)
    tomogram = _tomogram(position, orientation, noise=0.2)
    average = average_particles(tomogram, position, orientation, box_px=box).average()
    assert _agreement(average, _template(box)) > 0.85
    one = average_particles(tomogram, position[:1], orientation[:1], box_px=box).average()
    assert _agreement(average, _template(box)) > _agreement(one, _template(box)) + 0.15
    wrong = average_particles(
        tomogram, position, orientation * [1, -1, -1, -1], box_px=box
    ).average()
    assert _agreement(wrong, _template(box)) < 0.75


def test_dark_particles_stay_dark():
    position, orientation = _picks(4)
    tomogram = _tomogram(position, orientation, sign=-1)
    average = average_particles(tomogram, position, orientation, box_px=24).average()
    assert _agreement(average, _template()) < -0.99


def test_scale_and_offset_of_a_tomogram_do_not_matter():
    position, orientation = _picks(3)
    tomogram = _tomogram(position, orientation, noise=0.2)
    plain = average_particles(tomogram, position, orientation, box_px=20).average()
    other = average_particles(tomogram * 700 + 3e4, position, orientation, box_px=20).average()
    assert np.allclose(plain, other, atol=1e-4)


def test_sums_of_two_tomograms_are_added():
    position, orientation = _picks(6)
    tomogram = _tomogram(position, orientation, noise=0.2)
    parts = [
        average_particles(tomogram, position[part], orientation[part], box_px=16)
        for part in (slice(0, 2), slice(2, 6))
    ]
    whole = average_particles(tomogram, position, orientation, box_px=16)
    both = parts[0] + parts[1]
    assert both.used == whole.used == 6
    assert np.allclose(both.average(), whole.average(), atol=1e-5)


def test_particles_at_the_edge_are_left_out_and_counted():
    position = np.array([[30.0, 30, 24], [3, 30, 24], [30, 30, 46]])
    orientation = np.tile([1.0, 0, 0, 0], (3, 1))
    tomogram = np.random.default_rng(0).normal(size=(48, 60, 60))
    found = average_particles(tomogram, position, orientation, box_px=16)
    assert (found.used, found.at_edge) == (1, 2)
    none = average_particles(tomogram, position[1:], orientation[1:], box_px=16)
    with pytest.raises(InputError, match="wholly inside"):
        none.average()


def test_gaps_do_not_spread():
    position, orientation = _picks(1)
    tomogram = _tomogram(position, orientation)
    tomogram[20, 10:14, 10:14] = np.nan
    average = average_particles(tomogram, position, orientation, box_px=24).average()
    assert _agreement(average, _template()) > 0.97


def test_waves_of_a_projection_lie_within_its_tilt():
    """A tomogram that holds one tilt only has no wave that a narrow range about it leaves out."""
    rng = np.random.default_rng(4)
    smooth = gaussian_filter(rng.normal(size=(32, 32, 32)), 1.5).astype(np.float32)
    smooth *= np.hanning(32)[:, None, None] * np.hanning(32)[None, None, :].astype(np.float32)
    n, tilt = 32, 40.0
    flat = project_tilts(smooth, [tilt])[0]  # (y, x'), with x' = x cos + z sin
    z, x = np.meshgrid(np.arange(n) - n // 2, np.arange(n) - n // 2, indexing="ij")
    place = x * np.cos(np.deg2rad(tilt)) + z * np.sin(np.deg2rad(tilt)) + n // 2
    smeared = np.stack([np.interp(place, np.arange(n), row) for row in flat], axis=1)
    window = np.hanning(n)[:, None, None] * np.hanning(n)[None, None, :]
    power = np.abs(np.fft.rfftn(smeared * window)) ** 2
    power[:, :, 0] = 0  # too coarse to say which way it lies
    middle = np.array([[16.0, 16, 16]]), np.array([[1.0, 0, 0, 0]])

    def inside(low, high):
        seen = average_particles(smooth, *middle, box_px=n, tilt_range_deg=(low, high)).seen
        return float((power * seen).sum() / power.sum())

    assert inside(tilt - 15, tilt + 15) > 0.6
    assert inside(-tilt - 15, -tilt + 15) < 0.2


def test_dividing_by_what_was_seen_undoes_the_wedge():
    position, _ = _picks(9)
    rng = np.random.default_rng(8)
    # Tilted about few axes, so that some waves are seen by few particles.
    orientation = from_rotation_vector(rng.normal(0, 1, (9, 3)) * [0.8, 0.3, 0.0])
    tomogram = _tomogram(position, orientation)
    kz, ky, kx = np.meshgrid(
        np.fft.fftfreq(48), np.fft.fftfreq(96), np.fft.rfftfreq(96), indexing="ij"
    )
    del ky
    wedge = np.abs(kz) <= np.abs(kx) * np.tan(np.deg2rad(50)) + 1e-12
    cut = np.fft.irfftn(np.fft.rfftn(tomogram) * wedge, s=tomogram.shape, axes=(0, 1, 2))
    made = {
        tilts: average_particles(
            cut, position, orientation, box_px=24, tilt_range_deg=tilts
        ).average()
        for tilts in (None, (-50.0, 50.0))
    }
    assert _agreement(made[-50.0, 50.0], _template()) > _agreement(made[None], _template()) + 0.01


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"box_px": 2}, "at least 4 px"),
        ({"orientation": np.tile([1.0, 0, 0, 0], (2, 1))}, "1 positions, 2 orientations"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, text):
    call = {"position_px": np.zeros((1, 3)), "orientation": np.array([[1.0, 0, 0, 0]])}
    with pytest.raises(InputError, match=text):
        average_particles(np.zeros((8, 8, 8)), **(call | {"box_px": 4} | changes))
