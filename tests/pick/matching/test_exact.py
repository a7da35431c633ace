"""The exact engine: against plain numpy, and what must not change its result."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.geometry.rotation import from_axis_angle
from cryopick.geometry.so3_grid import rotation_grid
from cryopick.model import TiltSeries
from cryopick.pick.matching import exact
from cryopick.pick.matching.exact import search_exact
from cryopick.pick.matching.imaging import Band, Imaging
from cryopick.pick.matching.search import Cones, Means
from cryopick.pick.matching.weighting import template_weight
from pick.matching.cases import lumpy_template, noise, placed
from pick.matching.oracle import scores_at, some_voxels

ROTATIONS = rotation_grid(60)


def imaging(kind):
    tilts = TiltSeries(
        name="t", tilt_deg=np.arange(-40, 61, 10.0),
        exposure_e_per_a2=np.arange(11) * 10.0, defocus_u_um=np.linspace(2.5, 3.5, 11),
    )  # fmt: skip
    return {
        "wedge": Imaging(wedge_deg=(-40, 60)),
        "ctf": Imaging(wedge_deg=(-40, 60), tilts=tilts, use_ctf=True, phase_flipped=False),
        "tilts": Imaging(wedge_deg=(-40, 60), tilts=tilts, use_ctf=True, per_tilt=True),
    }[kind]


def weight_of(kind, template):
    if kind == "none":
        return None
    band = Band(low_pass_angstrom=25, high_pass_angstrom=300)
    return template_weight(
        template.box_px, template.pixel_size_angstrom, imaging=imaging(kind), band=band
    )


def same(one, other):
    np.testing.assert_array_equal(one.score, other.score)
    np.testing.assert_array_equal(one.rotation, other.rotation)
    assert one.variance == other.variance
    assert one.tests == other.tests


def close(one, other, *, where=np.s_[:], atol=2e-6):
    np.testing.assert_allclose(one.score[where], other.score[where], atol=atol)
    assert np.mean(one.rotation[where] != other.rotation[where]) < 1e-3
    assert one.variance == pytest.approx(other.variance, rel=1e-5)


@pytest.mark.parametrize("kind", ["none", "wedge", "ctf", "tilts"])
@pytest.mark.parametrize("n", [11, 12])
@pytest.mark.parametrize("spherical", [True, False])
def test_it_finds_what_plain_numpy_finds(kind, n, spherical):
    template = lumpy_template(n, seed=n, spherical=spherical)
    volume = noise((20, 25, 22), smooth=1.0) + np.float32(3)
    weight = weight_of(kind, template)
    found = search_exact(volume, template, ROTATIONS[:12], weight=weight, means=Means())
    voxels = some_voxels(volume.shape, 150)
    wanted = scores_at(volume, template, weight, ROTATIONS[:12], voxels)
    at = tuple(voxels.T)
    np.testing.assert_allclose(found.score[at], wanted.max(axis=0), atol=2e-6)
    np.testing.assert_array_equal(found.rotation[at], wanted.argmax(axis=0))


def test_it_finds_what_plain_numpy_finds_in_a_volume_of_64():
    template = lumpy_template(16, seed=4)
    volume = noise((64, 64, 64), smooth=0.8)
    weight = weight_of("tilts", template)
    rotations = ROTATIONS[::8]
    found = search_exact(
        volume, template, rotations, weight=weight, means=Means(memory_bytes=20_000_000)
    )
    voxels = some_voxels(volume.shape, 400)
    wanted = scores_at(volume, template, weight, rotations, voxels)
    at = tuple(voxels.T)
    np.testing.assert_allclose(found.score[at], wanted.max(axis=0), atol=5e-6)
    assert np.mean(found.rotation[at] != wanted.argmax(axis=0)) < 0.01
    assert found.variance == pytest.approx(np.mean(wanted**2), rel=0.1)


@pytest.mark.parametrize("n", [11, 12])
@pytest.mark.parametrize("kind", ["none", "wedge"])
def test_a_particle_is_found_where_it_is_and_as_it_lies(n, kind):
    template = lumpy_template(n, seed=1)
    weight = weight_of(kind, template)
    for rotation, voxel in ((3, (10, 12, 17)), (40, (12, 9, 8))):
        volume = placed(
            template, ROTATIONS[rotation], voxel, (24, 24, 28), weight=weight, background=0.02
        )
        found = search_exact(volume, template, ROTATIONS, weight=weight, means=Means())
        best = np.unravel_index(np.argmax(found.score), found.score.shape)
        assert best == voxel
        assert found.rotation[voxel] == rotation
        assert found.score[voxel] > 0.98


def test_the_score_of_a_perfect_match_is_one_and_of_its_negative_minus_one():
    template = lumpy_template(12, seed=2)
    hard = template.mask > 0.5
    template = type(template)(
        density=template.density, mask=hard.astype(np.float32), pixel_size_angstrom=10.0,
        name="hard", diameter_angstrom=100.0,
    )  # fmt: skip
    for sign in (1, -1):
        volume = np.zeros((20, 20, 20), np.float32)
        volume[4:16, 4:16, 4:16] = sign * template.density
        found = search_exact(volume, template, ROTATIONS[:1], weight=None, means=Means())
        # Interpolating at whole voxels changes nothing where the rotation is none.
        turned = search_exact(
            volume, template, np.array([[1.0, 0, 0, 0]]), weight=None, means=Means()
        )
        assert turned.score[10, 10, 10] == pytest.approx(sign, abs=1e-5)
        assert found.score.max() <= 1 + 1e-5


def test_memory_cores_and_order_change_rounding_or_nothing(monkeypatch):
    template, volume = lumpy_template(9), noise((30, 34, 38))
    weight = weight_of("wedge", template)
    whole = search_exact(volume, template, ROTATIONS, weight=weight, means=Means())
    small = Means(memory_bytes=4_000_000)
    split = search_exact(volume, template, ROTATIONS, weight=weight, means=small)
    close(whole, split)
    for cores in (2, 3):
        more = Means(memory_bytes=4_000_000, cores=cores)
        same(split, search_exact(volume, template, ROTATIONS, weight=weight, means=more))
    monkeypatch.setattr(exact, "_SHORTEST_RUN", 7)
    runs = search_exact(volume, template, ROTATIONS, weight=weight, means=Means(cores=3))
    np.testing.assert_array_equal(runs.rotation, whole.rotation)
    np.testing.assert_array_equal(runs.score, whole.score)


def test_a_region_limits_the_search_and_changes_nothing_inside():
    template, volume = lumpy_template(9), noise((24, 30, 30))
    region = np.zeros(volume.shape, bool)
    region[3:9, 20:28, 4:13] = True
    region[15, 2, 29] = True
    whole = search_exact(volume, template, ROTATIONS[:20], weight=None, means=Means())
    found = search_exact(
        volume, template, ROTATIONS[:20], weight=None, region=region,
        means=Means(memory_bytes=3_000_000),
    )  # fmt: skip
    np.testing.assert_allclose(found.score[region], whole.score[region], atol=2e-6)
    assert np.all(found.score[~region] == 0)
    assert np.all(found.rotation[~region] == -1)
    assert found.tests == region.sum() * 20
    voxels = np.argwhere(region)
    wanted = scores_at(volume, template, None, ROTATIONS[:20], voxels)
    assert found.variance == pytest.approx(np.mean(wanted**2), rel=1e-4)


def test_memory_maps_that_cannot_be_written_are_as_good_as_arrays(tmp_path):
    template, volume = lumpy_template(8), noise((14, 15, 16))
    region = noise(volume.shape, seed=1) > 0.5
    mapped = []
    for name, array in (("volume", volume), ("region", region)):
        array.tofile(tmp_path / name)
        mapped.append(np.memmap(tmp_path / name, array.dtype, "r", shape=array.shape))
    one, other = (
        search_exact(v, template, ROTATIONS[:5], weight=None, region=r, means=Means())
        for v, r in ((volume, region), mapped)
    )
    same(one, other)


def test_an_empty_region_is_searched_in_no_time():
    volume = noise((12, 12, 12))
    found = search_exact(
        volume, lumpy_template(8), ROTATIONS, weight=None,
        region=np.zeros(volume.shape, bool), means=Means(),
    )  # fmt: skip
    assert np.all(found.rotation == -1)
    assert (found.variance, found.tests, found.score.max()) == (0, 0, 0)


@pytest.mark.parametrize("spherical", [True, False])
def test_cones_leave_each_voxel_the_rotations_it_allows(spherical):
    template, volume = lumpy_template(9, spherical=spherical), noise((14, 16, 18))
    nearest = np.zeros(volume.shape, np.int32)
    nearest[:, :, 6:] = 1
    nearest[:, :, 12:] = -1
    nearest[2, 2, 2] = 2
    cones = Cones(
        axis=np.array([[0, 0, 1.0], [1.0, 0, 0], [0, 0.6, -0.8]]),
        nearest=nearest,
        half_angle_deg=55,
    )
    found = search_exact(volume, template, ROTATIONS, weight=None, cones=cones, means=Means())
    allowed = cones.allowed(ROTATIONS)
    assert allowed.any(axis=1).all()
    assert not allowed.all(axis=1).any()
    assert np.all(found.rotation[nearest < 0] == -1)
    assert np.all(found.score[nearest < 0] == 0)
    voxels = np.concatenate([[[2, 2, 2]], some_voxels((14, 16, 12), 80)])
    at = tuple(voxels.T)
    wanted = scores_at(volume, template, None, ROTATIONS, voxels)
    wanted[~allowed[nearest[at]].T] = -np.inf
    np.testing.assert_allclose(found.score[at], wanted.max(axis=0), atol=2e-6)
    np.testing.assert_array_equal(found.rotation[at], wanted.argmax(axis=0))
    assert found.tests == sum((nearest == a).sum() * allowed[a].sum() for a in range(3))
    assert 0 < found.variance < 0.1


def test_of_equal_scores_the_first_rotation_is_kept():
    template, volume = lumpy_template(8), noise((14, 14, 14))
    one = from_axis_angle([0, 1, 1], 77)
    rotations = np.stack([one, one, ROTATIONS[5], one, ROTATIONS[5]])
    found = search_exact(volume, template, rotations, weight=None, means=Means())
    assert set(np.unique(found.rotation)) == {0, 2}


@pytest.mark.parametrize("spherical", [True, False])
def test_flat_volumes_score_nothing(spherical):
    template = lumpy_template(8, spherical=spherical)
    for volume in (np.zeros((16, 16, 16), np.float32), np.full((16, 16, 16), 1e6, np.float32)):
        found = search_exact(volume, template, ROTATIONS[:4], weight=None, means=Means())
        assert np.all(found.score == 0)
        assert np.all(found.rotation == 0)
    half = noise((16, 16, 60))
    half[:, :, :40] = half[:, :, 40:].mean()
    found = search_exact(half, template, ROTATIONS[:4], weight=None, means=Means())
    assert np.abs(found.score[4:-4, 4:-4, 8:28]).max() < 1e-3


def test_a_volume_that_moves_moves_its_scores():
    template, volume = lumpy_template(8), np.zeros((20, 20, 20), np.float32)
    volume[4:12, 5:13, 4:12] = noise((8, 8, 8))
    moved = np.roll(volume, (3, 2, 4), axis=(0, 1, 2))
    one, other = (
        search_exact(v, template, ROTATIONS[:8], weight=None, means=Means())
        for v in (volume, moved)
    )
    inner = np.s_[6:14, 6:14, 6:14]
    np.testing.assert_allclose(
        np.roll(one.score, (3, 2, 4), axis=(0, 1, 2))[inner], other.score[inner], atol=2e-6
    )


class StopSearchError(Exception):
    pass


@pytest.mark.parametrize("memory", [4_000_000, 10**9])
def test_a_search_is_taken_up_again_with_the_same_result(tmp_path, monkeypatch, memory):
    monkeypatch.setattr(exact, "_SAVE_EVERY_S", 0.0)
    monkeypatch.setattr(exact, "_SHORTEST_RUN", 20)
    monkeypatch.setattr(exact, "_BATCH_VOXELS", 150_000)
    template, volume = lumpy_template(9), noise((26, 30, 34))
    plain = search_exact(volume, template, ROTATIONS, weight=None, means=Means(memory_bytes=memory))
    told = []

    def stop_in_the_middle(fraction):
        told.append(fraction)
        if fraction > 0.55:
            raise StopSearchError

    def go(progress):
        means = Means(memory_bytes=memory, cores=2, checkpoints=tmp_path, progress=progress)
        return search_exact(volume, template, ROTATIONS, weight=None, means=means)

    with pytest.raises(StopSearchError):
        go(stop_in_the_middle)
    assert told == sorted(told)
    again = []
    same(plain, go(again.append))
    # What was done is not done again: the first thing told is about what was kept.
    assert len(again) < 0.8 * len(told) / 0.55
    assert again[-1] == 1.0
    # All is done: nothing is left to compute.
    monkeypatch.setattr(exact, "TileScores", None)
    same(plain, go(lambda _: None))


def test_checkpoints_of_other_input_are_not_used(tmp_path):
    template, volume = lumpy_template(8), noise((16, 16, 16))
    means = Means(checkpoints=tmp_path)
    search_exact(volume, template, ROTATIONS[:9], weight=None, means=means)
    other = noise((16, 16, 16), seed=5)
    found = search_exact(other, template, ROTATIONS[:9], weight=None, means=means)
    same(found, search_exact(other, template, ROTATIONS[:9], weight=None, means=Means()))


def test_bad_input_is_one_line():
    template, volume = lumpy_template(8), noise((12, 12, 12))
    broken = volume.copy()
    broken[3, 3, 3] = np.nan
    for message, arguments in {
        "expected a volume": (volume[0], ROTATIONS, None),
        "expected rotations": (volume, ROTATIONS[:0], None),
        "NaN or infinite": (broken, ROTATIONS, None),
        "region of": (volume, ROTATIONS, np.ones((3, 3, 3), bool)),
    }.items():
        with pytest.raises(InputError, match=message):
            search_exact(
                arguments[0], template, arguments[1], weight=None, region=arguments[2],
                means=Means(),
            )  # fmt: skip


@pytest.mark.gpu
def test_another_device_finds_the_same():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    template, volume = lumpy_template(12), noise((40, 44, 48), smooth=0.8)
    weight = weight_of("tilts", template)
    one, other = (
        search_exact(volume, template, ROTATIONS, weight=weight, means=Means(device=device))
        for device in ("cpu", "cuda:0")
    )
    close(one, other, atol=1e-4)
