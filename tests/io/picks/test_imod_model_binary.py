"""The binary model file of IMOD, chunk by chunk."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryopick.errors import FormatError, InputError
from cryopick.io.picks.imod_model_binary import (
    ImodContour,
    ImodModel,
    ImodObject,
    read_imod_model,
    write_imod_model,
)
from shared_data import shared


def header(objects=1, flags=0xF600, pixel=1.5, units=-9):
    data = b"test".ljust(128, b"\0") + struct.pack(
        ">4iI4i", 100, 80, 60, objects, flags, 1, 1, 0, 255
    )
    data += struct.pack(">6f5i", 0, 0, 0, 1, 1, 1, 0, 0, -1, 3, 128)
    data += struct.pack(">fii3f", pixel, units, 0, 0, 0, 0)
    assert len(data) == 232
    return b"IMODV1.2" + data  # fmt: skip


def objt(contours=1, name=b"", radius=0):
    data = name.ljust(64, b"\0") + bytes(64) + struct.pack(">iIii", contours, 520, 0, 1)
    data += struct.pack(">3fi", 0, 1, 0, radius) + bytes([1, 3, 1, 1, 0, 0, 0, 0])
    data += struct.pack(">ii", 0, 0)
    assert len(data) == 176
    return b"OBJT" + data


def cont(*points):
    flat = [v for p in points for v in p]
    return b"CONT" + struct.pack(f">iIii{len(flat)}f", len(points), 0, 0, 0, *flat)


def chunk(name, layout, *values):
    data = struct.pack(layout, *values)
    return name + struct.pack(">i", len(data)) + data


def minx(old, current, scale):
    return chunk(b"MINX", ">18f", 1, 1, 1, *old, 0, 0, 0, *scale, *current, 0, 0, 0)


def write(tmp_path, *parts):
    path = tmp_path / "a.mod"
    path.write_bytes(b"".join(parts))
    return path


def test_by_hand(tmp_path):
    path = write(
        tmp_path,
        header(objects=2),
        objt(contours=2, name=b"ribosome", radius=7),
        cont((1.5, 2.5, 3), (4.5, 5.5, 6)),
        chunk(b"SIZE", ">2f", 9.5, -1.0),
        cont((7, 8, 9)),
        b"MESH" + struct.pack(">iiIhh6f3i", 2, 3, 0, 0, 0, *range(6), 1, 2, 3),
        chunk(b"IMAT", ">4i", 1, 2, 3, 4),
        objt(contours=0),
        chunk(b"SLAN", ">i6f32s", 1, 10, 20, 30, 1.5, 2.5, 3, b"view"),
        b"IEOF",
    )
    model = read_imod_model(path)
    first, second = model.objects
    assert (first.name, first.radius_px, len(first.contours)) == ("ribosome", 7.0, 2)
    assert first.contours[0].point.tolist() == [[1.5, 2.5, 3], [4.5, 5.5, 6]]
    assert first.contours[0].radius_px[0] == 9.5
    assert np.isnan(first.contours[0].radius_px[1])
    assert first.contours[1].radius_px is None
    assert (second.name, second.contours) == ("", ())
    assert model.slicer.tolist() == [[10, 20, 30, 1.5, 2.5, 3]]
    assert (model.size_px, model.pixel_size_nm) == ((100, 80, 60), 1.5)
    assert model.shift_px == (0.0, 0.0, 0.0)


def test_part_of_an_image_is_moved_back(tmp_path):
    # the part starts 30 Å, 20 Å, 0 Å into the image: IMOD's origins have the minus sign
    reference = minx(old=(0, 0, 0), current=(-30, -20, 0), scale=(10, 10, 10))
    body = (objt(), cont((1, 1, 1)), reference, b"IEOF")
    assert read_imod_model(write(tmp_path, header(), *body)).shift_px == (3.0, 2.0, 0.0)
    # bit 14 off: the origins in the file are not to be used
    old = header(flags=0xF600 & ~(1 << 14))
    assert read_imod_model(write(tmp_path, old, *body)).shift_px == (0.0, 0.0, 0.0)


def test_nonsense_references_do_nothing(tmp_path):
    reference = minx(old=(1e30, 0, 0), current=(0, 0, 0), scale=(0, 1, 1))
    path = write(tmp_path, header(), objt(), cont((1, 1, 1)), reference, b"IEOF")
    assert read_imod_model(path).shift_px == (0.0, 0.0, 0.0)


def test_units_other_than_nm_give_no_pixel_size(tmp_path):
    for pixel, units in ((1.5, 0), (-1.0, -9)):
        path = write(tmp_path, header(objects=0, pixel=pixel, units=units), b"IEOF")
        assert read_imod_model(path).pixel_size_nm == 0.0


@pytest.mark.parametrize(
    ("file", "objects", "points", "views"),
    [
        ("imod/correct111.mod", 1, 161, 0),
        ("imod/empty089.mod", 2, 74, 0),
        ("imod/meshed_contour_example.mod", 1, 286, 0),
        ("imod/multiple_objects_example.mod", 3, 6, None),
        ("imod/point_sizes_example.mod", 3, 18, 0),
        ("imod/slicer_angle_example.mod", 1, 4, 4),
        ("imod/two_contour_example.mod", 1, 25, 0),
        ("czportal_annotations/points.mod", 1, 3, 0),
    ],
)
def test_genuine_models(file, objects, points, views):
    model = read_imod_model(shared(f"formats/{file}"))
    assert len(model.objects) == objects
    assert sum(len(c.point) for o in model.objects for c in o.contours) == points
    assert views is None or len(model.slicer) == views


@pytest.mark.filterwarnings("ignore")  # the oracle's own dependencies
@pytest.mark.parametrize("file", ["point_sizes_example", "multiple_objects_example", "correct111"])
def test_genuine_models_against_another_reader(file):
    path = shared(f"formats/imod/{file}.mod")
    oracle = pytest.importorskip("imodmodel").read(path)
    model = read_imod_model(path)
    point = np.concatenate([c.point for o in model.objects for c in o.contours])
    np.testing.assert_allclose(point, oracle[["x", "y", "z"]].to_numpy(float), rtol=1e-6)


def some_model():
    contours = (
        ImodContour(point=np.array([[1.5, 2.25, 3.0], [4, 5, 6]]), radius_px=np.array([2.5, np.nan])),
        ImodContour(point=np.array([[-7.0, 8, 9]])),
    )  # fmt: skip
    return ImodModel(
        objects=(ImodObject(name="é", contours=contours, radius_px=3.0),),
        slicer=np.array([[10.0, 20, 30, 1, 2, 3]]),
        size_px=(10, 20, 30),
        pixel_size_nm=0.5,
    )


def test_round_trip(tmp_path):
    model = some_model()
    write_imod_model(tmp_path / "a.mod", model)
    found = read_imod_model(tmp_path / "a.mod")
    assert (found.objects[0].name, found.objects[0].radius_px) == ("é", 3.0)
    for a, b in zip(model.objects[0].contours, found.objects[0].contours, strict=True):
        np.testing.assert_array_equal(a.point, b.point)
    np.testing.assert_array_equal(found.objects[0].contours[0].radius_px, [2.5, np.nan])
    assert found.objects[0].contours[1].radius_px is None
    np.testing.assert_array_equal(found.slicer, model.slicer)
    assert (found.size_px, found.pixel_size_nm) == ((10, 20, 30), 0.5)


@pytest.mark.filterwarnings("ignore")  # the oracle's own dependencies
def test_another_reader_reads_what_is_written(tmp_path):
    imodmodel = pytest.importorskip("imodmodel")
    write_imod_model(tmp_path / "a.mod", some_model())
    frame = imodmodel.read(tmp_path / "a.mod")
    assert frame[["x", "y", "z"]].to_numpy().tolist() == [[1.5, 2.25, 3], [4, 5, 6], [-7, 8, 9]]


def test_long_names_are_refused(tmp_path):
    model = ImodModel(objects=(ImodObject(name="x" * 64, contours=()),), slicer=np.zeros((0, 6)))
    with pytest.raises(InputError, match=r"object 1: .* longer than 63 bytes; shorten"):
        write_imod_model(tmp_path / "a.mod", model)


def test_every_truncation_is_refused(tmp_path):
    write_imod_model(tmp_path / "a.mod", some_model())
    whole = (tmp_path / "a.mod").read_bytes()
    for size in range(len(whole)):
        (tmp_path / "a.mod").write_bytes(whole[:size])
        with pytest.raises(FormatError, match=r"a.mod: "):
            read_imod_model(tmp_path / "a.mod")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([b"IMODV1.3" + bytes(232) + b"IEOF"], "does not start with IMODV1.2"),
        ([header(objects=2), objt(0), b"IEOF"], "header says 2 objects, the file has 1"),
        ([header(), objt(3), cont((1, 1, 1)), b"IEOF"], "object 1 says 3 contours, the file has 1"),
        ([header(0), cont((1, 1, 1)), b"IEOF"], "CONT before the first OBJT"),
        ([header(), objt(0), chunk(b"SIZE", ">f", 1), b"IEOF"], "SIZE before the first CONT"),
        ([header(), objt(), cont((1, 1, 1)), chunk(b"SIZE", ">2f", 1, 2), b"IEOF"], "SIZE: 8 bytes for a contour of 1"),
        ([header(), objt(), cont((np.nan, 1, 1)), b"IEOF"], "a point is not finite"),
        ([header(), objt(), b"CONT" + struct.pack(">iIii", 2**31 - 1, 0, 0, 0)], "CONT points: .* bytes expected"),
        ([header(), objt(), b"CONT" + struct.pack(">iIii", -5, 0, 0, 0)], "CONT points: -1 bytes expected"),
        ([header(), b"MESH" + struct.pack(">iiIhh", -1, 2**30, 0, 0, 0)], "MESH vertices"),
        ([header(), b"IMAT" + struct.pack(">i", -16) + bytes(16)], "IMAT: -16 bytes expected"),
        ([header(), b"\x00\x01\x02\x03" + bytes(16)], "no chunk is called"),
    ],
)  # fmt: skip
def test_damaged_models(tmp_path, parts, message):
    with pytest.raises(FormatError, match=rf"a.mod: .*{message}"):
        read_imod_model(write(tmp_path, *parts))


finite = st.floats(-1e6, 1e6, width=32)
contours = st.builds(
    lambda points, sized: ImodContour(
        point=np.array(points, dtype=float).reshape(-1, 3),
        radius_px=np.arange(1.0, len(points) + 1) if sized else None,
    ),
    st.lists(st.tuples(finite, finite, finite), max_size=5),
    st.booleans(),
)
objects = st.builds(
    lambda name, parts, radius: ImodObject(name=name, contours=tuple(parts), radius_px=radius),
    st.sampled_from(["", "ribosome", "µ", "x" * 63]),
    st.lists(contours, max_size=4),
    st.integers(0, 50).map(float),
)


@settings(max_examples=60, deadline=None)
@given(items=st.lists(objects, max_size=4), views=st.lists(st.tuples(*[finite] * 6), max_size=3))
def test_any_model_round_trips(tmp_path_factory, items, views):
    path = tmp_path_factory.mktemp("model") / "a.mod"
    slicer = np.array(views, dtype=float).reshape(-1, 6)
    write_imod_model(path, ImodModel(objects=tuple(items), slicer=slicer))
    found = read_imod_model(path)
    assert [o.name for o in found.objects] == [o.name for o in items]
    assert [o.radius_px for o in found.objects] == [o.radius_px for o in items]
    np.testing.assert_array_equal(found.slicer, slicer)
    for read, written in zip(found.objects, items, strict=True):
        for a, b in zip(read.contours, written.contours, strict=True):
            np.testing.assert_array_equal(a.point, b.point)
            assert (a.radius_px is None) == (b.radius_px is None)
            if a.radius_px is not None:
                np.testing.assert_array_equal(a.radius_px, b.radius_px)
