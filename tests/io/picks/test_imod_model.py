"""IMOD models as picks."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.geometry.euler import quaternion_from_imod_slicer
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.imod_model_binary import (
    ImodContour,
    ImodModel,
    ImodObject,
    read_imod_model,
    write_imod_model,
)
from cryopick.io.picks.registry import read_picks, recognise, write_picks
from cryopick.model import Grid, Picks
from pick_round_trip import (
    BINNINGS,
    check_round_trip,
    grid_of,
    in_order,
    some_picks,
)
from shared_data import shared

PIXEL = Frame(pixel_size_angstrom=2.0)


def model_of(points, slicer=()):
    contour = ImodContour(point=np.asarray(points, dtype=float))
    return ImodModel(
        objects=(ImodObject(name="", contours=(contour,)),),
        slicer=np.asarray(slicer, dtype=float).reshape(-1, 6),
    )


def test_the_first_voxel_is_half_half_zero(tmp_path):
    write_imod_model(tmp_path / "T.mod", model_of([[0.5, 0.5, 0.0], [100.0, 50.5, 7.0]]))
    found = read_picks(tmp_path / "T.mod", PIXEL)
    assert found.picks.position_angstrom.tolist() == [[0, 0, 0], [199, 100, 14]]
    assert found.picks.image.tolist() == ["T", "T"]
    assert found.assumed[0] == "the centre of the first voxel is (0.5, 0.5, 0) in the model"


def test_what_is_written_by_hand(tmp_path):
    picks = Picks.of([[0.0, 0, 0], [20, 40, 60]], image="T", diameter_angstrom=[24.0, 24.0])
    write_picks(picks, tmp_path / "a.mod", PIXEL, name="imod-model")
    [item] = read_imod_model(tmp_path / "a.mod").objects
    assert item.contours[0].point.tolist() == [[0.5, 0.5, 0], [10.5, 20.5, 30]]
    assert item.radius_px == 6.0
    assert item.contours[0].radius_px.tolist() == [6.0, 6.0]


@pytest.mark.parametrize(
    ("file", "n", "first"),
    [
        ("imod/correct111.mod", 161, [128.0, 698.5, -76.0]),
        ("imod/empty089.mod", 74, [98.0, 691.0, 112.0]),
        ("imod/two_contour_example.mod", 25, [63.833336, 64.166664, 80.0]),
        ("czportal_annotations/points.mod", 3, [0.5, 1.5, 3.0]),
    ],
)
def test_genuine_models(file, n, first):
    path = shared(f"formats/{file}")
    assert recognise(path).name == "imod-model"
    picks = read_picks(path, Frame(pixel_size_angstrom=1.0)).picks
    assert len(picks) == n
    np.testing.assert_allclose(picks.position_angstrom[0], first, atol=1e-5)


def test_genuine_labels_groups_and_sizes():
    picks = read_picks(shared("formats/imod/multiple_objects_example.mod"), PIXEL).picks
    assert set(picks.label) == {"chemo-array"}
    assert picks.group.tolist() == ["2-1"] * 3 + ["3-1"] * 3
    assert picks.diameter_angstrom.tolist() == [36.0] * 3 + [40.0] * 3  # radii 9 and 10 px
    picks = read_picks(shared("formats/imod/point_sizes_example.mod"), PIXEL).picks
    assert len(set(picks.diameter_angstrom[:4])) > 1


def test_genuine_slicer_angles():
    picks = read_picks(shared("formats/imod/slicer_angle_example.mod"), PIXEL).picks
    expected = quaternion_from_imod_slicer([[13.1, 0.0, -30.2]])
    np.testing.assert_allclose(picks.orientation[:1], expected, atol=1e-6)


def test_views_that_are_not_at_the_points_are_no_orientations():
    found = read_picks(shared("formats/imod/multiple_objects_example.mod"), PIXEL)
    assert found.picks.orientation is None
    assert "views of the slicer are not at the points: no orientations" in found.assumed


def test_views_in_another_order_find_their_points(tmp_path):
    points = [[10, 10, 10], [50, 50, 50]]
    views = [[0, 0, 40, 50, 50, 50], [0, 0, 20, 10, 10, 10], [0, 0, 0, 90, 90, 90]]
    write_imod_model(tmp_path / "a.mod", model_of(points, views))
    picks = read_picks(tmp_path / "a.mod", PIXEL).picks
    expected = quaternion_from_imod_slicer([[0, 0, 20], [0, 0, 40]])
    np.testing.assert_allclose(picks.orientation, expected, atol=1e-9)


@pytest.mark.parametrize("binning", BINNINGS)
@pytest.mark.parametrize("parity", ["even", "odd"])
def test_round_trip(tmp_path, parity, binning):
    picks, found = check_round_trip(
        "imod-model",
        ndim=3,
        parity=parity,
        binning=binning,
        folder=tmp_path,
        labels=("ribosome", "tric"),
        groups=3,
    )
    assert found.orientation is not None
    assert found.label.tolist() == picks.label.tolist()
    # one contour for each group of each label: the same picks are together
    together = {(a, b): c for a, b, c in zip(picks.label, picks.group, found.group, strict=True)}
    assert len(set(together.values())) == len(together) == 6


def test_diameters_survive(tmp_path):
    names = ["picks"]
    frame = Frame(default_grid=grid_of(3, "odd", 2))
    picks = some_picks(6, names)
    sized = Picks(
        position_angstrom=picks.position_angstrom,
        image=picks.image,
        diameter_angstrom=np.array([100.0, 110, 120, 130, 140, 123.4]),
    )
    write_picks(sized, tmp_path / "picks.mod", frame, name="imod-model")
    found = in_order(read_picks(tmp_path / "picks.mod", frame).picks)
    expected = in_order(sized).diameter_angstrom
    np.testing.assert_allclose(found.diameter_angstrom, expected, rtol=1e-6)


def test_size_of_the_image_is_written(tmp_path):
    frame = Frame(default_grid=Grid(shape=(64, 80, 100), pixel_size_angstrom=1.7))
    picks = Picks.of([[1.0, 2, 3]], image="T")
    write_picks(picks, tmp_path / "T.mod", frame, name="imod-model")
    model = read_imod_model(tmp_path / "T.mod")
    assert model.size_px == (100, 80, 64)
    assert model.pixel_size_nm == pytest.approx(0.17)


def test_empty_picks(tmp_path):
    write_picks(Picks.empty(3), tmp_path / "a.mod", PIXEL, name="imod-model")
    assert len(read_picks(tmp_path / "a.mod", PIXEL).picks) == 0


def test_one_file_holds_one_tomogram(tmp_path):
    with pytest.raises(InputError, match="write one file per image"):
        write_picks(some_picks(4, ["A", "B"]), tmp_path / "a.mod", PIXEL, name="imod-model")
