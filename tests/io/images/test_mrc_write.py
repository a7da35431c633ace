"""MRC files that we write: mrcfile validates them, and we read back what we wrote."""

import mrcfile
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryopick.errors import InputError
from cryopick.io.images import mrc_canvas, open_image, write_mrc

RNG = np.random.default_rng(4)
DTYPES = ("int8", "int16", "uint16", "float16", "float32")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 6), (5, 7), (3, 4, 6), (3, 5, 7)])
def test_mrcfile_validates_and_reads_what_we_write(tmp_path, dtype, shape, capsys):
    pixels = RNG.integers(0, 100, shape).astype(dtype)
    path = tmp_path / "a.mrc"
    write_mrc(path, pixels, 1.35, dtype=dtype, labels=("made by a test",))
    if dtype != "float16":  # its oracle sums in float16 and then finds our mean wrong
        assert mrcfile.validate(path), capsys.readouterr().out
    with mrcfile.open(path) as file:
        assert np.array_equal(file.data, pixels)
        assert file.voxel_size.x == pytest.approx(1.35, rel=1e-6)
        assert file.header.dmax == pixels.max()
        assert file.header.dmean == pytest.approx(pixels.mean(dtype=float), rel=1e-6)
        assert file.header.rms == pytest.approx(pixels.std(dtype=float), rel=1e-5)
        assert file.is_volume() == (len(shape) == 3)
        assert file.get_labels()[1].strip() == "made by a test"


def test_stacks_are_stacks_to_mrcfile(tmp_path):
    write_mrc(tmp_path / "a.mrcs", np.zeros((5, 4, 4)), 2.0, stack=True)
    with mrcfile.open(tmp_path / "a.mrcs") as file:
        assert file.is_image_stack()
    volumes = RNG.normal(size=(2, 3, 4, 5)).astype(np.float32)
    write_mrc(tmp_path / "b.mrc", volumes, 2.0, stack=True)
    with mrcfile.open(tmp_path / "b.mrc") as file:
        assert file.is_volume_stack()
        assert np.array_equal(file.data, volumes)
    assert np.array_equal(open_image(tmp_path / "b.mrc").data[...], volumes)
    assert open_image(tmp_path / "a.mrcs").data.shape == (5, 4, 4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip_of_the_grid(tmp_path, dtype):
    origin = (10.125, -3.3, 7.0)
    write_mrc(tmp_path / "a.mrc", np.ones((2, 3, 4)), 0.83, origin_angstrom=origin, dtype=dtype)
    grid = open_image(tmp_path / "a.mrc").grid
    assert grid.origin_angstrom == origin
    assert grid.pixel_size_angstrom == 0.83
    assert grid.shape == (2, 3, 4)


@given(
    size=st.floats(0.1, 50).map(lambda v: float(f"{v:.5g}")),
    origin=st.lists(st.floats(-1e4, 1e4).map(lambda v: round(v, 4)), min_size=2, max_size=2),
)
def test_any_pixel_size_and_origin_come_back(tmp_path_factory, size, origin):
    path = tmp_path_factory.mktemp("mrc") / "a.mrc"
    write_mrc(path, np.zeros((3, 5)), size, origin_angstrom=origin)
    grid = open_image(path).grid
    assert grid.pixel_size_angstrom == size
    assert grid.origin_angstrom == tuple(origin)


def test_values_that_do_not_fit_leave_no_file(tmp_path):
    with pytest.raises(InputError, match="do not fit int8"):
        write_mrc(tmp_path / "a.mrc", np.full((2, 2), 200.0), 1.0, dtype="int8")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"dtype": "int64"}, "dtype int64: MRC holds int8"),
        ({"pixel_size_angstrom": 0.0}, "expected a pixel size above 0"),
        ({"pixel_size_angstrom": float("nan")}, "expected a pixel size above 0"),
        ({"origin_angstrom": (1.0,)}, "expected an origin of 2 or 3"),
        ({"origin_angstrom": (1.0, np.inf)}, "expected an origin of 2 or 3"),
        ({"data": np.zeros(4)}, "cannot write an array of shape"),
        ({"data": np.zeros((0, 4))}, "cannot write an array of shape"),
        ({"stack": True}, "cannot write an array of shape"),
    ],
)
def test_what_cannot_be_written_is_named(tmp_path, change, text):
    call = {"data": np.zeros((2, 2)), "pixel_size_angstrom": 1.0} | change
    with pytest.raises(InputError, match=text):
        write_mrc(tmp_path / "a.mrc", **call)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_canvas_filled_in_any_order_is_the_same_file(tmp_path, dtype):
    pixels = RNG.normal(size=(4, 5, 6)).astype(np.float32)
    write_mrc(tmp_path / "a.mrc", pixels, 2.5, origin_angstrom=(1, 2, 3), dtype=dtype)
    with mrc_canvas(
        tmp_path / "b.mrc", (4, 5, 6), 2.5, origin_angstrom=(1, 2, 3), dtype=dtype
    ) as canvas:
        assert not (tmp_path / "b.mrc").exists()
        canvas[:, 3:] = pixels[:, 3:]
        canvas[:, :3] = pixels[:, :3]
    assert (tmp_path / "a.mrc").read_bytes() == (tmp_path / "b.mrc").read_bytes()


def test_a_canvas_that_fails_leaves_no_file(tmp_path):
    with (
        pytest.raises(RuntimeError, match="half way"),
        mrc_canvas(tmp_path / "b.mrc", (4, 5, 6), 2.5) as canvas,
    ):
        canvas[0] = 1
        raise RuntimeError("half way")
    assert list(tmp_path.iterdir()) == []


def test_a_canvas_refuses_what_overflowed(tmp_path):
    with (
        pytest.raises(InputError, match="do not fit float16; write float32"),
        mrc_canvas(tmp_path / "b.mrc", (2, 5, 6), 2.5, dtype="float16") as canvas,
        np.errstate(over="ignore"),
    ):
        canvas[...] = np.full((2, 5, 6), 1e6, dtype=np.float32)
    assert list(tmp_path.iterdir()) == []


def test_sections_are_read_one_by_one(tmp_path):
    asked = []

    class Lazy:
        shape, dtype = (4, 3, 3), np.dtype(np.float32)

        def __getitem__(self, index):
            asked.append(index)
            return np.full((3, 3), index, dtype=np.float32)

    write_mrc(tmp_path / "a.mrc", Lazy(), 2.0)
    assert asked == [0, 1, 2, 3]
    assert open_image(tmp_path / "a.mrc").plane("z", 3).max() == 3
