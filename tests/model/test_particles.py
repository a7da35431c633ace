"""`Particles`: columns of one length, selection that keeps them together, what is known of one."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.model import Defocus, Optics, Particles, Picks


def five(**columns):
    n = 5
    position = np.stack([np.arange(n) * 10.0, np.arange(n) * 20.0], axis=1)
    given = {
        "picks": Picks.of(position, image="mic1", label=np.array(list("11223"))),
        "file": np.array(["a.mrcs"] * 3 + ["b.mrcs"] * 2),
        "index": np.array([0, 1, 2, 0, 1]),
        "pixel_size_angstrom": 4.0,
        "box_px": 64,
    }
    return Particles(**{**given, **columns})


def test_every_column_is_selected_with_its_particle():
    whole = five(
        optics=(Optics(), Optics(voltage_kv=200.0)),
        optics_group=np.array([0, 0, 1, 1, 0]),
        defocus=np.arange(20.0).reshape(5, 4),
        shift_angstrom=np.arange(10.0).reshape(5, 2),
        half=np.array([1, 2, 1, 2, 1]),
        micrograph_pixel_angstrom=np.full(5, 1.5),
        phase_flipped=True,
    )
    part = whole[np.array([3, 1])]
    assert len(part) == 2
    assert part.picks.label.tolist() == ["2", "1"]
    assert part.file.tolist() == ["b.mrcs", "a.mrcs"]
    assert part.index.tolist() == [0, 1]
    assert part.optics_group.tolist() == [1, 0]
    assert part.defocus[0].tolist() == [12.0, 13.0, 14.0, 15.0]
    assert part.shift_angstrom.tolist() == [[6.0, 7.0], [2.0, 3.0]]
    assert part.half.tolist() == [2, 2]
    assert part.micrograph_pixel_angstrom.tolist() == [1.5, 1.5]
    assert part.phase_flipped
    assert (part.optics, part.box_px) == (whole.optics, 64)


@pytest.mark.parametrize(
    ("rows", "left"),
    [(2, [2]), (slice(1, 3), [1, 2]), (np.array([True, False, False, False, True]), [0, 1])],
)
def test_ways_of_selecting(rows, left):
    assert five()[rows].index.tolist() == left


def test_what_is_not_known_stays_unknown():
    plain = five()[1:]
    assert plain.defocus is None
    assert plain.half is None
    assert plain.defocus_of(0) is None
    assert plain.optics_of(3) == Optics()


def test_optics_and_defocus_of_one():
    table = np.array([[1.0, 1.2, 30.0, 0.0], [np.nan] * 4, *[[2.0, 2.0, 0.0, 90.0]] * 3])
    known = five(
        optics=(Optics(), Optics(voltage_kv=200.0)),
        optics_group=np.array([0, 0, 1, 1, 0]),
        defocus=table,
    )
    assert known.optics_of(2).voltage_kv == 200.0
    assert known.defocus_of(0) == Defocus(u_um=1.0, v_um=1.2, astigmatism_angle_deg=30.0)
    assert known.defocus_of(1) is None
    assert known.defocus_of(4).phase_shift_deg == 90.0


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"index": np.arange(4)}, r"index of shape \(5,\), got \(4,\)"),
        ({"defocus": np.zeros((5, 3))}, r"defocus of shape \(5, 4\)"),
        ({"shift_angstrom": np.zeros(5)}, r"shift_angstrom of shape \(5, 2\)"),
        ({"optics_group": np.full(5, 1)}, "optics groups from 0 to 0, got 1 to 1"),
        ({"optics_group": np.full(5, -1)}, "optics groups from 0 to 0"),
        ({"pixel_size_angstrom": 0.0}, "above 0"),
        ({"box_px": 0}, "above 0"),
        ({"picks": Picks.empty(3)}, "expected 2D picks"),
    ],
)
def test_what_cannot_be_is_one_line(columns, words):
    with pytest.raises(InputError, match=words):
        five(**columns)


def test_no_particles_at_all():
    none = five()[np.zeros(5, bool)]
    assert len(none) == 0
    assert none.file.shape == (0,)
