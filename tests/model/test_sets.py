import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.model import TiltSeries
from cryopick.model.sets import (
    Acquisition,
    Dataset,
    Member,
    SetKind,
    acquisition_of,
    counted,
    summary_in_words,
)


def members(*counts: int) -> tuple[Member, ...]:
    return tuple(Member(name=f"m{i}", count=n) for i, n in enumerate(counts))


def test_particles_in_words():
    particles = Dataset(
        name="p", kind=SetKind.PARTICLES, members=members(*[60] * 19, 64), box_size_px=180
    )
    assert summary_in_words(particles) == "1,204 particles from 20 micrographs, box 180 px"


@pytest.mark.parametrize(
    ("kind", "ndim", "counts", "words"),
    [
        (SetKind.MICROGRAPHS, 2, (1, 1), "2 micrographs"),
        (SetKind.TOMOGRAMS, 3, (1,), "1 tomogram"),
        (SetKind.TILT_PAIRS, 2, (1,), "1 tilt pair"),
        (SetKind.TILT_SERIES, 3, (1,), "1 tilt series"),
        (SetKind.PICKS, 2, (1, 0), "1 pick from 1 of 2 micrographs"),
        (SetKind.PICKS, 3, (4, 5), "9 picks from 2 tomograms"),
        (SetKind.PICKS, 2, (0, 0), "0 picks from 2 micrographs"),
        (SetKind.PICK_PAIRS, 2, (7,), "7 pick pairs from 1 tilt pair"),
        (SetKind.SUBTOMOGRAMS, 3, (3,), "3 subtomograms from 1 tomogram"),
        (SetKind.MESHES, 3, (1,), "1 mesh from 1 tomogram"),
        (SetKind.VOLUMES, 3, (1, 1), "2 volumes"),
        (SetKind.CLASSES, 2, (1,), "1 class"),
        (SetKind.CLASSES, 2, (), "0 classes"),
    ],
)
def test_every_kind_in_words(kind: SetKind, ndim: int, counts: tuple[int, ...], words: str):
    assert summary_in_words(Dataset(name="s", kind=kind, ndim=ndim, members=members(*counts))) == (
        words
    )


def test_images_tell_their_pixel_size():
    images = Dataset(
        name="s", kind=SetKind.MICROGRAPHS, members=members(1), pixel_size_angstrom=1.35
    )
    assert summary_in_words(images) == "1 micrograph, 1.35 Å/px"


def test_every_kind_has_its_word_for_one():
    ones = {counted(1, kind) for kind in SetKind}
    assert len(ones) == len(SetKind) == 11
    assert "1 subtomogram" in ones
    assert "1 mesh" in ones


def test_two_members_of_one_name_are_told():
    with pytest.raises(InputError, match=r"Dataset s: the name 007 stands for two members"):
        Dataset(name="s", kind=SetKind.TOMOGRAMS, members=(Member(name="007"), Member(name="007")))


@pytest.mark.parametrize("name", ["", " a", "a/b", ".hidden", "a\0"])
def test_names_that_no_file_can_have(name: str):
    with pytest.raises(InputError, match="expected a name"):
        Dataset(name=name, kind=SetKind.PICKS)


def test_bad_numbers_are_told():
    with pytest.raises(InputError, match="pixel size above 0, got -1"):
        Dataset(name="s", kind=SetKind.PICKS, pixel_size_angstrom=-1)
    with pytest.raises(InputError, match="box size above 0, got nan"):
        Dataset(name="s", kind=SetKind.PICKS, box_size_px=float("nan"))
    with pytest.raises(InputError, match="Member a: expected a count from 0, got -2"):
        Member(name="a", count=-2)
    with pytest.raises(InputError, match="expected 2 or 3 dimensions, got 4"):
        Dataset(name="s", kind=SetKind.PICKS, ndim=4)


def test_grids_hold_the_members_whose_size_is_known():
    known = Member(name="a", size_px=(10, 20, 30), origin_angstrom=(1.0, 2.0, 3.0))
    dataset = Dataset(
        name="s",
        kind=SetKind.TOMOGRAMS,
        ndim=3,
        members=(known, Member(name="b")),
        pixel_size_angstrom=4.0,
    )
    grids = dataset.grids()
    assert list(grids) == ["a"]
    assert grids["a"].shape == (30, 20, 10)
    assert grids["a"].origin_angstrom == (1.0, 2.0, 3.0)


def test_acquisition_of_a_dose_symmetric_series():
    tilts = np.array([0.0, 3, -3, -6, 6, 9, -9, -12, 12.02])
    axis = np.full(9, 85.3)
    found = acquisition_of(TiltSeries(name="a", tilt_deg=tilts, axis_angle_deg=axis))
    assert found == Acquisition(
        tilt_min_deg=-12, tilt_max_deg=12.02, tilt_step_deg=3, axis_angle_deg=85.3
    )


def test_acquisition_of_odd_series():
    assert acquisition_of(TiltSeries(name="a", tilt_deg=np.zeros(0))) is None
    one = acquisition_of(TiltSeries(name="a", tilt_deg=np.array([5.0])))
    assert one is not None
    assert one.tilt_step_deg is None


@pytest.mark.parametrize("low_high", [(-91, 60), (60, -60), (float("nan"), 60)])
def test_a_tilt_range_beyond_the_pole_is_told(low_high: tuple[float, float]):
    with pytest.raises(InputError, match="tilt range within -90 to 90"):
        Acquisition(tilt_min_deg=low_high[0], tilt_max_deg=low_high[1])
