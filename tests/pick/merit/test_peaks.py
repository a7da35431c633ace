"""Which peaks are taken, and why the others are not, by both rules of suppression."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.model import REASONS, Grid
from cryopick.pick.merit.maps import MeritMaps
from cryopick.pick.merit.peaks import PeakRules, find_peaks

PIXEL = 10.0
NO_BORDER = {"border_angstrom": 0.0}


def maps(*layers, step_px=4.0, mean=None, sd=None):
    merit = np.stack([np.asarray(layer, np.float32) for layer in layers])
    shape = merit.shape[1:]
    numbers = np.broadcast_to(np.arange(len(merit), dtype=np.int16)[:, None, None], merit.shape)
    return MeritMaps(
        merit=merit,
        psi_deg=np.zeros_like(merit),
        reference=np.ascontiguousarray(numbers),
        mean=np.zeros(shape, np.float32) if mean is None else mean,
        sd=np.ones(shape, np.float32) if sd is None else sd,
        grid=Grid(shape=shape, pixel_size_angstrom=PIXEL),
        step_px=step_px,
        particle_diameter_angstrom=80.0,
        box_angstrom=120.0,
        expected=np.full(len(merit), 1.1),
    )


def hills(shape, tops, *, width=1.2, base=-0.1):
    """Smooth hills ``(y, x, height)`` on a plain."""
    y, x = np.indices(shape)
    values = np.full(shape, base)
    for at_y, at_x, height in tops:
        hill = (height - base) * np.exp(-((y - at_y) ** 2 + (x - at_x) ** 2) / (2 * width**2))
        values = np.maximum(values, base + hill)
    return values


def judged(found, rules):
    """Place -> reason, of all candidates."""
    used, peaks = find_peaks(found, rules)
    assert len(peaks.index) == len(peaks.reason)
    merit = used.merit[tuple(peaks.index.T)]
    assert (np.diff(merit) <= 0).all()
    return {
        (int(y), int(x)): str(reason)
        for (_, y, x), reason in zip(peaks.index, peaks.reason, strict=True)
    }


def test_the_better_of_two_that_are_close_stays():
    found = maps(hills((40, 40), [(10, 10, 0.9), (10, 14, 0.5), (30, 30, 0.4), (20, 10, 0.05)]))
    rules = PeakRules(threshold=0.2, min_distance_angstrom=60.0, **NO_BORDER)
    assert judged(found, rules) == {
        (10, 10): "",
        (10, 14): "too close",
        (30, 30): "",
        (20, 10): "below threshold",
    }


def test_the_best_of_all_references_counts():
    one = hills((40, 40), [(10, 10, 0.6)])
    two = hills((40, 40), [(11, 10, 0.8), (30, 30, 0.7)])
    used, peaks = find_peaks(maps(one, two), PeakRules(threshold=0.2, **NO_BORDER))
    assert peaks.index.tolist() == [[0, 11, 10], [0, 30, 30]]
    assert used.reference[0, 11, 10] == 1


def test_what_cannot_be_a_pick_does_not_push_others_out():
    """A contamination of high merit on noisy ground takes no neighbour with it."""
    sd = np.ones((40, 40), np.float32)
    sd[:, :12] = 1.5
    mean = np.zeros((40, 40), np.float32)
    mean[30:] = -0.8
    found = maps(
        hills((40, 40), [(10, 10, 5.0), (10, 14, 0.5), (33, 25, 0.6), (2, 25, 0.7)]),
        sd=sd,
        mean=mean,
    )
    rules = PeakRules(
        threshold=0.2,
        min_distance_angstrom=60.0,
        max_noise_sd=1.2,
        min_noise_mean=-0.5,
        border_angstrom=30.0,
    )
    assert judged(found, rules) == {
        (10, 10): "noisy background",
        (10, 14): "",
        (33, 25): "dark background",
        (2, 25): "edge",
    }


def test_a_mask_forbids_and_says_so():
    allowed = np.ones((40, 40), bool)
    allowed[:, 20:] = False
    found = maps(hills((40, 40), [(10, 10, 0.6), (10, 30, 0.7)]))
    _, peaks = find_peaks(found, PeakRules(threshold=0.2, **NO_BORDER), allowed=allowed)
    assert peaks.reason.tolist() == ["outside mask", ""]


def test_only_the_best_few_are_kept_on_demand():
    found = maps(hills((40, 40), [(5, 5, 0.3), (5, 30, 0.9), (30, 5, 0.6), (30, 30, 0.5)]))
    rules = PeakRules(threshold=0.2, max_picks=2, **NO_BORDER)
    assert judged(found, rules) == {
        (5, 30): "",
        (30, 5): "",
        (30, 30): "below threshold",
        (5, 5): "below threshold",
    }


@pytest.mark.parametrize("rule", ["keep-better", "relion"])
def test_a_threshold_below_0_takes_what_lies_below_0(rule):
    found = maps(hills((40, 40), [(10, 10, -0.2), (30, 30, 0.4)], base=-0.5))
    rules = PeakRules(threshold=-0.3, suppression=rule, min_distance_angstrom=60.0, **NO_BORDER)
    assert judged(found, rules) == {(30, 30): "", (10, 10): ""}


@pytest.mark.parametrize("rule", ["keep-better", "relion"])
def test_a_flat_map_has_no_peak_of_worth(rule):
    found = maps(np.full((30, 30), -0.1))
    assert judged(found, PeakRules(threshold=0.0, suppression=rule)) == {}


@pytest.mark.parametrize(
    ("rule", "diameter_share", "box_share"), [("keep-better", 0.75, 0), ("relion", 0, 0.5)]
)
def test_distances_that_are_not_given(rule, diameter_share, box_share):
    found = maps(np.zeros((30, 30)))
    rules = PeakRules(suppression=rule)
    assert rules.distance_angstrom(found) == diameter_share * 80.0 + box_share * 120.0
    assert rules.margin_angstrom(found) == (60.0 if rule == "relion" else 40.0)


# RELION's rule: particle radius 40 Å = 4 working pixels.


def relion(**changes):
    given = {"threshold": 0.2, "min_distance_angstrom": 50.0, "suppression": "relion", **NO_BORDER}
    return PeakRules(**{**given, **changes})


def test_relion_keeps_the_best_of_a_group_of_one_reference():
    found = maps(hills((40, 40), [(10, 10, 0.9), (10, 13, 0.6), (30, 30, 0.5)]))
    assert judged(found, relion()) == {(10, 10): "", (10, 13): "too close", (30, 30): ""}


def test_relion_drops_both_of_two_groups_that_are_too_close():
    """5 px apart: no one group (radius 4 px), yet within the least distance of 60 Å."""
    found = maps(hills((40, 40), [(10, 10, 0.9), (10, 15, 0.6), (30, 30, 0.5)]))
    rules = relion(min_distance_angstrom=60.0)
    assert judged(found, rules) == {(10, 10): "too close", (10, 15): "too close", (30, 30): ""}


def test_relion_drops_both_at_exactly_the_least_distance():
    found = maps(hills((40, 40), [(10, 10, 0.9), (10, 15, 0.6)]))
    assert set(judged(found, relion(min_distance_angstrom=50.0)).values()) == {"too close"}
    assert set(judged(found, relion(min_distance_angstrom=49.9)).values()) == {""}


def test_relion_merges_references_by_the_higher_merit():
    one = hills((40, 40), [(10, 10, 0.9), (30, 10, 0.4)])
    two = hills((40, 40), [(11, 10, 0.7), (30, 12, 0.8)])
    found = judged(maps(one, two), relion())
    assert found == {(10, 10): "", (11, 10): "too close", (30, 12): "", (30, 10): "too close"}


def test_relion_in_a_chain_of_near_peaks_prunes_by_distance_alone():
    """Three in a row, 3 px apart, are one group; the outer two are 60 Å apart and both stay."""
    found = maps(hills((40, 40), [(10, 10, 0.9), (10, 13, 0.5), (10, 16, 0.7)], width=0.8))
    assert judged(found, relion()) == {(10, 10): "", (10, 16): "", (10, 13): "too close"}


def test_relion_wants_all_four_neighbours_above_the_threshold_at_full_size():
    narrow = np.full((30, 30), -0.1)
    narrow[15, 15] = 0.9
    assert judged(maps(narrow, step_px=4.0), relion()) == {(15, 15): ""}
    assert judged(maps(narrow, step_px=1.0), relion()) == {}


def test_relion_takes_a_peak_with_a_higher_diagonal_neighbour():
    saddle = np.full((30, 30), -0.1)
    saddle[10, 10], saddle[11, 11] = 0.5, 0.6
    assert len(judged(maps(saddle), relion())) == 2
    rules = PeakRules(threshold=0.2, min_distance_angstrom=5.0, **NO_BORDER)
    assert judged(maps(saddle), rules) == {(11, 11): ""}


@settings(max_examples=40, deadline=None)
@given(
    tops=st.lists(
        st.tuples(st.integers(1, 38), st.integers(1, 38), st.floats(-0.3, 1.0)), max_size=12
    ),
    rule=st.sampled_from(["keep-better", "relion"]),
    threshold=st.floats(-0.2, 0.5),
)
def test_picks_keep_their_distance_and_reach_the_threshold(tops, rule, threshold):
    found = maps(hills((40, 40), tops, base=-0.5), hills((40, 40), tops[::2], base=-0.5))
    rules = PeakRules(
        threshold=threshold, suppression=rule, min_distance_angstrom=55.0, **NO_BORDER
    )
    used, peaks = find_peaks(found, rules)
    assert set(peaks.reason) <= {"", *REASONS}
    taken = peaks.index[peaks.reason == ""]
    assert (used.merit[tuple(taken.T)] >= threshold).all()
    apart = np.linalg.norm(taken[:, None, 1:] - taken[None, :, 1:], axis=-1) * PIXEL
    np.fill_diagonal(apart, np.inf)
    assert apart.size == 0 or apart.min() >= 55.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"min_distance_angstrom": -1.0}, "--min-distance -1"),
        ({"border_angstrom": -2.0}, "--border -2"),
        ({"max_noise_sd": 0.0}, "--max-noise-sd 0"),
        ({"max_picks": 0}, "--max-picks 0"),
    ],
)
def test_rules_without_sense_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        PeakRules(**changes)
