"""Whole classifications: physics and contracts."""

from dataclasses import replace

import numpy as np
import pytest

from class_sets import BOX, PIXEL, agreement, class_set, drawn
from cryopick.curate.classes.classify import classify
from cryopick.curate.classes.ctf_table import ParticleCtf
from cryopick.curate.classes.settings import ClassifySettings
from cryopick.curate.classes.state import state_of_arrays
from cryopick.errors import InputError

PLAIN = ClassifySettings(
    classes=3,
    iterations=8,
    mask_diameter_angstrom=90.0,
    psi_step_deg=11.25,
    offset_range_angstrom=15.0,
    ctf="ignore",
    precision="float32",
)


def sorted_out(images, settings=PLAIN, **more):
    return classify(images, pixel_size_angstrom=PIXEL, settings=settings, **more)


def same_bits(one, other):
    for name, value in one.arrays().items():
        np.testing.assert_array_equal(value, other.arrays()[name], err_msg=name)


@pytest.fixture(scope="module")
def three():
    images, kind, turn, move, _ = class_set(120, noise=0.5)
    return images, kind, turn, move, sorted_out(images)


def test_three_shapes_are_three_classes(three):
    _, kind, _, _, found = three
    assert agreement(found.class_index, kind) > 0.95
    assert (found.class_size > 20).all()
    assert found.class_size.sum() == len(kind)
    assert found.class_weight.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.class_weight, found.class_size / len(kind), atol=0.1)


def test_angles_and_shifts_within_a_class_are_the_true_ones_but_for_one_common_pose(three):
    """``image = average turned by -psi, then moved by -shift``."""
    _, kind, turn, move, found = three
    for k in range(3):
        of_class = np.flatnonzero((found.class_index == k) & (found.class_probability > 0.9))
        shape = np.bincount(kind[of_class]).argmax()
        if shape == 2:  # has threefold symmetry
            continue
        own = of_class[kind[of_class] == shape]
        apart = np.exp(1j * np.deg2rad(-found.psi_deg[own] - turn[own]))
        common = np.median(apart.real) + 1j * np.median(apart.imag)
        error = np.abs(np.rad2deg(np.angle(apart / common)))
        assert np.median(error) < 12
        # The average may be off the centre: by the same vector in its own frame for all.
        own = own[error < 30]
        angle = np.deg2rad(-found.psi_deg[own])
        off = -found.shift_px[own] - move[own]
        c, s = np.cos(angle), np.sin(angle)
        at_rest = np.stack([c * off[:, 0] + s * off[:, 1], c * off[:, 1] - s * off[:, 0]], 1)
        assert np.median(np.abs(at_rest - np.median(at_rest, axis=0))) < 0.7


def test_averages_show_the_shapes(three):
    _, kind, _, _, found = three
    for k, average in enumerate(found.average):
        shape = np.bincount(kind[found.class_index == k]).argmax()
        best = max(
            np.corrcoef(average.ravel(), drawn(shape, turn_deg=t, move=(x, y)).ravel())[0, 1]
            for t in range(0, 360, 15)
            for x in (-1, 0, 1)
            for y in (-1, 0, 1)
        )
        assert best > 0.85
    assert np.isfinite(found.resolution_angstrom).all()
    assert found.resolution_angstrom.max() < 40


def test_noise_is_measured(three):
    found = three[-1]
    assert found.noise_power[4:].mean() == pytest.approx(1, abs=0.2)


def test_the_average_and_the_halves_are_empty_outside_the_mask(three):
    found = three[-1]
    line = np.arange(BOX) - BOX // 2
    far = np.hypot(line[:, None], line[None, :]) > 90 / PIXEL / 2 + 3.5
    inside = np.abs(found.average).max()
    assert np.abs(found.average[:, far]).max() < 0.1 * inside


def test_a_resumed_run_is_the_same_bit_for_bit(three):
    images, *_, whole = three
    states = []
    sorted_out(images, replace(PLAIN, iterations=8), on_iteration=states.append)
    same_bits(states[-1], whole)
    again = state_of_arrays(states[2].arrays())
    same_bits(sorted_out(images, start=again), whole)
    assert [state.iteration for state in states] == list(range(1, 9))


def test_a_finished_state_comes_back_as_it_is(three):
    images, *_, whole = three
    assert sorted_out(images, start=whole) is whole


def test_the_seed_decides_and_cores_do_not():
    images = class_set(40)[0]
    few = replace(PLAIN, iterations=2)
    first = sorted_out(images, few)
    same_bits(first, sorted_out(images, few, cores=2))
    other = sorted_out(images, replace(few, seed=1))
    assert not np.array_equal(first.average, other.average)


def test_turned_images_are_turned_back():
    """The same averages find images turned by 90 degrees, x to y, in the same classes."""
    images = class_set(60)[0][:, 1:, 1:]
    few = replace(PLAIN, iterations=5)
    states = []
    sorted_out(images, few, on_iteration=states.append)
    # What lay at x, y of an odd box lies at -y, x.
    x, y = states[3].shift_px.T
    start = replace(states[3], shift_px=np.stack([-y, x], axis=1))
    turned = sorted_out(np.rot90(images, -1, axes=(1, 2)).copy(), few, start=start)
    sure = states[4].class_probability > 0.9
    assert sure.sum() > 30
    assert (turned.class_index == states[4].class_index)[sure].mean() > 0.9
    apart = (turned.psi_deg - states[4].psi_deg)[sure] % 360
    # RELION's psi falls as the image turns from x towards y.
    assert np.median(np.abs(apart - 270)) < 12


def test_moved_images_are_moved_back():
    """The same average finds images moved by x - 1, y + 2 pixels where they were."""
    images = class_set(60, jitter=0.3, shapes=1)[0]
    one = replace(PLAIN, classes=1, iterations=4, recentre=False)
    states = []
    sorted_out(images, one, on_iteration=states.append)
    moved = sorted_out(np.roll(images, (2, -1), axis=(1, 2)), one, start=states[2])
    apart = moved.shift_px - states[3].shift_px
    np.testing.assert_allclose(np.median(apart, axis=0), [1, -2], atol=0.3)


def test_one_class():
    images = class_set(30, shapes=1)[0]
    found = sorted_out(images, replace(PLAIN, classes=1, iterations=3))
    assert found.class_size.tolist() == [30]
    np.testing.assert_allclose(found.class_probability, 1, atol=1e-5)


def test_as_many_classes_as_particles():
    images = class_set(8)[0]
    found = sorted_out(images, replace(PLAIN, classes=8, iterations=3))
    assert np.isfinite(found.average).all()
    assert found.class_size.sum() == 8


@pytest.mark.parametrize("model", ["full", "phase-flipped", "premultiplied"])
def test_with_ctf(model):
    images, kind, _, _, ctf = class_set(120, noise=0.3, with_ctf=True, seed=4)
    if model != "full":
        from cryopick.curate.classes.band import make_band
        from cryopick.curate.classes.ctf_table import CtfTable

        band = make_band(BOX)
        table = CtfTable(ctf, model="full", band=band, pixel_size_angstrom=PIXEL)
        rows, whose = table.rows(np.arange(len(images)))
        factor = np.sign(rows) if model == "phase-flipped" else rows
        images = band.to_images((band.of_images(images) * factor[whose]).astype(np.complex64))
    found = sorted_out(images, replace(PLAIN, ctf=model), ctf=ctf)
    assert agreement(found.class_index, kind) > 0.85
    heavy = found.class_size > 10
    centre = found.average[heavy][:, BOX // 2 - 3 : BOX // 2 + 4, BOX // 2 - 3 : BOX // 2 + 4]
    assert (centre.mean((1, 2)) > 0).all()


def test_batches_see_some_particles_at_a_time_and_all_in_the_end():
    images, kind, *_ = class_set(150, noise=0.5, seed=2)
    looked = []
    found = sorted_out(
        images,
        replace(PLAIN, batch_size=50, iterations=9),
        on_iteration=lambda state: looked.append(int((state.class_index >= 0).sum())),
    )
    assert looked[0] == 50
    assert looked[-1] == 150
    assert agreement(found.class_index, kind) > 0.85


def test_images_are_read_a_few_at_a_time(monkeypatch):
    """Of a set that is not in memory no more is read at once than one task works on."""
    images = class_set(60)[0]
    monkeypatch.setattr("cryopick.curate.classes.prepare._TRANSFORMED_AT_ONCE", 16)
    most = []

    class OnDisk:
        shape = images.shape

        def __getitem__(self, rows):
            most.append(len(rows))
            return images[rows]

    few = replace(PLAIN, iterations=1)
    found = sorted_out(OnDisk(), few)
    assert max(most) == 16
    same_bits(found, sorted_out(images, few))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": np.zeros((4, 8, 9), np.float32)}, r"expected images \(n, b, b\)"),
        ({"images": np.zeros((1, 8, 8), np.float32)}, "2 particles or more"),
        ({"images": np.ones((5, 8, 8), np.float32)}, "the same in every pixel"),
        ({"settings": replace(PLAIN, classes=41)}, "41 classes of 40 particles"),
        ({"settings": replace(PLAIN, ctf="full")}, "have no CTF"),
        ({"half": np.full(40, 3)}, "half sets of 1 and 2"),
    ],
)
def test_input_that_cannot_be_used(change, words):
    given = {"images": class_set(40)[0], "settings": PLAIN} | change
    with pytest.raises(InputError, match=words):
        sorted_out(given.pop("images"), given.pop("settings"), **given)


def test_a_particle_that_holds_no_number_is_named():
    images = class_set(10)[0]
    images[6, 3, 3] = np.nan
    with pytest.raises(InputError, match=r"particle 7: .*not numbers"):
        sorted_out(images)


def test_ctfs_of_another_set_are_refused():
    images, *_, ctf = class_set(10)
    short = ParticleCtf(
        defocus=ctf.defocus[:9], optics=ctf.optics, optics_group=ctf.optics_group[:9]
    )
    with pytest.raises(InputError, match="10 images, but CTFs of 9"):
        sorted_out(images, replace(PLAIN, ctf="full"), ctf=short)


def test_a_state_of_another_set_is_refused(three):
    state = replace(three[-1], iteration=1)
    with pytest.raises(InputError, match=r"of 120 particles, .* of 30 particles"):
        sorted_out(class_set(30)[0], start=state)
