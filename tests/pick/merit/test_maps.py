"""Maps are merged by the best reference and kept in half precision."""

import numpy as np

from cryopick.model import Grid
from cryopick.pick.merit.maps import MeritMaps, best_of_references, in_half_precision


def maps(merit):
    merit = np.asarray(merit, np.float32)
    numbers = np.arange(len(merit), dtype=np.int16)[:, None, None]
    return MeritMaps(
        merit=merit,
        psi_deg=(np.broadcast_to(numbers, merit.shape) * 10 + 5).astype(np.float32),
        reference=np.ascontiguousarray(np.broadcast_to(numbers, merit.shape)),
        mean=np.full(merit.shape[1:], 0.125, np.float32),
        sd=np.full(merit.shape[1:], 1.0625, np.float32),
        grid=Grid(shape=merit.shape[1:], pixel_size_angstrom=8.0),
        step_px=4.0,
        particle_diameter_angstrom=100.0,
        box_angstrom=160.0,
        expected=np.full(len(merit), 1.1),
    )


def test_the_best_reference_brings_its_angle():
    best = best_of_references(maps([[[0.1, 0.9]], [[0.5, 0.2]], [[0.3, 0.4]]]))
    assert best.merit.tolist() == [[[0.5, np.float32(0.9)]]]
    assert best.reference.tolist() == [[[1, 0]]]
    assert best.psi_deg.tolist() == [[[15.0, 5.0]]]


def test_of_equal_merits_the_first_reference_counts():
    assert best_of_references(maps([[[0.5]], [[0.5]]])).reference.tolist() == [[[0]]]


def test_a_single_map_is_left_alone():
    one = maps([[[0.5, 0.6]]])
    assert best_of_references(one) is one


def test_half_precision_keeps_the_maps_and_clips_what_it_cannot_hold():
    small = in_half_precision(maps([[[0.25, 1e6, -1e6]]]))
    kinds = {small.merit.dtype, small.psi_deg.dtype, small.mean.dtype, small.sd.dtype}
    assert kinds == {np.dtype(np.float16)}
    assert small.merit.tolist() == [[[0.25, 65504.0, -65504.0]]]
    assert small.reference.dtype == np.int16
    assert small.sd[0, 0] == 1.0625
    assert small.grid.pixel_size_angstrom == 8.0
