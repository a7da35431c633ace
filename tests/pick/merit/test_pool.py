"""Pools: the same picks as from the maps, and every rule from the pool alone."""

import numpy as np
import pytest

from cryopick.errors import FormatError, InputError, MissingFileError
from cryopick.geometry.euler import psi_deg_from_quaternion
from cryopick.model import Grid, Image, active
from cryopick.pick.merit.peaks import PeakRules
from cryopick.pick.merit.pick import picks_from_maps
from cryopick.pick.merit.pool import (
    NOISE_SD,
    judge_pool,
    load_pool,
    named_references,
    pool_from_maps,
    save_pool,
)
from toy_merit import image_of, maps_of, peaks_map, pool_of

PEAKS = {(30, 40): 1.0, (80, 40): 0.8, (34, 44): 0.6, (60, 90): 0.9, (2, 60): 0.7}


def pool_of_peaks(**columns):
    merit = peaks_map(PEAKS)
    return pool_from_maps(maps_of(merit[None], **columns), image_of(np.zeros((240, 260), "f4")))


def reasons(picks):
    """Reason by position in working pixels, of what stands out."""
    out = picks[np.asarray(picks.score) > 0.3]
    px = np.rint(out.position_angstrom / 10).astype(int)
    return {tuple(map(int, p)): str(r) for p, r in zip(px, out.reason, strict=True)}


def test_a_pool_holds_the_peaks_with_their_columns():
    psi = np.full((1, 120, 130), 35.0, np.float32)
    sd = np.full((120, 130), 1.1, np.float32)
    pool = pool_of_peaks(psi=psi, sd=sd)
    assert pool.location == pytest.approx(-0.5, abs=0.01)
    assert pool.scale == pytest.approx(0.05, abs=0.01)
    assert pool.merit.min() >= pool.location
    best = pool.merit > 0.55
    # (34, 44) is 57 Å from a better one: more than a quarter of the diameter, less than half.
    np.testing.assert_allclose(np.sort(pool.merit[best]), [0.6, 0.7, 0.8, 0.9, 1.0], atol=0.02)
    assert pool.apart[best].sum() == 4
    assert np.allclose(pool.psi_deg, 35)
    assert np.allclose(pool.noise_sd, 1.1)


def test_each_candidate_has_its_reason():
    picks = judge_pool(pool_of_peaks(), PeakRules()).picks
    assert reasons(picks) == {
        (30, 40): "", (80, 40): "", (60, 90): "", (34, 44): "too close", (2, 60): "edge",
    }  # fmt: skip
    assert (np.diff(picks.score) <= 0).all()
    assert set(picks.image) == {"007"}
    assert np.allclose(picks.diameter_angstrom, 120)


def test_the_same_picks_as_from_the_maps():
    maps = maps_of(peaks_map(PEAKS)[None])
    rules = PeakRules(threshold=0.5, border_angstrom=60.0)
    direct = active(picks_from_maps(maps, rules, name="007"))
    mine = active(judge_pool(pool_of_peaks(), rules).picks)
    mine = mine[mine.score >= 0.5]
    np.testing.assert_allclose(mine.position_angstrom, direct.position_angstrom, atol=1e-3)
    np.testing.assert_allclose(mine.score, direct.score, atol=1e-6)
    np.testing.assert_allclose(mine.extra[NOISE_SD], direct.extra[NOISE_SD])
    assert mine.label.tolist() == direct.label.tolist()


def test_distance_and_border_can_be_changed():
    near = judge_pool(pool_of_peaks(), PeakRules(min_distance_angstrom=50.0, border_angstrom=0.0))
    assert set(reasons(near.picks).values()) == {""}
    far = judge_pool(pool_of_peaks(), PeakRules(min_distance_angstrom=2000.0, border_angstrom=0.0))
    assert list(reasons(far.picks).values()).count("") == 1


def test_noise_limits():
    sd = np.ones((120, 130), np.float32)
    sd[:, 70:] = 1.3
    mean = np.zeros((120, 130), np.float32)
    mean[80:] = -0.8
    pool = pool_of_peaks(sd=sd, mean=mean)
    found = reasons(judge_pool(pool, PeakRules(max_noise_sd=1.2, min_noise_mean=-0.5)).picks)
    assert found[80, 40] == "noisy background"
    assert found[60, 90] == "dark background"
    assert found[30, 40] == ""


def test_a_mask_of_another_binning():
    inside = np.ones((30, 33), np.int8)
    inside[:, 15:] = 0
    mask = Image(
        data=inside, name="mask",
        grid=Grid(shape=(30, 33), pixel_size_angstrom=40.0, origin_angstrom=(17.5, 17.5)),
    )  # fmt: skip
    found = reasons(judge_pool(pool_of_peaks(), PeakRules(), mask=mask).picks)
    assert found[80, 40] == "outside mask"
    assert found[30, 40] == ""


def test_the_sample_leaves_out_side_lobes_and_odd_backgrounds():
    rng = np.random.default_rng(0)
    place = rng.uniform(100, 1000, (200, 2))
    sd = rng.normal(1, 0.01, 200).astype(np.float32)
    sd[:5] = 3.0
    apart = np.ones(200, bool)
    apart[10:30] = False
    pool = pool_of(place, rng.random(200), noise_sd=sd, apart=apart)
    judged = judge_pool(pool, PeakRules(border_angstrom=0.0))
    assert len(judged.sample) == 175
    limited = judge_pool(pool, PeakRules(border_angstrom=0.0, max_noise_sd=2.0))
    assert len(limited.sample) == 175


def test_orientation_and_reference(tmp_path):
    pool = pool_of(
        [[500.0, 500.0], [800.0, 300.0]], [1.0, 2.0],
        psi_deg=np.array([20, -160], np.float32), reference=np.array([0, 6], np.int16),
    )  # fmt: skip
    picks = judge_pool(pool, PeakRules()).picks
    assert picks.label.tolist() == ["7", "1"]
    np.testing.assert_allclose(psi_deg_from_quaternion(picks.orientation), [-160, 20], atol=1e-4)
    named = named_references(picks, [str(i + 11) for i in range(7)])
    assert named.label.tolist() == ["17", "11"]
    assert named_references(picks, []) is picks


def test_to_disk_and_back(tmp_path):
    pool = pool_of_peaks()
    save_pool(pool, tmp_path / "pool.npz")
    again = load_pool(tmp_path / "pool.npz")
    assert again.grid == pool.grid
    assert (again.name, again.location, again.scale) == (pool.name, pool.location, pool.scale)
    for column in ("position_angstrom", "merit", "apart", "reference", "noise_sd"):
        np.testing.assert_array_equal(getattr(again, column), getattr(pool, column))


def test_files_that_are_no_pools(tmp_path):
    with pytest.raises(MissingFileError):
        load_pool(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK nonsense")
    with pytest.raises(FormatError, match="no pool of candidates"):
        load_pool(tmp_path / "bad.npz")


def test_an_empty_micrograph():
    judged = judge_pool(pool_of(np.zeros((0, 2)), []), PeakRules())
    assert len(judged.picks) == 0
    assert judged.picks.ndim == 2
    assert len(judged.sample) == 0
    flat = maps_of(np.zeros((1, 40, 40)))
    assert len(pool_from_maps(flat, image_of(np.zeros((80, 80), "f4")))) == 0


def test_what_a_pool_cannot_do():
    with pytest.raises(InputError, match="maps of each reference"):
        judge_pool(pool_of_peaks(), PeakRules(suppression="relion"))
    with pytest.raises(InputError, match="best of all references"):
        pool_from_maps(maps_of(np.zeros((2, 40, 40))), image_of(np.zeros((80, 80), "f4")))
