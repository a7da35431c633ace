"""How picks are scored beside another program's."""

import numpy as np
import pytest

from cryopick.io.images import write_mrc
from cryopick.model import Picks, concatenate
from measuring.command import Measured
from pick_log_accuracy import (
    ImageSet,
    apoferritin,
    bgal,
    common_shift,
    measure_set,
    score,
    times,
)
from shared_data import ROOT, shared

PLACES = np.array([[100.0, 100.0], [300.0, 100.0], [100.0, 300.0], [300.0, 300.0]])


def truth():
    return Picks.of(PLACES, image="m")


def test_score_at_both_tolerances_by_hand():
    # Three of four found, 20, 20 and 60 Å off (diameter 125: within 31.25, 31.25 and 62.5), and
    # one in empty ice.
    places = [[120.0, 100.0], [320.0, 100.0], [100.0, 360.0], [700.0, 700.0]]
    picks = Picks.of(places, image="m", score=[4.0, 3.0, 2.0, 1.0])
    row = score(picks, truth(), 125.0)
    assert (row["picks"], row["truth"]) == (4, 4)
    near, far = row["at_0.25_diameter"], row["at_0.5_diameter"]
    assert (near["precision"], near["recall"], near["f1"]) == (0.5, 0.5, 0.5)
    assert (far["precision"], far["recall"], far["f1"]) == (0.75, 0.75, 0.75)
    assert near["best_f1"] == pytest.approx(2 * 2 / (2 + 4), abs=1e-4)
    assert near["position_error_angstrom"] == 20.0


def test_picks_of_images_without_truth_are_left_out():
    other = Picks.of([[5.0, 5.0]], image="unknown", score=[9.0])
    picks = concatenate([Picks.of(PLACES, image="m", score=np.ones(4)), other])
    assert score(picks, truth(), 125.0)["at_0.25_diameter"]["f1"] == 1.0


def test_a_shift_that_all_share_is_found_and_taken_out():
    picks = Picks.of(PLACES + np.array([-40.0, 7.0]), image="m", score=np.arange(4.0))
    np.testing.assert_array_equal(common_shift(picks, truth(), 62.5), [-40.0, 7.0])
    row = score(picks, truth(), 125.0)
    assert row["at_0.25_diameter"]["f1"] == 0.0
    assert row["at_0.5_diameter"]["f1"] == 1.0
    assert row["common_shift_angstrom"] == [-40.0, 7.0]
    assert row["f1_without_common_shift"] == 1.0


def test_no_match_has_no_shift():
    picks = Picks.of([[900.0, 900.0]], image="m", score=[1.0])
    np.testing.assert_array_equal(common_shift(picks, truth(), 10.0), [0.0, 0.0])


def test_times_are_per_image():
    runs = [
        Measured(wall_seconds=w, cpu_seconds=w / 2, peak_rss_mb=100.4, peak_private_mb=1.0,
                 stdout="", stderr="")
        for w in (10.0, 20.0, 90.0)
    ]  # fmt: skip
    found = times(runs, 10)
    assert found["wall_s_per_image"] == {"median": 2.0, "min": 1.0, "max": 9.0, "n": 3}
    assert found["cpu_s_per_image"]["median"] == 1.0
    assert found["peak_rss_mb"]["median"] == 100


def test_sets_without_genuine_images_are_skipped_with_a_word(tmp_path, capsys):
    assert apoferritin(tmp_path, tmp_path) is None
    assert bgal(tmp_path, tmp_path) is None
    assert "skipped: no *bin_avg.png in apoferritin_empiar10146" in capsys.readouterr().out


def test_genuine_sets_have_the_truth_of_the_index(tmp_path):
    shared("images/apoferritin_empiar10146")
    apo, gal = apoferritin(ROOT, tmp_path), bgal(ROOT, tmp_path)
    assert (len(apo.images), len(set(apo.truth.image.tolist())), len(apo.truth)) == (10, 9, 1458)
    assert (len(gal.images), len(set(gal.truth.image.tolist())), len(gal.truth)) == (7, 7, 4225)
    first = apo.truth[apo.truth.image == "May08_03.05.02.bin_avg"]
    np.testing.assert_allclose(first.position_angstrom[0], [623 * 1.5, 289 * 1.5])
    assert (apo.diameter_angstrom, gal.diameter_angstrom) == (125, 150)


def test_discs_are_found_by_the_whole_chain(tmp_path):
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:256, :256]
    centres = np.array([[60, 70], [180, 90], [120, 190]])
    pixels = rng.normal(size=(256, 256))
    for cx, cy in centres:
        pixels -= 2.0 * (np.hypot(x - cx, y - cy) <= 15)
    path = tmp_path / "a.mrc"
    write_mrc(path, pixels.astype(np.float32), 4.0)
    images = ImageSet(
        images={"a": path},
        truth=Picks.of(centres * 4.0, image="a"),
        pixel_angstrom=4.0,
        diameters_angstrom=(110, 130),
        origin="by hand",
    )
    found = measure_set(images, tmp_path, 1)
    disc = found["pickers"]["disc (default)"]
    assert disc["at_0.25_diameter"]["f1"] == 1.0
    assert disc["wall_s_per_image"]["n"] == 1
    assert found["images_with_truth"] == 1
